package storetest

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"inkstone/internal/blog"
)

var commonPromises = []promise{
	{"a function's error leaves everything as it was", functionErrors},
	{"a panic in a function ends that call only", functionPanics},
	{"a context that has ended is an error, and changes nothing", endedContext},
	{"times are cut to the millisecond and kept in UTC", milliseconds},
	{"of several failures the first in the promised order is told", failureOrder},
	{"a text that cannot be kept is looked for in vain, and no failure", textsNobodyHas},
	{"a store that is there answers a ping", pings},
}

// guarded is every method that takes a function, as a call that runs it.
func (w *world) guarded() map[string]func(hook func() error) error {
	u := w.user("guarded")
	p := w.post(u, "guarded")
	c := w.comment(p, u, nil)
	reply := w.newComment(p, u)
	onPost := func(hook func() error) func(blog.PostRef) error {
		return func(blog.PostRef) error { return hook() }
	}
	onComment := func(hook func() error) func(*blog.Comment, blog.PostRef) error {
		return func(c *blog.Comment, _ blog.PostRef) error { c.Content = "changed"; return hook() }
	}
	return map[string]func(func() error) error{
		"Users.Update": func(hook func() error) error {
			_, err := w.Users().Update(w.ctx, u.ID, func(u *blog.User) error { u.Username = "changed"; return hook() })
			return err
		},
		"Users.Delete": func(hook func() error) error {
			return w.Users().Delete(w.ctx, u.ID, func(*blog.User) error { return hook() })
		},
		"Posts.Update": func(hook func() error) error {
			_, err := w.Posts().Update(w.ctx, p.ID, func(p *blog.Post) error {
				p.Title, p.Tags[0], p.Status = "changed", "changed", blog.Draft
				return hook()
			})
			return err
		},
		"Posts.Delete": func(hook func() error) error { return w.Posts().Delete(w.ctx, p.ID, onPost(hook)) },
		"Posts.SetLike": func(hook func() error) error {
			_, err := w.Posts().SetLike(w.ctx, p.ID, u.ID, true, onPost(hook))
			return err
		},
		"Comments.Create": func(hook func() error) error {
			c := *reply
			return w.Comments().Create(w.ctx, &c, onPost(hook))
		},
		"Comments.Update": func(hook func() error) error {
			_, err := w.Comments().Update(w.ctx, c.ID, onComment(hook))
			return err
		},
		"Comments.Delete": func(hook func() error) error { return w.Comments().Delete(w.ctx, c.ID, onComment(hook)) },
	}
}

func functionErrors(w *world) {
	calls := w.guarded()
	before, generation := takeSnapshot(w.T, w.ctx, w.Store), w.generation()
	for name, call := range calls {
		if err := call(func() error { return errRefused }); err != errRefused {
			w.Errorf("%s: error is %v, want the function's own", name, err)
		}
		w.same("store after "+name, takeSnapshot(w.T, w.ctx, w.Store), before)
	}
	for _, own := range []error{context.DeadlineExceeded, io.EOF, os.ErrDeadlineExceeded} { // of the caller's, not the store's
		if err := calls["Posts.Update"](func() error { return own }); err != own {
			w.Errorf("%v of the function became %v", own, err)
		}
	}
	w.same("generation", w.generation(), generation)
}

func functionPanics(w *world) {
	calls := w.guarded()
	before := takeSnapshot(w.T, w.ctx, w.Store)
	for name, call := range calls {
		func() {
			defer func() { _ = recover() }() // an engine may let it through or make it an error
			if err := call(func() error { panic("in a function") }); err == nil {
				w.Errorf("%s: no error after a panic", name)
			}
		}()
		w.same("store after "+name, takeSnapshot(w.T, w.ctx, w.Store), before)
	}
	w.post(w.user("alive"), "alive")
}

func endedContext(w *world) {
	u := w.user("user")
	p := w.post(u, "post")
	before := takeSnapshot(w.T, w.ctx, w.Store)
	ended, cancel := context.WithCancel(w.ctx)
	cancel()
	for name, call := range map[string]func() error{
		"Users.Create":   func() error { return w.Users().Create(ended, w.newUser("late")) },
		"Users.Get":      func() error { _, err := w.Users().Get(ended, u.ID); return err },
		"Users.Update":   func() error { _, err := w.Users().Update(ended, u.ID, disable); return err },
		"Users.Delete":   func() error { return w.Users().Delete(ended, u.ID, anyUser) },
		"Posts.Create":   func() error { return w.Posts().Create(ended, w.newPost(u.ID, "late")) },
		"Posts.Get":      func() error { _, err := w.Posts().Get(ended, p.ID); return err },
		"Posts.Peek":     func() error { _, _, err := w.Posts().Peek(ended, p.ID, 1); return err },
		"Posts.Delete":   func() error { return w.Posts().Delete(ended, p.ID, anyPost) },
		"Posts.AddViews": func() error { return w.Posts().AddViews(ended, map[blog.ID]int64{p.ID: 1}) },
		"Posts.List": func() error {
			_, err := w.Posts().List(ended, blog.PostFilter{Order: oldestFirst, Page: everything})
			return err
		},
		"Uploads.Create": func() error { return w.Uploads().Create(ended, []blog.Upload{w.newUpload(u, "late", 1)}, 0) },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			w.Errorf("%s: error is %v, want the context's", name, err)
		}
	}
	w.same("store", takeSnapshot(w.T, w.ctx, w.Store), before)
	w.post(u, "alive")
}

func milliseconds(w *world) {
	u := w.newUser("user")
	u.LastLogin = time.Date(2026, 12, 31, 23, 59, 59, 1e6, time.FixedZone("+8", 8*3600))
	w.ok(w.Users().Create(w.ctx, u))
	got := w.storedUser(u).LastLogin
	if !got.Equal(u.LastLogin) || got.Location() != time.UTC {
		w.Errorf("%v came back as %v", u.LastLogin, got)
	}
	for _, at := range []time.Time{
		time.Date(1970, 1, 1, 0, 0, 0, 1e6, time.UTC),
		time.Date(1999, 12, 31, 23, 59, 59, 999e6, time.UTC),
		time.Date(2199, 12, 31, 23, 59, 59, 999e6, time.UTC),
	} {
		p := w.post(u, "post", func(p *blog.Post) { p.PublishedAt = at })
		w.same("publishedAt", w.stored(p).PublishedAt, at)
	}
	cutTimes(w)
}

// cutTimes checks a time that lies between two milliseconds, wherever one is kept.
func cutTimes(w *world) {
	want := w.tick()
	between := want.Add(999_999)
	u := w.newUser("between")
	u.CreatedAt, u.UpdatedAt, u.LastLogin, u.TokensFrom = between, between, between, between
	w.ok(w.Users().Create(w.ctx, u))
	got := w.storedUser(u)
	w.same("user's times", []time.Time{got.CreatedAt, got.UpdatedAt, got.LastLogin, got.TokensFrom}, []time.Time{want, want, want, want})

	p := w.post(u, "post", func(p *blog.Post) { p.CreatedAt, p.UpdatedAt, p.PublishedAt = between, between, between })
	w.same("post as Create leaves it", w.stored(p), p)
	w.same("post's times", []time.Time{p.CreatedAt, p.UpdatedAt, p.PublishedAt}, []time.Time{want, want, want})

	c := w.newComment(p, u)
	c.CreatedAt, c.UpdatedAt = between, between
	w.ok(w.Comments().Create(w.ctx, c, anyPost))
	w.same("comment's times", []time.Time{c.CreatedAt, c.UpdatedAt}, []time.Time{want, want})
	w.same("comment as Create leaves it", w.listComments(blog.CommentFilter{Post: p.ID}).Items, []*blog.Comment{c})

	up := w.newUpload(u, "between.png", 1)
	up.CreatedAt = between
	w.ok(w.Uploads().Create(w.ctx, []blog.Upload{up}, 0))
	w.same("upload's time", w.listUploads(blog.UploadFilter{Owner: u.ID}).Items[0].CreatedAt, want)
}

func failureOrder(w *world) {
	u := w.user("user")
	p := w.post(u, "post")
	nobody, nothing := blog.NewID(w.now), blog.NewID(w.now)
	refuse := func(blog.PostRef) error { return errRefused }
	comment := func(post, author, parent blog.ID, check func(blog.PostRef) error) error {
		c := w.newComment(p, u)
		c.Post, c.Author.ID, c.Parent = post, author, parent
		return w.Comments().Create(w.ctx, c, check)
	}
	like := func(post, user blog.ID) error {
		_, err := w.Posts().SetLike(w.ctx, post, user, true, refuse)
		return err
	}
	undated := w.newPost(nobody, "post")
	undated.PublishedAt = time.Unix(0, 0)
	admin := w.admin("admin")
	_, demoted := w.Users().Update(w.ctx, admin.ID, func(a *blog.User) error {
		a.Username, a.Role = u.Username, blog.RoleUser
		return nil
	})

	w.fails(comment(nothing, nobody, nothing, refuse), blog.CodePostNotFound)
	w.fails(comment(p.ID, nobody, nothing, refuse), blog.CodeUserNotFound)
	w.refused(comment(p.ID, u.ID, nothing, refuse))
	w.fails(comment(p.ID, u.ID, nothing, anyPost), blog.CodeInvalid)
	w.fails(like(nothing, nobody), blog.CodePostNotFound)
	w.fails(like(p.ID, nobody), blog.CodeUserNotFound)
	w.refused(like(p.ID, u.ID))
	w.fails(w.Posts().Create(w.ctx, undated), blog.CodeUserNotFound)
	w.fails(demoted, blog.CodeUsernameTaken)
	w.refused(w.Users().Delete(w.ctx, admin.ID, func(*blog.User) error { return errRefused }))
	w.fails(w.Sources().Set(w.ctx, nobody, "a.md", nothing, "digest"), blog.CodePostNotFound)
	w.fails(w.Uploads().Create(w.ctx, []blog.Upload{{Filename: "a.png", Owner: nobody, Size: 2}}, 1), blog.CodeUserNotFound)
}

func textsNobodyHas(w *world) {
	u := w.user("user")
	w.post(u, "post")
	w.upload(u, "a.png")
	for _, text := range []string{"\x00", "a\x00", "\xff", "a\xed\xa0\x80"} { // NUL, no UTF-8, half a surrogate pair
		_, err := w.Users().GetByEmail(w.ctx, text)
		w.fails(err, blog.CodeUserNotFound)
		_, err = w.Uploads().Get(w.ctx, text)
		w.fails(err, blog.CodeFileNotFound)
		w.fails(w.Uploads().Delete(w.ctx, text), blog.CodeFileNotFound)
		session, err := w.Users().Session(w.ctx, u.ID, text)
		w.ok(err)
		w.same("revoked", session.Revoked, false)
		w.sourceIs(u, text, blog.ID{}, "")
		w.same("users", w.userNames(blog.UserFilter{Search: text}), []string{})
		w.same("by category", w.titles(blog.PostFilter{Category: text}), []string{})
		w.same("by tags", w.titles(blog.PostFilter{Tags: []string{text, "a"}}), []string{})
	}
}

func pings(w *world) { w.ok(w.Ping(w.ctx)) }

var generationPromises = []promise{
	{"every change that shows makes a new generation", visibleChanges},
	{"what shows to nobody leaves the generation", invisibleChanges},
}

func visibleChanges(w *world) {
	u := w.user("user")
	p, second := w.post(u, "post"), w.post(u, "second")
	seen := map[uint64]bool{w.generation(): true}
	var c *blog.Comment
	change := func(f func(*blog.Post)) func() {
		return func() {
			_, err := w.Posts().Update(w.ctx, p.ID, func(p *blog.Post) error { f(p); return nil })
			w.ok(err)
		}
	}
	present := func(f func(*blog.User)) func() {
		return func() {
			_, err := w.Users().Update(w.ctx, u.ID, func(u *blog.User) error { f(u); return nil })
			w.ok(err)
		}
	}
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"a published post", func() { w.post(u, "third") }},
		{"an edit", change(func(p *blog.Post) { p.Title = "new" })},
		{"a like", func() { w.like(p, u, true) }},
		{"a like taken back", func() { w.like(p, u, false) }},
		{"views", func() { w.ok(w.Posts().AddViews(w.ctx, map[blog.ID]int64{p.ID: 1})) }},
		{"a comment", func() { c = w.comment(p, u, nil) }},
		{"a comment's edit", func() {
			_, err := w.Comments().Update(w.ctx, c.ID, func(c *blog.Comment, _ blog.PostRef) error { c.Content = "new"; return nil })
			w.ok(err)
		}},
		{"a comment's end", func() { w.ok(w.Comments().Delete(w.ctx, c.ID, anyComment)) }},
		{"another name", present(func(u *blog.User) { u.Username = "renamed" })},
		{"another picture", present(func(u *blog.User) { u.Avatar = "/uploads/image/new.png" })},
		{"another profile", present(func(u *blog.User) { u.Profile.Bio = "new" })},
		{"a post taken back", change(func(p *blog.Post) { p.Status = blog.Draft })},
		{"a post published", change(func(p *blog.Post) { p.Status = blog.Published })},
		{"a post's end", func() { w.ok(w.Posts().Delete(w.ctx, second.ID, anyPost)) }},
		{"a user's end", func() { w.ok(w.Users().Delete(w.ctx, u.ID, anyUser)) }},
	} {
		step.do()
		after := w.generation()
		if seen[after] {
			w.Errorf("%s: the generation is one that has been", step.name)
		}
		seen[after] = true
	}
}

func invisibleChanges(w *world) {
	u := w.user("user")
	p, hidden := w.post(u, "post"), w.post(u, "hidden", draft)
	w.like(p, u, true)
	for _, step := range []struct {
		name string
		do   func()
	}{
		{"reading", func() {
			w.stored(p)
			w.listPosts(blog.PostFilter{})
			w.tagsAre(1, []blog.TagCount{{Name: "go", Count: 1}})
		}},
		{"a like that is there", func() { w.like(p, u, true) }},
		{"views of nothing", func() { w.ok(w.Posts().AddViews(w.ctx, map[blog.ID]int64{blog.NewID(w.now): 1})) }},
		{"a login", func() {
			_, err := w.Users().Update(w.ctx, u.ID, func(u *blog.User) error { u.LastLogin = w.now; return nil })
			w.ok(err)
		}},
		{"a logout", func() { w.ok(w.Users().RevokeToken(w.ctx, u.ID, "token", time.Now().Add(time.Hour))) }},
		{"a refused name", func() { w.fails(w.Users().Create(w.ctx, w.newUser("USER")), blog.CodeUsernameTaken) }},
		{"a draft", func() { w.post(u, "draft", draft) }},
		{"a draft's edit", func() {
			_, err := w.Posts().Update(w.ctx, hidden.ID, func(p *blog.Post) error { p.Title = "new"; return nil })
			w.ok(err)
		}},
		{"a draft's like", func() { w.like(hidden, u, true) }},
		{"a draft's views", func() { w.ok(w.Posts().AddViews(w.ctx, map[blog.ID]int64{hidden.ID: 1})) }},
		{"a draft's end", func() { w.ok(w.Posts().Delete(w.ctx, hidden.ID, anyPost)) }},
		{"a source", func() { w.ok(w.Sources().Set(w.ctx, u.ID, "a.md", p.ID, "d")) }},
		{"an upload", func() { w.upload(u, "a.png") }},
	} {
		before := w.generation()
		step.do()
		w.same("generation after "+step.name, w.generation(), before)
	}
}
