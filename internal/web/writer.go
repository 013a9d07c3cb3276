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

// pacedBody is a request body that must keep coming.
type pacedBody struct {
	io.ReadCloser
	conn  interface{ SetReadDeadline(time.Time) error }
	grace time.Duration
	start time.Time
	read  int64
}

// pace bounds the time r's body may take.
func pace(w http.ResponseWriter, r *http.Request, grace time.Duration) {
	conn, ok := w.(interface{ SetReadDeadline(time.Time) error })
	if !ok || r.Body == nil || r.Body == http.NoBody {
		return
	}
	b := &pacedBody{ReadCloser: r.Body, conn: conn, grace: grace, start: time.Now()}
	_ = conn.SetReadDeadline(b.start.Add(grace))
	r.Body = b
}

func (b *pacedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	switch {
	case err == io.EOF:
		_ = b.conn.SetReadDeadline(time.Time{}) // else it would end the handler's context later
	case err == nil:
		_ = b.conn.SetReadDeadline(b.start.Add(b.grace + time.Duration(b.read/1024)*time.Second))
	}
	return n, err
}
