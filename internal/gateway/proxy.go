package gateway

import (
	"errors"
	"net/http"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// Reasons why no instance is asked.
var (
	errNoInstance  = errors.New("no instance may be asked")
	errBreakerOpen = errors.New("most of what was asked lately failed: nobody is asked for a while")
	errTooMany     = errors.New("too many requests are sent on at once")
)

// Handler returns what sends requests on to a service of Options.Services.
func (g *Gateway) Handler(service string) web.Handler {
	p := g.byName[service]
	return func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error { return g.send(w, r, p) }
}

// send has one request answered by an instance of a service. A small body has come before the
// request takes a place, or is the breaker's trial: clients who are slow with theirs keep nobody out.
func (g *Gateway) send(w http.ResponseWriter, r *http.Request, p *pool) error {
	from, ended := g.origin(r, p.service)
	defer ended(0) // if no instance was asked
	out, err := newOutgoing(w, r, from)
	if err != nil {
		return told(p.service, err)
	}
	defer out.close()
	if err := out.hold(); err != nil {
		return told(p.service, err)
	}
	leave, err := g.enter(out)
	if err != nil {
		return err
	}
	defer leave()
	conclude, wait, open := p.allow()
	if open {
		return web.RetryAfter(web.Away(p.service, errBreakerOpen), int((wait+time.Second-1)/time.Second))
	}
	end := unjudged
	defer func() { conclude(end) }()
	p.began()
	t := tries{gateway: g, pool: p, out: out, deadline: time.Now().Add(g.Timeout)}
	defer t.leave()
	reply, err := t.run(r)
	end = verdictOf(reply, err)
	ended(statusOf(reply))
	if err != nil {
		return told(p.service, err)
	}
	web.NoteRoute(r, reply.get(web.RouteHeader))
	if err := reply.deliver(w); err != nil {
		end = verdictOf(nil, err)
		t.cut(end, err)
	}
	t.use.done(end)
	return nil
}

// enter counts a request that is sent on. CodeBusy if there are too many: who only wants to read
// may take all places, others three quarters of them, for a write costs the services more. Half of
// them are for bodies that stream, which take as long as their clients like.
func (g *Gateway) enter(out *outgoing) (leave func(), err error) {
	most := int64(g.MaxInFlight)
	switch {
	case out.streams():
		most = max(1, most/2)
	case !reads(out.method):
		most = max(1, most*3/4)
	}
	if g.inFlight.Add(1) > most {
		g.inFlight.Add(-1)
		return nil, blog.Wrap(blog.CodeBusy, errTooMany)
	}
	return g.leave, nil
}

func (g *Gateway) leave() { g.inFlight.Add(-1) }

func reads(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// origin is what the service is told of where r comes from.
func (g *Gateway) origin(r *http.Request, service string) (from origin, ended func(status int)) {
	o := web.OriginOf(r)
	from = origin{client: o.Address, proto: o.Protocol, requestID: o.RequestID}
	if g.Hop == nil {
		return from, func(int) {}
	}
	trace := http.Header{}
	ended = g.Hop(r.Context(), r.Method, service, trace)
	for name, values := range trace {
		from.extra = append(from.extra, field{name, values[0]})
	}
	return from, ended
}

// tries are those of one request.
type tries struct {
	gateway  *Gateway
	pool     *pool
	out      *outgoing
	deadline time.Time // of the head of the answer
	tried    []*instance
	use      *use // of the last one; nil: there was none
}

// run asks one instance after the other until one answers as it should, or there is no other to
// be asked. The caller ends the use of the one whose answer it gets.
func (t *tries) run(r *http.Request) (*reply, error) {
	t.use = t.pool.acquire(nil)
	if t.use == nil {
		return nil, errNoInstance
	}
	for {
		reply, err := t.ask(r)
		next := t.next(reply, err)
		if next == nil && err == nil {
			return reply, nil
		}
		t.use.done(verdictOf(reply, err))
		if next == nil {
			return nil, err
		}
		if err == nil {
			reply.discard()
		}
		t.use = next
	}
}

// leave ends what a panic has left under way.
func (t *tries) leave() {
	if t.use != nil {
		t.use.done(unjudged)
	}
}

// ask sends the request to one instance and waits for the head of its answer.
func (t *tries) ask(r *http.Request) (*reply, error) {
	if t.out.streams() {
		t.use.uploading() // it is the client who is waited for
	} else {
		t.out.by = t.deadline
	}
	reply, err := t.gateway.wire.send(r.Context(), t.out, t.use.address())
	if err == nil {
		t.use.answered()
	}
	return reply, err
}

// next chooses who is asked after the last one, or nobody. What was never sent may always be sent
// elsewhere; what may have been read only if it is repeatable and the service's budget for that
// allows it.
func (t *tries) next(reply *reply, err error) *use {
	t.tried = append(t.tried, t.use.instance())
	if len(t.tried) > t.gateway.Retries || time.Now().After(t.deadline) || !worthAnother(reply, err) {
		return nil
	}
	unsent := errors.Is(err, errNotSent) && !t.out.begun()
	if !unsent && !t.out.repeatable() {
		return nil
	}
	return t.pool.another(t.tried, unsent)
}

// cut ends an answer that can't be told to its end, for the client, too, who must not take it for
// whole. It does not return.
func (t *tries) cut(end verdict, err error) {
	t.use.done(end)
	if end == failed {
		t.gateway.Log.Warn("an answer broke off", "service", t.pool.service, "instance", t.use.instance().id, "error", err)
	}
	panic(http.ErrAbortHandler)
}
