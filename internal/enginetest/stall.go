package enginetest

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Stalls measures how late this machine, which may run other tests, wakes who sleeps: what a
// test that bounds a wait has to allow for. The function returns the worst so far.
func Stalls(t testing.TB) (worst func() time.Duration) {
	worst, end := stalls()
	t.Cleanup(end)
	return worst
}

func stalls() (worst func() time.Duration, end func()) {
	var most atomic.Int64
	var over atomic.Bool
	var running sync.WaitGroup
	running.Go(func() {
		for !over.Load() {
			begun := time.Now()
			time.Sleep(time.Millisecond)
			most.Store(max(most.Load(), int64(time.Since(begun)-time.Millisecond)))
		}
	})
	return func() time.Duration { return time.Duration(most.Load()) }, func() { over.Store(true); running.Wait() }
}

// Within waits until f holds and returns how long that was: at most the limit, and ten
// times what this machine stalls meanwhile, as what is waited for takes several turns.
func Within(t testing.TB, limit time.Duration, what string, f func() bool) time.Duration {
	t.Helper()
	worst, end := stalls()
	defer end()
	begun := time.Now()
	for ; !f(); time.Sleep(5 * time.Millisecond) {
		if time.Since(begun) > limit+10*worst() {
			t.Fatalf("not within %v, where nobody is woken later than by %v: %s", limit, worst(), what)
		}
	}
	return time.Since(begun)
}

// Undisturbed has try say what went wrong until nothing does. Only where this machine
// stalled for longer than bound meanwhile, which try can't stand, there is another go.
func Undisturbed(t testing.TB, bound time.Duration, try func() error) {
	t.Helper()
	for range 10 {
		worst, end := stalls()
		err := try()
		end()
		switch {
		case err == nil:
			return
		case worst() <= bound:
			t.Error(err)
			return
		}
		t.Logf("again, as somebody was woken later by %v: %v", worst(), err)
	}
	t.Error("this machine never leaves it alone")
}
