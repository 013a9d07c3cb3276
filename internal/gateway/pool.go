package gateway

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"inkstone/internal/discovery"
)

// poolOptions is how a pool works; defaultOptions has what is usual.
type poolOptions struct {
	policy string // "p2c", "least-conn" or "round-robin"

	failures  int           // so many failed in a row eject an instance
	ejectTime time.Duration // of the first ejection; the n-th in a row takes n times as long
	ejectMax  time.Duration // but no longer than this, unless ejectTime is
	slowCall  time.Duration // an answer that took longer is slow
	slowCalls int           // of so many answers within window or more, half must be slow to eject
	slowStart time.Duration // in which the share of who is new or has returned grows; 0: at once

	suspectAfter time.Duration // without a sign of life, though somebody waits
	probeEvery   time.Duration // for instances of firm lists; 0: never
	doubtEvery   time.Duration // for instances that are on no list any more

	window       time.Duration // that slow calls, breaker and budget look back
	breakerCalls int           // of so many requests within window or more, half must fail to open the breaker
	breakerTime  time.Duration // that it is open before a trial
	retryShare   float64       // retries within window for each request
	retryFloor   int           // retries within window that are allowed whatever the share

	now    func() time.Time // must not go backwards, as a time with a monotonic part does not
	random func() float64   // in [0, 1); called by one goroutine at a time

	// gone is told an address that no instance of the pool has any more, and again when the last
	// request there has ended. Another pool may still use it. ejected is told who is left out, and
	// why. Both are called without a lock; nil is nobody to tell.
	gone    func(address string)
	ejected func(InstanceStatus)
}

func defaultOptions() poolOptions {
	return poolOptions{
		policy:   "p2c",
		failures: 5, ejectTime: 30 * time.Second, ejectMax: 5 * time.Minute,
		slowCall: 3 * time.Second, slowCalls: 20, slowStart: 10 * time.Second,
		suspectAfter: time.Second, probeEvery: 5 * time.Second, doubtEvery: 5 * time.Second,
		window: 10 * time.Second, breakerCalls: 20, breakerTime: 2 * time.Second,
		retryShare: 0.2, retryFloor: 3,
		now: time.Now, random: rand.Float64,
	}
}

// pool is the instances of a service. It moves no bytes: who does asks it for an instance, and
// tells it how that went.
type pool struct {
	service string
	o       poolOptions
	choose  policy
	breaker *breaker

	mu         sync.Mutex
	firm       bool        // the list is
	instances  []*instance // ordered by id
	candidates []*instance // of one call of acquire; kept for its memory
	budget     budget
	later      []func() // what is to be told once the lock is free
}

// newPool makes a pool without instances.
func newPool(service string, o poolOptions) *pool {
	return &pool{
		service: service, o: o, choose: policies[o.policy], breaker: newBreaker(o),
		budget: budget{share: o.retryShare, floor: o.retryFloor, recent: newWindow(o)},
	}
}

// unlock frees the lock and then tells what is to be told.
func (p *pool) unlock() {
	later := p.later
	p.later = nil
	p.mu.Unlock()
	for _, tell := range later {
		tell()
	}
}

// update takes over a list. Who is known by id and address stays as he is, whatever is known of
// him. Who is missing is removed if that is sure, as when one of the list has his id or his address,
// and doubted if he may only have been forgotten, or fails: then he stays for as long as he does.
func (p *pool) update(l discovery.List) {
	p.mu.Lock()
	defer p.unlock()
	p.firm = l.Firm
	now, before := p.o.now(), p.instances
	p.instances = p.listed(l, now)
	for _, i := range before {
		switch {
		case slices.Contains(p.instances, i):
		case l.Firm || slices.ContainsFunc(l.Withdrawn, i.is) || slices.ContainsFunc(l.Instances, i.is):
			p.remove(i)
		default:
			i.failing = slices.ContainsFunc(l.Failing, i.is)
			i.doubt(now)
			p.instances = append(p.instances, i)
		}
	}
	slices.SortFunc(p.instances, func(a, b *instance) int { return strings.Compare(a.id, b.id) })
}

// listed returns the instances of a list: those that are known already, and new ones. One that
// has moved or is called otherwise is a new one, but for a decision that it is to be left alone.
func (p *pool) listed(l discovery.List, now time.Time) []*instance {
	known := p.instances
	var list []*instance
	for _, d := range l.Instances {
		if slices.ContainsFunc(list, func(i *instance) bool { return i.is(d) }) {
			continue
		}
		i := find(known, d.ID)
		if i == nil || i.address != d.Address {
			i = newInstance(p, d, now)
			i.drained = slices.ContainsFunc(known, func(old *instance) bool { return old.drained && old.is(d) })
		}
		i.list(d, now)
		list = append(list, i)
	}
	return list
}

// remove forgets an instance, which is not among p.instances any more.
func (p *pool) remove(i *instance) {
	i.removed = true
	p.leave(i.address)
}

// drop removes an instance that is known.
func (p *pool) drop(i *instance) {
	p.instances = slices.DeleteFunc(p.instances, func(other *instance) bool { return other == i })
	p.remove(i)
}

// leave tells that an address is not used any more, if so.
func (p *pool) leave(address string) {
	if p.o.gone == nil {
		return
	}
	p.later = append(p.later, func() {
		if !p.uses(address) {
			p.o.gone(address)
		}
	})
}

func find(list []*instance, id string) *instance {
	for _, i := range list {
		if i.id == id {
			return i
		}
	}
	return nil
}

// acquire chooses an instance that is not among tried, and counts a request as in flight there.
// It returns nil if there is none; otherwise done must follow.
func (p *pool) acquire(tried []*instance) *use {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.now()
	p.gather(now, tried, false)
	return p.take(now)
}

// another is acquire for a further try of a request. One that may have been read by those who were
// tried needs a place in the budget.
func (p *pool) another(tried []*instance, unsent bool) *use {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.now()
	p.gather(now, tried, unsent)
	if len(p.candidates) == 0 || !p.budget.take(now, unsent) {
		return nil
	}
	return p.take(now)
}

// take begins a use of one of p.candidates, if there is one.
func (p *pool) take(now time.Time) *use {
	if len(p.candidates) == 0 {
		return nil
	}
	i := p.candidates[0]
	if len(p.candidates) > 1 {
		i = p.choose(p, now)
	}
	return i.begin(now)
}

// gather makes p.candidates those who may be chosen: those of the best standing there is, without
// those who were tried. If desperate, these do not count for what is best: where the good ones have
// taken no connection, one that is left out may be well again.
func (p *pool) gather(now time.Time, tried []*instance, desperate bool) {
	best := out
	p.candidates = p.candidates[:0]
	for _, i := range p.instances {
		r, was := i.rank(now), slices.Contains(tried, i)
		if r > best || i.drained || was && desperate {
			continue
		}
		if r < best {
			best, p.candidates = r, p.candidates[:0]
		}
		if !was {
			i.share = i.shareAt(now)
			p.candidates = append(p.candidates, i)
		}
	}
}

// available returns how many instances may be chosen now. If all are out of order that is all of
// them, as it may be the judgement which is wrong; never those who are drained.
func (p *pool) available() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gather(p.o.now(), nil, false)
	return len(p.candidates)
}

// drain lets an instance have no more requests, until it is resumed or leaves the list. What is in
// flight there goes on. It returns false if there is no such instance.
func (p *pool) drain(id string) bool {
	return p.change(id, func(i *instance) { i.drained = true })
}

// resume ends drain. The share of the instance grows as that of a new one. It returns false if
// there is no such instance.
func (p *pool) resume(id string) bool {
	return p.change(id, func(i *instance) {
		if i.drained {
			i.drained = false
			i.warm(p.o.now())
		}
	})
}

// change has an instance changed under the lock. It returns false if there is no such instance.
func (p *pool) change(id string, how func(*instance)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := find(p.instances, id)
	if i == nil {
		return false
	}
	how(i)
	return true
}

// allow asks the breaker. If it is not open, done is to be told once how the request went, retries
// included: unjudged if nothing came of it, as when the client left. If it is open, a request is
// to be refused, and may be tried again in retryIn.
func (p *pool) allow() (done func(verdict), retryIn time.Duration, open bool) {
	return p.breaker.allow()
}

// began counts a request of a client, which may be retried.
func (p *pool) began() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.budget.began(p.o.now())
}

// uses reports whether an instance has an address.
func (p *pool) uses(address string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.instances, func(i *instance) bool { return i.address == address })
}
