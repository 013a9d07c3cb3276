package background

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestWorkInTheBackgroundIsWaitedFor(t *testing.T) {
	b := NewPool(2, 5)
	defer b.Close()
	var wg sync.WaitGroup
	var working, most, done atomic.Int32
	for range 50 {
		wg.Go(func() {
			ended := false
			b.Do(func() {
				most.Store(max(most.Load(), working.Add(1)))
				runtime.Gosched()
				working.Add(-1)
				done.Add(1)
				ended = true
			})
			if !ended {
				t.Error("Do has returned before the work was done")
			}
		})
	}
	wg.Wait()
	if done.Load() != 50 || most.Load() > 2 {
		t.Errorf("%d pieces of work done, %d at once", done.Load(), most.Load())
	}
}

func TestWhoComesAfterTheEndWorksInTheForeground(t *testing.T) {
	b := NewPool(1, 5)
	b.Close()
	done := false
	b.Do(func() { done = true })
	if !done {
		t.Error("the work was not done")
	}
}

func TestAPanicInTheBackgroundIsTheCallers(t *testing.T) {
	b := NewPool(1, 5)
	defer b.Close()
	for _, do := range []func(func()){b.Do, func(work func()) { Do(5, work) }} {
		func() {
			defer func() {
				if p, _ := recover().(string); !strings.HasPrefix(p, "broken\n") || !strings.Contains(p, "pool_test.go") {
					t.Errorf("the caller panics with %q", p)
				}
			}()
			do(func() { panic("broken") })
		}()
	}
	done := false
	b.Do(func() { done = true })
	if !done {
		t.Error("the thread is lost")
	}
}
