package sqlite

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"inkstone/internal/blog"
)

// Bounds of reading.
const (
	readerWait     = 2 * time.Second // for a free connection
	readerCacheKiB = 2 << 10
)

// readers is a bounded pool of connections that only read. They are opened when
// they are first needed.
type readers struct {
	open    func() (*conn, error)
	free    chan *conn
	slots   chan struct{} // one for each connection that may still be opened
	size    int
	waiting atomic.Int64
}

func newReaders(size int, open func() (*conn, error)) *readers {
	r := &readers{open: open, free: make(chan *conn, size), slots: make(chan struct{}, size), size: size}
	for range size {
		r.slots <- struct{}{}
	}
	return r
}

// take returns a connection for the caller alone, to be handed to put.
// CodeUnavailable if none becomes free in time.
func (r *readers) take(ctx context.Context) (*conn, error) {
	select {
	case c := <-r.free:
		return c, nil
	default:
	}
	r.waiting.Add(1)
	defer r.waiting.Add(-1)
	late := time.NewTimer(readerWait)
	defer late.Stop()
	select {
	case c := <-r.free:
		return c, nil
	case <-r.slots:
		return r.fill()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-late.C:
		return nil, blog.Fail(blog.CodeUnavailable)
	}
}

func (r *readers) fill() (*conn, error) {
	c, err := r.open()
	if err != nil {
		r.slots <- struct{}{}
	}
	return c, err
}

// put gives a connection back; one that broke is closed and its place freed.
func (r *readers) put(c *conn, broken bool) {
	if !broken {
		r.free <- c
		return
	}
	_ = c.Close()
	r.slots <- struct{}{}
}

// opened returns how many connections there are and how many of them work.
func (r *readers) opened() (open, busy int) {
	open = r.size - len(r.slots)
	return open, max(0, open-len(r.free))
}

// close closes all connections; none may be in use.
func (r *readers) close() error {
	var errs []error
	for {
		select {
		case c := <-r.free:
			errs = append(errs, c.Close())
		default:
			return errors.Join(errs...)
		}
	}
}
