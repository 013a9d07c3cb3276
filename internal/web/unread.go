package web

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"

	"inkstone/internal/blog"
)

// unread returns the answer to a request that nobody has read, which is the last
// on its connection. It is in Chinese: what the client prefers is not known.
func unread(status string, code blog.Code) []byte {
	s := &state{id: rand.Text()}
	body, _ := json.Marshal(errorBody{Error: codes[code].zh, Code: code, RequestID: s.id}) // strings cannot fail
	h := http.Header{"Content-Length": {fmt.Sprint(len(body))}, "Connection": {"close"}}
	header(h, code, nil)
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %s\r\n", status)
	_ = h.Write(&b) // a bytes.Buffer cannot fail
	b.Write(s.appendHeaders(nil))
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
}

// noteIdle tells a connection that no request is at work on it.
func noteIdle(c net.Conn, s http.ConnState) {
	if counted, ok := c.(*countedConn); ok && s == http.StateIdle {
		counted.idle = true
	}
}

// noteWork tells r's connection that it is at work.
func noteWork(r *http.Request) {
	if c, ok := r.Context().Value(connKey{}).(*countedConn); ok {
		c.idle = false
	}
}

// retell sends b, by which net/http refuses a request that it can't read, in the
// form that every error has.
func (c *countedConn) retell(b []byte) (int, error) {
	c.idle = false
	status := "400 Bad Request"
	if bytes.HasPrefix(b, []byte("HTTP/1.1 431 ")) {
		status = "431 Request Header Fields Too Large"
	}
	_, err := c.Conn.Write(unread(status, blog.CodeBadRequest))
	return len(b), err
}
