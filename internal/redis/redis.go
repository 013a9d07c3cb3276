// Package redis is the connection to a Redis that may be away, slow or damaged. What is
// asked of it is answered or given up within 50 ms, and while it does not answer nobody
// waits for it at all. What is kept there, and what takes its place meanwhile, is up to
// those who use it.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	// Bound is the longest that a caller waits.
	Bound = 50 * time.Millisecond

	probeEvery  = time.Second            // while it is away
	connectWait = 500 * time.Millisecond // for a connection
	startWait   = 250 * time.Millisecond // how much later than without Redis a program starts

	// callLife is how long a call goes on whose caller does not wait any more: a connection
	// that is being made is there for the next, and one that is late is not lost.
	callLife = 5 * Bound

	// maxConns bounds the connections. Each has one call at a time: where several share one, the
	// library makes callers wait without regard to a bound once 1,024 are under way
	// (redis/rueidis#858), and ends the process if the server says more than it was asked.
	maxConns = 16

	// A caller who is woken so much later than he asked for was not kept by Redis, but by
	// a machine that had no processor for him. The answer then has a moment to be looked at.
	stall  = 5 * time.Millisecond
	moment = 10 * time.Millisecond
)

// ErrAway is why Redis was not asked: it has not answered lately. Its user goes on without it.
var ErrAway = errors.New("redis is away")

// errBusy is that all connections were in use for as long as a call takes.
var errBusy = errors.New("all connections wait for redis")

// Script is Lua that is run in Redis.
type Script = rueidis.Lua

// NewScript makes a script of its text. It is sent with each call, though without its
// comments, so that none needs a second round trip where Redis has forgotten it.
func NewScript(text string) *Script {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "--") {
			b.WriteString(line + "\n")
		}
	}
	return rueidis.NewLuaScriptNoSha(b.String())
}

// Options are what Open needs.
type Options struct {
	URL string // redis:// or rediss://, with user, password and the number of the database

	// Report is told that Redis has gone away, and why, or with nil that it is back; at
	// most once in 10 s.
	Report func(err error)
	// Failed is told of each call that failed: one of Kinds.
	Failed func(kind string)
}

// Kinds are the ways in which a call fails: no answer in time, no connection, an error
// that Redis answers, no turn in time.
var Kinds = []string{"timeout", "connection", "server", "busy"}

// Client is safe for concurrent use.
type Client struct {
	conn    rueidis.Client
	breaker breaker
	news    news
	failed  func(kind string)
	calls   chan struct{} // holds a token for each call under way; in its line, who came first is first
	dials   atomic.Bool   // whether connections are made
	running sync.WaitGroup
}

// Open makes the client. That Redis is away is no error; it is looked for by Run.
func Open(o Options) (*Client, error) {
	opt, err := rueidis.ParseURL(o.URL)
	if err != nil {
		return nil, errors.New("not a Redis URL") // the library's words quote it, password and all
	}
	c := &Client{failed: o.Failed, calls: make(chan struct{}, maxConns), news: news{report: o.Report}}
	opt.ForceSingleClient = true
	opt.DisableAutoPipelining, opt.BlockingPoolSize = true, maxConns+1 // and one to look for it
	opt.DisableCache = true
	opt.DisableRetry = true
	opt.ClientName = "inkstone"
	opt.ReadBufferEachConn, opt.WriteBufferEachConn = 4<<10, 4<<10
	opt.Dialer = net.Dialer{Timeout: connectWait, KeepAlive: time.Second}
	opt.ConnWriteTimeout = time.Second // a connection that is silent for so long is given up
	opt.DialCtxFn = c.dial
	c.conn, err = rueidis.NewClient(opt)
	if c.conn == nil {
		return nil, err
	}
	c.dials.Store(true)
	c.breaker.trip()
	ctx, cancel := context.WithTimeout(context.Background(), startWait)
	defer cancel()
	c.lookFor(ctx)
	return c, nil
}

// dial makes no connection for NewClient, which would wait for it.
func (c *Client) dial(ctx context.Context, address string, d *net.Dialer, t *tls.Config) (conn net.Conn, err error) {
	switch {
	case !c.dials.Load():
		return nil, ErrAway
	case t != nil:
		conn, err = (&tls.Dialer{NetDialer: d, Config: t}).DialContext(ctx, "tcp", address)
	default:
		conn, err = d.DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, &dialError{err}
	}
	return conn, nil
}

// dialError is why there is no new connection.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }

// Run looks for a Redis that is away, once a second, until ctx ends. No call does that,
// for one would wait.
func (c *Client) Run(ctx context.Context) {
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		if !c.Up() {
			c.lookFor(ctx)
		}
		c.news.tell(c.Up())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// probe does what users do: a Redis that answers and can't be written to, as a replica or
// one without memory, is as good as away.
var probe = NewScript(`redis.call('SET', KEYS[1], '', 'PX', 1000) return {}`)

// lookFor asks with the time that a new connection takes, then in the time that a call has.
func (c *Client) lookFor(ctx context.Context) {
	err := c.probe(ctx, 2*connectWait)
	if err == nil {
		err = c.probe(ctx, Bound)
	}
	if err == nil {
		c.breaker.mend()
	} else if ctx.Err() != context.Canceled {
		c.news.cause(err)
	}
	c.news.tell(c.Up())
}

func (c *Client) probe(ctx context.Context, bound time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	_, err := c.run(ctx, probe, []string{"inkstone:v1:probe"}, nil)
	return err
}

// Up reports whether Redis is asked.
func (c *Client) Up() bool { return !c.breaker.open() }

// Eval runs a script that answers with numbers. An error is one of Redis, of the
// connection to it, or ErrAway: never one of the request. That a caller goes away does
// not end a call, for it would look as if Redis had failed; and what is asked with no time
// left to wait for the answer is asked all the same.
func (c *Client) Eval(ctx context.Context, s *Script, keys, args []string) ([]int64, error) {
	if !c.Up() {
		return nil, ErrAway
	}
	bound, spend := patienceOf(ctx)
	begun := time.Now()
	defer spend(begun)
	timer := time.NewTimer(bound)
	defer timer.Stop()
	select {
	case c.calls <- struct{}{}:
	case <-timer.C:
		return c.note(answer{err: errBusy}, begun, bound)
	}
	call := c.start(s, keys, args)
	select {
	case a := <-call:
		return c.note(a, begun, bound)
	case <-timer.C:
	}
	if time.Since(begun) > bound+stall {
		select {
		case a := <-call:
			return c.note(a, begun, bound)
		case <-time.After(moment):
		}
	}
	return c.note(answer{err: context.DeadlineExceeded}, begun, bound)
}

type answer struct {
	numbers []int64
	err     error
}

// start gives a call its connection and the place that it holds in calls until its end.
func (c *Client) start(s *Script, keys, args []string) <-chan answer {
	got := make(chan answer, 1)
	c.running.Go(func() {
		defer func() { <-c.calls }()
		ctx, cancel := context.WithTimeout(context.Background(), callLife)
		defer cancel()
		list, err := c.run(ctx, s, keys, args)
		got <- answer{list, err}
	})
	return got
}

// run tries the connections that there are, then a new one: a server that was started again, or
// closes those that were idle, breaks all of them.
func (c *Client) run(ctx context.Context, s *Script, keys, args []string) (list []int64, err error) {
	for range maxConns + 1 {
		list, err = c.try(ctx, s, keys, args)
		if _, isNew := errors.AsType[*dialError](err); err == nil || isNew || kindOf(err) != "connection" {
			break
		}
	}
	return list, err
}

// try survives the library's panic about a length that makes no sense.
func (c *Client) try(ctx context.Context, s *Script, keys, args []string) (list []int64, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("redis answers what makes no sense: %v", cause)
		}
	}()
	return s.Exec(ctx, c.conn, keys, args).AsIntSlice()
}

func (c *Client) note(a answer, begun time.Time, bound time.Duration) ([]int64, error) {
	if a.err == nil {
		c.breaker.succeeded()
		return a.numbers, nil
	}
	c.failed(kindOf(a.err))
	c.news.cause(a.err)
	if bound < Bound && time.Since(begun) >= bound { // what the request asked before has spent its time
		return nil, a.err
	}
	if c.breaker.failed(begun) {
		c.news.tell(false)
	}
	return nil, a.err
}

func kindOf(err error) string {
	if _, answered := rueidis.IsRedisErr(err); answered || rueidis.IsParseErr(err) {
		return "server"
	}
	if errors.Is(err, errBusy) {
		return "busy"
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return "timeout"
	}
	return "connection"
}

// Close ends the connection; calls fail from then on. Run has ended.
func (c *Client) Close() {
	c.breaker.trip()
	c.running.Wait()
	c.conn.Close()
}
