package web

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// ledger weighs what a client sends over HTTP/2 against what it is of. net/http takes what begins
// nothing, such as pings, settings, or streams beyond those that may be open, which it refuses one
// by one, as fast as it comes and without end, and each costs far more than its bytes.
type ledger struct {
	net.Conn
	ended func(client net.Addr) // is told that it has been, for what has come

	weighs bool         // it is HTTP/2
	owed   atomic.Int64 // bytes that have come and are of nothing yet; 0 at least
	since  time.Time    // up to when the time that it is open has been taken into account
}

// mostOwed is how many bytes may be owed. A hundred heads of 40 KiB may come before a handler begins.
const mostOwed = 4 << 20

// What excuses how many bytes.
const (
	forField    = 32        // of a head, beside its own size (RFC 9113, section 6.5.2)
	forHead     = 256       // frames, records of TLS, a window that is opened
	forUnread   = 256 << 10 // a body that was not read to its end: as much of one may come unasked
	forRead     = 32        // each time that some of a body is read: a frame in a record of its own
	forBodyByte = 4         // for where several such are read at once
	forSecond   = 4 << 10   // that the connection is open: pings
	answered    = 32        // bytes that are written excuse one: windows are opened for more, by Go each 4 KiB
)

// begin begins to weigh, after the handshake.
func (l *ledger) begin() { l.weighs, l.since = true, time.Now() }

// Read implements net.Conn.
func (l *ledger) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if !l.weighs || l.owed.Add(int64(n)) <= mostOwed {
		return n, err
	}
	now := time.Now()
	l.excuse(int64(now.Sub(l.since).Seconds() * forSecond))
	l.since = now
	if l.owed.Load() > mostOwed {
		l.ended(l.RemoteAddr())
		return 0, io.EOF // as if the client had left
	}
	return n, err
}

// Write implements net.Conn.
func (l *ledger) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b)
	l.excuse(int64(n / answered))
	return n, err
}

// excuse takes n bytes off what is owed. What is beyond that is not kept for later.
func (l *ledger) excuse(n int64) {
	for {
		owed := l.owed.Load()
		if owed == 0 || l.owed.CompareAndSwap(owed, max(0, owed-n)) {
			return
		}
	}
}

type ledgerKey struct{}

// withLedger returns ctx with the ledger of c in it, if it has one.
func withLedger(ctx context.Context, c net.Conn) context.Context {
	if secured, ok := c.(*tls.Conn); ok {
		if l, ok := secured.NetConn().(*ledger); ok {
			return context.WithValue(ctx, ledgerKey{}, l)
		}
	}
	return ctx
}

// begun excuses r's head, and has its body excuse itself as it is read. ended excuses what was not.
func begun(r *http.Request) (ended func()) {
	l, ok := r.Context().Value(ledgerKey{}).(*ledger)
	if !ok {
		return func() {}
	}
	l.excuse(headSize(r))
	if r.ContentLength == 0 {
		return func() {}
	}
	body := &weighed{ReadCloser: r.Body, ledger: l, unread: forUnread}
	if r.ContentLength > 0 {
		body.unread = min(forUnread, min(forUnread, r.ContentLength)*forBodyByte) // what is announced may be any number
	}
	r.Body = body
	return body.end
}

// headSize is at least as much as r's head has been on its way.
func headSize(r *http.Request) int64 {
	n := forHead + 4*forField + len(r.Method) + len(r.RequestURI) + len(r.Host)
	for name, values := range r.Header {
		for _, v := range values {
			n += len(name) + len(v) + forField
		}
	}
	return int64(n)
}

// weighed is a body that comes over a connection with a ledger.
type weighed struct {
	io.ReadCloser
	ledger *ledger
	unread int64       // that may come of it, unless it is read
	whole  atomic.Bool // it was read to its end
}

// Read implements io.Reader.
func (b *weighed) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if n > 0 {
		b.ledger.excuse(forRead + int64(n)*forBodyByte)
	}
	if err == io.EOF {
		b.whole.Store(true)
	}
	return n, err
}

func (b *weighed) end() {
	if !b.whole.Load() {
		b.ledger.excuse(b.unread)
	}
}
