package storetest

import (
	"fmt"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// RunShared checks what two processes on one database may rely on. open returns
// two stores that share an empty database and nothing else.
func RunShared(t *testing.T, open func(t *testing.T) (a, b blog.Store)) {
	for _, p := range []struct {
		name  string
		check func(a, b *world)
	}{
		{"a write through one is seen at once through the other", seenByTheOther},
		{"a change through one is a new generation for the other", generationOfTheOther},
		{"counters lose nothing while both write", countersOfBoth},
		{"one name registered through both is one user", nameOfBoth},
		{"two demotions of the last two admins, one each, leave one", demotionsOfBoth},
	} {
		t.Run(p.name, func(t *testing.T) {
			a, b := open(t)
			p.check(newWorld(t, a), newWorld(t, b))
		})
	}
}

func seenByTheOther(a, b *world) {
	u := a.user("user")
	a.same("user", b.storedUser(u), u)
	for i := range 20 {
		p := a.post(u, fmt.Sprint("微服务 ", i))
		b.same("post", b.stored(p), p)
		b.like(p, u, true)
		a.same("likes", a.stored(p).LikeCount, int64(1))
		b.same("found", b.listPosts(blog.PostFilter{Search: blog.ParseQuery("微服务")}).Total, int64(i+1))
		b.same("total", b.listPosts(blog.PostFilter{Status: blog.Published}).Total, int64(i+1))
	}
	a.ok(a.Users().RevokeToken(a.ctx, u.ID, "token", time.Now().Add(time.Hour)))
	s, err := b.Users().Session(b.ctx, u.ID, "token")
	b.ok(err)
	b.same("revoked", s.Revoked, true)
	b.ok(b.Users().Delete(b.ctx, u.ID, anyUser))
	a.same("posts", a.listPosts(blog.PostFilter{}).Total, int64(0))
}

func generationOfTheOther(a, b *world) {
	u := a.user("user")
	for range 10 {
		before := b.generation()
		p := a.post(u, "post")
		after := b.generation()
		if after == before {
			b.Fatal("the generation stayed")
		}
		b.ok(b.Posts().Delete(b.ctx, p.ID, anyPost))
		if a.generation() == after {
			a.Fatal("the generation stayed")
		}
	}
}

func countersOfBoth(a, b *world) {
	u := a.user("user")
	p := a.post(u, "post")
	const n = 30
	stores := []*world{a, b}
	a.allOK(together(n, func(i int) error {
		w := stores[i%2]
		if err := w.Posts().AddViews(w.ctx, map[blog.ID]int64{p.ID: 1}); err != nil {
			return err
		}
		now := time.Now()
		c := &blog.Comment{ID: blog.NewID(now), Post: p.ID, Author: blog.Author{ID: u.ID}, Content: "x", CreatedAt: now, UpdatedAt: now}
		if err := w.Comments().Create(w.ctx, c, anyPost); err != nil {
			return err
		}
		_, err := w.Posts().Update(w.ctx, p.ID, func(p *blog.Post) error { p.Title += "+"; return nil })
		return err
	}))
	for _, w := range stores {
		got := w.stored(p)
		w.same("counters", counters(got), [3]int64{n, 0, n})
		w.same("revision", got.Revision, int64(n+1))
	}
}

func nameOfBoth(a, b *world) {
	const n = 20
	us := make([]*blog.User, n)
	for i := range us {
		us[i] = a.newUser("racer")
		us[i].Email = us[i].ID.String() + "@example.com"
	}
	stores := []*world{a, b}
	errs := together(n, func(i int) error { return stores[i%2].Users().Create(a.ctx, us[i]) })
	a.same("outcomes", outcome(errs), map[blog.Code]int{"": 1, blog.CodeUsernameTaken: n - 1})
}

func demotionsOfBoth(a, b *world) {
	us := []*blog.User{a.admin("one"), a.admin("two")}
	stores := []*world{a, b}
	errs := together(2, func(i int) error {
		_, err := stores[i].Users().Update(a.ctx, us[i].ID, demote)
		return err
	})
	a.same("outcomes", outcome(errs), map[blog.Code]int{"": 1, blog.CodeLastAdmin: 1})
}
