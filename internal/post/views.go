package post

import (
	"context"
	"sync"
	"time"

	"inkstone/internal/blog"
)

const (
	flushEvery   = 2 * time.Second
	flushTimeout = 2 * time.Second
	maxViewed    = 100_000 // posts with unwritten views; those of further ones are dropped
)

// Views counts views in memory and writes them behind, so that no reader waits.
// A kill loses those of the last two seconds.
type Views struct {
	add  func(context.Context, map[blog.ID]int64) error
	fail func(error)

	mu      sync.Mutex
	pending map[blog.ID]int64
	waiting int64 // the sum of pending

	once sync.Once
	stop chan struct{}
	done chan struct{}
}

// NewViews starts counting into add (blog.Posts.AddViews). fail is told of
// flushes that failed; their counts are kept for the next. Close must be called.
func NewViews(add func(context.Context, map[blog.ID]int64) error, fail func(error)) *Views {
	v := &Views{
		add: add, fail: fail, pending: map[blog.ID]int64{},
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	go v.run()
	return v
}

// Count adds a view of the post.
func (v *Views) Count(id blog.ID) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.put(id, 1)
}

func (v *Views) put(id blog.ID, n int64) {
	if _, known := v.pending[id]; known || len(v.pending) < maxViewed {
		v.pending[id] += n
		v.waiting += n
	}
}

// Waiting returns how many views are not written yet.
func (v *Views) Waiting() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.waiting
}

// Close stops the ticking and writes what is left, as long as ctx allows.
func (v *Views) Close(ctx context.Context) error {
	v.once.Do(func() { close(v.stop) })
	<-v.done // at most flushTimeout
	return v.flush(ctx)
}

func (v *Views) run() {
	defer close(v.done)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-v.stop:
			return
		case <-tick.C:
			ctx, cancel := context.WithTimeout(context.Background(), flushTimeout)
			if err := v.flush(ctx); err != nil {
				v.fail(err)
			}
			cancel()
		}
	}
}

func (v *Views) flush(ctx context.Context) error {
	v.mu.Lock()
	batch := v.pending
	v.pending, v.waiting = map[blog.ID]int64{}, 0
	v.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := v.add(ctx, batch)
	if err == nil {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	for id, n := range batch {
		v.put(id, n)
	}
	return err
}
