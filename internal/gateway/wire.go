package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// What becomes of a request that gets no answer. An error of the wire is one of these, or
// the cause that ended its context, such as context.Canceled: the client left.
var (
	// errNotSent is of requests of which no instance can have read a byte.
	errNotSent = errors.New("not sent")
	// errRefused is an errNotSent: nobody takes connections at the address.
	errRefused = fmt.Errorf("%w: no connection", errNotSent)
	// errBroken is of requests that an instance may have read, and of answers that end early
	// or can't be understood.
	errBroken = errors.New("broken exchange")
	// errTimeout is an errBroken: the instance did nothing for too long.
	errTimeout = fmt.Errorf("%w: timed out", errBroken)
	// errClientBody is of requests whose body the client did not send whole, or not well.
	// No instance is to blame for it.
	errClientBody = errors.New("the client's body")
	// errClientGone is of answers that the client did not take.
	errClientGone = errors.New("the client is gone")
	// errBadRequest is of requests that can't be written to an instance in one sense only.
	errBadRequest = errors.New("ambiguous request")
)

// wireOptions are the bounds of a wire; what is zero has the default.
type wireOptions struct {
	dial    time.Duration // for a connection to be there; 1 s
	answer  time.Duration // for the head of an answer, from when the request is sent whole; 10 s
	stall   time.Duration // between two pieces of a body; 60 s
	idle    time.Duration // a connection is kept without use, less than servers keep theirs; 30 s
	perHost int           // idle connections to one address; 256
	total   int           // idle connections to all; 1024
	maxHead int           // bytes of an answer's head, or of its trailers; 64 KiB
}

func (o wireOptions) filled() wireOptions {
	defaults(&o.dial, time.Second)
	defaults(&o.answer, 10*time.Second)
	defaults(&o.stall, time.Minute)
	defaults(&o.idle, 30*time.Second)
	defaults(&o.perHost, 256)
	defaults(&o.total, 1024)
	defaults(&o.maxHead, 64<<10)
	return o
}

func defaults[T ~int | ~int64](value *T, other T) {
	if *value == 0 {
		*value = other
	}
}

// wire speaks HTTP/1.1 with instances, in plain TCP. A request without a body, or with one
// that is held, is sent and answered on the goroutine of its handler: that spares what
// http.Transport pays for two goroutines of each connection and what they tell each other.
type wire struct {
	o      wireOptions
	dialer net.Dialer

	mu     sync.Mutex
	hosts  map[string]*host
	idle   int // connections, in all hosts
	sweep  *time.Timer
	closed bool
}

func newWire(o wireOptions) *wire {
	o = o.filled()
	return &wire{o: o, dialer: net.Dialer{Timeout: o.dial}, hosts: map[string]*host{}}
}

// send sends out to address and returns when the head of the answer is there. The answer
// must be delivered or discarded. Where an idle connection turns out to be closed, a request
// of which nothing can have been read, or that may be repeated, is sent on a new one.
func (w *wire) send(ctx context.Context, out *outgoing, address string) (*reply, error) {
	c, err := w.take(ctx, address)
	if err != nil {
		return nil, err
	}
	a, err := w.exchange(ctx, c, out)
	if err == nil || !c.stale(err) || out.begun() || ctx.Err() != nil {
		return a, err
	}
	if !errors.Is(err, errNotSent) && !idempotent(out.method) {
		return nil, err
	}
	if c, err = w.connect(ctx, address); err != nil {
		return nil, err
	}
	return w.exchange(ctx, c, out)
}

// exchange sends out on c and reads the head of the answer. c is closed if that fails.
func (w *wire) exchange(ctx context.Context, c *conn, out *outgoing) (*reply, error) {
	a := &reply{wire: w, conn: c, out: out, ctx: ctx, scratch: scratches.Get().(*scratch)}
	a.in.Reset(c)
	if ctx.Done() != nil {
		a.unwatch = context.AfterFunc(ctx, c.end)
	}
	if err := a.ask(); err != nil {
		a.release(false)
		out.closeUnread()
		return nil, a.blame(ctx, err)
	}
	return a, nil
}

// ask sends the request and reads heads until that of the final answer.
func (a *reply) ask() error {
	out, c := a.out, a.conn
	if err := c.send(out.packet(), a.wire.o.answer); err != nil {
		return fmt.Errorf("send request: %w", err)
	}
	_ = c.SetReadDeadline(out.headBy(a.wire.o.answer))
	if out.streams() && !out.expect {
		out.startFeed(c, a.wire.o)
	}
	if out.repeatable() && !c.await() {
		return net.ErrClosed
	}
	for range maxInterim {
		if err := a.readHead(); err != nil {
			return fmt.Errorf("read head of answer: %w", err)
		}
		switch {
		case a.status >= 200:
			if out.repeatable() && !c.wait.CompareAndSwap(waiting, none) {
				return net.ErrClosed
			}
			a.refuseRest()
			return nil
		case a.status == 101:
			return fmt.Errorf("%w: it changed protocols, which nobody asked for", errBroken)
		case a.status == 100 && out.expect && !out.begun():
			out.startFeed(c, a.wire.o)
		case a.status != 100:
			out.tellInterim(&a.head)
		}
	}
	return fmt.Errorf("%w: too many interim answers", errBroken)
}

// maxInterim is how many heads are read for one request; all but the last are 1xx.
const maxInterim = 8

// refuseRest ends the sending of a body that the instance has answered without: only with
// a success does it go on, as they may be made of each other.
func (a *reply) refuseRest() {
	f := a.out.feed
	if f == nil {
		return
	}
	f.headCame()
	if a.status >= 300 && !f.finished() {
		f.stop()
	}
}

// blame says whose fault err is.
func (a *reply) blame(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case a.out.feed != nil && a.out.feed.clientBroke():
		return a.out.feed.err
	case errors.Is(cause, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", errTimeout, cause)
	case cause != nil:
		return cause
	case a.conn.wait.Load() == givenUp:
		return fmt.Errorf("%w: given up", errTimeout)
	case errors.Is(err, errNotSent) || errors.Is(err, errBroken):
		return err
	case isTimeout(err):
		return fmt.Errorf("%w: %w", errTimeout, err)
	}
	return fmt.Errorf("%w: %w", errBroken, err)
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// unexpected is err, or what the end of a stream is where more must come.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
