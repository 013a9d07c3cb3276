package postgres

import (
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/blog"
)

func TestAChangeIsToldOfBeforeItsMethodReturns(t *testing.T) {
	t.Parallel()
	var told atomic.Int64
	s := openStore(t, newDatabase(t), Options{Changed: func() { told.Add(1) }})
	now := blog.ToMillisecond(time.Now())
	author := &blog.User{ID: blog.NewID(now), Username: "砚台", Email: "a@example.com", Role: blog.RoleUser, Active: true, CreatedAt: now, UpdatedAt: now}
	post := func(status blog.Status) *blog.Post {
		p := &blog.Post{ID: blog.NewID(now), Author: blog.Author{ID: author.ID}, Title: "题", Content: "文", Category: "技术", Status: status, CreatedAt: now, UpdatedAt: now}
		if status == blog.Published {
			p.PublishedAt = now
		}
		return p
	}
	public, draft := post(blog.Published), post(blog.Draft)
	for _, c := range []struct {
		what string
		do   func() error
		want int64
	}{
		{"a new user", func() error { return s.Users().Create(t.Context(), author) }, 0},
		{"a draft", func() error { return s.Posts().Create(t.Context(), draft) }, 0},
		{"a published post", func() error { return s.Posts().Create(t.Context(), public) }, 1},
		{"a view", func() error { return s.Posts().AddViews(t.Context(), map[blog.ID]int64{public.ID: 1}) }, 1},
		{"a refusal", func() error {
			if err := s.Posts().Delete(t.Context(), public.ID, func(blog.PostRef) error { return blog.Fail(blog.CodePostForbidden) }); blog.CodeOf(err) != blog.CodePostForbidden {
				t.Error(err)
			}
			return nil
		}, 0},
		{"the end of a post", func() error {
			return s.Posts().Delete(t.Context(), public.ID, func(blog.PostRef) error { return nil })
		}, 1},
	} {
		told.Store(0)
		before, err := s.Generation(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := c.do(); err != nil {
			t.Fatal(err)
		}
		after, err := s.Generation(t.Context())
		if n := told.Load(); err != nil || n != c.want || (after != before) != (c.want > 0) {
			t.Errorf("%s: told %d times, want %d; generation %d and %d, %v", c.what, n, c.want, before, after, err)
		}
	}
}

// A database that somebody put back does not come to a generation again which it had.
func TestEachServerLeapsToAnotherGeneration(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	var last uint64
	for range 5 {
		s := openStore(t, url, Options{Report: func(error) {}})
		n, err := s.Generation(t.Context())
		if err != nil || n < last+2 {
			t.Errorf("generation %d after %d, %v", n, last, err)
		}
		last = n
	}
	if n, err := openStore(t, url, Options{}).Generation(t.Context()); err != nil || n != last {
		t.Errorf("a command goes on from generation %d to %d, %v", last, n, err)
	}
	if other, err := openStore(t, newDatabase(t), Options{Report: func(error) {}}).Generation(t.Context()); err != nil || other == last {
		t.Errorf("another database has generation %d too, %v", other, err)
	}
}
