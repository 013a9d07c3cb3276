package postgres

import (
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

// waits are how many had to wait in a store, and how long.
func waits(s *Store) (int64, time.Duration) { return s.Stats().Waits, s.Stats().Waited }

func TestOnlyThoseWhoHadToWaitAreCounted(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	const most = 10
	s := openStore(t, url, Options{MaxConns: most, StatementTimeout: time.Minute})
	hold := func(n int) (release func()) {
		free := make(chan struct{})
		var held, all sync.WaitGroup
		for range n {
			held.Add(1)
			all.Go(func() {
				if err := s.onConn(t.Context(), func(*pgx.Conn) error { held.Done(); <-free; return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		held.Wait()
		return func() { close(free); all.Wait() }
	}
	hold(most)() // which has to connect, and to wait for nobody
	for range 20 {
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	release := hold(most)
	if n, took := waits(s); n != 0 || took != 0 {
		t.Errorf("%d waited %v where there was a connection for each", n, took)
	}
	if st := s.Stats(); st.Max != most || st.Open != most || st.InUse != most || st.Idle != 0 {
		t.Errorf("all are in use: %+v", st)
	}
	if state, err := s.Care().State(t.Context()); err != nil || state.State != "busy" || state.InUse != most || state.Version != "" || state.Bytes != -1 {
		t.Errorf("state %+v: %v", state, err)
	}
	if n, took := waits(s); n != 1 || took < stateLimit/2 {
		t.Errorf("one waited in vain for most of a second: %d, %v", n, took)
	}
	const more = 3
	var waiting sync.WaitGroup
	for range more {
		waiting.Go(func() {
			if err := s.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	enginetest.Within(t, acquireLimit/2, "they wait", func() bool { return s.Stats().Waiting == more })
	release()
	waiting.Wait()
	if n, took := waits(s); n != 1+more || took <= 0 {
		t.Errorf("%d waited %v, want %d", n, took, 1+more)
	}
	enginetest.Within(t, recovery, "all are free", func() bool { st := s.Stats(); return st.Idle == most && st.InUse == 0 })
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, _ := waits(s); n != 1+more {
		t.Errorf("%d waited afterwards", n)
	}
}

// Writers may wait for a place while there are connections.
func TestWhoWaitsForAPlaceIsCounted(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	s := openStore(t, url, Options{MaxConns: 4, StatementTimeout: time.Minute})
	p := write(t, s, newAuthor(t, s), "locked")
	release := lockedPost(t, url, p.ID)
	if n, _ := waits(s); n != 0 {
		t.Errorf("%d waited before", n)
	}
	var writers sync.WaitGroup
	for range 3 { // for two places
		writers.Go(func() {
			if _, err := s.Posts().Update(t.Context(), p.ID, func(p *blog.Post) error { p.Title += "!"; return nil }); err != nil {
				t.Error(err)
			}
		})
	}
	enginetest.Within(t, acquireLimit/2, "one has no place", func() bool { st := s.Stats(); return st.Waiting == 1 && st.InUse == 2 })
	release()
	writers.Wait()
	if n, took := waits(s); n != 1 || took <= 0 {
		t.Errorf("%d waited %v, want one", n, took)
	}
}

func TestTheStateOfADatabaseThatIsAwayIsNoError(t *testing.T) {
	t.Parallel()
	w := newWire(t, newDatabase(t))
	s := openStore(t, w.url, Options{})
	state, err := s.Care().State(t.Context())
	if err != nil || state.State != "ok" || state.Engine != "postgres" || state.Version == "" || state.Bytes <= 0 || state.Limit < 1 || state.Open < 1 {
		t.Errorf("state %+v: %v", state, err)
	}
	w.Silence()
	start := time.Now()
	state, err = s.Care().State(t.Context())
	if err != nil || state.State != "away" || state.Version != "" || state.Bytes != -1 {
		t.Errorf("state %+v: %v", state, err)
	}
	if took := time.Since(start); took > stateLimit+lateness {
		t.Errorf("it took %v", took)
	}
}
