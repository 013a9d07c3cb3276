package web

import (
	"time"

	"inkstone/internal/blog"
)

// Time is a time as it goes over the wire; a zero one is left out by omitzero.
type Time time.Time

// IsZero reports whether t is the zero time.
func (t Time) IsZero() bool { return time.Time(t).IsZero() }

// MarshalText implements encoding.TextMarshaler.
func (t Time) MarshalText() ([]byte, error) {
	return blog.AppendTime(nil, time.Time(t)), nil
}

// Profile is what a user tells about himself.
type Profile struct {
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	Bio       string `json:"bio"`
	Website   string `json:"website"`
	Location  string `json:"location"`
}

// NewProfile makes the wire form of p.
func NewProfile(p blog.Profile) Profile { return Profile(p) }

// Author is a user beside what he wrote. FullName is nil beside a comment,
// Profile everywhere but on a single post.
type Author struct {
	ID0      blog.ID  `json:"_id"`
	ID       blog.ID  `json:"id"`
	Username string   `json:"username"`
	Avatar   string   `json:"avatar"`
	FullName *string  `json:"fullName,omitempty"`
	Profile  *Profile `json:"profile,omitempty"`
}

func newAuthor(a blog.Author) Author {
	return Author{ID0: a.ID, ID: a.ID, Username: a.Username, Avatar: a.Avatar}
}

func newPostAuthor(a blog.Author) Author {
	w, name := newAuthor(a), a.Profile.FullName()
	w.FullName = &name
	return w
}

// User is a user as others see him, and with what only himself and admins are told.
type User struct {
	ID0       blog.ID   `json:"_id,omitzero"` // like UpdatedAt not in /api/auth
	ID        blog.ID   `json:"id"`
	Username  string    `json:"username"`
	Email     string    `json:"email,omitempty"`
	Role      blog.Role `json:"role,omitempty"`
	IsActive  *bool     `json:"isActive,omitempty"`
	Avatar    string    `json:"avatar"`
	Profile   Profile   `json:"profile"`
	FullName  string    `json:"fullName"`
	CreatedAt Time      `json:"createdAt"`
	UpdatedAt Time      `json:"updatedAt,omitzero"`
	LastLogin Time      `json:"lastLogin,omitzero"`
}

// PublicUser is what everybody may see of u.
func PublicUser(u *blog.User) User {
	return User{
		ID0: u.ID, ID: u.ID, Username: u.Username, Avatar: u.Avatar,
		Profile: NewProfile(u.Profile), FullName: u.Profile.FullName(),
		CreatedAt: Time(u.CreatedAt), UpdatedAt: Time(u.UpdatedAt),
	}
}

// FullUser is what u himself and admins may see.
func FullUser(u *blog.User) User {
	w := PublicUser(u)
	w.Email, w.Role, w.IsActive, w.LastLogin = u.Email, u.Role, &u.Active, Time(u.LastLogin)
	return w
}

// Me is what /api/auth/me tells a user of himself.
func Me(u *blog.User) User {
	w := FullUser(u)
	w.ID0, w.IsActive, w.UpdatedAt = blog.ID{}, nil, Time{}
	return w
}

// Post is an article. Comments and Liked are for a single one.
type Post struct {
	ID0          blog.ID     `json:"_id"`
	ID           blog.ID     `json:"id"`
	Title        string      `json:"title"`
	Content      string      `json:"content"`
	Excerpt      string      `json:"excerpt"`
	Author       Author      `json:"author"`
	Category     string      `json:"category"`
	Tags         []string    `json:"tags"`
	CoverImage   string      `json:"coverImage"`
	Status       blog.Status `json:"status"`
	ViewCount    int64       `json:"viewCount"`
	LikeCount    int64       `json:"likeCount"`
	CommentCount int64       `json:"commentCount"`
	PublishedAt  Time        `json:"publishedAt,omitzero"`
	CreatedAt    Time        `json:"createdAt"`
	UpdatedAt    Time        `json:"updatedAt"`
	Comments     *[]Comment  `json:"comments,omitempty"`
	Liked        *bool       `json:"liked,omitempty"`
}

// NewPost makes the wire form of p, as lists and writes answer it.
func NewPost(p *blog.Post) Post {
	tags := p.Tags
	if tags == nil {
		tags = []string{}
	}
	return Post{
		ID0: p.ID, ID: p.ID, Title: p.Title, Content: p.Content, Excerpt: p.Excerpt,
		Author: newPostAuthor(p.Author), Category: p.Category, Tags: tags, CoverImage: p.CoverImage, Status: p.Status,
		ViewCount: p.ViewCount, LikeCount: p.LikeCount, CommentCount: p.CommentCount,
		PublishedAt: Time(p.PublishedAt), CreatedAt: Time(p.CreatedAt), UpdatedAt: Time(p.UpdatedAt),
	}
}

// SinglePost is NewPost with the author's profile, comments, and, unless nil, liked.
func SinglePost(p *blog.Post, comments []*blog.Comment, liked *bool) Post {
	w, profile, cs := NewPost(p), NewProfile(p.Author.Profile), Each(comments, NewComment)
	w.Author.Profile, w.Comments, w.Liked = &profile, &cs, liked
	return w
}

// PostAnswer is an answer with one post.
type PostAnswer struct {
	Message string `json:"message,omitempty"`
	Post    Post   `json:"post"`
}

// PostList is an answer with a part of a list of posts.
type PostList struct {
	Posts      []Post     `json:"posts"`
	Pagination Pagination `json:"pagination"`
}

// Comment is a remark. A shell has no author.
type Comment struct {
	ID0       blog.ID  `json:"_id"`
	ID        blog.ID  `json:"id"`
	Post      blog.ID  `json:"post"`
	Author    *Author  `json:"author"`
	Parent    *blog.ID `json:"parent"`
	Content   string   `json:"content"`
	Deleted   bool     `json:"deleted"`
	CreatedAt Time     `json:"createdAt"`
	UpdatedAt Time     `json:"updatedAt"`
}

// NewComment makes the wire form of c.
func NewComment(c *blog.Comment) Comment {
	w := Comment{
		ID0: c.ID, ID: c.ID, Post: c.Post, Deleted: c.Deleted,
		CreatedAt: Time(c.CreatedAt), UpdatedAt: Time(c.UpdatedAt),
	}
	if !c.Parent.IsZero() {
		w.Parent = &c.Parent
	}
	if !c.Deleted {
		a := newAuthor(c.Author)
		w.Author, w.Content = &a, c.Content
	}
	return w
}

// Each maps items to their wire forms; the result is never nil.
func Each[T, W any](items []T, wire func(T) W) []W {
	out := make([]W, 0, len(items))
	for _, item := range items {
		out = append(out, wire(item))
	}
	return out
}

// Pagination tells where in a list an answer stands.
type Pagination struct {
	Current int    `json:"current,omitempty"` // absent where a cursor was followed
	Pages   int64  `json:"pages"`
	Total   int64  `json:"total"`
	Limit   int    `json:"limit"`
	Next    string `json:"next,omitempty"`
}

// NewPagination describes the part of a list that page asked for.
func NewPagination(page blog.Page, total int64, next *blog.Cursor) Pagination {
	limit := int64(page.Limit)
	w := Pagination{Pages: (total + limit - 1) / limit, Total: total, Limit: page.Limit}
	if page.After == nil {
		w.Current = page.Number
	}
	if next != nil {
		w.Next = next.Encode(page.List)
	}
	return w
}
