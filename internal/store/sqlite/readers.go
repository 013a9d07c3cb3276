package sqlite

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"inkstone/internal/blog"
)

// Bounds of reading.
const (
	readerWait     = 2 * time.Second // for a connection
	readerCacheKiB = 2 << 10
)

// readers is a bounded pool of connections that only read. They are opened when
// they are first needed, and the one that worked last is taken first: what it
// touches is still near the processor.
type readers struct {
	open    func() (*conn, error)
	taken   chan struct{} // one for each caller who has a connection
	waiting atomic.Int64
	waits   waits

	mu     sync.Mutex
	idle   []*conn
	opened int
}

func newReaders(size int, open func() (*conn, error)) *readers {
	return &readers{open: open, taken: make(chan struct{}, size)}
}

// take returns a connection for the caller alone, to be handed to put.
// CodeUnavailable if none becomes free in time.
func (r *readers) take(ctx context.Context) (*conn, error) {
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	if c := r.pop(); c != nil {
		return c, nil
	}
	c, err := r.open()
	if err != nil {
		<-r.taken
		return nil, err
	}
	r.count(1)
	return c, nil
}

func (r *readers) enter(ctx context.Context) error {
	select {
	case r.taken <- struct{}{}:
		return nil
	default:
	}
	r.waiting.Add(1)
	defer r.waits.end(time.Now())
	defer r.waiting.Add(-1)
	late := time.NewTimer(readerWait)
	defer late.Stop()
	select {
	case r.taken <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return blog.Fail(blog.CodeUnavailable)
	}
}

// waits counts who had to wait, and how long.
type waits struct{ n, took atomic.Int64 }

func (w *waits) end(start time.Time) {
	w.n.Add(1)
	w.took.Add(int64(time.Since(start)))
}

func (r *readers) pop() *conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.idle) - 1
	if last < 0 {
		return nil
	}
	c := r.idle[last]
	r.idle = r.idle[:last]
	return c
}

// put gives a connection back; one that broke is closed.
func (r *readers) put(c *conn, broken bool) {
	if broken {
		_ = c.Close()
		r.count(-1)
	} else {
		r.push(c)
	}
	<-r.taken
}

func (r *readers) push(c *conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle = append(r.idle, c)
}

func (r *readers) count(more int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened += more
}

// stats returns how many connections there are and how many of them work.
func (r *readers) stats() (open, busy int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened, r.opened - len(r.idle)
}

// close closes all connections; none may be in use.
func (r *readers) close() error {
	var errs []error
	for c := r.pop(); c != nil; c = r.pop() {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}
