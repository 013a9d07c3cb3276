package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

const (
	// recovery is how soon after the server nobody may notice any more that it was away.
	recovery = 5 * time.Second
	// lateness is what a machine with much else to do may add to a bound.
	lateness = 2 * time.Second
)

// newAuthor makes a user who can write.
func newAuthor(t testing.TB, s *Store) blog.ID {
	t.Helper()
	now := blog.ToMillisecond(time.Now())
	u := &blog.User{ID: blog.NewID(now), Username: "writer", Email: "writer@example.com", PasswordHash: "x", Role: blog.RoleUser, Active: true, CreatedAt: now, UpdatedAt: now}
	if err := s.Users().Create(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return u.ID
}

func newPost(author blog.ID, title string) *blog.Post {
	now := blog.ToMillisecond(time.Now())
	return &blog.Post{ID: blog.NewID(now), Title: title, Content: title + " 松烟入砚", Author: blog.Author{ID: author}, Category: "技术", Tags: []string{"墨", "砚"},
		Status: blog.Published, PublishedAt: now, CreatedAt: now, UpdatedAt: now}
}

func write(t testing.TB, s *Store, author blog.ID, title string) *blog.Post {
	t.Helper()
	p := newPost(author, title)
	if err := s.Posts().Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func wantCode(t testing.TB, what string, err error, code blog.Code) {
	t.Helper()
	if blog.CodeOf(err) != code {
		t.Errorf("%s: %v, want %s", what, err, code)
	}
}

// noLeaks fails if goroutines of the test are left at its end, which Close must have been before.
func noLeaks(t *testing.T) {
	current, servers := goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("inkstone/internal/enginetest.start.func1")
	t.Cleanup(func() {
		if err := goleak.Find(current, servers); err != nil {
			t.Error(err)
		}
	})
}

// load has writers and readers work without pause, and notes how each call went.
type load struct {
	s      *Store
	author blog.ID
	known  *blog.Post

	mu     sync.Mutex
	calls  []call
	tried  map[string]bool
	posted map[blog.ID]string // what was acknowledged

	next    atomic.Int64
	working sync.WaitGroup
	most    atomic.Int64 // connections
}

type call struct {
	what       string
	start, end time.Time
	err        error
}

func newLoad(t *testing.T, s *Store) *load {
	author := newAuthor(t, s)
	return &load{s: s, author: author, known: write(t, s, author, "known"), tried: map[string]bool{}, posted: map[blog.ID]string{}}
}

func (l *load) run(ctx context.Context, writers, readers int) {
	for range writers {
		l.working.Go(func() { l.repeat(ctx, "create", l.create) })
	}
	reads := []func() error{
		func() error { _, err := l.s.Posts().Get(context.Background(), l.known.ID); return err },
		func() error { _, err := l.s.Generation(context.Background()); return err },
		func() error { _, err := l.s.Posts().Stats(context.Background()); return err },
		func() error { _, err := l.s.Users().Session(context.Background(), l.author, "x"); return err },
	}
	for i := range readers {
		l.working.Go(func() { l.repeat(ctx, fmt.Sprint("read ", i%len(reads)), reads[i%len(reads)]) })
	}
	l.working.Go(func() {
		for ctx.Err() == nil {
			l.most.Store(max(l.most.Load(), int64(l.s.Stats().Open)))
			time.Sleep(time.Millisecond)
		}
	})
}

func (l *load) repeat(ctx context.Context, what string, do func() error) {
	for ctx.Err() == nil {
		c := call{what: what, start: time.Now()}
		c.err = do()
		c.end = time.Now()
		l.mu.Lock()
		l.calls = append(l.calls, c)
		l.mu.Unlock()
		if time.Sleep(2 * time.Millisecond); c.err != nil {
			time.Sleep(20 * time.Millisecond)
		}
	}
}

func (l *load) create() error {
	p := newPost(l.author, fmt.Sprint("post ", l.next.Add(1)))
	l.mu.Lock()
	l.tried[p.Title] = true
	l.mu.Unlock()
	err := l.s.Posts().Create(context.Background(), p)
	if err == nil {
		l.mu.Lock()
		l.posted[p.ID] = p.Title
		l.mu.Unlock()
	}
	return err
}

// outage is when the server was away.
type outage struct{ from, to time.Time }

// judge holds the calls to what they may do about outages.
func (l *load) judge(t *testing.T, limit time.Duration, outages []outage) {
	t.Helper()
	var longest, last time.Duration
	failed := 0
	for _, c := range l.calls {
		longest = max(longest, c.end.Sub(c.start))
		if c.end.Sub(c.start) > limit {
			t.Errorf("%s took %v: %v", c.what, c.end.Sub(c.start), c.err)
		}
		if c.err == nil {
			continue
		}
		failed++
		wantCode(t, c.what, c.err, blog.CodeUnavailable)
		if !slices.ContainsFunc(outages, func(o outage) bool { return c.end.After(o.from) && c.start.Before(o.to.Add(recovery)) }) {
			t.Errorf("%s failed while the server was there: %v", c.what, c.err)
		}
		for _, o := range outages {
			if c.start.After(o.to) && c.start.Before(o.to.Add(recovery)) {
				last = max(last, c.start.Sub(o.to))
			}
		}
	}
	t.Logf("%d calls, %d failed, the longest took %v; the last that failed began %v after the server was back; %d posts acknowledged of %d", len(l.calls), failed, longest, last, len(l.posted), len(l.tried))
	if failed == 0 || len(l.posted) < 20 {
		t.Error("nothing was proved")
	}
}

// check looks for each acknowledged post, and for posts nobody sent or that are there twice.
func (l *load) check(t *testing.T) {
	t.Helper()
	for id, title := range l.posted {
		p, err := l.s.Posts().Get(t.Context(), id)
		if err != nil {
			t.Errorf("%s is lost: %v", title, err)
		} else if want := newPost(l.author, title); p.Title != want.Title || p.Content != want.Content {
			t.Errorf("%s is torn: %q, %q", title, p.Title, p.Content)
		}
	}
	seen := map[string]bool{}
	err := each(t.Context(), l.s.pool, "SELECT title FROM posts WHERE id <> $1", []any{key(l.known.ID)}, func(r pgx.Rows) error {
		var title string
		err := r.Scan(&title)
		if seen[title] || !l.tried[title] {
			t.Errorf("%q is there twice or from nobody", title)
		}
		seen[title] = true
		return err
	})
	if err != nil {
		t.Error(err)
	}
	checkConsistent(t, l.s)
}

// all are operations of each kind.
func (l *load) all() map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"create": func(ctx context.Context) error {
			return l.s.Posts().Create(ctx, newPost(l.author, "in the outage"))
		},
		"update": func(ctx context.Context) error {
			_, err := l.s.Posts().Update(ctx, l.known.ID, func(*blog.Post) error { return nil })
			return err
		},
		"get":        func(ctx context.Context) error { _, err := l.s.Posts().Get(ctx, l.known.ID); return err },
		"stats":      func(ctx context.Context) error { _, err := l.s.Posts().Stats(ctx); return err },
		"ping":       l.s.Ping,
		"generation": func(ctx context.Context) error { _, err := l.s.Generation(ctx); return err },
		"delete user": func(ctx context.Context) error {
			return l.s.Users().Delete(ctx, blog.NewID(time.Now()), func(*blog.User) error { return nil })
		},
	}
}

// fails asks everything at once, four times over, and wants CodeUnavailable within the limit.
func (l *load) fails(t *testing.T, limit time.Duration) {
	t.Helper()
	var asking sync.WaitGroup
	var longest atomic.Int64
	for what, ask := range l.all() {
		for range 4 {
			asking.Go(func() {
				start := time.Now()
				err := ask(context.Background())
				took := time.Since(start)
				longest.Store(max(longest.Load(), int64(took)))
				wantCode(t, what, err, blog.CodeUnavailable)
				if took > limit {
					t.Errorf("%s took %v", what, took)
				}
			})
		}
	}
	asking.Wait()
	t.Logf("all ended within %v", time.Duration(longest.Load()))
}

// recovers wants everything answered again.
func (l *load) recovers(t *testing.T) {
	t.Helper()
	took := enginetest.Within(t, recovery+lateness, "everything is answered again", func() bool {
		for what, ask := range l.all() {
			if err := ask(t.Context()); err != nil && blog.CodeOf(err) != blog.CodeUserNotFound {
				if blog.CodeOf(err) != blog.CodeUnavailable {
					t.Errorf("%s: %v", what, err)
				}
				return false
			}
		}
		return true
	})
	t.Logf("all is well after %v", took)
}

// warm has as many connections as there can be, all of them just used.
func (l *load) warm(t *testing.T, n int) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			err := l.s.onConn(t.Context(), func(c *pgx.Conn) error {
				_, err := c.Exec(t.Context(), "SELECT pg_sleep(0.2)")
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
