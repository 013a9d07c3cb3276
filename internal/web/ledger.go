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

// ledger weighs what a client sends over HTTP/2 against what it is of. net/http takes frames that
// begin nothing, such as streams beyond those that may be open, which it refuses one by one, or
// pings, as fast as they come and without end; each costs it far more than its bytes.
type ledger struct {
	net.Conn
	ended func(client net.Addr) // is told that it has been, for what has come

	weighs bool         // it is HTTP/2
	owed   atomic.Int64 // bytes that have come and are of nothing yet; 0 at least
	since  time.Time    // it has been looked at what time has excused
}

// What is of something, in bytes.
const (
	talkMost   = 4 << 20   // that are owed: a hundred heads of 40 KiB may come before a handler begins
	talkHead   = 64 << 10  // a request, as large as its head may be
	talkBody   = 256 << 10 // of its body, though nobody reads that: as much as may come unasked
	talkPerSec = 4 << 10   // a connection that is open: pings
	talkFrames = 2         // times what is read of a body: small frames, and what TLS adds
	talkAnswer = 32        // bytes of answers excuse one: windows that are opened further, by Go after 4 KiB
)

// begin begins to weigh, after the handshake.
func (l *ledger) begin() { l.weighs, l.since = true, time.Now() }

// Read implements net.Conn.
func (l *ledger) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if !l.weighs || l.owed.Add(int64(n)) <= talkMost {
		return n, err
	}
	now := time.Now()
	l.excuse(int64(now.Sub(l.since).Seconds() * talkPerSec))
	l.since = now
	if l.owed.Load() > talkMost {
		l.ended(l.RemoteAddr())
		return 0, io.EOF // as if the client had left
	}
	return n, err
}

// Write implements net.Conn.
func (l *ledger) Write(b []byte) (int, error) {
	n, err := l.Conn.Write(b)
	l.excuse(int64(n / talkAnswer))
	return n, err
}

// excuse takes n bytes for of something. What is not owed is not kept for later.
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
	l.excuse(talkHead)
	if r.Body != nil && r.Body != http.NoBody {
		l.excuse(talkBody)
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
	e.ledger.excuse(int64(n) * talkFrames)
	return n, err
}
