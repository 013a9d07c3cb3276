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
// by one, as fast as it comes and without end, and each costs far more than its bytes. A request for
// every 64 KiB excuses that: who sends requests is bounded as such.
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
	forRequest  = 64 << 10  // as large as a head may be
	forBody     = 256 << 10 // of one that nobody reads, as much may come
	forBodyRead = 2         // each byte that is read of one: small frames, and what TLS adds
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

// begun excuses what r has begun with, and has its body excuse itself as it is read.
func begun(r *http.Request) {
	l, ok := r.Context().Value(ledgerKey{}).(*ledger)
	if !ok {
		return
	}
	l.excuse(forRequest)
	if r.Body != nil && r.Body != http.NoBody {
		l.excuse(forBody)
		r.Body = excusing{r.Body, l}
	}
}

type excusing struct {
	io.ReadCloser
	ledger *ledger
}

// Read implements io.Reader.
func (e excusing) Read(b []byte) (int, error) {
	n, err := e.ReadCloser.Read(b)
	e.ledger.excuse(int64(n) * forBodyRead)
	return n, err
}
