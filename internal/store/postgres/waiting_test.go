package postgres

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
	"inkstone/internal/store/storetest"
)

// elsewhere runs statements in a transaction of another client, which ends with release.
func elsewhere(t *testing.T, url string, sql string, args ...any) (release func()) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := c.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, sql, args...); err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { _ = c.Close(ctx) })
	t.Cleanup(release)
	return release
}

// lockedPost has another client lock a post.
func lockedPost(t *testing.T, url string, id blog.ID) (release func()) {
	t.Helper()
	return elsewhere(t, url, "SELECT FROM posts WHERE id = $1 FOR UPDATE", key(id))
}

// A migration has half an hour, but nothing else that a start does.
func TestAStartDoesNotWaitForALockedTable(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	elsewhere(t, url, "LOCK TABLE copying")
	ctx, cancel := context.WithTimeout(t.Context(), 2*defaultTimeout)
	defer cancel()
	_, err := Open(ctx, url, Options{Pooled: true})
	wantCode(t, "open", err, blog.CodeUnavailable)
}

func TestALockedPostHurtsNothingElse(t *testing.T) {
	url := newDatabase(t)
	noLeaks(t)
	const limit = 3 * time.Second // which a slow machine does not take for the others
	s := openStore(t, url, Options{StatementTimeout: limit, MaxConns: 10})
	l := newLoad(t, s)
	other := write(t, s, l.author, "other")
	l.warm(t, 10)
	before := runtime.NumGoroutine()
	release := lockedPost(t, url, l.known.ID)
	rename := func(id blog.ID) error {
		_, err := s.Posts().Update(t.Context(), id, func(p *blog.Post) error { p.Title += "!"; return nil })
		return err
	}
	var blocked sync.WaitGroup
	for range 3 {
		blocked.Go(func() {
			start := time.Now()
			wantCode(t, "update of the locked post", rename(l.known.ID), blog.CodeUnavailable)
			if took := time.Since(start); took < limit*9/10 || took > limit+lateness {
				t.Errorf("update of the locked post took %v", took)
			}
		})
	}
	done := make(chan struct{})
	go func() { blocked.Wait(); close(done) }()
	n, slowest := 0, time.Duration(0)
	for waiting := true; waiting; n++ {
		start := time.Now()
		if err := rename(other.ID); err != nil {
			t.Errorf("update of another post: %v", err)
		}
		for what, ask := range map[string]func(context.Context) error{"get": l.all()["get"], "stats": l.all()["stats"], "create": l.all()["create"]} {
			if err := ask(t.Context()); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		slowest = max(slowest, time.Since(start))
		select {
		case <-done:
			waiting = false
		default:
		}
	}
	t.Logf("%d rounds of four requests meanwhile, the slowest took %v", n, slowest)
	release()
	if err := rename(l.known.ID); err != nil {
		t.Errorf("after the lock: %v", err)
	}
	enginetest.Within(t, 10*time.Second, "the goroutines are gone", func() bool { return runtime.NumGoroutine() <= before+10 })
}

// TestManyWhoWaitForALockedPostLeaveConnectionsToReaders has more of them than connections.
func TestManyWhoWaitForALockedPostLeaveConnectionsToReaders(t *testing.T) {
	url := newDatabase(t)
	s := openStore(t, url, Options{StatementTimeout: 2 * time.Second, MaxConns: 8})
	l := newLoad(t, s)
	l.warm(t, 8)
	release := lockedPost(t, url, l.known.ID)
	defer release()
	var blocked sync.WaitGroup
	for range 40 {
		blocked.Go(func() {
			start := time.Now()
			wantCode(t, "update of the locked post", l.all()["update"](t.Context()), blog.CodeUnavailable)
			if took := time.Since(start); took > acquireLimit+2*time.Second+lateness {
				t.Errorf("update of the locked post took %v", took)
			}
		})
	}
	done := make(chan struct{})
	go func() { blocked.Wait(); close(done) }()
	stalls, slowest := enginetest.Stalls(t), time.Duration(0)
	for waiting := true; waiting; {
		for _, what := range []string{"get", "stats", "ping", "generation"} {
			start := time.Now()
			if err := l.all()[what](t.Context()); err != nil {
				t.Errorf("%s: %v", what, err)
			}
			slowest = max(slowest, time.Since(start))
		}
		select {
		case <-done:
			waiting = false
		default:
		}
	}
	t.Logf("the slowest read took %v", slowest)
	if slowest > 1500*time.Millisecond+5*stalls() {
		t.Errorf("a read took %v", slowest)
	}
}

// TestALongWriteMayWaitWhereTheServerAnswers is longer than any other operation may take.
func TestALongWriteMayWaitWhereTheServerAnswers(t *testing.T) {
	url := newDatabase(t)
	noLeaks(t)
	s := openStore(t, url, Options{StatementTimeout: 2 * time.Second})
	l := newLoad(t, s)
	release := lockedPost(t, url, l.known.ID)
	time.AfterFunc(2*probeEvery+time.Second, release)
	start := time.Now()
	if err := s.Users().Delete(t.Context(), l.author, func(*blog.User) error { return nil }); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took < 2*probeEvery {
		t.Errorf("it waited for %v only", took)
	}
}

func TestAQueryOverTheTimeOutIsUnavailable(t *testing.T) {
	url := newDatabase(t)
	s := openStore(t, url, Options{StatementTimeout: 3 * time.Second})
	start := time.Now()
	err := s.read(t.Context(), "test", func(ctx context.Context, q querier) error {
		_, err := q.Exec(ctx, "SELECT pg_sleep(30)")
		return err
	})
	wantCode(t, "a slow query", err, blog.CodeUnavailable)
	if took := time.Since(start); took > 3*time.Second+lateness {
		t.Errorf("took %v", took)
	}
	enginetest.Within(t, recovery, "the server has stopped its work", func() bool {
		running := 0
		err := onConnection(t, url, func(c *pgx.Conn) error {
			return c.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(30)%' AND state = 'active' AND datname = current_database()").Scan(&running)
		})
		return err == nil && running == 0
	})
	t.Logf("the connection was kept: %v", s.Stats().Open == 1)
}

func TestAUsedUpPoolRefusesAfterItsTimeAndIsWellAgain(t *testing.T) {
	s := openStore(t, newDatabase(t), Options{MaxConns: 2})
	l := newLoad(t, s)
	var held [2]*pgxpool.Conn
	for i := range held {
		c, err := s.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		held[i] = c
	}
	l.fails(t, acquireLimit+lateness)
	for _, c := range held {
		c.Release()
	}
	l.recovers(t)
	if st := s.Stats(); st.Waiting != 0 || st.InUse != 0 || st.Open > 2 {
		t.Errorf("%+v", st)
	}
}

// TestNoOperationHoldsTwoConnections has one only.
func TestNoOperationHoldsTwoConnections(t *testing.T) {
	s := openStore(t, newDatabase(t), Options{MaxConns: 1})
	write(t, s, newAuthor(t, s), "one")
	storetest.Requests(t, s)
	if st := s.Stats(); st.Open != 1 || st.InUse != 0 {
		t.Errorf("%+v", st)
	}
}

// TestASearchHasTwoSeconds, however long another operation may take.
func TestASearchHasTwoSeconds(t *testing.T) {
	url := newDatabase(t)
	s := openStore(t, url, Options{StatementTimeout: 30 * time.Second})
	author := newAuthor(t, s)
	write(t, s, author, "砚台")
	defer elsewhere(t, url, "LOCK TABLE post_terms, users")()
	for what, search := range map[string]func() error{
		"posts": func() error {
			_, err := s.Posts().List(t.Context(), blog.PostFilter{Search: blog.ParseQuery("砚"), Order: blog.Order{Field: "publishedAt"}, Page: blog.Page{Number: 1, Limit: 1}})
			return err
		},
		"users": func() error {
			_, err := s.Users().List(t.Context(), blog.UserFilter{Search: "writer", Order: blog.Order{Field: "createdAt"}, Page: blog.Page{Number: 1, Limit: 1}})
			return err
		},
	} {
		start := time.Now()
		wantCode(t, "a search of "+what, search(), blog.CodeUnavailable)
		if took := time.Since(start); took < searchLimit*8/10 || took > searchLimit+lateness {
			t.Errorf("a search of %s took %v", what, took)
		}
	}
}
