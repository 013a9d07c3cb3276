package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"inkstone/internal/discovery"
)

// Options are what a Gateway needs.
type Options struct {
	Services []string // that it sends requests on to, such as "post-service"
	Local    []string // that are answered in this process; only told of

	Balancer    string        // p2c, least-conn or round-robin
	Timeout     time.Duration // until an answer begins, once the request is sent, retries included
	DialTimeout time.Duration
	Retries     int           // on other instances, of one request
	MaxInFlight int           // requests that are sent on at once
	EjectTime   time.Duration // for the first time
	SlowCall    time.Duration
	SlowStart   time.Duration
	ProbeEvery  time.Duration // of instances that no registry looks after; 0: never

	Name  func() string          // of this process, for who asks for the state
	State func() discovery.State // of where the lists come from
	Hop   Hop                    // nil: nobody traces
	Log   *slog.Logger
}

// Hop makes a request to a service a part of the trace that ctx belongs to: header gets what tells
// the service so, and end is called with the status of its answer, 0 for none; only the first call counts.
type Hop func(ctx context.Context, method, service string, header http.Header) (end func(status int))

// Gateway sends requests on to the instances of services.
type Gateway struct {
	Options
	pools    []*pool // in the order of Services
	byName   map[string]*pool
	wire     *wire
	inFlight atomic.Int64
	updated  chan struct{} // has something when a list has come
	prober   *prober
}

// New makes a Gateway that knows no instance yet.
func New(o Options) *Gateway {
	g := &Gateway{Options: o, byName: map[string]*pool{}, updated: make(chan struct{}, 1)}
	g.wire = newWire(wireOptions{dial: o.DialTimeout, answer: o.Timeout})
	for _, service := range o.Services {
		p := newPool(service, g.poolOptions())
		g.pools = append(g.pools, p)
		g.byName[service] = p
	}
	g.prober = newProber()
	return g
}

// Update takes over what is known of a service.
func (g *Gateway) Update(l discovery.List) {
	p := g.byName[l.Service]
	if p == nil {
		return
	}
	p.update(l)
	select {
	case g.updated <- struct{}{}:
	default:
	}
}

// lookEvery is how often it is looked whether an instance is to be asked how it is.
const lookEvery = 100 * time.Millisecond

// Run asks instances how they are, where there is doubt, until ctx ends.
func (g *Gateway) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var asking sync.WaitGroup
	defer asking.Wait()
	for {
		for _, p := range g.pools {
			g.look(ctx, p, &asking)
		}
		select {
		case <-tick.C:
		case <-g.updated:
		case <-ctx.Done():
			return
		}
	}
}

// look asks those of a pool that are to be asked now, each aside: one that hangs keeps nobody waiting.
func (g *Gateway) look(ctx context.Context, p *pool, asking *sync.WaitGroup) {
	now := time.Now()
	for _, i := range p.suspects(now) {
		asking.Go(func() {
			err := g.prober.alive(ctx, i.address)
			switch {
			case ctx.Err() != nil || err != nil && ours(err): // nobody was asked
			case err != nil:
				g.hangs(i, err)
			default:
				i.lives()
			}
		})
	}
	for _, i := range p.toProbe(now) {
		asking.Go(func() {
			err := g.prober.ready(ctx, i.address)
			switch {
			case ctx.Err() != nil || err != nil && ours(err): // nobody was asked
			case err != nil:
				i.probed(false, err.Error())
			default:
				i.probed(true, "")
			}
		})
	}
}

// hangs has those who wait for an instance that gives no sign of life go elsewhere, if there is
// anybody else.
func (g *Gateway) hangs(i *instance, err error) {
	news, others := i.hung()
	if news {
		g.Log.Warn("an instance hangs", "service", i.pool.service, "instance", i.id, "error", err)
	}
	if others {
		g.wire.interrupt(i.address)
	}
}

// Close ends the connections to instances. Requests have ended by then.
func (g *Gateway) Close() error {
	g.wire.close()
	g.prober.close()
	return nil
}

// Instances returns how many instances of each service may be sent requests now; a service of
// this process has one.
func (g *Gateway) Instances() map[string]int {
	all := make(map[string]int, len(g.pools)+len(g.Local))
	for _, name := range g.Local {
		all[name] = 1
	}
	for _, p := range g.pools {
		all[p.service] = p.available()
	}
	return all
}

func (g *Gateway) poolOptions() poolOptions {
	o := defaultOptions()
	o.policy = g.Balancer
	o.ejectTime, o.slowCall, o.slowStart, o.probeEvery = g.EjectTime, g.SlowCall, g.SlowStart, g.ProbeEvery
	o.gone = g.gone
	o.ejected = func(s InstanceStatus) {
		g.Log.Warn("an instance is left out for a while", "instance", s.ID, "address", s.Address, "reason", s.Reason, "until", s.EjectedUntil)
	}
	return o
}

// gone closes the connections to an address, unless another service has it, too.
func (g *Gateway) gone(address string) {
	for _, p := range g.pools {
		if p.uses(address) {
			return
		}
	}
	g.wire.forget(address)
}
