package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"slices"
	"strings"
	"time"
)

// reply is an instance's answer whose body has not been read. It must be delivered or
// discarded; then it has only its status.
type reply struct {
	head
	*scratch
	wire    *wire
	conn    *conn
	out     *outgoing
	ctx     context.Context // of the sending: when it ends, conn is closed
	unwatch func() bool     // nil if ctx never ends
}

func (a *reply) readHead() error {
	text, err := a.lines(a.wire.o.maxHead)
	if err != nil {
		return err
	}
	a.head, err = parseHead(text, a.spare[:0])
	a.spare = a.fields
	return err
}

// deliver answers the client with a. An error is errClientGone, errClientBody or an
// errBroken, and means that the client got a part: the caller must not let that pass for a
// whole answer (http.ErrAbortHandler).
func (a *reply) deliver(w http.ResponseWriter) error {
	h := w.Header()
	a.addTo(h)
	a.out.closeUnread()
	whole, err := true, error(nil)
	if a.bodiless(a.out.method) {
		if a.length >= 0 && a.status != http.StatusNoContent {
			h["Content-Length"] = []string{a.get("Content-Length")}
		}
		w.WriteHeader(a.status)
	} else {
		err = a.deliverBody(w)
		whole = err == nil && a.length < 0 == a.chunks
	}
	a.finish(w, whole)
	return err
}

func (a *reply) deliverBody(w http.ResponseWriter) error {
	if a.chunks {
		a.announceTrailers(w.Header())
	} else if a.length >= 0 {
		w.Header()["Content-Length"] = []string{a.get("Content-Length")}
	}
	w.WriteHeader(a.status)
	if a.length >= 0 && a.length <= int64(a.in.Buffered()) {
		return a.deliverBuffered(w)
	}
	if err := a.pump(w); err != nil {
		return err
	}
	if a.chunks {
		return a.deliverTrailers(w.Header())
	}
	return nil
}

// deliverBuffered delivers a body that has come with its head.
func (a *reply) deliverBuffered(w http.ResponseWriter) error {
	body, _ := a.in.Peek(int(a.length)) // there are as many
	if len(body) > 0 {
		if _, err := w.Write(body); err != nil {
			return fmt.Errorf("%w: %w", errClientGone, err)
		}
	}
	_, _ = a.in.Discard(len(body))
	return nil
}

// pump copies the body as it comes. What is of unknown length may be news that somebody
// waits for: it is held back only while more of it is here already, and events never are.
func (a *reply) pump(w http.ResponseWriter) error {
	buf := pieces.Get().(*[]byte)
	defer pieces.Put(buf)
	src, flush := a.source(), http.NewResponseController(w).Flush
	events := strings.HasPrefix(a.get("Content-Type"), "text/event-stream")
	for {
		if events || a.length < 0 && a.in.Buffered() == 0 {
			_ = flush()
		}
		_ = a.conn.SetReadDeadline(time.Now().Add(a.wire.o.stall))
		n, err := src.Read((*buf)[:pieceSize])
		if n > 0 {
			if _, err := w.Write((*buf)[:n]); err != nil {
				return fmt.Errorf("%w: %w", errClientGone, err)
			}
		}
		switch {
		case err == io.EOF && a.missing(src):
			return a.cut(io.ErrUnexpectedEOF)
		case err == io.EOF:
			return nil
		case err != nil:
			return a.cut(err)
		}
	}
}

// source reads the body.
func (a *reply) source() io.Reader {
	switch {
	case a.chunks:
		return httputil.NewChunkedReader(a.in)
	case a.length >= 0:
		return &io.LimitedReader{R: a.in, N: a.length}
	}
	return a.in
}

// missing reports whether src has ended before the body.
func (a *reply) missing(src io.Reader) bool {
	limited, ok := src.(*io.LimitedReader)
	return ok && limited.N > 0
}

// cut is the error of a body that ends by err.
func (a *reply) cut(err error) error {
	err = a.blame(a.ctx, fmt.Errorf("read answer: %w", err))
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: %w", errClientGone, err)
	}
	return err
}

// announceTrailers tells the client which trailers follow.
func (a *reply) announceTrailers(h http.Header) {
	for _, f := range a.fields {
		if f.name != "Trailer" {
			continue
		}
		for name := range strings.SplitSeq(f.value, ",") {
			if name = canonical(strings.Trim(name, " \t")); isToken(name) && !withheld(name) {
				h["Trailer"] = append(h["Trailer"], name)
			}
		}
	}
}

// deliverTrailers adds the trailers that follow the last chunk to h.
func (a *reply) deliverTrailers(h http.Header) error {
	text, err := a.lines(a.wire.o.maxHead)
	if err != nil {
		return a.cut(err)
	}
	trailers, err := parseFields(text, nil)
	if err != nil {
		return err
	}
	for _, f := range trailers {
		name := f.name
		if withheld(name) {
			continue
		}
		if !slices.Contains(h["Trailer"], name) {
			name = http.TrailerPrefix + name
		}
		h[name] = append(h[name], f.value)
	}
	return nil
}

// addTo adds the fields that are passed on to a client's answer. The edge may have said
// already by what the answer varies, which is not said twice.
func (d *head) addTo(h http.Header) {
	var named []string // as about this connection only
	for _, f := range d.fields {
		if f.name == "Connection" {
			named = append(named, f.value)
		}
	}
	values := make([]string, len(d.fields)) // one piece of memory for all
	for i, f := range d.fields {
		if withheld(f.name) || isNamed(named, f.name) {
			continue
		}
		values[i] = f.value
		switch before := h[f.name]; {
		case before == nil:
			h[f.name] = values[i : i+1 : i+1]
		case f.name != "Vary" || !slices.Contains(before, f.value):
			h[f.name] = append(before, f.value)
		}
	}
}

// finish ends the exchange. The connection is kept if nothing speaks against it: whole says
// that the answer has been read to its end.
func (a *reply) finish(w http.ResponseWriter, whole bool) {
	sent := true
	if f := a.out.feed; f != nil {
		if !f.finished() {
			_ = http.NewResponseController(w).Flush() // the client may be waiting with the rest of its body
		}
		sent = f.end()
	} else if a.out.streams() {
		sent = false // the instance has not asked for it, and may wait for it still
	}
	a.release(whole && sent && !a.last && a.in.Buffered() == 0)
}

// discard ends the exchange without the answer, which the client is not to get.
func (a *reply) discard() {
	whole := a.bodiless(a.out.method) || a.length >= 0 && a.length == int64(a.in.Buffered())
	a.release(whole && !a.last && !a.out.streams())
}

// release keeps the connection, if it is clean and nobody has closed it meanwhile.
func (a *reply) release(clean bool) {
	if a.unwatch != nil && !a.unwatch() {
		clean = false
	}
	if clean {
		a.wire.keep(a.conn)
	} else {
		a.conn.close()
	}
	a.fields = nil
	a.scratch.free()
	a.scratch = nil
}
