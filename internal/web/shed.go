package web

import (
	"sync"
	"time"
)

// Shedder bounds the requests in flight and refuses more before any work is done.
// The bound follows the latency of reads: it falls by a tenth while they take
// much longer than they did at their best, and rises by one while they do not.
type Shedder struct {
	mu       sync.Mutex
	inFlight int
	bound    float64
	most     int
	best     time.Duration // slowly forgets, so a slower machine is a new normal
	recent   time.Duration // moving average
	lowered  time.Time
}

// leastInFlight is how far the bound may fall.
const leastInFlight = 16

// NewShedder makes a Shedder that lets at most so many requests in at once.
func NewShedder(most int) *Shedder {
	most = max(most, leastInFlight)
	return &Shedder{bound: float64(most), most: most}
}

// Enter reports whether a request may go on; then Leave must follow. Anonymous
// requests get at most nine tenths of the bound.
func (s *Shedder) Enter(anonymous bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	bound := s.bound
	if anonymous {
		bound *= 0.9
	}
	if float64(s.inFlight) >= bound {
		return false
	}
	s.inFlight++
	return true
}

// Leave ends a request. took is the latency of a read; 0 is left out of account,
// as for uploads and logins, which wait for other things.
func (s *Shedder) Leave(took time.Duration, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inFlight--
	if took <= 0 {
		return
	}
	s.recent += (took - s.recent) / 32
	if s.best == 0 || took < s.best {
		s.best = took
	}
	s.best += s.best/4096 + 1
	slow := s.recent > 5*s.best+50*time.Millisecond
	switch {
	case slow && now.Sub(s.lowered) > 100*time.Millisecond:
		s.bound = max(s.bound*0.9, leastInFlight)
		s.lowered = now
	case !slow:
		s.bound = min(s.bound+1, float64(s.most))
	}
}
