package web

import (
	"io"
	"net/http"
	"time"
)

// writeChunk is the piece of an answer, in bytes, that must be taken within Bounds.WriteStall.
const writeChunk = 64 << 10

// recorder notes what is answered and bounds how long the client may stall it.
// It adds what every answer has to what the handler set, and hides io.ReaderFrom,
// whose one call would take a file of any length.
type recorder struct {
	http.ResponseWriter
	stall  time.Duration
	status int
	bytes  int64 // of the body, that were written
	state  *state
	bare   bool // the connection adds what every answer has
}

// Unwrap serves http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
		w.extend()
		if !w.bare {
			w.state.addHeaders(w.Header())
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	written := 0
	for {
		n, err := w.ResponseWriter.Write(b[written:min(len(b), written+writeChunk)])
		w.bytes += int64(n)
		if written += n; err != nil || written >= len(b) {
			return written, err
		}
		w.extend()
	}
}

// extend moves the deadline of the connection's writes; a writer without one needs none.
func (w *recorder) extend() {
	if d, ok := w.ResponseWriter.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(time.Now().Add(w.stall))
	}
}

// pacedBody is a request body that must keep coming: the client has grace, and
// gets time for what came. Time that was not used does not add up beyond grace,
// so one who sent much at once can't hold on for as long as that would have taken.
type pacedBody struct {
	io.ReadCloser
	conn  interface{ SetReadDeadline(time.Time) error }
	grace time.Duration
	rate  time.Duration // what a KiB may take
	until time.Time
}

// largeRate is 64 KiB a second, for a body that others wait for.
const largeRate = time.Second / 64

// pace bounds the time r's body may take.
func pace(w http.ResponseWriter, r *http.Request, grace time.Duration) {
	conn, ok := w.(interface{ SetReadDeadline(time.Time) error })
	if !ok || r.Body == nil || r.Body == http.NoBody {
		return
	}
	b := &pacedBody{ReadCloser: r.Body, conn: conn, grace: grace, rate: time.Second, until: time.Now().Add(grace)}
	_ = conn.SetReadDeadline(b.until)
	r.Body = b
}

func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		_ = b.conn.SetReadDeadline(time.Time{}) // else it would end the handler's context later
	case err == nil:
		b.extend(n, time.Now())
		_ = b.conn.SetReadDeadline(b.until)
	}
	return n, err
}

// endBy lets the body take no longer than until then, whatever comes.
func (b *pacedBody) endBy(end time.Time) {
	b.rate = 0
	if b.until.After(end) {
		b.until = end
	}
	_ = b.conn.SetReadDeadline(b.until)
}

// extend moves the deadline for n bytes that came.
func (b *pacedBody) extend(n int, now time.Time) {
	b.until = b.until.Add(time.Duration(n) * b.rate / 1024)
	if latest := now.Add(b.grace); b.until.After(latest) {
		b.until = latest
	}
}
