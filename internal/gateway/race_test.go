package gateway

import (
	"sync"
	"testing"
	"time"

	"inkstone/internal/discovery"
)

// Under -race this is also the test that nothing is used without the lock.
func TestManyAtOnceLeaveNothingInFlight(t *testing.T) {
	o := defaultOptions()
	o.gone, o.ejected = func(string) {}, func(InstanceStatus) {}
	p := newPool("post-service", o)
	p.update(listOf(1, 2, 3))
	var all sync.WaitGroup
	for n := range 16 {
		all.Go(func() {
			for r := range 500 {
				visit(p, verdict((n+r)%4))
			}
		})
	}
	all.Go(func() {
		for n := range 200 {
			p.update([]discovery.List{listOf(1, 2, 3), listOf(3), listOf(1, 1)}[n%3])
			for _, i := range p.toProbe(time.Now()) {
				i.probed(n%2 == 0, "test")
			}
			for _, i := range p.suspects(time.Now()) {
				i.hung()
			}
			p.drain("a")
			p.resume("a")
			p.status()
			p.available()
		}
	})
	all.Wait()
	p.update(listOf(1, 2, 3))
	for _, i := range p.instances {
		if i.inFlight != 0 || i.waiting != 0 {
			t.Errorf("%s has %d in flight, %d waiting", i.id, i.inFlight, i.waiting)
		}
	}
	if s := p.status(); s.Requests != 16*500 {
		t.Errorf("counted %d requests", s.Requests)
	}
}

// visit is a request with all there may be.
func visit(p *pool, v verdict) {
	p.began()
	if done, _, open := p.allow(); !open {
		defer done(v)
	}
	u := p.acquire(nil)
	if u == nil {
		return
	}
	if again := p.another([]*instance{u.instance()}, v == refused); again != nil {
		again.done(v)
	}
	u.uploading()
	u.answered()
	u.done(v)
}

func BenchmarkAcquire(b *testing.B) {
	for _, policy := range []string{"p2c", "least-conn", "round-robin"} {
		b.Run(policy, func(b *testing.B) {
			o := defaultOptions()
			o.policy = policy
			p := newPool("post-service", o)
			p.update(listOf(1, 1, 1))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					u := p.acquire(nil)
					u.answered()
					u.done(fine)
				}
			})
		})
	}
}
