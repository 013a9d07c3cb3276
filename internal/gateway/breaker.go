package gateway

import (
	"sync"
	"time"
)

// breaker keeps requests from a service that is out of order as a whole: after half of them
// failed none is sent for a while, and then one as a trial, whose end decides.
type breaker struct {
	calls   int
	openFor time.Duration
	now     func() time.Time

	mu      sync.Mutex
	state   breakerState
	spell   int           // counts how often it was opened or closed
	report  func(verdict) // for who was let in in this spell
	recent  window        // requests, and failures marked
	retryAt time.Time     // when the next trial may begin, if it is not closed
}

type breakerState string

const (
	closed   breakerState = "closed"
	open     breakerState = "open"
	halfOpen breakerState = "half-open"
)

func newBreaker(o poolOptions) *breaker {
	b := &breaker{calls: o.breakerCalls, openFor: o.breakerTime, now: o.now, recent: newWindow(o)}
	b.turn(closed, b.now())
	return b
}

// allow is pool.allow. A trial that takes long does not keep others from being one.
func (b *breaker) allow() (done func(verdict), retryIn time.Duration, refused bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == closed {
		return b.report, 0, false
	}
	now := b.now()
	if wait := b.retryAt.Sub(now); wait > 0 {
		return nil, wait, true
	}
	b.state, b.retryAt = halfOpen, now.Add(b.openFor)
	return b.report, 0, false
}

// judge takes the end of a request that was let in in a spell. That of one before says nothing.
func (b *breaker) judge(spell int, v verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	switch {
	case spell != b.spell:
	case v == unjudged:
		b.retryAt = now // another is to be the trial
	case b.state == closed:
		b.count(now, v)
	case v == fine:
		b.turn(closed, now)
	default:
		b.turn(open, now)
	}
}

func (b *breaker) count(now time.Time, v verdict) {
	c := count{all: 1}
	if v != fine {
		c.marked = 1
	}
	b.recent.add(now, c)
	if sum := b.recent.at(now); sum.all >= b.calls && 2*sum.marked >= sum.all {
		b.turn(open, now)
	}
}

func (b *breaker) turn(to breakerState, now time.Time) {
	b.spell++
	spell := b.spell
	b.state, b.retryAt = to, now.Add(b.openFor)
	b.report = func(v verdict) { b.judge(spell, v) }
	b.recent.clear()
}

func (b *breaker) status() BreakerStatus {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := BreakerStatus{State: string(b.state)}
	if b.state != closed {
		s.RetryInMs = max(0, b.retryAt.Sub(b.now()).Milliseconds())
	}
	return s
}
