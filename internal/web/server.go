package web

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/telemetry"
)

// Bounds are how long a client may keep the server waiting.
type Bounds struct {
	Header     time.Duration // for the whole header of a request
	Idle       time.Duration // between two requests
	BodyGrace  time.Duration // for a body, and again a second for each KiB that came, up to as much
	WriteStall time.Duration // for a piece of an answer to be taken
}

// DefaultBounds suit clients on bad lines and end those who only hold on.
var DefaultBounds = Bounds{Header: 10 * time.Second, Idle: 75 * time.Second, BodyGrace: 30 * time.Second, WriteStall: 60 * time.Second}

// NewServer makes a server around h that waits for a client's headers as long as
// b says; Edge sees to bodies and answers. The server's own errors go to log.
func NewServer(h http.Handler, log *slog.Logger, b Bounds) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: b.Header,
		IdleTimeout:       b.Idle,
		MaxHeaderBytes:    64 << 10,
		ConnContext:       withConn,
		ConnState:         noteIdle,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),

		DisableGeneralOptionsHandler: true, // it would answer without any header
	}
}

// maxWhole is the largest body that is sent in one piece.
const maxWhole = 60 << 10

// MaxConnections is a good cap for Limit.
const MaxConnections = 4096

// Limit wraps l so that at most so many connections are open; one more is told
// 503 and closed. metrics counts the open ones.
func Limit(l net.Listener, most int, metrics *telemetry.Metrics) net.Listener {
	return &limited{l, make(chan struct{}, most), make(chan struct{}, maxRefusing), metrics}
}

type limited struct {
	net.Listener
	open     chan struct{}
	refusing chan struct{} // those who are being told
	metrics  *telemetry.Metrics
}

// Accept implements net.Listener.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.open <- struct{}{}:
			l.metrics.Connections(1)
			return &countedConn{Conn: c, idle: true, done: sync.OnceFunc(func() { <-l.open; l.metrics.Connections(-1) })}, nil
		default:
			l.refuse(c)
		}
	}
}

const (
	maxRefusing = 64 // further clients are cut off without a word
	refusalTime = time.Second
)

// refuse tells a client why he is not served, without holding up those who are.
func (l *limited) refuse(c net.Conn) {
	select {
	case l.refusing <- struct{}{}:
		go func() {
			defer func() { <-l.refusing }()
			tellBusy(c)
		}()
	default:
		_ = c.Close()
	}
}

// tellBusy answers and closes. What the client has sent is read first: a close
// over unread bytes resets the connection, and the answer would be lost.
func tellBusy(c net.Conn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(refusalTime))
	if _, err := c.Write(unread("503 Service Unavailable", blog.CodeBusy)); err != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(c, 64<<10))
}

type countedConn struct {
	net.Conn
	done func()
	idle bool                // no request is at work: what net/http writes then is a refusal of its own
	held *[]byte             // what a whole answer has gathered; nil if it goes out at once
	head func([]byte) []byte // appends the header lines that follow its status line
}

// whole gathers what send writes and writes it to the socket at once: net/http would
// write the first 4 KiB apart, and a write to a socket costs more than all the rest of
// an answer from the cache. head appends header lines to those of send.
func (c *countedConn) whole(head func([]byte) []byte, send func()) {
	c.held, c.head = heldAnswers.Get().(*[]byte), head
	send()
	out := c.held
	c.held = nil
	if _, err := c.Conn.Write(*out); err != nil {
		_ = c.Close() // half an answer is out: nothing may follow it
	}
	*out = (*out)[:0]
	heldAnswers.Put(out)
}

var heldAnswers = sync.Pool{New: func() any { b := make([]byte, 0, maxWhole+4<<10); return &b }}

// Write implements net.Conn.
func (c *countedConn) Write(b []byte) (int, error) {
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

type connKey struct{}

// withConn lets Write find the connection of a request.
func withConn(ctx context.Context, c net.Conn) context.Context {
	if counted, ok := c.(*countedConn); ok {
		return context.WithValue(ctx, connKey{}, counted)
	}
	return ctx
}

// Close implements net.Conn.
func (c *countedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}
