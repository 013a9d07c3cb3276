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

// Options are what Open needs.
type Options struct {
	URL string // redis:// or rediss://, with user, password and the number of the database

	// Report is told that Redis has gone away, and why, or with nil that it is back; at
	// most once in 10 s.
	Report func(err error)
	// Failed is told of each call that failed: one of Kinds.
	Failed func(kind string)
	// Observe is told of each call that was made for ctx: its command, how long it took, and
	// its error. It must be quick; may be nil.
	Observe func(ctx context.Context, command string, took time.Duration, err error)
	// Handshake is told of each TLS connection; may be nil.
	Handshake func(tls.ConnectionState)
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
	observe func(ctx context.Context, command string, took time.Duration, err error)
	calls   chan struct{} // holds a token for each call under way; in its line, who came first is first
	dials   atomic.Bool   // whether connections are made
	tls     bool
	redial  func(ctx context.Context) (net.Conn, error)
	running sync.WaitGroup
}

// Open makes the client. That Redis is away is no error; it is looked for by Run.
func Open(o Options) (*Client, error) {
	opt, err := rueidis.ParseURL(o.URL)
	if err != nil {
		return nil, errors.New("not a Redis URL") // the library's words quote it, password and all
	}
	c := &Client{failed: o.Failed, observe: o.Observe, calls: make(chan struct{}, maxConns), news: news{report: o.Report}}
	opt.ForceSingleClient = true
	opt.DisableAutoPipelining, opt.BlockingPoolSize = true, maxConns+2 // and one each to look for it and to listen
	opt.DisableCache = true
	opt.DisableRetry = true
	opt.ClientName = "inkstone"
	opt.ReadBufferEachConn, opt.WriteBufferEachConn = 4<<10, 4<<10
	opt.Dialer = net.Dialer{Timeout: connectWait, KeepAlive: time.Second}
	opt.ConnWriteTimeout = time.Second // a connection that is silent for so long is given up
	opt.DialCtxFn = c.dial
	if opt.TLSConfig != nil && o.Handshake != nil {
		opt.TLSConfig.VerifyConnection = func(s tls.ConnectionState) error { o.Handshake(s); return nil }
	}
	c.tls = opt.TLSConfig != nil
	c.redial = func(ctx context.Context) (net.Conn, error) {
		return c.dial(ctx, opt.InitAddress[0], &opt.Dialer, opt.TLSConfig)
	}
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
		err = ofTLS(address, err)
	default:
		conn, err = d.DialContext(ctx, "tcp", address)
	}
	if err != nil {
		return nil, &dialError{err}
	}
	return conn, nil
}

// ofTLS says what a failure is about that may be no more than a time that is over: a Redis
// without TLS takes the connection and waits for more.
func ofTLS(address string, err error) error {
	if op, ok := errors.AsType[*net.OpError](err); err == nil || ok && op.Op == "dial" {
		return err
	}
	return fmt.Errorf("TLS with %s: %w", address, err)
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
// one without memory, is as good as away; and so is a cluster, which keeps two keys apart
// that are asked for together.
var (
	probe     = NewScript(`for _, key in ipairs(KEYS) do redis.call('SET', key, '', 'PX', 1000) end return {}`)
	probeKeys = []string{"inkstone:v1:probe:1", "inkstone:v1:probe:2"}
)

// lookFor asks with the time that a new connection takes, then in the time that a call has.
func (c *Client) lookFor(ctx context.Context) {
	err := c.probe(ctx, 2*connectWait)
	if err == nil {
		err = c.probe(ctx, Bound)
	}
	switch {
	case err == nil:
		c.breaker.mend()
	case ctx.Err() != nil:
		return // that shows nothing: there was no time for an answer
	default:
		c.news.cause(err)
	}
	c.news.tell(c.Up())
}

func (c *Client) probe(ctx context.Context, bound time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	_, err := run(ctx, c.conn, evaluate(probe, probeKeys, nil))
	return err
}

// Redial makes a connection and ends it, so that Handshake is told of the certificate that the
// server shows by now. Without TLS it does nothing.
func (c *Client) Redial(ctx context.Context) error {
	if !c.tls {
		return nil
	}
	conn, err := c.redial(ctx)
	if err != nil {
		return err
	}
	return conn.Close()
}

// Up reports whether Redis is asked.
func (c *Client) Up() bool { return !c.breaker.open() }

// Close ends the connection; calls fail from then on. Run has ended.
func (c *Client) Close() {
	c.breaker.trip()
	c.running.Wait()
	c.conn.Close()
}
