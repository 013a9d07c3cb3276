package gateway

import "time"

// use is one request at an instance. Its methods may be called by several goroutines.
type use struct {
	of *instance

	// What follows is guarded by the pool's lock.

	stage stage
	timed bool          // took is known
	took  time.Duration // from the request to the head of its answer
	since time.Time     // when stageWait began
}

// stage is how far a use has come.
type stage int8

const (
	stageUpload stage = iota // the client sends its body
	stageWait                // for the head of the answer
	stageAnswer
	stageOver
)

func (i *instance) begin(now time.Time) *use {
	i.inFlight++
	i.requests++
	u := &use{of: i}
	u.turn(stageWait, now)
	return u
}

func (u *use) instance() *instance { return u.of }

func (u *use) address() string { return u.of.address }

// uploading says that the client sends a body, in his own time: how long the answer takes is not
// held against the instance.
func (u *use) uploading() {
	p := u.of.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if u.stage == stageWait {
		u.turn(stageUpload, p.o.now())
	}
}

// answered says that the head of an answer has come. That is a sign of life; how long it took
// counts if it turns out to be fine.
func (u *use) answered() {
	p := u.of.pool
	p.mu.Lock()
	defer p.unlock()
	u.answer(p.o.now())
}

// done ends the use, and says how it went; fine implies answered. A second call is ignored.
func (u *use) done(v verdict) {
	i, p := u.of, u.of.pool
	p.mu.Lock()
	defer p.unlock()
	if u.stage == stageOver {
		return
	}
	now := p.o.now()
	if v == fine {
		u.answer(now)
	}
	waited := u.waited(now)
	u.turn(stageOver, now)
	i.inFlight--
	switch v {
	case fine:
		i.succeed(now, u)
	case failed, refused:
		i.fail(now, v, waited)
	}
	if i.removed && i.inFlight == 0 {
		p.leave(i.address)
	}
}

func (u *use) answer(now time.Time) {
	if u.stage >= stageAnswer {
		return
	}
	u.took, u.timed = u.waited(now), u.stage == stageWait
	u.turn(stageAnswer, now)
	u.of.alive(now)
}

// waited is for how long it has waited for the answer, if it still does.
func (u *use) waited(now time.Time) time.Duration {
	if u.stage != stageWait {
		return 0
	}
	return now.Sub(u.since)
}

// turn goes on to a stage, and counts who waits.
func (u *use) turn(to stage, now time.Time) {
	i := u.of
	if u.stage == stageWait {
		i.waiting--
	}
	u.stage = to
	if to != stageWait {
		return
	}
	u.since = now
	if i.waiting++; i.waiting == 1 {
		i.quietSince = now
	}
}
