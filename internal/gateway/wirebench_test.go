package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// benchClients are kept alive and send one request after the other.
const benchClients = 64

// plainUpstream answers whatever comes with 1 KB, at as little cost as can be.
func plainUpstream(tb testing.TB) string {
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nDate: Fri, 27 Nov 2026 07:00:00 GMT\r\n" +
		"Etag: \"1-abcdef\"\r\nCache-Control: public, max-age=0, must-revalidate\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1024))
	return rawUpstream(tb, func(c net.Conn, in *bufio.Reader) {
		for {
			if _, err := in.ReadSlice('\n'); err != nil {
				return
			}
			if b, _ := in.Peek(in.Buffered()); string(b[:min(2, len(b))]) == "\r\n" {
				_, _ = in.Discard(2)
				if _, err := c.Write(answer); err != nil {
					return
				}
			}
		}
	})
}

func BenchmarkWire(b *testing.B) {
	w := newWire(wireOptions{})
	defer w.close()
	address := plainUpstream(b)
	benchProxy(b, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		client, _ := netip.ParseAddrPort(r.RemoteAddr)
		out, err := newOutgoing(rw, r, origin{client: client.Addr(), requestID: "0123456789abcdef"})
		if err != nil {
			panic(err)
		}
		defer out.close()
		a, err := w.send(r.Context(), out, address)
		if err != nil {
			panic(err)
		}
		if a.deliver(rw) != nil {
			panic(http.ErrAbortHandler)
		}
	}))
}

func BenchmarkReverseProxy(b *testing.B) {
	to := &url.URL{Scheme: "http", Host: plainUpstream(b)}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = benchClients
	defer transport.CloseIdleConnections()
	benchProxy(b, &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
		r.SetXForwarded()
		r.Out.Header.Set("X-Request-Id", "0123456789abcdef")
	}})
}

// BenchmarkNoProxy is what the clients and the server in front cost by themselves.
func BenchmarkNoProxy(b *testing.B) {
	body := []byte(strings.Repeat("x", 1024))
	benchProxy(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
}

func benchProxy(b *testing.B, h http.Handler) {
	front := httptest.NewServer(h)
	defer front.Close()
	b.ReportAllocs()
	var left atomic.Int64
	left.Store(int64(b.N))
	var clients sync.WaitGroup
	before := processTime()
	b.ResetTimer()
	for range benchClients {
		clients.Go(func() { drive(b, front.Listener.Addr().String(), &left) })
	}
	clients.Wait()
	b.StopTimer()
	if took := processTime() - before; took > 0 {
		b.ReportMetric(float64(took.Nanoseconds())/float64(b.N), "cpu-ns/op")
	}
}

// drive sends requests while any are left.
func drive(tb testing.TB, address string, left *atomic.Int64) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		tb.Error(err)
		return
	}
	defer c.Close()
	request := []byte("GET /api/posts?page=1&limit=10 HTTP/1.1\r\nHost: blog.example\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n")
	in := bufio.NewReaderSize(c, 4096)
	for left.Add(-1) >= 0 {
		if _, err := c.Write(request); err != nil {
			tb.Error(err)
			return
		}
		if err := skipAnswer(in); err != nil {
			tb.Error(err)
			return
		}
	}
}

// skipAnswer reads an answer with a body of 1 KB.
func skipAnswer(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err = io.CopyN(io.Discard, in, 1024)
			return err
		}
	}
}
