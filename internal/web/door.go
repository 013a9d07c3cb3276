package web

import (
	"bufio"
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// doorkeeper is a handler that can tell beforehand that it would refuse a request.
// In overload most requests are refused, and most of what that costs is net/http's:
// a goroutine that watches the connection meanwhile, and half a dozen changes between
// goroutines. A conn spares both by refusing while net/http waits for a request.
type doorkeeper interface {
	busy() bool                                    // whether anybody is refused at present
	refuses(r *http.Request) bool                  // whether r is; it is counted then, so refuse follows
	refuse(w http.ResponseWriter, r *http.Request) // tells so, when it is time
}

// place is where net/http is with a connection, told by what it does to it.
type place int

const (
	within  place = iota // a request, or the first one, which net/http looks at in any case
	ended                // a request
	between              // two requests: it waits for the next
)

// netHTTPBuffer is what net/http reads a connection by, in bytes. It offers less where
// something is left of what it has read before.
const netHTTPBuffer = 4096

// Read implements net.Conn. What it keeps back has been refused.
func (c *conn) Read(b []byte) (int, error) {
	for {
		n, err := c.Conn.Read(b)
		if len(b) > 1 { // else it is the goroutine that watches the connection
			c.note(b[:n], len(b))
		}
		if err != nil || c.place != between || len(b) != netHTTPBuffer || !c.turnAway(b[:n]) {
			return n, err
		}
	}
}

// note keeps what was read into so much room. More room is a handler's, for a body: to keep that
// would keep all of it in memory until the next request.
func (c *conn) note(read []byte, room int) {
	c.read = nil
	if room <= netHTTPBuffer {
		c.read = read
	}
	c.reads++
}

// SetReadDeadline implements net.Conn. After a request net/http sets how long it waits
// for the next one, and when that has begun, how long for its header.
func (c *conn) SetReadDeadline(t time.Time) error {
	switch c.place { // nothing is written within a request: another goroutine may read then
	case ended:
		c.place, c.reads = between, 0
	case between:
		c.place = within
	}
	return c.Conn.SetReadDeadline(t)
}

// turnAway refuses what has been read, if it is a whole request that is to be refused.
func (c *conn) turnAway(read []byte) bool {
	if c.door == nil || !c.door.busy() {
		return false
	}
	r := parsePlain(read)
	if r == nil || !c.door.refuses(r) {
		return false
	}
	r.RemoteAddr = c.remote
	c.telling.Lock()
	defer c.telling.Unlock()
	_ = c.Conn.SetWriteDeadline(time.Now().Add(tellingTime)) // that the connection was closed for it, the next Read tells
	c.door.refuse(&refusal{c, http.Header{}}, r.WithContext(c.ctx))
	_ = c.Conn.SetWriteDeadline(time.Time{})
	var until time.Time
	if c.patient > 0 {
		until = time.Now().Add(c.patient)
	}
	_ = c.Conn.SetReadDeadline(until)
	c.idle, c.reads = true, 0
	return true
}

// parsePlain returns the request that b is if it is exactly one: of HTTP/1.1, to read
// something of the API, without a body, after which the connection stays as it is. nil
// is left to net/http, with all that may be wrong with it.
func parsePlain(b []byte) *http.Request {
	if !bytes.HasSuffix(b, []byte("\r\n\r\n")) || !bytes.HasPrefix(b, []byte("GET /api/")) && !bytes.HasPrefix(b, []byte("HEAD /api/")) {
		return nil
	}
	buffer, rest := buffers.Get().(*bufio.Reader), bytes.NewReader(b)
	buffer.Reset(rest)
	r, err := http.ReadRequest(buffer)
	more := buffer.Buffered() + rest.Len()
	buffer.Reset(nil)
	buffers.Put(buffer)
	if err != nil || more > 0 || !isPlain(r) {
		return nil
	}
	return r
}

// isPlain leaves out what makes of a request more than its first line, and what
// net/http's server would not take though ReadRequest does.
func isPlain(r *http.Request) bool {
	if r.ProtoMajor != 1 || r.ProtoMinor < 1 || r.Close || r.Body != http.NoBody || !hostPattern.MatchString(r.Host) {
		return false
	}
	for name := range r.Header {
		if name == "Expect" || name == "Upgrade" || strings.Contains(name, " ") {
			return false
		}
	}
	return true
}

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9._:\[\]-]+$`)

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, netHTTPBuffer) }}

// refusal writes an answer to a request that net/http knows nothing of.
type refusal struct {
	conn   *conn
	header http.Header
}

// Header implements http.ResponseWriter.
func (w *refusal) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *refusal) WriteHeader(status int) {
	w.header["Date"] = []string{time.Now().UTC().Format(http.TimeFormat)}
	_, _ = w.Write(appendHead(nil, status, w.header))
}

// Write implements http.ResponseWriter.
func (w *refusal) Write(b []byte) (int, error) {
	n, err := w.conn.Write(b)
	if err != nil {
		_ = w.conn.Conn.Close() // half an answer is out: nothing may follow it
	}
	return n, err
}

// Flush implements http.Flusher; the conn sends the answer whole.
func (w *refusal) Flush() {}
