package sqlite

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inkstone/internal/blog"
)

// endless is a query that does not end by itself.
const endless = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"

func TestAReadThatTakesTooLongIsCutOff(t *testing.T) {
	s := open(t, Options{})
	forever := func(c *conn) error { _, err := c.number(endless); return err }
	wantCode(t, s.view(t.Context(), "test", 20*time.Millisecond, forever), blog.CodeUnavailable)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := s.view(ctx, "test", readLimit, forever); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the caller's own deadline", err)
	}
	must(t, s.Ping(t.Context()))
}

func TestAReadIsCutOffSoonAfterItsCallerHasLeft(t *testing.T) {
	s := open(t, Options{Readers: 1})
	ctx, leave := context.WithCancel(t.Context())
	left := make(chan time.Time, 1)
	time.AfterFunc(5*lookEvery, func() { left <- time.Now(); leave() }) // when it has been looked at a few times
	err := s.view(ctx, "test", readLimit, func(c *conn) error { _, err := c.number(endless); return err })
	if late := time.Since(<-left); !errors.Is(err, context.Canceled) || late > readLimit/2 {
		t.Errorf("got %v, %v after", err, late)
	}
	must(t, s.Ping(t.Context())) // by the same connection
}

func TestALateLookLeavesTheNextQueryAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &alarm{stop: make(chan struct{})}
		gone, leave := context.WithCancel(t.Context())
		a.set(gone, time.Hour)
		leave()
		if a.clear() {
			t.Error("it went off before it looked")
		}
		a.look() // nothing runs
		a.set(t.Context(), time.Hour)
		a.look() // another query runs
		if a.clear() {
			t.Error("the next query is interrupted")
		}
		a.set(t.Context(), 3*lookEvery)
		begun := time.Now()
		<-a.stop
		if took := time.Since(begun); took != 3*lookEvery || !a.clear() {
			t.Errorf("it went off after %v", took)
		}
	})
}

func TestReadsBeyondThePoolWaitForABoundedTime(t *testing.T) {
	s := open(t, Options{Readers: 1})
	hold, begun := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.read(context.Background(), "test", readLimit, func(*conn) error { close(begun); <-hold; return nil })
	})
	<-begun
	wantCode(t, s.Ping(t.Context()), blog.CodeUnavailable)
	if st := s.Stats(); st.ReadersOpen != 1 || st.ReadersBusy != 1 {
		t.Errorf("stats %+v", st)
	}
	close(hold)
	wg.Wait()
	must(t, s.Ping(t.Context()))
}

func TestReadsAskBeforeTheyBeginAndSayWhenTheyEnd(t *testing.T) {
	var asked []string
	inside, refuse := 0, false
	s := open(t, Options{Read: func(_ context.Context, operation string, work func() error) error {
		if refuse {
			return blog.Fail(blog.CodeBusy)
		}
		asked = append(asked, operation)
		inside++
		defer func() { inside-- }()
		return work()
	}})
	for _, f := range []blog.PostFilter{{}, {Search: blog.ParseQuery("砚")}} {
		f.Page = blog.Page{Number: 1, Limit: 1}
		if _, err := s.Posts().List(t.Context(), f); err != nil {
			t.Error(err)
		}
	}
	func() {
		defer func() { _ = recover() }()
		_ = s.read(t.Context(), "panics", readLimit, func(*conn) error { panic("broken") })
	}()
	if want := []string{"posts.list", "posts.search", "panics"}; !slices.Equal(asked, want) || inside != 0 {
		t.Errorf("asked %q, want %q; %d have not said that they ended", asked, want, inside)
	}
	refuse = true
	wantCode(t, s.Ping(t.Context()), blog.CodeBusy)
	if busy := s.Stats().ReadersBusy; busy != 0 {
		t.Errorf("%d readers are busy with what was refused", busy)
	}
}

func TestTheReaderThatWorkedLastIsTakenFirst(t *testing.T) {
	s := open(t, Options{Readers: 3})
	take := func() *conn {
		c, err := s.readers.take(t.Context())
		must(t, err)
		return c
	}
	a, b, c := take(), take(), take()
	for _, c := range []*conn{b, c, a} {
		s.readers.put(c, false)
	}
	for range 2 {
		if c := take(); c != a {
			t.Error("another one is taken")
		} else {
			s.readers.put(c, false)
		}
	}
	s.readers.put(take(), true)
	if st := s.Stats(); st.ReadersOpen != 2 || st.ReadersBusy != 0 {
		t.Errorf("after one broke, %+v", st)
	}
	again := []*conn{take(), take(), take()} // the place of the broken one is free for another
	if again[0] != c || again[1] != b || again[2] == a {
		t.Error("the others are not taken from the last on")
	}
	for _, c := range again {
		s.readers.put(c, false)
	}
}
