package storetest

import (
	"context"
	"errors"
	"time"

	"inkstone/internal/blog"
)

var commonPromises = []promise{
	{"a function's error leaves everything as it was", functionErrors},
	{"a panic in a function ends that call only", functionPanics},
	{"a context that has ended is an error, and changes nothing", endedContext},
	{"times are kept to the millisecond", milliseconds},
	{"a store that is there answers a ping", pings},
}

// guarded is every method that takes a function, as a call that runs it.
func (w *world) guarded() map[string]func(hook func() error) error {
	u := w.user("guarded")
	p := w.post(u, "guarded")
	c := w.comment(p, u, nil)
	reply := blog.Comment{ID: blog.NewID(w.now), Post: p.ID, Author: blog.Author{ID: u.ID}, Content: "x", CreatedAt: w.now, UpdatedAt: w.now}
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
			c := reply
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
}

func pings(w *world) { w.ok(w.Ping(w.ctx)) }

var generationPromises = []promise{
	{"every change that shows makes a new generation", visibleChanges},
	{"what shows to nobody leaves the generation", invisibleChanges},
}

func visibleChanges(w *world) {
	u := w.user("user")
	p, second := w.post(u, "post"), w.post(u, "second")
	var c *blog.Comment
	change := func(f func(*blog.Post)) func() {
		return func() {
			_, err := w.Posts().Update(w.ctx, p.ID, func(p *blog.Post) error { f(p); return nil })
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
		{"another name", func() {
			_, err := w.Users().Update(w.ctx, u.ID, func(u *blog.User) error { u.Username = "renamed"; return nil })
			w.ok(err)
		}},
		{"another profile", func() {
			_, err := w.Users().Update(w.ctx, u.ID, func(u *blog.User) error { u.Profile.Bio = "new"; return nil })
			w.ok(err)
		}},
		{"a post taken back", change(func(p *blog.Post) { p.Status = blog.Draft })},
		{"a post published", change(func(p *blog.Post) { p.Status = blog.Published })},
		{"a post's end", func() { w.ok(w.Posts().Delete(w.ctx, second.ID, anyPost)) }},
		{"a user's end", func() { w.ok(w.Users().Delete(w.ctx, u.ID, anyUser)) }},
	} {
		before := w.generation()
		step.do()
		if w.generation() == before {
			w.Errorf("%s: the generation stayed", step.name)
		}
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
