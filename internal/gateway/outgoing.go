package gateway

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// outgoing is a client's request as it is sent to instances, one after the other.
type outgoing struct {
	method string
	by     time.Time // when the head of the answer must be there; zero leaves that to the wire. Not for bodies that stream
	expect bool      // the client sends its body only if it is told to

	w      http.ResponseWriter // to the client
	r      *http.Request       // of the client
	body   io.Reader           // that streams; nil if there is none, or it is held
	length int64               // of the body; -1 is not known
	buf    *[]byte             // what is sent first: the head, and the body if it is held
	feed   *feed               // sends the body, once that has begun
}

// newOutgoing makes of r what instances are to get: framed anew, without what concerns only
// the client's connection and without what only the gateway may say, and then with that, as
// from tells. errBadRequest is of what can't be written in one sense only. It must be closed.
func newOutgoing(w http.ResponseWriter, r *http.Request, from origin) (*outgoing, error) {
	target, err := targetOf(r)
	if err != nil {
		return nil, err
	}
	o := &outgoing{method: r.Method, w: w, r: r, length: r.ContentLength, buf: packets.Get().(*[]byte)}
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		o.body = r.Body
		o.expect = r.ProtoMajor == 1 && hasToken(r.Header.Get("Expect"), "100-continue")
	}
	b := append(append(append(*o.buf, r.Method...), ' '), target...)
	b = appendField(append(b, " HTTP/1.1\r\n"...), "Host", r.Host)
	b = o.appendPassed(b, &from)
	b = from.append(b, r)
	*o.buf = append(o.appendFraming(b), "\r\n"...)
	return o, nil
}

// packets are buffers for requests.
var packets = sync.Pool{New: func() any { b := make([]byte, 0, 2<<10); return &b }}

// keptPacket is the largest buffer that is used again, in bytes: a held body and its head.
const keptPacket = maxHeld + 16<<10

// targetOf returns what r asks for as a request line has it.
func targetOf(r *http.Request) (string, error) {
	target := r.RequestURI
	whole := target == "*" && r.Method == http.MethodOptions // the server itself is asked
	if !whole && !strings.HasPrefix(target, "/") {
		target = r.URL.RequestURI() // it was absolute
	}
	if !whole && !strings.HasPrefix(target, "/") || !visible(target) || !visible(r.Host) || !isToken(r.Method) || r.Method == http.MethodConnect {
		return "", fmt.Errorf("%w: %.64q %.64q for %.64q", errBadRequest, r.Method, r.RequestURI, r.Host)
	}
	return target, nil
}

// visible reports whether s has neither blanks nor control characters.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7f {
			return false
		}
	}
	return true
}

// appendPassed appends the client's headers that are passed on.
func (o *outgoing) appendPassed(b []byte, from *origin) []byte {
	named := o.r.Header["Connection"]
	for name, values := range o.r.Header {
		if kept(name) || isNamed(named, name) || from.says(name) {
			continue
		}
		for _, v := range values {
			b = appendField(b, name, v)
		}
	}
	if slices.ContainsFunc(o.r.Header["Te"], func(v string) bool { return hasToken(v, "trailers") }) {
		b = append(b, "Connection: TE\r\nTE: trailers\r\n"...)
	}
	return b
}

// appendFraming appends what says how long the body is.
func (o *outgoing) appendFraming(b []byte) []byte {
	if o.expect {
		b = append(b, "Expect: 100-continue\r\n"...)
	}
	switch {
	case o.body != nil && o.length < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
		return o.appendAnnounced(b)
	case o.body != nil:
		return appendLength(b, o.length)
	case o.method == http.MethodPost || o.method == http.MethodPut || o.method == http.MethodPatch:
		return appendLength(b, 0)
	}
	return b
}

func appendLength(b []byte, n int64) []byte {
	return append(strconv.AppendInt(append(b, "Content-Length: "...), n, 10), "\r\n"...)
}

// appendAnnounced appends the names of the trailers that will follow.
func (o *outgoing) appendAnnounced(b []byte) []byte {
	for name := range o.r.Trailer {
		if !kept(name) {
			b = appendField(b, "Trailer", name)
		}
	}
	return b
}

// appendTrailers appends the trailers that have come.
func (o *outgoing) appendTrailers(b []byte) []byte {
	for name, values := range o.r.Trailer {
		for _, v := range values {
			if !kept(name) {
				b = appendField(b, name, v)
			}
		}
	}
	return b
}

// appendField appends a line, unless it would be read as something else.
func appendField(b []byte, name, value string) []byte {
	if !isToken(name) || !validValue(value) {
		return b
	}
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

// maxHeld is the largest body that is held, in bytes.
const maxHeld = 64 << 10

// hold reads a small body of known length ahead, so that it is sent with its head and can be
// sent again. Another one, or one that the client wants to be asked for, is left to stream.
// errClientBody if the client does not send it.
func (o *outgoing) hold() error {
	if o.body == nil || o.expect || o.length < 0 || o.length > maxHeld {
		return nil
	}
	b, err := appendBody(*o.buf, o.body, int(o.length))
	*o.buf = b
	if err != nil {
		return fmt.Errorf("%w: %w", errClientBody, unexpected(err))
	}
	o.body = nil
	return nil
}

// appendBody appends a body of n bytes as it comes: one that is only promised takes no memory.
func appendBody(b []byte, body io.Reader, n int) ([]byte, error) {
	for whole := len(b) + n; len(b) < whole; {
		if len(b) == cap(b) {
			b = slices.Grow(b, min(whole-len(b), max(len(b), 512)))
		}
		read, err := body.Read(b[len(b):min(cap(b), whole)])
		if b = b[:len(b)+read]; err != nil && len(b) < whole {
			return b, err
		}
	}
	return b, nil
}

// packet is what is sent first.
func (o *outgoing) packet() []byte { return *o.buf }

// streams reports whether a body follows the packet.
func (o *outgoing) streams() bool { return o.body != nil }

// begun reports whether some of a body that streams may be read. Then o can't be sent again.
func (o *outgoing) begun() bool { return o.feed != nil }

// repeatable reports whether o may be sent again though it may have been read.
func (o *outgoing) repeatable() bool { return idempotent(o.method) && !o.streams() }

// idempotent reports whether a request by method has one effect, however often it is sent.
func idempotent(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// headBy is until when the head of an answer is waited for that may take d.
func (o *outgoing) headBy(d time.Duration) time.Time {
	t := time.Now().Add(d)
	if !o.by.IsZero() && o.by.Before(t) {
		return o.by
	}
	return t
}

// tellInterim passes an interim answer on.
func (o *outgoing) tellInterim(h *head) {
	if !o.r.ProtoAtLeast(1, 1) {
		return
	}
	all := o.w.Header()
	final := maps.Clone(all)
	clear(all)
	h.addTo(all)
	o.w.WriteHeader(h.status)
	clear(all)
	maps.Copy(all, final)
}

// closeUnread lets the client's connection end with this request if its body has not been
// read well to its end: net/http, which would see to that, was asked to leave the body to the
// feed, and would take the rest for the next request.
func (o *outgoing) closeUnread() {
	if o.feed != nil && o.r.ProtoMajor == 1 && !o.feed.readAll() {
		o.w.Header()["Connection"] = []string{"close"}
	}
}

// close ends the sending of the body. It is to be called once the client is answered, and
// may take a second if the client neither sends nor leaves.
func (o *outgoing) close() {
	if o.feed != nil {
		o.feed.end()
	}
	if cap(*o.buf) <= keptPacket {
		*o.buf = (*o.buf)[:0]
		packets.Put(o.buf)
	}
	o.buf = nil
}

// isNamed reports whether one of lists names token.
func isNamed(lists []string, token string) bool {
	return slices.ContainsFunc(lists, func(list string) bool { return hasToken(list, token) })
}
