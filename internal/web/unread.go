package web

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net"
	"net/http"
	"strconv"

	"inkstone/internal/blog"
)

// unread returns the answer to a request that nobody has read, which is the last
// on its connection. It is in Chinese: what the client prefers is not known.
func unread(status int, code blog.Code) []byte {
	s := &state{id: rand.Text()}
	body := errorBody{Error: codes[code].zh, Code: code, RequestID: s.id}.appendJSON(nil)
	h := http.Header{"Content-Length": {strconv.Itoa(len(body))}, "Connection": {"close"}}
	header(h, code, nil)
	s.addHeaders(h)
	return append(appendHead(nil, status, h), body...)
}

// appendHead appends what stands before an answer's body.
func appendHead(b []byte, status int, h http.Header) []byte {
	out := bytes.NewBuffer(b)
	fmt.Fprintf(out, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = h.Write(out) // a bytes.Buffer cannot fail
	out.WriteString("\r\n")
	return out.Bytes()
}

// noteIdle tells a connection that a request has ended on it.
func noteIdle(c net.Conn, s http.ConnState) {
	if c := connOf(c); c != nil && s == http.StateIdle {
		c.idle, c.place = true, ended
	}
}

// noteWork tells r's connection that it is at work.
func noteWork(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*conn); ok {
		c.idle = false
	}
}

// retell sends b, by which net/http refuses a request that it can't read, in the
// form that every error has.
func (c *conn) retell(b []byte) (int, error) {
	c.idle = false
	status := http.StatusBadRequest
	if bytes.HasPrefix(b, []byte("HTTP/1.1 431 ")) {
		status = http.StatusRequestHeaderFieldsTooLarge
	}
	_, err := c.Conn.Write(unread(status, blog.CodeBadRequest))
	return len(b), err
}
