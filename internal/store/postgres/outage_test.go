package postgres

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

// reports keeps what Report is told.
type reports chan error

func (r reports) expect(t *testing.T, want func(error) bool, what string) {
	t.Helper()
	for {
		select {
		case err := <-r:
			if want(err) {
				return
			}
		case <-time.After(15 * time.Second):
			t.Fatal("not reported: " + what)
		}
	}
}

func TestAStoreIsOpenedWhileItsServerIsDownAndServesAsSoonAsItComes(t *testing.T) {
	server := enginetest.PrivatePostgres(t)
	noLeaks(t)
	server.Stop()
	told := make(reports, 100)
	start := time.Now()
	s := openStore(t, server.URL(), Options{Report: func(err error) { told <- err }})
	if took := time.Since(start); took > firstTry+lateness {
		t.Errorf("opened after %v", took)
	}
	told.expect(t, func(err error) bool { return blog.CodeOf(err) == blog.CodeUnavailable }, "that the server is away")
	for range 3 {
		stalls, start := enginetest.Stalls(t), time.Now()
		wantCode(t, "ping while it is down", s.Ping(t.Context()), blog.CodeUnavailable)
		_, err := s.Generation(t.Context())
		wantCode(t, "generation while it is down", err, blog.CodeUnavailable)
		if took := time.Since(start); took > time.Second+5*stalls() {
			t.Errorf("answered after %v", took)
		}
	}
	time.Sleep(3 * time.Second) // the pauses are at their longest
	server.Start()
	took := enginetest.Within(t, recovery, "it serves", func() bool { return s.Ping(t.Context()) == nil })
	told.expect(t, func(err error) bool { return err == nil }, "the success")
	t.Logf("serves %v after the server", took)
	write(t, s, newAuthor(t, s), "first")
}

func TestAStoreThatIsClosedStopsTrying(t *testing.T) {
	noLeaks(t)
	s, err := Open(t.Context(), "postgres://u:hidden@127.0.0.1:1/d", Options{Report: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Ping(t.Context()); blog.CodeOf(err) != blog.CodeUnavailable {
		t.Errorf("after Close: %v", err)
	}
}

// TestALineThatFallsSilentWhileTheSchemaIsReadIsTriedAgain keeps nobody waiting for an
// answer that will never come.
func TestALineThatFallsSilentWhileTheSchemaIsReadIsTriedAgain(t *testing.T) {
	w := newWire(t, newDatabase(t))
	noLeaks(t)
	w.SilenceAfter("inkstone_schema")
	s := openStore(t, w.url, Options{Report: func(error) {}})
	wantCode(t, "ping", s.Ping(t.Context()), blog.CodeUnavailable)
	w.Heal()
	took := enginetest.Within(t, defaultTimeout+recovery, "it serves", func() bool { return s.Ping(t.Context()) == nil })
	t.Logf("serves %v after the line", took)
}

// TestKillsAndRestartsUnderLoadOnlyHurtTheRequestsOfTheOutage has the default time-outs.
func TestKillsAndRestartsUnderLoadOnlyHurtTheRequestsOfTheOutage(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	server := enginetest.PrivatePostgres(t)
	noLeaks(t)
	s := openStore(t, server.URL(), Options{MaxConns: 10})
	l := newLoad(t, s)
	before := runtime.NumGoroutine()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	l.run(ctx, 8, 8)
	var outages []outage
	for _, end := range []func(){server.Kill, server.Stop, server.Kill} {
		time.Sleep(time.Second)
		o := outage{from: time.Now()}
		end()
		time.Sleep(time.Second)
		server.Start()
		o.to = time.Now()
		outages = append(outages, o)
		time.Sleep(recovery + 500*time.Millisecond)
	}
	stop()
	l.working.Wait()
	l.judge(t, defaultTimeout+lateness, outages)
	l.check(t)
	if most := l.most.Load(); most > 10 {
		t.Errorf("%d connections", most)
	}
	held := func() (n int) {
		err := onConnection(t, server.URL(), func(c *pgx.Conn) error {
			return c.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'inkstone'").Scan(&n)
		})
		if err != nil {
			t.Error(err)
		}
		return n
	}
	if n := held(); n > 10 {
		t.Errorf("the server has %d connections", n)
	}
	// Each connection may have one goroutine.
	enginetest.Within(t, 20*time.Second, "the goroutines are gone", func() bool { return runtime.NumGoroutine() <= before+10 })
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	enginetest.Within(t, recovery, "the server has no connection any more", func() bool { return held() == 0 })
}

func TestWhileTheServerIsFrozenAllEndsInTime(t *testing.T) {
	server := enginetest.PrivatePostgres(t)
	noLeaks(t)
	s := openStore(t, server.URL(), Options{MaxConns: 6})
	l := newLoad(t, s)
	l.warm(t, 6)
	server.Pause()
	l.fails(t, defaultTimeout+lateness)
	l.fails(t, defaultTimeout+lateness)
	server.Resume()
	l.recovers(t)
}

func TestWhileTheLineIsSilentAllEndsInTime(t *testing.T) {
	w := newWire(t, newDatabase(t))
	noLeaks(t)
	s := openStore(t, w.url, Options{MaxConns: 6, StatementTimeout: 2 * time.Second})
	l := newLoad(t, s)
	l.warm(t, 6)
	w.Silence()
	l.fails(t, 2*probeEvery+lateness)
	l.fails(t, 2*probeEvery+lateness)
	w.Heal()
	l.recovers(t)
}

// TestARequestAfterACutSucceeds has idle connections that are dead, and were used just now.
func TestARequestAfterACutSucceeds(t *testing.T) {
	w := newWire(t, newDatabase(t))
	s := openStore(t, w.url, Options{MaxConns: 6})
	l := newLoad(t, s)
	for what, ask := range l.all() {
		for range 3 {
			l.warm(t, 6)
			w.Cut()
			if err := ask(t.Context()); err != nil && blog.CodeOf(err) != blog.CodeUserNotFound {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// TestACommitWithoutAnAnswerIsNoSuccessAndNotDoneTwice loses the answers to COMMIT.
func TestACommitWithoutAnAnswerIsNoSuccessAndNotDoneTwice(t *testing.T) {
	w := newWire(t, newDatabase(t))
	s := openStore(t, w.url, Options{})
	l := newLoad(t, s)
	w.CutAfter("commit\x00") // and not at "read committed"
	wantCode(t, "create", s.Posts().Create(t.Context(), newPost(l.author, "unknown")), blog.CodeUnavailable)
	_, err := s.Posts().Update(t.Context(), l.known.ID, func(p *blog.Post) error { p.Title += "!"; return nil })
	wantCode(t, "update", err, blog.CodeUnavailable)
	p, err := s.Posts().Get(t.Context(), l.known.ID)
	if err != nil || p.Title != "known!" || p.Revision != 2 {
		t.Errorf("updated once and not acknowledged: %v, %v", p, err)
	}
	n := 0
	err = s.pool.QueryRow(t.Context(), "SELECT count(*) FROM posts WHERE title = 'unknown'").Scan(&n)
	if err != nil || n != 1 {
		t.Errorf("%d of one post: %v", n, err)
	}
}

// TestALargePostThatIsCutOffIsUnavailable loses the line while a text is streamed.
func TestALargePostThatIsCutOffIsUnavailable(t *testing.T) {
	w := newWire(t, newDatabase(t))
	noLeaks(t)
	s := openStore(t, w.url, Options{})
	l := newLoad(t, s)
	p := newPost(l.author, "large")
	p.Content = strings.Repeat(strings.Repeat("墨", large/6)+" middle ", 3)
	for _, last := range []string{"COPY staged", " middle "} {
		w.CutAfter(last)
		wantCode(t, "cut after "+last, s.Posts().Create(t.Context(), p), blog.CodeUnavailable)
	}
	w.CutAfter("\x00 nothing")
	enginetest.Within(t, recovery, "it is written", func() bool { return s.Posts().Create(t.Context(), p) == nil })
	checkConsistent(t, s)
}

// TestAContextThatEndsIsNoOutage tells the caller's end from ours.
func TestAContextThatEndsIsNoOutage(t *testing.T) {
	url := newDatabase(t)
	s := openStore(t, url, Options{})
	l := newLoad(t, s)
	release := lockedPost(t, url, l.known.ID)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(200*time.Millisecond, cancel)
	if _, err := s.Posts().Update(ctx, l.known.ID, func(*blog.Post) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := s.Posts().Update(ctx, l.known.ID, func(*blog.Post) error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("out of the caller's time: %v", err)
	}
}
