package gateway

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// conn is a connection to an instance, used by one exchange at a time.
type conn struct {
	*net.TCPConn
	host   *host
	look   peeker
	end    func()    // is close
	used   bool      // for an earlier exchange
	heard  bool      // something of the answer to this exchange has come
	fed    bool      // deadlines of writing were set
	since  time.Time // when it became idle
	closed atomic.Bool
	wait   atomic.Int32 // for the head of an answer that another host may give
}

// What a conn's wait is.
const (
	none int32 = iota
	waiting
	givenUp
)

// host keeps the connections to one address.
type host struct {
	idle      []*conn // the last one was used last
	forgotten bool
	hangs     atomic.Bool // nobody is to wait here for what another host may give

	mu   sync.Mutex
	open map[*conn]bool // in use and idle
}

func (h *host) note(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open[c] = true
}

func (h *host) lose(c *conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open, c)
}

// giveUp gives up the waits on all connections, now and in future, and returns those to be closed
// for it.
func (h *host) giveUp() (all []*conn) {
	h.hangs.Store(true)
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.open {
		if c.wait.CompareAndSwap(waiting, givenUp) {
			all = append(all, c)
		}
	}
	return all
}

// take returns an idle connection to address, the one used last, or a new one.
func (w *wire) take(ctx context.Context, address string) (*conn, error) {
	for {
		c := w.pop(address, time.Now())
		switch {
		case c == nil:
			return w.connect(ctx, address)
		case c.look.quiet():
			c.heard = false
			return c, nil
		}
		c.close()
	}
}

func (w *wire) pop(address string, now time.Time) *conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.hosts[address]
	if h == nil || len(h.idle) == 0 {
		return nil
	}
	last := len(h.idle) - 1
	c := h.idle[last]
	if now.Sub(c.since) >= w.o.idle { // the others are older
		w.expire(h, now)
		return nil
	}
	h.idle[last] = nil
	h.idle = h.idle[:last]
	w.idle--
	return c
}

// connect makes a new connection.
func (w *wire) connect(ctx context.Context, address string) (*conn, error) {
	raw, err := w.dial(ctx, address)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("dial %s: %w", address, context.Cause(ctx))
	case err != nil && ours(err):
		return nil, fmt.Errorf("dial %s: %w: %w", address, errNotSent, err)
	case err != nil:
		return nil, fmt.Errorf("dial %s: %w: %w", address, errRefused, err)
	}
	c := &conn{TCPConn: raw.(*net.TCPConn), host: w.hostOf(address)}
	c.look, c.end = newPeeker(c.TCPConn), c.close
	c.host.note(c)
	return c, nil
}

// dial connects on a goroutine of its own: it is rare, and needs twice the stack of all else that a
// handler does, which would stay with each of the client's connections.
func (w *wire) dial(ctx context.Context, address string) (raw net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		raw, err = w.dialer.DialContext(ctx, "tcp", address)
	}()
	<-done // as soon as ctx ends
	return raw, err
}

// ours reports whether it is for want of something in this process that a dial failed.
func ours(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.EADDRNOTAVAIL)
}

func (w *wire) hostOf(address string) *host {
	w.mu.Lock()
	defer w.mu.Unlock()
	h := w.hosts[address]
	if h == nil {
		h = &host{forgotten: w.closed, open: map[*conn]bool{}}
		if !w.closed {
			w.hosts[address] = h
		}
	}
	return h
}

// keep takes a connection back that is as good as a new one.
func (w *wire) keep(c *conn) {
	if c.fed {
		_ = c.SetWriteDeadline(time.Time{})
	}
	c.used, c.fed, c.since = true, false, time.Now()
	if !w.push(c) {
		c.close()
	}
}

func (w *wire) push(c *conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.host.forgotten || len(c.host.idle) >= w.o.perHost || w.idle >= w.o.total {
		return false
	}
	c.host.idle = append(c.host.idle, c)
	w.idle++
	if w.sweep == nil {
		w.sweep = time.AfterFunc(w.o.idle, w.closeOld)
	}
	return true
}

// closeOld closes connections that nobody has used for long, and comes again while there are others.
func (w *wire) closeOld() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	now := time.Now()
	for _, h := range w.hosts {
		w.expire(h, now)
	}
	if w.idle == 0 {
		w.sweep = nil
		return
	}
	w.sweep.Reset(w.o.idle / 2)
}

// expire closes what has been idle in h for too long. w is locked.
func (w *wire) expire(h *host, now time.Time) {
	old := 0
	for old < len(h.idle) && now.Sub(h.idle[old].since) >= w.o.idle {
		h.idle[old].close()
		old++
	}
	w.idle -= old
	kept := copy(h.idle, h.idle[old:])
	clear(h.idle[kept:])
	h.idle = h.idle[:kept]
}

// forget closes the idle connections to address; those in use are not used again.
func (w *wire) forget(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drop(address)
}

// interrupt forgets address, and gives up what is waited for there if it may be sent elsewhere:
// that is an errTimeout.
func (w *wire) interrupt(address string) {
	w.mu.Lock()
	h := w.hosts[address]
	w.drop(address)
	w.mu.Unlock()
	if h == nil {
		return
	}
	for _, c := range h.giveUp() {
		c.close()
	}
}

func (w *wire) drop(address string) {
	h := w.hosts[address]
	if h == nil {
		return
	}
	for _, c := range h.idle {
		c.close()
	}
	w.idle -= len(h.idle)
	h.idle, h.forgotten = nil, true
	delete(w.hosts, address)
}

// close closes what is idle. What is in use is closed when it has been used.
func (w *wire) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	for address := range w.hosts {
		w.drop(address)
	}
	if w.sweep != nil {
		w.sweep.Stop()
	}
}

// close ends whatever is under way on c. It may be called by anybody, and again.
func (c *conn) close() {
	if !c.closed.Swap(true) {
		_ = c.TCPConn.Close()
		c.host.lose(c)
	}
}

// Read implements io.Reader.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	if n > 0 {
		c.heard = true
	}
	return n, err
}

// atOnce is how much the system takes of a connection that has nothing to send.
const atOnce = 16 << 10

// send writes a packet within d. Nothing has been sent if it is an errNotSent.
func (c *conn) send(packet []byte, d time.Duration) error {
	if len(packet) > atOnce {
		c.fed = true
		_ = c.SetWriteDeadline(time.Now().Add(d))
	}
	n, err := c.Write(packet)
	if err != nil && n == 0 && !isTimeout(err) {
		return fmt.Errorf("%w: %w", errNotSent, err)
	}
	return err
}

// await begins a wait for what another host may give; false: nobody is to wait here.
func (c *conn) await() bool {
	c.wait.Store(waiting)
	if c.host.hangs.Load() {
		c.wait.Store(givenUp)
		return false
	}
	return true
}

// stale reports whether err may be of a connection that was closed while it was idle.
func (c *conn) stale(err error) bool {
	return c.used && !c.heard && !errors.Is(err, errTimeout) && !errors.Is(err, errClientBody)
}
