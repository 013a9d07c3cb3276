package redis

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	tripAfter  = 5                // failures in a row
	newsAtMost = 10 * time.Second // between two reports
)

// breaker keeps callers away from what has failed several times in a row. Only mend lets
// them back: other breakers let one caller try, who then waits in vain. Calls that were
// under way together fail together, as when the machine stands still for a moment: they
// are one failure.
type breaker struct {
	opened atomic.Bool
	inARow atomic.Int32

	mu   sync.Mutex // of who fails
	last time.Time  // when the last failure that counts was noted
}

func (b *breaker) open() bool { return b.opened.Load() }

func (b *breaker) succeeded() {
	if b.inARow.Load() != 0 { // to write each time would make the processors wait for each other
		b.inARow.Store(0)
	}
}

// failed reports whether the failure of a call that began then has opened it.
func (b *breaker) failed(begun time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if begun.Before(b.last) {
		return false
	}
	b.last = time.Now()
	return b.inARow.Add(1) >= tripAfter && b.opened.CompareAndSwap(false, true)
}

func (b *breaker) trip() { b.opened.Store(true) }

func (b *breaker) mend() {
	b.inARow.Store(0)
	b.opened.Store(false)
}

// news reports changes, and those that come too soon after another only if they last. Of a
// Redis that is away it reports once more when that is reached and refuses: who has just
// started it has something else to mend then.
type news struct {
	report func(error)

	mu          sync.Mutex
	toldAway    bool
	toldRefused bool // what it answered was reported
	toldAt      time.Time
	why         error // the last failure
}

func (n *news) cause(err error) {
	n.mu.Lock()
	n.why = err
	n.mu.Unlock()
}

func (n *news) tell(up bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !up && n.why == nil { // it has not answered yet, and has not been waited for
		return
	}
	refused := !up && kindOf(n.why) == "server"
	changed := up == n.toldAway || refused && !n.toldRefused
	if !changed || !n.toldAt.IsZero() && time.Since(n.toldAt) < newsAtMost {
		return
	}
	n.toldAway, n.toldRefused, n.toldAt = !up, refused, time.Now()
	if up {
		n.report(nil)
	} else {
		n.report(n.why)
	}
}
