package post

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inkstone/internal/blog"
)

// ledger is what views are written into; it refuses while down is set.
type ledger struct {
	mu      sync.Mutex
	down    bool
	written map[blog.ID]int64
	failed  int // flushes
}

func (l *ledger) add(_ context.Context, views map[blog.ID]int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return errors.New("down")
	}
	for id, n := range views {
		l.written[id] += n
	}
	return nil
}

func (l *ledger) setDown(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
}

func (l *ledger) of(id blog.ID) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written[id]
}

func (l *ledger) failures() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

func newViews() (*Views, *ledger) {
	l := &ledger{written: map[blog.ID]int64{}}
	return NewViews(l.add, func(error) { l.mu.Lock(); l.failed++; l.mu.Unlock() }), l
}

func TestViewsAreWrittenWithinFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, l := newViews()
		id := blog.NewID(time.Now())
		v.Count(id)
		v.Count(id)
		synctest.Wait()
		if l.of(id) != 0 {
			t.Error("a reader waited for the store")
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if l.of(id) != 2 {
			t.Errorf("%d written, want 2", l.of(id))
		}
		closeViews(t, v)
	})
}

func TestViewsThatCouldNotBeWrittenAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, l := newViews()
		id := blog.NewID(time.Now())
		l.setDown(true)
		v.Count(id)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if l.failures() == 0 {
			t.Error("nobody was told")
		}
		l.setDown(false)
		v.Count(id)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if l.of(id) != 2 {
			t.Errorf("%d written, want 2", l.of(id))
		}
		closeViews(t, v)
	})
}

func TestClosingWritesTheViewsThatAreLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, l := newViews()
		id := blog.NewID(time.Now())
		v.Count(id)
		closeViews(t, v)
		closeViews(t, v) // twice does no harm
		if l.of(id) != 1 {
			t.Errorf("%d written, want 1", l.of(id))
		}
	})
}

func TestCloseTellsOfViewsItCouldNotWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, l := newViews()
		l.setDown(true)
		v.Count(blog.NewID(time.Now()))
		if v.Close(t.Context()) == nil {
			t.Error("the loss is not told")
		}
	})
}

func TestUnwrittenViewsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, _ := newViews()
		first := blog.NewID(time.Now())
		v.Count(first)
		for range maxViewed + 10 {
			v.Count(blog.NewID(time.Now()))
		}
		v.Count(first) // one that is known still counts
		if len(v.pending) != maxViewed || v.pending[first] != 2 {
			t.Errorf("%d posts pending, %d of the first", len(v.pending), v.pending[first])
		}
		closeViews(t, v)
	})
}

func closeViews(t *testing.T, v *Views) {
	t.Helper()
	if err := v.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
