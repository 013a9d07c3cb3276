package storetest

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"inkstone/internal/blog"
)

// by turns a comparison of values into one of documents: the order's direction
// holds for the ties, by id, too.
func by(o blog.Order, value int, a, b blog.ID) int {
	c := cmp.Or(value, bytes.Compare(a[:], b[:]))
	if o.Desc {
		return -c
	}
	return c
}

func comparePosts(o blog.Order, a, b *blog.Post) int {
	value := 0
	switch o.Field {
	case "publishedAt":
		value = a.PublishedAt.Compare(b.PublishedAt)
	case "createdAt":
		value = a.CreatedAt.Compare(b.CreatedAt)
	case "updatedAt":
		value = a.UpdatedAt.Compare(b.UpdatedAt)
	case "viewCount":
		value = cmp.Compare(a.ViewCount, b.ViewCount)
	case "likeCount":
		value = cmp.Compare(a.LikeCount, b.LikeCount)
	case "commentCount":
		value = cmp.Compare(a.CommentCount, b.CommentCount)
	case "title":
		value = strings.Compare(a.Title, b.Title)
	case "relevance":
		o.Desc = true
		value = cmp.Or(cmp.Compare(a.Tier, b.Tier), a.PublishedAt.Compare(b.PublishedAt))
	}
	return by(o, value, a.ID, b.ID)
}

func compareUsers(o blog.Order, a, b *blog.User) int {
	value := 0
	switch o.Field {
	case "createdAt":
		value = a.CreatedAt.Compare(b.CreatedAt)
	case "updatedAt":
		value = a.UpdatedAt.Compare(b.UpdatedAt)
	case "lastLogin":
		value = a.LastLogin.Compare(b.LastLogin)
	case "username":
		value = strings.Compare(a.Username, b.Username)
	case "email":
		value = strings.Compare(a.Email, b.Email)
	}
	return by(o, value, a.ID, b.ID)
}

func compareComments(o blog.Order, a, b *blog.Comment) int {
	return by(o, a.CreatedAt.Compare(b.CreatedAt), a.ID, b.ID)
}

func compareUploads(a, b blog.Upload) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), strings.Compare(a.Filename, b.Filename))
}

// part sorts all and cuts the page out.
func part[T any](all []T, page blog.Page, order blog.Order, compare func(a, b T) int, cursor func(T) *blog.Cursor) blog.Listed[T] {
	slices.SortFunc(all, compare)
	out := blog.Listed[T]{Total: int64(len(all))}
	from := int(min(page.Offset(), out.Total))
	if page.After != nil {
		from = slices.IndexFunc(all, func(item T) bool { return follows(cursor(item), page.After, order) })
		if from < 0 {
			return out
		}
	}
	to := min(from+page.Limit, len(all))
	out.Items = all[from:to]
	if to < len(all) && to > from {
		out.Next = cursor(all[to-1])
	}
	return out
}

// follows reports whether a comes behind b in the order.
func follows(a, b *blog.Cursor, o blog.Order) bool {
	if o.Field == "relevance" {
		o.Desc = true
	}
	value := cmp.Or(cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.Int, b.Int), strings.Compare(a.Text, b.Text))
	return by(o, value, a.ID, b.ID) > 0
}

func (m modelPosts) List(ctx context.Context, f blog.PostFilter) (out blog.Listed[*blog.Post], err error) {
	err = m.read(ctx, func() error {
		var all []*blog.Post
		for _, p := range m.posts {
			if tier, ok := matches(f, p); ok {
				n := m.shown(p)
				if f.Order.Field == "relevance" {
					n.Tier = tier
				}
				all = append(all, n)
			}
		}
		out = part(all, f.Page, f.Order, func(a, b *blog.Post) int { return comparePosts(f.Order, a, b) }, f.Cursor)
		out.Bare = leaveContents(out.Items, f.MaxText)
		return nil
	})
	return out, err
}

func leaveContents(posts []*blog.Post, most int64) *blog.Bare {
	var sizes blog.Bare
	for _, p := range posts {
		sizes.All += int64(len(p.Content))
		sizes.Largest = max(sizes.Largest, int64(len(p.Content)))
	}
	if most == 0 || sizes.All <= most {
		return nil
	}
	for _, p := range posts { // each is a copy
		p.Content = ""
	}
	return &sizes
}

func matches(f blog.PostFilter, p blog.Post) (tier int, ok bool) {
	switch {
	case f.Category != "" && p.Category != f.Category,
		!f.Author.IsZero() && p.Author.ID != f.Author,
		f.Status != "" && p.Status != f.Status,
		len(f.Tags) > 0 && !slices.ContainsFunc(f.Tags, func(t string) bool { return slices.Contains(p.Tags, t) }),
		!f.From.IsZero() && p.PublishedAt.Before(f.From),
		!f.To.IsZero() && (p.PublishedAt.IsZero() || p.PublishedAt.After(f.To)):
		return 0, false
	case f.Search.IsZero():
		return 0, true
	}
	return found(p.Title, p.Content, spelled(f.Search))
}

// spelled writes a parsed query as a person would have typed it.
func spelled(q blog.Query) string {
	var parts []string
	for _, p := range q.Phrases {
		s, sep := p[0], "."
		if runs.MatchString(s) {
			sep = ""
		}
		for _, term := range p[1:] {
			if sep == "" {
				term = term[len(firstRune(term)):]
			}
			s += sep + term
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, " ")
}

func (m modelUsers) List(ctx context.Context, f blog.UserFilter) (out blog.Listed[*blog.User], err error) {
	search := blog.Fold(strings.TrimSpace(f.Search))
	err = m.read(ctx, func() error {
		var all []*blog.User
		for _, u := range m.users {
			named := strings.Contains(blog.Fold(u.Username), search) || strings.Contains(blog.Fold(u.Email), search)
			if named && (f.Role == "" || u.Role == f.Role) && (f.Active == nil || u.Active == *f.Active) {
				all = append(all, &u)
			}
		}
		out = part(all, f.Page, f.Order, func(a, b *blog.User) int { return compareUsers(f.Order, a, b) }, f.Cursor)
		return nil
	})
	return out, err
}

func (m modelComments) List(ctx context.Context, f blog.CommentFilter) (out blog.Listed[*blog.Comment], err error) {
	err = m.read(ctx, func() error {
		var all []*blog.Comment
		for _, c := range m.comments {
			if c.Post == f.Post {
				all = append(all, m.shownComment(c))
			}
		}
		out = part(all, f.Page, f.Order, func(a, b *blog.Comment) int { return compareComments(f.Order, a, b) }, f.Cursor)
		return nil
	})
	return out, err
}

func (m modelUploads) List(ctx context.Context, f blog.UploadFilter) (out blog.Listed[blog.Upload], err error) {
	err = m.read(ctx, func() error {
		var all []blog.Upload
		for _, u := range m.uploads {
			if u.Owner == f.Owner {
				all = append(all, u)
			}
		}
		slices.SortFunc(all, compareUploads)
		out.Total = int64(len(all))
		if after := f.Page.After; after != nil {
			last := blog.Upload{CreatedAt: time.UnixMilli(after.Int), Filename: after.Text}
			all = slices.DeleteFunc(all, func(u blog.Upload) bool { return compareUploads(u, last) <= 0 })
		} else {
			all = all[min(f.Page.Offset(), out.Total):]
		}
		out.Items = all[:min(f.Page.Limit, len(all))]
		if n := len(out.Items); n > 0 && n < len(all) {
			out.Next = f.Cursor(out.Items[n-1])
		}
		return nil
	})
	return out, err
}
