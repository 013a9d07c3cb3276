package web

import (
	"bytes"
	"context"
	"net"
	"sync"
	"time"
)

// conn is a client's connection. It sends answers whole, tells what net/http refuses
// in the form that every error has, and refuses at the door.
type conn struct {
	net.Conn
	done func()

	idle bool                // no request is at work: what net/http writes then is a refusal of its own
	held *[]byte             // what a whole answer has gathered; nil if it goes out at once
	head func([]byte) []byte // appends the header lines that follow its status line

	read  []byte // last, by net/http, in whose buffer it is
	reads int    // since the last request

	door    doorkeeper    // nil: everything goes on
	patient time.Duration // how long the client may keep the door waiting
	remote  string        // the client's address
	place   place
	telling sync.Mutex         // held while a request is refused at the door
	ctx     context.Context    // of such a request
	leave   context.CancelFunc // of ctx
}

func newConn(c net.Conn, done func()) *conn { return &conn{Conn: c, done: done, idle: true} }

type connKey struct{}

// open prepares a connection that has been accepted, for requests whose context is ctx,
// which is returned with the connection in it.
func (c *conn) open(ctx context.Context, door doorkeeper, patient time.Duration) context.Context {
	ctx = context.WithValue(ctx, connKey{}, c)
	c.door, c.patient, c.remote = door, patient, c.RemoteAddr().String()
	c.ctx, c.leave = context.WithCancel(ctx)
	return ctx
}

// whole gathers what send writes and writes it to the socket at once: net/http would
// write the first 4 KiB apart, and a write to a socket costs more than all the rest of
// an answer from the cache. head appends header lines to those of send.
func (c *conn) whole(head func([]byte) []byte, send func()) {
	c.held, c.head = heldAnswers.Get().(*[]byte), head
	send()
	out := c.held
	c.held = nil
	if _, err := c.Conn.Write(*out); err != nil {
		_ = c.Conn.Close() // half an answer is out: nothing may follow it
	}
	*out = (*out)[:0]
	heldAnswers.Put(out)
}

var heldAnswers = sync.Pool{New: func() any { b := make([]byte, 0, maxWhole+4<<10); return &b }}

// Write implements net.Conn.
func (c *conn) Write(b []byte) (int, error) {
	if c.idle {
		return c.retell(b)
	}
	if c.held == nil {
		return c.Conn.Write(b)
	}
	rest := b
	if end := bytes.IndexByte(b, '\n') + 1; c.head != nil && end > 0 { // the end of the status line
		*c.held = c.head(append(*c.held, b[:end]...))
		rest, c.head = b[end:], nil
	}
	*c.held = append(*c.held, rest...)
	return len(b), nil
}

// closingTime is how long a client may take for his refusal when the server closes:
// net/http closes one after the other.
const closingTime = 50 * time.Millisecond

// Close implements net.Conn. Who is being refused is told so first.
func (c *conn) Close() error {
	if c.leave != nil {
		c.leave()
		_ = c.Conn.SetWriteDeadline(time.Now().Add(closingTime))
	}
	c.telling.Lock()
	defer c.telling.Unlock()
	defer c.done()
	return c.Conn.Close()
}
