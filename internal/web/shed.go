package web

import (
	"runtime"
	"sync"
	"time"
)

// Shedder refuses requests before any work is done for them, once more come than
// can be looked at soon, which a Probe tells. A queue that stands is overload: then
// no more requests are let in than have been served at best, or fewer, so that those
// who are refused stay away for a while and few of the others wait. (What waits for
// the database waits behind nothing a probe could see: that is limit.Admission's.)
type Shedder struct {
	now   func() time.Time
	probe Probe

	mu      sync.Mutex
	late    int       // intervals in a row in which requests waited to be looked at
	rate    float64   // requests let in per second; 0 is no bound
	refused time.Time // when somebody was last refused, here or later
	served  float64   // requests ended per second; moving average
	best    float64   // the highest of it; slowly forgets
	tokens  float64   // requests that may be let in now, if there is a rate
	filled  time.Time
	sent    time.Time // when the probe that is under way was sent, or the last one
	probing bool
	interval
}

// interval is what has been seen since start.
type interval struct {
	start          time.Time
	arrived, ended int
	keptOut        int           // of those who arrived
	waited         time.Duration // of all probes
	probes         int           // that came back
}

// Probe calls back when a request that arrived now would be looked at.
type Probe func(back func())

const (
	shedInterval = 100 * time.Millisecond
	probePause   = 5 * time.Millisecond
	shedBurst    = 15 * time.Millisecond // of requests at the rate may come at once
	shedCalm     = 2 * time.Second       // without a refusal, after which overload has passed
)

// backlog is a queue: how long one waits there on average, and how many do.
type backlog struct {
	delay   time.Duration
	waiting float64
}

func (b backlog) beyond(o backlog) bool { return b.delay > o.delay && b.waiting > o.waiting }

var (
	// overload begins beyond this: fewer who wait are none, however slow the machine is.
	overload = backlog{5 * time.Millisecond, 64}
	// goal is what must be reached in overload: who is served then should hardly notice it.
	goal = backlog{time.Millisecond, 8}
)

// leastBurst is how many may come at once, even if shedBurst allows fewer.
var leastBurst = 4 * runtime.GOMAXPROCS(0)

// NewShedder makes a Shedder.
func NewShedder(probe Probe, now func() time.Time) *Shedder {
	start := now()
	return &Shedder{now: now, probe: probe, filled: start, interval: interval{start: start}}
}

// Visitor is who sends a request.
type Visitor int

// Visitors in the order in which they are refused.
const (
	Stranger Visitor = iota // has no token
	Member                  // has one, which is not verified yet
)

// Enter reports whether a request may go on; then Leave must follow.
func (s *Shedder) Enter(who Visitor) bool { return s.admit(who, true) }

// Refuses reports whether a request is refused now; if not, Enter follows.
func (s *Shedder) Refuses(who Visitor) bool { return !s.admit(who, false) }

func (s *Shedder) admit(who Visitor, enters bool) bool {
	ok, probe := s.judge(s.now(), who, enters)
	if probe {
		s.probe(s.back)
	}
	return ok
}

// judge decides about a request, and counts it if it is refused or enters.
func (s *Shedder) judge(now time.Time, who Visitor, enters bool) (ok, probe bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ok = s.room(now, who)
	switch {
	case !ok:
		s.keptOut++
		s.refused = now
	case !enters:
		return true, false
	case s.rate > 0:
		s.tokens--
	}
	return ok, s.arrive(now)
}

// Refused notes that a request has been refused which did not enter, for want of room
// elsewhere. It is none of the arrivals, or others would be refused for their number.
func (s *Shedder) Refused() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = s.now()
}

// Busy reports whether somebody was refused lately.
func (s *Shedder) Busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now().Sub(s.refused) < shedCalm
}

// arrive counts a request, and reports whether a probe is to be sent.
func (s *Shedder) arrive(now time.Time) (probe bool) {
	s.arrived++
	if s.probing || now.Sub(s.sent) < probePause {
		return false
	}
	s.probing, s.sent = true, now
	return true
}

// Leave ends a request; refused says that it was kept from working for want of room.
func (s *Shedder) Leave(refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended++
	if refused {
		s.refused = s.now()
	}
}

// back notes that the probe has come back.
func (s *Shedder) back() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probing = false
	s.waited += s.now().Sub(s.sent)
	s.probes++
}

// delay is how long probes waited on average. Their least would be the measure of a
// queue that is served in turn, but Go's poller wakes first what was ready last.
func (s *Shedder) delay(now time.Time) time.Duration {
	if s.probes > 0 {
		return s.waited / time.Duration(s.probes)
	}
	if s.probing {
		return now.Sub(s.sent)
	}
	return 0
}

// room reports whether there is a token for who, of those that come in at the rate.
// The lower half of the bucket is for members.
func (s *Shedder) room(now time.Time, who Visitor) bool {
	if now.Sub(s.start) >= shedInterval {
		s.conclude(now)
	}
	if s.rate == 0 {
		return true
	}
	size := max(s.rate*shedBurst.Seconds(), float64(leastBurst))
	s.tokens = min(s.tokens+s.rate*now.Sub(s.filled).Seconds(), size)
	s.filled = now
	return s.tokens >= 1 && (who == Member || s.tokens >= 1+size/2)
}

// conclude judges the interval that has ended and begins another.
func (s *Shedder) conclude(now time.Time) {
	took := now.Sub(s.start)
	ended := float64(s.ended) / took.Seconds()
	seen := backlog{delay: s.delay(now)}
	seen.waiting = float64(s.arrived) / took.Seconds() * seen.delay.Seconds() // Little's law
	s.served += (ended - s.served) / 3
	s.best = max(s.best*s.memory(), s.served)
	if s.rate > 0 {
		s.steer(now, seen, float64(took)/float64(shedInterval))
	} else {
		s.watch(now, seen, ended)
	}
	s.interval = interval{start: now}
}

// memory is what an interval leaves of best. While requests are kept out, less is
// served because of that: were best to follow, the rate would chase it to nothing.
func (s *Shedder) memory() float64 {
	if s.rate > 0 {
		return 0.998
	}
	return 0.97
}

// watch sets a rate when too many have waited for too long in two intervals in a row,
// or in one that was overload already, behind the Shedder.
func (s *Shedder) watch(now time.Time, seen backlog, ended float64) {
	known := now.Sub(s.refused) < shedCalm
	if !seen.beyond(overload) && !(known && seen.beyond(goal)) {
		s.late = 0
		return
	}
	s.best = max(s.best, ended) // no average: until now there may have been little to do
	if s.late++; s.late > 1 || known {
		s.rate, s.refused, s.late = s.best, now, 0
	}
}

// steer lowers the rate until few wait, but not far below what has been served: to
// refuse more would help nobody. Then it raises it, the faster the fewer wait, and
// ends it once nobody has been refused for a while. Where most are refused, it is
// they who wait, and the rate is raised in spite of them.
func (s *Shedder) steer(now time.Time, seen backlog, intervals float64) {
	if now.Sub(s.refused) > shedCalm {
		s.rate = 0
		return
	}
	if seen.beyond(goal) && (s.keptOut <= s.ended || seen.beyond(overload)) {
		s.rate = max(s.rate*0.95, s.best*0.95, float64(leastBurst))
		return
	}
	spare := max(0, 1-seen.waiting/goal.waiting)
	s.rate *= 1 + (0.02+0.06*spare)*min(intervals, 20)
	s.rate = max(min(s.rate, 2*s.best), float64(leastBurst)) // within reach: a night of refusals behind it would raise it for ever
}

// tally counts what is told in sum.
type tally struct {
	mu   sync.Mutex
	n    int
	told time.Time
}

// add counts one and returns how many there are to be told, at most once a second;
// 0 is too soon.
func (t *tally) add(now time.Time) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	if now.Sub(t.told) < time.Second {
		return 0
	}
	n := t.n
	t.n, t.told = 0, now
	return n
}
