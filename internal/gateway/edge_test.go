package gateway

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"inkstone/internal/telemetry"
	"inkstone/internal/web"
)

// newEdge is a front behind the chain that clients meet in truth.
func newEdge(t *testing.T, address string) *front {
	f := &front{wire: newWire(wireOptions{}), errs: make(chan error, 1024)}
	log := slog.New(slog.DiscardHandler)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	edge := web.Edge(f.handler(address), web.EdgeOptions{Log: log, Origins: []string{"http://a.example"}})
	f.Server = &httptest.Server{Listener: web.Limit(l, 100, telemetry.NewMetrics()), Config: web.NewServer(edge, log, web.DefaultBounds)}
	f.Start()
	t.Cleanup(func() {
		f.Close()
		f.wire.close()
	})
	return f
}

func TestAnAnswerPassesTheEdgeWithoutSayingThingsTwice(t *testing.T) {
	address, got := answering(t, "HTTP/1.1 200 OK\r\nX-Request-Id: theirs\r\nDate: Fri, 27 Nov 2026 07:00:00 GMT\r\nVary: Origin\r\n"+
		"Access-Control-Allow-Origin: *\r\nX-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'\r\nContent-Length: 2\r\n\r\nok")
	f := newEdge(t, address)
	resp, body := f.ask(t, "GET /a HTTP/1.1\r\nHost: h\r\nOrigin: http://a.example\r\nX-Request-Id: mine\r\n\r\n")
	for name, want := range map[string]string{"X-Request-Id": "mine", "Date": "Fri, 27 Nov 2026 07:00:00 GMT", "Vary": "Origin",
		"Access-Control-Allow-Origin": "http://a.example", "X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'", "X-Frame-Options": "SAMEORIGIN"} {
		if values := resp.Header[name]; len(values) != 1 || values[0] != want {
			t.Errorf("%s: %q", name, values)
		}
	}
	if body != "ok" {
		t.Errorf("%q", body)
	}
	next(t, got)
	f.wantEnd(t, nil)
}

func TestBodiesPassTheEdge(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n, err, r.Trailer.Get("X-Sum"))
	}))
	defer up.Close()
	f := newEdge(t, up.Listener.Addr().String())
	c, in := f.dial(t)
	for range 3 { // on one connection
		_, _ = io.WriteString(c, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n"+strings.Repeat("a", 100000))
		if _, body := readAnswer(t, in, "POST"); body != "100000 <nil>" {
			t.Errorf("%q", body)
		}
		_, _ = io.WriteString(c, "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
		if _, body := readAnswer(t, in, "POST"); body != "5 <nil>1" {
			t.Errorf("%q", body)
		}
		f.wantEnd(t, nil)
		f.wantEnd(t, nil)
	}
	f.wantIdle(t, 1)
}

func TestARefusalPassesTheEdgeWhileTheClientSends(t *testing.T) {
	address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		_, _ = readLines(in)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
		_, _ = io.Copy(io.Discard, in)
	})
	f := newEdge(t, address)
	c, in := f.dial(t)
	sent := make(chan error, 1)
	go func() {
		_, err := io.WriteString(c, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n")
		for n := 0; n < 5e6 && err == nil; n += 1e5 {
			_, err = c.Write(make([]byte, 1e5))
		}
		sent <- err
	}()
	resp, body := readAnswer(t, in, "POST")
	if resp.StatusCode != http.StatusRequestEntityTooLarge || body != "large" {
		t.Errorf("%s, %q", resp.Status, body)
	}
	if err := next(t, sent); err != nil {
		t.Errorf("the client could not send on: %v", err)
	}
	f.wantEnd(t, nil)
}
