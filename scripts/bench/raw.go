package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// rawClient is one kept connection that sends requests made beforehand and reads
// of an answer what it must. net/http's client would cost as much as the server it
// loads, on the same cores.
type rawClient struct {
	address string
	conn    net.Conn
	in      *bufio.Reader
}

// answer is what a rawClient reads of one.
type answer struct {
	status int
	again  time.Duration // Retry-After
	took   time.Duration
}

const rawTimeout = 10 * time.Second

func (c *rawClient) do(request []byte) (answer, error) {
	start := time.Now()
	if err := c.dial(); err != nil {
		return answer{}, err
	}
	_ = c.conn.SetDeadline(start.Add(rawTimeout))
	if _, err := c.conn.Write(request); err != nil {
		return answer{}, c.fail(err)
	}
	a, err := c.read()
	if err != nil {
		return answer{}, c.fail(err)
	}
	a.took = time.Since(start)
	return a, nil
}

func (c *rawClient) dial() (err error) {
	if c.conn != nil {
		return nil
	}
	if c.conn, err = net.DialTimeout("tcp", c.address, rawTimeout); err != nil {
		c.conn = nil
		return err
	}
	c.in = bufio.NewReaderSize(c.conn, 4<<10)
	return nil
}

func (c *rawClient) fail(err error) error {
	c.close()
	return err
}

func (c *rawClient) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *rawClient) read() (answer, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil || len(line) < 12 {
		return answer{}, fmt.Errorf("status line %q: %w", line, err)
	}
	var a answer
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, err
	}
	length, closes := 0, false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return a, err
		}
		if len(line) <= 2 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch string(name) {
		case "Content-Length":
			length, err = strconv.Atoi(string(bytes.TrimSpace(value)))
		case "Retry-After":
			var seconds int
			seconds, err = strconv.Atoi(string(bytes.TrimSpace(value)))
			a.again = time.Duration(seconds) * time.Second
		case "Connection":
			closes = string(bytes.TrimSpace(value)) == "close"
		}
		if err != nil {
			return a, err
		}
	}
	_, err = c.in.Discard(length)
	if closes {
		c.close()
	}
	return a, err
}

// rawRequest is what a rawClient sends.
func rawRequest(method, path, token, body string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: bench\r\n", method, path)
	if token != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", token)
	}
	if body != "" {
		fmt.Fprintf(&b, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	return []byte(b.String() + "\r\n" + body)
}
