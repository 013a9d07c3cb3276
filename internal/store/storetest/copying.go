package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// Random does random work, as the suite does, on a store that is empty, and then makes
// something of all kinds.
func Random(t *testing.T, s blog.Store, seed uint64) {
	d := &work{world: newWorld(t, s), model: newModel(), rand: rand.New(rand.NewPCG(seed, seed))}
	d.makeUser()
	for range operations {
		d.step()
	}
	fillAll(d.world)
}

// Same holds a store to another one: by all that both keep, and by all that they answer.
func Same(t *testing.T, got, want blog.Store) {
	t.Helper()
	w := newWorld(t, got)
	w.sameAs(want)
	d := &work{world: w, model: want, rand: rand.New(rand.NewPCG(1, 1)), users: takeSnapshot(t, w.ctx, want).Users}
	d.compare()
}

// Copy puts all that a store keeps into another one, so many records at once.
func Copy(ctx context.Context, from, to blog.Store, most int) error {
	return from.Copies().Snapshot(ctx, func(s blog.Snapshot) error {
		for _, kind := range blog.Kinds() {
			records, err := recordsOf(s, kind, "")
			if err != nil {
				return err
			}
			for some := range slices.Chunk(records, most) {
				if err := to.Copies().Put(ctx, some); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func recordsOf(s blog.Snapshot, kind blog.Kind, after blog.Key) (all []blog.Record, err error) {
	for r, err := range s.Records(kind, after) {
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// records is all that a store keeps, spelt.
func (w *world) records(s blog.Store) (all []string) {
	w.Helper()
	w.ok(s.Copies().Snapshot(w.ctx, func(s blog.Snapshot) error {
		for _, kind := range blog.Kinds() {
			records, err := recordsOf(s, kind, "")
			w.ok(err)
			for _, r := range records {
				all = append(all, fmt.Sprintf("%s %x: %q", kind, r.Key(), r.Append(nil)))
			}
		}
		return nil
	}))
	return all
}

// filled is a store in memory with something of all kinds.
func (w *world) filled() *world {
	m := newWorld(w.T, newModel())
	fillAll(m)
	return m
}

// fillAll makes something of all kinds, odd values among them.
func fillAll(w *world) {
	a, b, gone := w.admin("Émile"), w.user("陈 %_'"), w.user("gone")
	_, err := w.Users().Update(w.ctx, b.ID, func(u *blog.User) error {
		u.Active, u.Avatar, u.LastLogin = false, "/uploads/image/a.png", w.tick()
		u.Profile = blog.Profile{FirstName: "名", LastName: `"姓"`, Bio: "line\nline\\n\ttab\r", Website: "https://example.com/?a=b&c", Location: "𠮷野"}
		u.EndTokens(w.tick())
		return nil
	})
	w.ok(err)
	until := time.Date(2030, 1, 1, 0, 0, 0, 7e6, time.UTC)
	for _, token := range []string{"z", "a", "令牌", "a b"} {
		w.ok(w.Users().RevokeToken(w.ctx, a.ID, token, until))
	}
	w.ok(w.Users().RevokeToken(w.ctx, b.ID, "a", time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)))

	p := w.post(a, "微服务 first", tagged("z", "go", "Go", "a,b", `q"uo\te`, "数据库"), func(p *blog.Post) {
		p.Excerpt, p.CoverImage, p.Content = "摘要", "https://example.com/封面.png", "odd: \\ \t \r\n \x01\x7f ' \" %_ \u2028 \ufeff 𠮷 é "+strings.Repeat("长 long ", 500)
		p.Revision = 41
	})
	d := w.post(b, "draft", draft, tagged())
	w.post(a, "same time", func(q *blog.Post) { q.PublishedAt = p.PublishedAt })
	old := w.post(b, "archived", tagged("go"), func(p *blog.Post) {
		p.Status, p.PublishedAt = blog.Archived, time.Date(1970, 1, 1, 0, 0, 0, 1e6, time.UTC)
	})
	w.ok(w.Posts().AddViews(w.ctx, map[blog.ID]int64{p.ID: 123456789012, d.ID: 1}))
	for _, l := range []struct {
		p *blog.Post
		u *blog.User
	}{{p, a}, {p, b}, {p, gone}, {d, a}, {old, b}} {
		w.like(l.p, l.u, true)
	}
	top := w.comment(p, gone, nil)
	reply := w.comment(p, b, top)
	w.comment(p, a, reply)
	w.comment(p, a, top)
	w.comment(old, b, nil)
	w.upload(a, "b.png", "B.png", "é.png", "a.png")
	w.upload(gone, "ownerless.png")
	w.ok(w.Sources().Set(w.ctx, a.ID, "posts/一.md", p.ID, "digest"))
	w.ok(w.Sources().Set(w.ctx, a.ID, "posts/Z.md", old.ID, ""))
	w.ok(w.Sources().Set(w.ctx, b.ID, "posts/一.md", d.ID, "d"))
	w.ok(w.Users().Delete(w.ctx, gone.ID, anyUser)) // the first comment becomes a shell
}

// sameAs holds the store to another one, by its records and by its answers.
func (w *world) sameAs(other blog.Store) {
	w.Helper()
	w.same("records", w.records(w.Store), w.records(other))
	w.same("answers", takeSnapshot(w.T, w.ctx, w.Store), takeSnapshot(w.T, w.ctx, other))
	for _, text := range []string{"微服务", "long", "first", "长"} {
		f := blog.PostFilter{Search: blog.ParseQuery(text), Order: oldestFirst, Page: everything}
		got, err := w.Posts().List(w.ctx, f)
		w.ok(err)
		want, err := other.Posts().List(w.ctx, f)
		w.ok(err)
		w.same("found by "+text, got, want)
	}
}
