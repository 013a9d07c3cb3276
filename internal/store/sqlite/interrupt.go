package sqlite

import (
	"context"
	"fmt"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
)

// lookEvery is how often it is looked whether what runs is still wanted.
const lookEvery = 10 * time.Millisecond

// alarm interrupts what runs on a connection when nobody waits for it any more. It looks
// now and then, and is kept until it has gone off: most queries end long before the first
// look, and a context of its own for each would cost a tenth of a short one, SetInterrupt,
// which waits for a goroutine, more than that.
type alarm struct {
	stop chan struct{} // closed to interrupt

	mu      sync.Mutex
	next    *time.Timer
	ctx     context.Context // of what runs; nil if nothing does
	end     time.Time       // when it has run for too long
	wentOff bool
}

func (a *alarm) set(ctx context.Context, limit time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ctx, a.end = ctx, time.Now().Add(limit)
	wait := min(limit, lookEvery)
	if a.next == nil {
		a.next = time.AfterFunc(wait, a.look)
	} else {
		a.next.Reset(wait)
	}
}

// look may come late, when something else runs already: that is what it looks at then.
func (a *alarm) look() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ctx == nil || a.wentOff {
		return
	}
	left := time.Until(a.end)
	if a.ctx.Err() == nil && left > 0 {
		a.next.Reset(min(left, lookEvery))
		return
	}
	a.wentOff = true
	close(a.stop)
}

func (a *alarm) clear() (wentOff bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ctx = nil
	a.next.Stop()
	return a.wentOff
}

// hasGoneOff reports whether what runs on the connection was interrupted; a may be nil.
func (a *alarm) hasGoneOff() bool {
	if a == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wentOff
}

// interrupted gives an error its reason where SQLite doesn't: a virtual table (of full text, of
// sizes) that is interrupted while it is opened fails without one.
func (c *conn) interrupted(err error) error {
	if sqlite.ErrCode(err) != sqlite.ResultError || !c.alarm.hasGoneOff() {
		return err
	}
	return fmt.Errorf("%w: %w", sqlite.ResultInterrupt.ToError(), err)
}

// interruptAfter makes what runs on c fail after limit, or soon after ctx is done, until disarm.
func (c *conn) interruptAfter(ctx context.Context, limit time.Duration) (disarm func()) {
	if c.alarm == nil {
		c.alarm = &alarm{stop: make(chan struct{})}
		c.SetInterrupt(c.alarm.stop)
	}
	c.alarm.set(ctx, limit)
	return func() {
		if c.alarm.clear() {
			c.SetInterrupt(nil)
			c.alarm = nil
		}
	}
}
