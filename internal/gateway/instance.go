package gateway

import (
	"math"
	"time"

	"inkstone/internal/discovery"
)

// instance is one process that serves a service.
type instance struct {
	pool        *pool
	id, address string

	// What follows is guarded by the pool's lock.

	version string
	weight  float64
	share   float64 // its weight at the moment, for who chooses
	turn    float64 // how much it is its turn, for round robin

	standing  standing
	removed   bool
	drained   bool      // by an operator
	unwell    bool      // probes say so
	failing   bool      // the registry's checks say so
	misses    int       // probes in a row that failed
	nextProbe time.Time // if it is to be probed
	reason    string    // why it is out of order

	inFlight   int
	waiting    int       // of them, whose answer has not begun
	heard      time.Time // when it last gave a sign of life
	quietSince time.Time // that, or when somebody began to wait if nobody did before
	suspected  time.Time // when a probe was last asked for
	hangs      bool      // a probe has failed since the last sign of life

	latency  latency
	answers  window // and slow ones marked
	failures int    // in a row
	ejection ejection
	warmFrom time.Time // when its share began, or begins, to grow

	requests, errors, ejections int64 // ever
}

// standing is what is known of an instance from lists.
type standing int

const (
	listed   standing = iota
	doubted           // missing from the list; it may only have been forgotten
	unlisted          // missing, but a probe found it well
)

// rank orders instances by whether they should have requests.
type rank int

const (
	good  rank = iota
	maybe      // only if none is good
	out        // only if all are
)

func newInstance(p *pool, d discovery.Instance, now time.Time) *instance {
	return &instance{pool: p, id: d.ID, address: d.Address, warmFrom: now, nextProbe: now, answers: newWindow(p.o)}
}

// is reports whether it is the one that a list has. There is one process at an address, whatever
// it is called.
func (i *instance) is(d discovery.Instance) bool { return i.id == d.ID || i.address == d.Address }

// list takes over what a list says. Who has failed until now is well again.
func (i *instance) list(d discovery.Instance, now time.Time) {
	i.version, i.weight, i.standing = d.Version, float64(max(1, d.Weight)), listed
	if i.failing {
		i.failing = false
		i.heal(now)
	}
}

// heal notes that it is not unwell any more.
func (i *instance) heal(now time.Time) {
	if i.unwell {
		i.unwell = false
		i.warm(now)
	}
}

// doubt notes that it is missing from a list.
func (i *instance) doubt(now time.Time) {
	if i.standing == listed {
		i.standing, i.nextProbe = doubted, now
	}
}

func (i *instance) rank(now time.Time) rank {
	switch {
	case i.drained || i.unwell || i.ejection.on(now):
		return out
	case i.standing == doubted:
		return maybe
	}
	return good
}

// shareAt is its weight beside others. For who has begun or returned it grows from a tenth.
func (i *instance) shareAt(now time.Time) float64 {
	warm := max(0, now.Sub(i.warmFrom))
	if warm >= i.pool.o.slowStart {
		return i.weight
	}
	return i.weight * (0.1 + 0.9*warm.Seconds()/i.pool.o.slowStart.Seconds())
}

// warm lets its share grow from then on.
func (i *instance) warm(from time.Time) {
	if from.After(i.warmFrom) {
		i.warmFrom = from
	}
}

// alive notes a sign of life.
func (i *instance) alive(now time.Time) { i.heard, i.quietSince, i.hangs = now, now, false }

// silence is for how long those who wait have had no sign of life.
func (i *instance) silence(now time.Time) time.Duration {
	if i.waiting == 0 {
		return 0
	}
	return now.Sub(i.quietSince)
}

// latency is a moving average of how long answers took to begin. It forgets over time, also while
// there are none: who is thought slow is tried again.
type latency struct {
	seconds float64   // as it was then
	since   time.Time // when the last one was; zero if there was none
}

const latencyMemory = 10 * time.Second // in which what was loses two thirds of its weight

func (l *latency) observe(now time.Time, took time.Duration) {
	old := l.weight(now)
	l.seconds, l.since = l.seconds*old+took.Seconds()*(1-old), now
}

func (l *latency) known() bool { return !l.since.IsZero() }

func (l *latency) at(now time.Time) float64 { return l.seconds * l.weight(now) }

func (l *latency) weight(now time.Time) float64 {
	return math.Exp(-now.Sub(l.since).Seconds() / latencyMemory.Seconds())
}
