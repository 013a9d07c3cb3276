package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// Reasons why no instance is asked.
var (
	errNoInstance  = errors.New("no instance is known")
	errBreakerOpen = errors.New("most of what was asked lately failed: nobody is asked for a while")
	errTooMany     = errors.New("too many requests are sent on at once")
)

// Handler returns what sends requests on to a service of Options.Services.
func (g *Gateway) Handler(service string) web.Handler {
	p := g.byName[service]
	return func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error { return g.send(w, r, p) }
}

// send has one request answered by an instance of a service.
func (g *Gateway) send(w http.ResponseWriter, r *http.Request, p *pool) error {
	leave, err := g.enter(r)
	if err != nil {
		return err
	}
	defer leave()
	conclude, wait, open := p.allow()
	if open {
		return web.RetryAfter(web.Away(p.service, errBreakerOpen), int((wait+time.Second-1)/time.Second))
	}
	job, err := newJob(r, g.Hop)
	if err != nil {
		conclude(true) // nothing has been asked, or it was the client's fault
		return err
	}
	defer job.close()
	p.began()
	reply, use, err := g.try(r.Context(), p, job)
	if err != nil {
		conclude(!isFailure(err))
		return err
	}
	conclude(!failed(reply))
	return finish(w, r, reply, use)
}

// enter counts a request that is sent on. CodeBusy if there are too many: who only wants to read
// may take all places, others three quarters of them, for a write costs the services more.
func (g *Gateway) enter(r *http.Request) (leave func(), err error) {
	most := int64(g.MaxInFlight)
	if !reads(r.Method) {
		most = max(1, most*3/4)
	}
	if g.inFlight.Add(1) > most {
		g.inFlight.Add(-1)
		return nil, blog.Wrap(blog.CodeBusy, errTooMany)
	}
	return func() { g.inFlight.Add(-1) }, nil
}

func reads(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// try asks one instance after the other until one answers, or there is no other to be asked.
// The caller ends the use of the one who has.
func (g *Gateway) try(ctx context.Context, p *pool, j *job) (*reply, *use, error) {
	var tried []*instance
	var last error
	deadline := time.Now().Add(g.Timeout)
	for {
		u := p.acquire(tried)
		if u == nil {
			if last == nil {
				last = web.Away(p.service, errNoInstance)
			}
			return nil, nil, last
		}
		tried = append(tried, u.instance())
		reply, err := g.ask(ctx, u, j, deadline)
		again := g.again(p, j, len(tried), deadline, reply, err)
		if err == nil && !again {
			return reply, u, nil
		}
		u.done(verdictOf(reply, err))
		if err == nil {
			reply.discard()
		}
		if !again {
			return nil, nil, told(p.service, err)
		}
		last = told(p.service, cause(reply, err))
	}
}

// ask sends the request to one instance and waits for the head of its answer.
func (g *Gateway) ask(ctx context.Context, u *use, j *job, deadline time.Time) (*reply, error) {
	j.out.deadline, j.out.repeatable = deadline, j.repeatable
	end := j.begin(ctx, u)
	reply, err := g.wire.send(ctx, j.out, u.address())
	if err == nil {
		u.answered()
	}
	end(reply, err)
	return reply, err
}

// finish sends the answer of an instance to the client. One that ends early is cut off for the
// client, too, who must not take it for whole.
func finish(w http.ResponseWriter, r *http.Request, reply *reply, u *use) error {
	verdict := verdictOf(reply, nil)
	web.TakeBusy(reply.header)
	if err := reply.deliver(w, r); err != nil {
		if isUpstreams(err) {
			verdict = failedVerdict
		} else {
			verdict = unjudged
		}
		u.done(verdict)
		panic(http.ErrAbortHandler)
	}
	u.done(verdict)
	return nil
}
