package web

import (
	"io"
	"net/http"
	"time"
)

// Bounds of what is read of a refused body.
const (
	readOnFrom  = 256 << 10 // bytes; net/http reads as much by itself
	readOnMost  = 32 << 20  // bytes
	readOnFor   = 5 * time.Second
	readOnChunk = 256 << 10 // bytes, after which the time is looked at
)

// readOn sends the answer to a request that was refused, and reads what is still to come
// of its body, within bounds: a connection that is closed while the client sends is reset,
// and he often never sees the answer (RFC 9112, section 9.6). Who asked whether to send
// the body at all does not send it.
func readOn(w *recorder, r *http.Request) {
	if r.ProtoMajor > 1 { // there it is the stream that ends, and the client is told not to send
		return
	}
	if w.status < http.StatusBadRequest || r.ContentLength >= 0 && r.ContentLength <= readOnFrom || r.Header.Get("Expect") != "" {
		return
	}
	if http.NewResponseController(w).Flush() != nil {
		return
	}
	end := time.Now().Add(readOnFor)
	if paced, ok := r.Body.(*pacedBody); ok {
		paced.endBy(end)
	}
	for n := 0; n < readOnMost && time.Now().Before(end); n += readOnChunk {
		if _, err := io.CopyN(io.Discard, r.Body, readOnChunk); err != nil {
			return
		}
	}
}
