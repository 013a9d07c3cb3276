package web

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/telemetry"
)

// TLS is how clients shake hands.
type TLS struct {
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	NoHTTP2     bool          // HTTP/1.1 alone
	Protocols   []string      // beside those of HTTP: a handshake that ends with one of them is all there is
	Patience    time.Duration // for a handshake; 0 is DefaultBounds.Header
	Failed      func(error)   // is told of handshakes that fail, and must be quick; may be nil

	// Flooded is told of clients whose connection is ended because much comes over it that is of no
	// request of HTTP/2. It must be quick, and may be nil.
	Flooded func(client net.Addr)
}

// The names of HTTP in a handshake.
const (
	overHTTP1 = "http/1.1"
	overHTTP2 = "h2"
)

// config is that of a server whose clients may choose among protocols. Go decides on the rest.
func (t TLS) config(protocols ...string) *tls.Config {
	return &tls.Config{GetCertificate: t.Certificate, MinVersion: tls.VersionTLS12, NextProtos: protocols}
}

// offered are the protocols that a client may choose among.
func (t TLS) offered() []string {
	if t.NoHTTP2 {
		return append([]string{overHTTP1}, t.Protocols...)
	}
	return append([]string{overHTTP2, overHTTP1}, t.Protocols...)
}

// LimitTLS is Limit for clients who speak TLS. A connection counts from its beginning, and is
// accepted when hands are shaken, so that nobody waits for another's handshake. For HTTP/2 it is
// the bare connection that net/http wants; HTTP/1.1 goes over one that is as without TLS.
func LimitTLS(l net.Listener, most int, metrics *telemetry.Metrics, t TLS) net.Listener {
	if t.Patience == 0 {
		t.Patience = DefaultBounds.Header
	}
	if t.Failed == nil {
		t.Failed = func(error) {}
	}
	if t.Flooded == nil {
		t.Flooded = func(net.Addr) {}
	}
	refusing := t.config(overHTTP1)
	inner := newLimited(l, most, metrics)
	inner.speak = func(c net.Conn) net.Conn { return tls.Server(c, refusing) }
	s := &secured{limited: inner, tls: t, config: t.config(t.offered()...), accepted: make(chan accepted)}
	s.open, s.close = context.WithCancel(context.Background())
	go s.acceptAll()
	return s
}

// secured is a listener whose connections have shaken hands.
type secured struct {
	*limited
	tls      TLS
	config   *tls.Config
	accepted chan accepted
	open     context.Context // until it is closed
	close    context.CancelFunc
}

type accepted struct {
	conn net.Conn
	err  error
}

// Accept implements net.Listener.
func (s *secured) Accept() (net.Conn, error) {
	select {
	case a := <-s.accepted:
		return a.conn, a.err
	case <-s.open.Done():
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener. It ends the handshakes that are under way: a server that stops
// would answer no request that follows.
func (s *secured) Close() error {
	s.close()
	return s.limited.Close()
}

// acceptAll goes on after an error as whoever calls Accept does: it is he who waits.
func (s *secured) acceptAll() {
	for s.open.Err() == nil {
		c, err := s.limited.Accept()
		if err != nil {
			s.hand(accepted{err: err})
			continue
		}
		go s.shake(c.(*conn))
	}
}

// hand gives a to whoever accepts; false: nobody does any more.
func (s *secured) hand(a accepted) bool {
	select {
	case s.accepted <- a:
		return true
	case <-s.open.Done():
		return false
	}
}

func (s *secured) shake(c *conn) {
	ctx, cancel := context.WithTimeout(s.open, s.tls.Patience)
	defer cancel()
	raw := counted{c.Conn, c.done}
	l := &ledger{Conn: raw, ended: s.tls.Flooded}
	shaken := tls.Server(l, s.config)
	if err := shaken.HandshakeContext(ctx); err != nil {
		s.tls.Failed(err)
		s.fail(raw, err)
		return
	}
	var ready net.Conn
	switch shaken.ConnectionState().NegotiatedProtocol {
	case overHTTP2:
		l.begin()
		ready = shaken
	case overHTTP1, "":
		ready = secureConn{newConn(shaken, func() {}), shaken}
	}
	if ready == nil || !s.hand(accepted{conn: ready}) {
		_ = shaken.Close()
	}
}

// fail ends a connection, and says why to who speaks HTTP without TLS.
func (s *secured) fail(c counted, err error) {
	if e, ok := errors.AsType[tls.RecordHeaderError](err); ok && e.Conn != nil && isHTTP(e.RecordHeader) {
		turnOut(c, http.StatusBadRequest, blog.CodeBadRequest)
		return
	}
	_ = c.Close()
}

// isHTTP reports whether a connection that begins so is one of HTTP/1.
func isHTTP(begin [5]byte) bool {
	switch string(begin[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "PATCH", "DELET", "OPTIO":
		return true
	}
	return false
}

// counted is a connection below TLS.
type counted struct {
	net.Conn
	done func()
}

// Close implements net.Conn.
func (c counted) Close() error {
	defer c.done()
	return c.Conn.Close()
}

// CloseWrite ends what is sent, where the connection can.
func (c counted) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// secureConn is a conn of HTTP/1.1 over TLS. net/http takes Request.TLS from it.
type secureConn struct {
	*conn
	tls *tls.Conn
}

// ConnectionState is what the handshake has led to.
func (c secureConn) ConnectionState() tls.ConnectionState { return c.tls.ConnectionState() }

// connOf returns what c does beyond net/http; nil: nothing, as over HTTP/2.
func connOf(c net.Conn) *conn {
	switch c := c.(type) {
	case *conn:
		return c
	case secureConn:
		return c.conn
	}
	return nil
}
