package storetest

import (
	"testing"
	"time"

	"inkstone/internal/blog"
)

// Requests makes every kind of request that the API can make of a store that has some
// published posts with a category and two tags: each method, each list with every sort
// and filter. Engines look on at what that costs them.
func Requests(t *testing.T, s blog.Store) {
	w := newWorld(t, s)
	newest := blog.Order{Field: "publishedAt", Desc: true}
	l := w.listPosts(blog.PostFilter{Status: blog.Published, Order: newest, Page: blog.Page{Number: 1, Limit: 1}})
	if len(l.Items) == 0 || len(l.Items[0].Tags) < 2 {
		t.Fatal("no post to ask for")
	}
	post := l.Items[0]
	w.requestLists(post)
	w.requestUsers()
	me := w.user("requests")
	w.requestPosts(post, me)
	w.requestComments(post, me)
	w.requestUploads(post, me)
	w.ok(w.Posts().Delete(w.ctx, post.ID, anyPost))
	w.requestAccounts(me)
	w.generation()
	w.ok(w.Ping(w.ctx))
}

func (w *world) requestLists(like *blog.Post) {
	for _, sort := range blog.PostSorts {
		for mask := range 32 {
			f := blog.PostFilter{Order: blog.Order{Field: sort, Desc: mask&1 == 0}, Page: blog.Page{Number: 1, Limit: 3}}
			if mask&2 != 0 {
				f.Status = blog.Published
			}
			if mask&4 != 0 {
				f.Category = like.Category
			}
			if mask&8 != 0 {
				f.Author = like.Author.ID
			}
			f.Tags = like.Tags[:mask>>4*(1+mask&1)]
			searches := []string{"", "缓存 Go"}
			if f.Status != "" {
				searches[1] = "缓存 content.w2" // a phrase, too
			}
			for _, search := range searches {
				f.Search = blog.ParseQuery(search)
				for _, to := range []time.Time{{}, like.PublishedAt} {
					f.To = to
					w.requestPages(f)
				}
			}
		}
	}
}

// requestPages asks for the first page, the next one by cursor, and the second by number.
func (w *world) requestPages(f blog.PostFilter) {
	w.Helper()
	l := w.listPosts(f)
	if l.Next == nil {
		return
	}
	f.Page.After = l.Next
	next := w.listPosts(f)
	f.Page.After, f.Page.Number = nil, 2
	if second := w.listPosts(f); second.Total != next.Total {
		w.Errorf("%+v: %d posts by number, %d by cursor", f, second.Total, next.Total)
	}
}

func (w *world) requestUsers() {
	active := true
	for _, sort := range blog.UserSorts {
		for mask := range 16 {
			f := blog.UserFilter{Order: blog.Order{Field: sort, Desc: mask&1 == 0}, Page: blog.Page{Number: 1, Limit: 3}}
			if mask&2 != 0 {
				f.Role = blog.RoleUser
			}
			if mask&4 != 0 {
				f.Active = &active
			}
			if mask&8 != 0 {
				f.Search = "AUTHOR"
			}
			l, err := w.Users().List(w.ctx, f)
			w.ok(err)
			if f.Page.After = l.Next; l.Next != nil {
				_, err = w.Users().List(w.ctx, f)
				w.ok(err)
			}
		}
	}
}

func (w *world) requestPosts(post *blog.Post, me *blog.User) {
	w.stored(post)
	_, _, err := w.Posts().Peek(w.ctx, post.ID, 1<<20)
	w.ok(err)
	_, err = w.Posts().Liked(w.ctx, post.ID, me.ID)
	w.ok(err)
	w.like(post, me, true)
	w.like(post, me, false)
	w.ok(w.Posts().AddViews(w.ctx, map[blog.ID]int64{post.ID: 2}))
	_, err = w.Posts().Tags(w.ctx, 10)
	w.ok(err)
	_, err = w.Posts().Stats(w.ctx)
	w.ok(err)
	_, err = w.Posts().Update(w.ctx, post.ID, func(p *blog.Post) error { p.Title, p.Tags = "新的标题", p.Tags[:1]; return nil })
	w.ok(err)
	mine := w.post(me, "mine")
	w.ok(w.Posts().Delete(w.ctx, mine.ID, anyPost))
	w.post(me, "mine too")
}

func (w *world) requestComments(post *blog.Post, me *blog.User) {
	a := w.comment(post, me, nil)
	b := w.comment(post, me, a)
	f := blog.CommentFilter{Post: post.ID, Order: blog.Order{Field: "createdAt"}, Page: blog.Page{Number: 1, Limit: 1}}
	l, err := w.Comments().List(w.ctx, f)
	w.ok(err)
	f.Page.After = l.Next
	_, err = w.Comments().List(w.ctx, f)
	w.ok(err)
	_, err = w.Comments().Update(w.ctx, a.ID, func(m *blog.Comment, _ blog.PostRef) error { m.Content = "三"; return nil })
	w.ok(err)
	for _, c := range []*blog.Comment{a, b} {
		w.ok(w.Comments().Delete(w.ctx, c.ID, anyComment))
	}
	_, _, err = w.Comments().Get(w.ctx, a.ID)
	w.fails(err, blog.CodeCommentNotFound)
	w.comment(post, me, nil)
}

func (w *world) requestUploads(post *blog.Post, me *blog.User) {
	w.ok(w.Uploads().Create(w.ctx, []blog.Upload{w.newUpload(me, "a.png", 5), w.newUpload(me, "b.png", 6)}, 11))
	w.fails(w.Uploads().Create(w.ctx, []blog.Upload{w.newUpload(me, "c.png", 1)}, 11), blog.CodeUploadQuota)
	f := blog.UploadFilter{Owner: me.ID, Page: blog.Page{Number: 1, Limit: 1}}
	l, err := w.Uploads().List(w.ctx, f)
	w.ok(err)
	f.Page.After = l.Next
	_, err = w.Uploads().List(w.ctx, f)
	w.ok(err)
	_, err = w.Uploads().Get(w.ctx, "a.png")
	w.ok(err)
	w.ok(w.Uploads().Delete(w.ctx, "a.png"))
	_, err = w.Uploads().Ownerless(w.ctx, 10)
	w.ok(err)
	w.ok(w.Sources().Set(w.ctx, me.ID, "a.md", post.ID, "1"))
	w.sourceIs(me, "a.md", post.ID, "1")
}

func (w *world) requestAccounts(me *blog.User) {
	_, err := w.Users().Update(w.ctx, me.ID, func(u *blog.User) error { u.Username = "renamed"; return nil })
	w.ok(err)
	_, err = w.Users().Session(w.ctx, me.ID, "token")
	w.ok(err)
	w.ok(w.Users().RevokeToken(w.ctx, me.ID, "token", w.now))
	_, err = w.Users().GetByEmail(w.ctx, me.Email)
	w.ok(err)
	root := w.newUser("root")
	root.Role = blog.RoleAdmin
	_, err = w.Users().CreateFirstAdmin(w.ctx, root)
	w.ok(err)
	w.ok(w.Users().Delete(w.ctx, me.ID, anyUser))
	w.ok(w.Uploads().Delete(w.ctx, "b.png"))
}
