package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// line is a connection of a client to a gateway, kept from one request to the next. It is bare,
// since Go's own client sends a request again without a word if the connection breaks.
type line struct {
	door   *door
	conn   net.Conn // nil: none
	in     *bufio.Reader
	closed int64 // the door's at the time of the connection
	used   time.Time
}

// Bounds of a client, whose patience ends after that of the gateway.
const (
	patience = 30 * time.Second
	longIdle = 30 * time.Second // less than what a server waits for the next request
)

// send sends a request once, and reads the whole answer.
func (l *line) send(r *http.Request) (answer *http.Response, body []byte, err error) {
	if err := l.connect(); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil || answer.Close {
			l.close()
		}
	}()
	l.used = time.Now()
	_ = l.conn.SetDeadline(l.used.Add(patience))
	if err := r.Write(l.conn); err != nil {
		return nil, nil, fmt.Errorf("send: %w", err)
	}
	if answer, err = http.ReadResponse(l.in, r); err != nil {
		return nil, nil, fmt.Errorf("read head: %w", err)
	}
	if body, err = io.ReadAll(answer.Body); err != nil {
		return nil, nil, fmt.Errorf("read body: %w", err)
	}
	return answer, body, nil
}

func (l *line) connect() error {
	closed := l.door.closed.Load()
	if l.conn != nil && (l.closed != closed || time.Since(l.used) > longIdle) {
		l.close()
	}
	if l.conn != nil {
		return nil
	}
	conn, err := net.DialTimeout("tcp", l.door.address(), 5*time.Second)
	if err != nil {
		return err
	}
	l.conn, l.in, l.closed = conn, bufio.NewReader(conn), closed
	return nil
}

func (l *line) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}
