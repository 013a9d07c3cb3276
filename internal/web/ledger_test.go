package web

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"inkstone/internal/blog"
)

// headers are those of a request, as a block of HTTP/2.
func headers(method, path string) []byte {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	for _, f := range [][2]string{{":method", method}, {":scheme", "https"}, {":authority", "a"}, {":path", path}} {
		_ = e.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
	}
	return block.Bytes()
}

// flood sends frames until the server has had enough, or until then. It reads whatever comes, and
// sends no more at once than the server has taken.
func flood(c *tls.Conn, until time.Time, frame func(f *http2.Framer, i int) error) (sent int, err error) {
	_, _ = io.WriteString(c, http2.ClientPreface)
	buffered := bufio.NewWriter(c)
	framer := http2.NewFramer(buffered, c)
	if err := framer.WriteSettings(); err != nil {
		return 0, err
	}
	go func() { _, _ = io.Copy(io.Discard, c) }()
	for ; time.Now().Before(until); sent++ {
		if err := frame(framer, sent); err != nil {
			return sent, err
		}
		if sent%500 == 499 {
			time.Sleep(time.Millisecond) // else it is ended for the answers that wait for it
		}
	}
	return sent, buffered.Flush()
}

func TestAFloodOfWhatIsOfNoRequestEnds(t *testing.T) {
	held := headers("POST", "/api/held")
	for name, frame := range map[string]func(*http2.Framer, int) error{
		"streams": func(f *http2.Framer, i int) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: held, EndHeaders: true})
		},
		"pings":      func(f *http2.Framer, _ int) error { return f.WritePing(false, [8]byte{}) },
		"settings":   func(f *http2.Framer, _ int) error { return f.WriteSettings() },
		"priorities": func(f *http2.Framer, _ int) error { return f.WritePriority(1, http2.PriorityParam{Weight: 1}) },
		"unknown":    func(f *http2.Framer, _ int) error { return f.WriteRawFrame(0xfa, 0, 0, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			m := testMux()
			m.Handle("POST /api/held", Anyone, func(_ http.ResponseWriter, r *http.Request, _ blog.Actor) error {
				_, err := io.Copy(io.Discard, r.Body)
				return err
			})
			s := serveTLS(t, m, DefaultBounds, 20)
			const floods = 2
			var flooding sync.WaitGroup
			for range floods {
				c := s.dial(t, "h2")
				flooding.Go(func() {
					if sent, err := flood(c, time.Now().Add(time.Minute), frame); err == nil {
						t.Errorf("the server took %d", sent)
					}
				})
			}
			c := s.client(t, "h2")
			for range 50 {
				get(t, c, "https://"+s.address+"/api/posts/1")
			}
			flooding.Wait()
			eventually(t, "connections are left", func() bool { return open(s.metrics) == "1" })
			// What is answered may be too much for net/http, too, before it is for us.
			if n := s.flooded.Load(); n != floods && (name == "priorities" || name == "unknown") {
				t.Errorf("%d connections were ended for what came", n)
			}
		})
	}
}

// pieces is a body that comes in pieces of that many bytes.
type pieces struct {
	io.Reader
	each int
}

// Read implements io.Reader.
func (p pieces) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.each)]) }

func TestWhoSendsAndTakesMuchOverHTTP2IsNotTakenForAFlood(t *testing.T) {
	m := testMux()
	const large = 4 << 20
	m.Handle("GET /large", Anyone, func(w http.ResponseWriter, _ *http.Request, _ blog.Actor) error {
		_, err := w.Write(make([]byte, large))
		return err
	})
	m.Handle("POST /take", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		if n, err := io.Copy(io.Discard, r.Body); n != large || err != nil {
			t.Errorf("%d bytes came: %v", n, err)
		}
		return JSON(w, r, http.StatusOK, Message{"taken"})
	})
	m.Handle("POST /refuse", Anyone, func(http.ResponseWriter, *http.Request, blog.Actor) error {
		return blog.Fail(blog.CodeForbidden)
	})
	s := serveTLS(t, m, DefaultBounds, 20)
	c := s.client(t, "h2")
	var dialed atomic.Int64
	c.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		dialed.Add(1)
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	ask := func(method, path, header string, body io.Reader) {
		r, err := http.NewRequestWithContext(t.Context(), method, "https://"+s.address+path, body)
		if err != nil {
			t.Error(err)
			return
		}
		r.Header.Set("X-Much", header)
		resp, err := c.Do(r)
		if err != nil {
			t.Errorf("%s %s: %v", method, path, err)
			return
		}
		defer resp.Body.Close()
		if n, err := io.Copy(io.Discard, resp.Body); err != nil || path == "/large" && n != large {
			t.Errorf("%s %s: %d bytes, %v", method, path, n, err)
		}
	}
	ask("GET", "/api/posts/1", "", nil) // so that there is one connection
	for _, group := range []struct {
		name         string
		times        int
		method, path string
		header       string
		body         func() io.Reader
	}{
		{"what is large is taken", 20, "GET", "/large", "", func() io.Reader { return nil }},
		{"a body comes in small pieces", 3, "POST", "/take", "", func() io.Reader { return pieces{bytes.NewReader(make([]byte, large)), 128} }},
		{"bodies are refused", 60, "POST", "/refuse", "", func() io.Reader { return bytes.NewReader(make([]byte, large)) }},
		{"heads are large", 200, "GET", "/api/posts/1", strings.Repeat("much", 8<<10), func() io.Reader { return nil }},
	} {
		var all sync.WaitGroup
		places := make(chan struct{}, 50)
		for range group.times {
			places <- struct{}{}
			all.Go(func() {
				ask(group.method, group.path, group.header, group.body())
				<-places
			})
		}
		all.Wait()
		if dials, ended := dialed.Load(), s.flooded.Load(); dials != 1 || ended > 0 {
			t.Fatalf("%s: %d connections, %d ended", group.name, dials, ended)
		}
	}
}
