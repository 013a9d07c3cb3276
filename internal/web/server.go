package web

import (
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
	door, _ := h.(doorkeeper)
	var fresh newcomers
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: b.Header,
		IdleTimeout:       b.Idle,
		MaxHeaderBytes:    64 << 10,
		HTTP2:             http2Bounds(b),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if c := connOf(c); c != nil {
				return c.open(ctx, door, b.Idle)
			}
			return withLedger(ctx, c)
		},
		ConnState: func(c net.Conn, s http.ConnState) {
			noteIdle(c, s)
			fresh.note(c, s)
		},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),

		DisableGeneralOptionsHandler: true, // it would answer without any header
	}
	server.RegisterOnShutdown(fresh.end)
	return server
}

// http2Bounds are those of HTTP/2 connections, over TLS alone. Of streams that are begun and reset
// net/http lets as many wait as may be open, four times, and ends the connection then.
func http2Bounds(b Bounds) *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          100,
		MaxReceiveBufferPerConnection: 256 << 10, // of bodies that nobody has read yet
		MaxReceiveBufferPerStream:     256 << 10,
		SendPingTimeout:               b.Idle / 2, // a client that is gone holds its streams no longer
		WriteByteTimeout:              b.WriteStall,
	}
}

// newcomers are connections that have not sent a whole header yet. A server that stops
// would wait five seconds for each (http.Server.Shutdown), and browsers open some in advance.
type newcomers struct{ conns sync.Map }

// newcomerGrace is how long a server that stops waits for the first request of a connection.
const newcomerGrace = 500 * time.Millisecond

// note follows a connection. Each request comes by here: a sync.Map takes no lock to
// find that the connection is no newcomer any more.
func (n *newcomers) note(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		n.conns.Store(c, nil)
	case http.StateActive, http.StateClosed:
		n.conns.Delete(c)
	}
}

func (n *newcomers) end() {
	time.Sleep(newcomerGrace)
	for c := range n.conns.Range {
		_ = c.(net.Conn).Close()
	}
}

// maxWhole is the largest body that is sent in one piece.
const maxWhole = 60 << 10

// MaxConnections is a good cap for Limit.
const MaxConnections = 4096

// Limit wraps l so that at most so many connections are open; one more is told
// 503 and closed. metrics counts the open ones.
func Limit(l net.Listener, most int, metrics *telemetry.Metrics) net.Listener {
	return newLimited(l, most, metrics)
}

func newLimited(l net.Listener, most int, metrics *telemetry.Metrics) *limited {
	plain := func(c net.Conn) net.Conn { return c }
	return &limited{l, make(chan struct{}, most), make(chan struct{}, maxRefusing), metrics, plain}
}

type limited struct {
	net.Listener
	open     chan struct{}
	refusing chan struct{} // those who are being told
	metrics  *telemetry.Metrics
	speak    func(net.Conn) net.Conn // makes of a connection one by which its client is told something
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
			return newConn(c, sync.OnceFunc(func() { <-l.open; l.metrics.Connections(-1) })), nil
		default:
			l.refuse(c)
		}
	}
}

const (
	maxRefusing = 64          // further clients are cut off without a word
	tellingTime = time.Second // for a refusal
)

// refuse tells a client why he is not served, without holding up those who are.
func (l *limited) refuse(c net.Conn) {
	select {
	case l.refusing <- struct{}{}:
		go func() {
			defer func() { <-l.refusing }()
			turnOut(l.speak(c), http.StatusServiceUnavailable, blog.CodeBusy)
		}()
	default:
		_ = c.Close()
	}
}

// turnOut answers and closes. What the client has sent is read first: a close
// over unread bytes resets the connection, and the answer would be lost.
func turnOut(c net.Conn, status int, code blog.Code) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(tellingTime))
	if _, err := c.Write(unread(status, code)); err != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(c, 64<<10))
}
