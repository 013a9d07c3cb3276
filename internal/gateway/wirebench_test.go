package gateway

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// benchClients are kept alive and send one request after the other.
const benchClients = 64

// roles are what this program is instead of a test, so that a benchmark's own process does
// nothing but what is measured.
var roles = map[string]func(){"upstream": playUpstream, "clients": playClients}

// playUpstream tells its address and answers until its input ends.
func playUpstream() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				log.Fatal(err)
			}
			go answerPlainly(c)
		}
	}()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

var plainAnswer = []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nDate: Fri, 27 Nov 2026 07:00:00 GMT\r\n" +
	"Etag: \"1-abcdef\"\r\nCache-Control: public, max-age=0, must-revalidate\r\nContent-Length: 1024\r\n\r\n" + strings.Repeat("x", 1024))

// answerPlainly answers whatever comes with 1 KB, at as little cost as can be.
func answerPlainly(c net.Conn) {
	defer c.Close()
	for in := bufio.NewReader(c); ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		if len(line) > 2 {
			continue
		}
		if _, err := c.Write(plainAnswer); err != nil {
			return
		}
	}
}

// playClients sends as many requests as it is told to an address.
func playClients() {
	n, _ := strconv.Atoi(os.Getenv("WIRE_REQUESTS"))
	var left atomic.Int64
	left.Store(int64(n))
	var clients sync.WaitGroup
	for range benchClients {
		clients.Go(func() {
			if err := drive(os.Getenv("WIRE_ADDRESS"), &left); err != nil {
				log.Fatal(err)
			}
		})
	}
	clients.Wait()
}

// drive sends requests while any are left.
func drive(address string, left *atomic.Int64) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	request := []byte("GET /api/posts?page=1&limit=10 HTTP/1.1\r\nHost: blog.example\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n")
	for in := bufio.NewReaderSize(c, 4096); left.Add(-1) >= 0; {
		if _, err := c.Write(request); err != nil {
			return err
		}
		if err := skipAnswer(in); err != nil {
			return err
		}
	}
	return nil
}

// skipAnswer reads an answer with a body of 1 KB.
func skipAnswer(in *bufio.Reader) error {
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			_, err = in.Discard(1024)
			return err
		}
	}
}

// role starts this program in a role, with settings.
func role(b *testing.B, name string, settings ...string) *exec.Cmd {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	c := exec.Command(self)
	c.Env, c.Stderr = append(append(os.Environ(), "WIRE_ROLE="+name), settings...), os.Stderr
	return c
}

// plainUpstream starts an upstream in a process of its own.
func plainUpstream(b *testing.B) string {
	b.Helper()
	c := role(b, "upstream")
	in, err := c.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = in.Close()
		_ = c.Wait()
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	return strings.TrimSpace(address)
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

// BenchmarkNoProxy is what the server in front costs by itself.
func BenchmarkNoProxy(b *testing.B) {
	body := []byte(strings.Repeat("x", 1024))
	benchProxy(b, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }))
}

// benchProxy tells the CPU time that this process takes for a request, with its clients
// and its upstream elsewhere.
func benchProxy(b *testing.B, h http.Handler) {
	front := httptest.NewServer(h)
	defer front.Close()
	clients := role(b, "clients", "WIRE_ADDRESS="+front.Listener.Addr().String(), "WIRE_REQUESTS="+strconv.Itoa(b.N))
	b.ReportAllocs()
	before := processTime()
	b.ResetTimer()
	if err := clients.Run(); err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	b.ReportMetric(float64((processTime()-before).Nanoseconds())/float64(b.N), "cpu-ns/op")
}
