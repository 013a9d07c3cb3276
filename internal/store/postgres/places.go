package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// acquire returns a connection; why there is none has always to do with the server. Who had to
// wait until others were done is counted, also if it was in vain. To connect is no such wait.
func (s *Store) acquire(ctx context.Context, places chan struct{}) (c *pgxpool.Conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, acquireLimit)
	defer cancel()
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	var since time.Time // zero: nobody is in the way
	defer func() {
		if !since.IsZero() {
			s.waits.Add(1)
			s.waited.Add(int64(time.Since(since)))
		}
	}()
	if !enter(places) {
		since = time.Now()
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return nil, notConnected{ctx.Err()}
		}
	}
	if s.asking.Add(1) > int64(s.most) && since.IsZero() {
		since = time.Now()
	}
	if c, err = s.pool.Acquire(ctx); err != nil {
		s.asking.Add(-1)
		exit(places)
		return nil, notConnected{err}
	}
	return c, nil
}

// enter takes one of places, if there are any, unless all are taken.
func enter(places chan struct{}) bool {
	if places == nil {
		return true
	}
	select {
	case places <- struct{}{}:
		return true
	default:
		return false
	}
}

// release gives back what acquire returned. Whoever comes in between does not wait for it.
func (s *Store) release(c *pgxpool.Conn, places chan struct{}) {
	s.asking.Add(-1)
	c.Release()
	exit(places)
}

func exit(places chan struct{}) {
	if places != nil {
		<-places
	}
}
