package web

import (
	"runtime"
	"sync"
	"time"
)

// Shedder refuses requests before any work is done for them, once more come than
// can be served. They queue in two places, and each has its signal: before they are
// looked at, which a Probe tells, and at work, where reads are counted. (Writes wait
// for their bodies and for each other's commits, in a queue with an end of its own.)
// A queue that stands is overload: then no more reads may be at work than end soon,
// and no more requests are let in than have been served at best, or fewer.
type Shedder struct {
	now   func() time.Time
	probe Probe

	mu      sync.Mutex
	atWork  int     // reads
	late    int     // intervals in a row in which requests waited to be looked at
	crowded bool    // in the last interval too many were at work throughout
	rate    float64 // requests let in per second; 0 is no bound
	served  float64 // requests ended per second; moving average
	best    float64 // the highest of it; slowly forgets
	tokens  float64 // requests that may be let in now, if there is a rate
	filled  time.Time
	sent    time.Time // when the probe that is under way was sent, or the last one
	probing bool
	refused int // since it was last told
	told    time.Time
	interval
}

// interval is what has been seen since start.
type interval struct {
	start          time.Time
	arrived, ended int
	waited         time.Duration // of all probes
	probes         int           // that came back
	leastAtWork    int
}

// Probe calls back when a request that arrived now would be looked at.
type Probe func(back func())

const (
	shedInterval  = 100 * time.Millisecond
	probePause    = 5 * time.Millisecond
	standingDelay = 5 * time.Millisecond  // on average of an interval
	standingQueue = 64                    // fewer who wait are no overload, however slow the machine is
	workTime      = 15 * time.Millisecond // in which what is at work in overload should end
	mostAtWork    = 256                   // reads, ever: a burst of as many passes
)

// fewAtWork reads may be at work in overload, even if workTime allows fewer.
var fewAtWork = 4 * runtime.GOMAXPROCS(0)

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
func (s *Shedder) Enter(who Visitor, read bool) bool {
	ok, probe := s.enter(s.now(), who, read)
	if probe {
		s.probe(s.back)
	}
	return ok
}

func (s *Shedder) enter(now time.Time, who Visitor, read bool) (ok, probe bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.start) >= shedInterval {
		s.conclude(now)
	}
	s.arrived++
	if !s.probing && now.Sub(s.sent) >= probePause {
		s.probing, s.sent, probe = true, now, true
	}
	if read && !s.room(who) || !s.token(now, who) {
		s.refused++
		return false, probe
	}
	if read {
		s.atWork++
	}
	return true, probe
}

// Leave ends a request.
func (s *Shedder) Leave(read bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended++
	if read {
		s.atWork--
		s.leastAtWork = min(s.leastAtWork, s.atWork)
	}
}

// Told returns how many requests have been refused since it last did, at most
// once a second; 0 is none, or too soon.
func (s *Shedder) Told() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	now, n := s.now(), s.refused
	if n == 0 || now.Sub(s.told) < time.Second {
		return 0
	}
	s.refused, s.told = 0, now
	return n
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

// room reports whether one more read may be at work; the last fifth is for members.
func (s *Shedder) room(who Visitor) bool {
	most := float64(mostAtWork)
	if s.crowded || s.late > 1 {
		most = min(most, s.few())
	}
	if who == Stranger {
		most *= 0.8
	}
	return float64(s.atWork) < most
}

func (s *Shedder) few() float64 { return max(s.best*workTime.Seconds(), float64(fewAtWork)) }

// token takes one of those that come in at the rate. The lower half of the bucket
// is for members.
func (s *Shedder) token(now time.Time, who Visitor) bool {
	if s.rate == 0 {
		return true
	}
	size := max(s.rate*workTime.Seconds(), float64(fewAtWork))
	s.tokens = min(s.tokens+s.rate*now.Sub(s.filled).Seconds(), size)
	s.filled = now
	if s.tokens < 1 || who == Stranger && s.tokens < 1+size/2 {
		return false
	}
	s.tokens--
	return true
}

// crowd is how many reads at work throughout an interval are too many. The bound
// that then holds lowers their number and must not end itself by that.
func (s *Shedder) crowd() float64 {
	if s.crowded {
		return 0.2 * s.few()
	}
	return max(0.7*s.few(), standingQueue)
}

// memory is what an interval leaves of best. While requests are kept out, less is
// served because of that: were best to follow, the rate would chase it to nothing.
func (s *Shedder) memory() float64 {
	if s.late > 1 || s.rate > 0 {
		return 0.998
	}
	return 0.97
}

// conclude judges the interval that has ended and begins another.
func (s *Shedder) conclude(now time.Time) {
	took := now.Sub(s.start)
	delay := s.delay(now)
	s.served += (float64(s.ended)/took.Seconds() - s.served) / 3
	s.best = max(s.best*s.memory(), s.served)
	s.crowded = float64(s.leastAtWork) > s.crowd()
	waiting := float64(s.arrived) / took.Seconds() * delay.Seconds() // Little's law
	if delay > standingDelay && waiting > standingQueue {
		s.late++
	} else {
		s.late = 0
	}
	switch {
	case s.late > 1:
		s.slow()
	case s.rate > 0:
		s.hasten(float64(took) / float64(shedInterval))
	}
	s.interval = interval{start: now, leastAtWork: s.atWork}
}

// slow lowers the rate by a tenth, but not far below what has been served: to
// refuse more would help nobody.
func (s *Shedder) slow() {
	if s.rate == 0 {
		s.rate = s.best
	}
	s.rate = max(s.rate*0.9, s.best*0.7, float64(fewAtWork))
}

// hasten raises the rate by a twentieth for each interval, until it is no bound.
func (s *Shedder) hasten(intervals float64) {
	s.rate *= 1 + 0.05*min(intervals, 20)
	if s.rate > 2*s.best {
		s.rate = 0
	}
}
