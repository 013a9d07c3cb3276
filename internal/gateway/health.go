package gateway

import (
	"slices"
	"time"
)

// verdict is how a request went, as far as that says something about the instance.
type verdict int

const (
	unjudged verdict = iota // nothing: the client was at fault or left, or the instance said that it is busy
	fine
	failed  // it answered 502, 503 or 504, broke off, or did not answer in time
	refused // it could not be connected to
)

// ejection is how an instance is left out for a while.
type ejection struct {
	until  time.Time
	length time.Duration
	row    int // how many there were in a row
}

func (e *ejection) on(now time.Time) bool { return now.Before(e.until) }

// begun is when it began; the zero time's if there was none.
func (e *ejection) begun() time.Time { return e.until.Add(-e.length) }

// begin leaves out for row × base. Who was well for as long as he was left out starts again.
func (e *ejection) begin(now time.Time, base, most time.Duration) {
	if now.Sub(e.until) >= e.length {
		e.row = 0
	}
	e.row++
	e.length = min(time.Duration(e.row)*base, max(base, most))
	e.until = now.Add(e.length)
}

// eject leaves an instance out, if that leaves at least half of them: else something else is
// wrong, and who is left would have too much to do. Nobody is let in again because others were
// removed since.
func (i *instance) eject(now time.Time, reason string) {
	p := i.pool
	if i.removed || i.ejection.on(now) || 2*(p.ejected(now)+1) > len(p.instances) {
		return
	}
	i.ejection.begin(now, p.o.ejectTime, p.o.ejectMax)
	i.warm(i.ejection.until)
	i.ejections++
	i.reason, i.failures, i.latency = reason, 0, latency{} // who returns is judged anew
	i.answers.clear()
	if p.o.ejected != nil {
		s := i.status(now)
		p.later = append(p.later, func() { p.o.ejected(s) })
	}
}

func (p *pool) ejected(now time.Time) (n int) {
	for _, i := range p.instances {
		if i.ejection.on(now) {
			n++
		}
	}
	return n
}

// succeed counts an answer. How long one took that was asked for before an ejection says what is
// known, and would keep requests away from who has returned for another while.
func (i *instance) succeed(now time.Time, u *use) {
	i.failures = 0
	if u.timed && !u.since.Before(i.ejection.begun()) {
		i.sample(now, u.took)
	}
}

// fail counts a failure, after who has waited for so long. It is as dear as a slow answer, or who
// fails at once would seem the fastest of all.
func (i *instance) fail(now time.Time, v verdict, waited time.Duration) {
	i.errors++
	if i.ejection.on(now) {
		return
	}
	i.took(now, max(waited, i.pool.o.slowCall))
	i.failures++
	switch {
	case v == refused:
		i.eject(now, "refused")
	case i.failures >= i.pool.o.failures:
		i.eject(now, "failures")
	}
}

// sample takes how long an answer took to begin.
func (i *instance) sample(now time.Time, took time.Duration) {
	i.took(now, took)
	c := count{all: 1}
	if took > i.pool.o.slowCall {
		c.marked = 1
	}
	i.answers.add(now, c)
	if c.marked > 0 && i.slow(now) && !i.pool.othersSlow(now, i) {
		i.eject(now, "slow")
	}
}

// took takes a time into the average. The first is set against the mean of the others: with a cold
// cache it says little.
func (i *instance) took(now time.Time, took time.Duration) {
	if !i.latency.known() {
		i.latency = latency{seconds: i.pool.usualLatency(now, took.Seconds()), since: now.Add(-took)}
	}
	i.latency.observe(now, took)
}

func (i *instance) slow(now time.Time) bool {
	c := i.answers.at(now)
	return c.all >= i.pool.o.slowCalls && 2*c.marked >= c.all
}

// othersSlow reports whether the other instances together are slow, or have said nothing:
// then it is what they all wait for.
func (p *pool) othersSlow(now time.Time, except *instance) bool {
	var sum count
	for _, i := range p.instances {
		if i != except {
			c := i.answers.at(now)
			sum.all, sum.marked = sum.all+c.all, sum.marked+c.marked
		}
	}
	return 2*sum.marked >= sum.all
}

// suspects returns who has given no sign of life for a while though somebody waits. They are to
// be asked for one, and told of as lives or hung; none is returned again for a while.
func (p *pool) suspects(now time.Time) []*instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*instance
	for _, i := range p.instances {
		if i.silence(now) > p.o.suspectAfter && now.Sub(i.suspected) >= p.o.suspectAfter {
			i.suspected = now
			list = append(list, i)
		}
	}
	return list
}

// lives says that a suspect has answered: it may be slow, and whether it is ready is another question.
func (i *instance) lives() {
	p := i.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	i.alive(p.o.now())
}

// hung says that a suspect has not answered a probe either. If it has said nothing else meanwhile
// it is left out. news: it is the first probe to fail since its last sign of life. others: there is
// somebody else to go to for those who wait for it.
func (i *instance) hung() (news, others bool) {
	p := i.pool
	p.mu.Lock()
	defer p.unlock()
	if i.heard.After(i.suspected) {
		return false, false
	}
	news, i.hangs = !i.hangs, true
	now := p.o.now()
	i.eject(now, "hung")
	return news, slices.ContainsFunc(p.instances, func(other *instance) bool { return other != i && other.rank(now) != out })
}

// toProbe returns who is to be probed now, and told of as probed: those of firm lists every
// while, those who are doubted at once, and then every while until they are listed again.
func (p *pool) toProbe(now time.Time) []*instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*instance
	for _, i := range p.instances {
		every := p.o.doubtEvery
		if i.standing == listed {
			every = p.o.probeEvery
		}
		if i.standing == listed && (!p.firm || every == 0) || now.Before(i.nextProbe) {
			continue
		}
		i.nextProbe = now.Add(every)
		list = append(list, i)
	}
	return list
}

// probed tells how a probe went, and why it failed if so. Who is on no list is dropped then, but not
// who is known to fail: when what all depend on is away, all do, and are well again at once with it.
func (i *instance) probed(ok bool, reason string) {
	p := i.pool
	p.mu.Lock()
	defer p.unlock()
	switch {
	case i.removed:
	case ok:
		i.recover(p.o.now())
	case i.standing != listed && !i.failing:
		p.drop(i)
	case i.standing != listed:
		i.standing, i.unwell, i.reason = doubted, true, reason
	default:
		i.miss(reason)
	}
}

// recover notes that it is alive, and well.
func (i *instance) recover(now time.Time) {
	i.alive(now)
	i.misses = 0
	if i.standing == doubted {
		i.standing = unlisted
	}
	i.heal(now)
}

// miss notes that a probe of a listed instance failed; one may be chance.
func (i *instance) miss(reason string) {
	if !i.pool.firm {
		return
	}
	if i.misses++; i.misses >= 2 {
		i.unwell, i.reason = true, reason
	}
}
