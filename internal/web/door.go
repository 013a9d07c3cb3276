package web

import (
	"bufio"
	"bytes"
	"net/http"
	"sync"
	"time"
)

// doorkeeper is a handler that can tell beforehand that it would refuse a request.
// In overload most requests are refused, and most of what that costs is net/http's:
// a goroutine that watches the connection meanwhile, and half a dozen changes between
// goroutines. A conn spares both by refusing while net/http waits for a request.
type doorkeeper interface {
	busy() bool                                    // or nobody is refused
	refuses(r *http.Request) bool                  // if not, it goes on
	refuse(w http.ResponseWriter, r *http.Request) // must follow
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
		if err != nil || c.place != between || len(b) != netHTTPBuffer || !c.turnAway(b[:n]) {
			return n, err
		}
	}
}

// SetReadDeadline implements net.Conn. After a request net/http sets how long it waits
// for the next one, and when that has begun, how long for its header.
func (c *conn) SetReadDeadline(t time.Time) error {
	if c.place == ended {
		c.place = between
	} else {
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
	r.RemoteAddr = c.RemoteAddr().String()
	c.telling.Lock()
	defer c.telling.Unlock()
	_ = c.Conn.SetWriteDeadline(time.Now().Add(refusalTime)) // the next Read tells of a connection that is closed
	c.door.refuse(&refusal{c, http.Header{}}, r.WithContext(c.ctx))
	_ = c.Conn.SetWriteDeadline(time.Time{})
	_ = c.Conn.SetReadDeadline(time.Now().Add(c.patient))
	c.idle = true
	return true
}

// parsePlain returns the request that b is if it is exactly one: of HTTP/1.1, to read
// something of the API, without a body, after which the connection stays as it is. nil
// is left to net/http, with all that may be wrong with it.
func parsePlain(b []byte) *http.Request {
	if !bytes.HasSuffix(b, []byte("\r\n\r\n")) || !bytes.HasPrefix(b, []byte("GET /api/")) && !bytes.HasPrefix(b, []byte("HEAD /api/")) {
		return nil
	}
	buffer := buffers.Get().(*bufio.Reader)
	defer buffers.Put(buffer)
	rest := bytes.NewReader(b)
	buffer.Reset(rest)
	r, err := http.ReadRequest(buffer)
	if err != nil || buffer.Buffered()+rest.Len() > 0 || r.Body != http.NoBody || r.Close || !r.ProtoAtLeast(1, 1) || r.Host == "" {
		return nil
	}
	if len(r.Header["Expect"])+len(r.Header["Upgrade"]) > 0 {
		return nil
	}
	return r
}

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
	_, _ = w.conn.Write(appendHead(nil, status, w.header))
}

// Write implements http.ResponseWriter.
func (w *refusal) Write(b []byte) (int, error) { return w.conn.Write(b) }

// Flush implements http.Flusher; the conn sends the answer whole.
func (w *refusal) Flush() {}
