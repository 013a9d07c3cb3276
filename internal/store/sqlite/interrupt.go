package sqlite

import (
	"context"
	"sync"
	"time"
)

// alarm interrupts what runs on a connection, once. It is kept for as long as it has not
// gone off: SetInterrupt waits for a goroutine each time, and a context of its own with
// a deadline for each query costs as much as a tenth of a short one.
type alarm struct {
	stop chan struct{} // closed to interrupt
	once sync.Once
	late *time.Timer
}

func (a *alarm) goOff() { a.once.Do(func() { close(a.stop) }) }

// interruptAfter makes what runs on c fail after limit, or as soon as ctx is done, until disarm.
func (c *conn) interruptAfter(ctx context.Context, limit time.Duration) (disarm func()) {
	a := c.alarm
	if a == nil {
		a = &alarm{stop: make(chan struct{})}
		c.alarm = a
		c.SetInterrupt(a.stop)
		a.late = time.AfterFunc(limit, a.goOff)
	} else {
		a.late.Reset(limit)
	}
	unset := context.AfterFunc(ctx, a.goOff)
	return func() {
		left, inTime := !unset(), a.late.Stop()
		if left || !inTime { // it goes off now, if it has not yet
			c.SetInterrupt(nil)
			c.alarm = nil
		}
	}
}
