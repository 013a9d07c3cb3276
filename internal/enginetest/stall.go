package enginetest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Stalls measures how late this machine, which may run other tests, wakes who sleeps: what a
// test that bounds a wait has to allow for. The function returns the worst so far.
func Stalls(t testing.TB) (worst func() time.Duration) {
	var most atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			begun := time.Now()
			time.Sleep(time.Millisecond)
			most.Store(max(most.Load(), int64(time.Since(begun)-time.Millisecond)))
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return func() time.Duration { return time.Duration(most.Load()) }
}
