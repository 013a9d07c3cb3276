package web

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
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

// flood sends frames until the server has had enough: then it returns true, and false when the time
// is up. It reads whatever comes, and sends no more at once than the server has taken.
func flood(c *tls.Conn, until time.Time, frame func(f *http2.Framer, i int) error) (sent int, ended bool) {
	_ = c.SetDeadline(until.Add(time.Minute))
	_, _ = io.WriteString(c, http2.ClientPreface)
	buffered := bufio.NewWriter(c)
	framer := http2.NewFramer(buffered, c)
	if framer.WriteSettings() != nil {
		return 0, true
	}
	go func() { _, _ = io.Copy(io.Discard, c) }()
	for ; time.Now().Before(until); sent++ {
		if frame(framer, sent) != nil {
			return sent, true
		}
		if sent%100 == 99 {
			time.Sleep(100 * time.Microsecond) // else it is ended for the answers that wait for it
		}
	}
	return sent, false
}

func TestAFloodOfWhatIsOfNoRequestEnds(t *testing.T) {
	held, got := headers("POST", "/api/held"), headers("GET", "/api/posts/1")
	unknown := func(f *http2.Framer, _ int) error { return f.WriteRawFrame(0xfa, 0, 0, nil) }
	for name, frame := range map[string]func(*http2.Framer, int) error{
		"streams": func(f *http2.Framer, i int) error {
			return f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: held, EndHeaders: true})
		},
		"unknown": unknown,
		"unknown, and a request now and then": func(f *http2.Framer, i int) error {
			if i%1000 == 0 {
				return f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i/1000 + 1), BlockFragment: got, EndHeaders: true, EndStream: true})
			}
			return unknown(f, i)
		},
		"pings":      func(f *http2.Framer, _ int) error { return f.WritePing(false, [8]byte{}) },
		"settings":   func(f *http2.Framer, _ int) error { return f.WriteSettings() },
		"priorities": func(f *http2.Framer, _ int) error { return f.WritePriority(1, http2.PriorityParam{Weight: 1}) },
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
					if sent, ended := flood(c, time.Now().Add(3*time.Minute), frame); !ended {
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
			n := s.flooded.Load()
			t.Logf("%d of %d were ended for what came", n, floods)
			answered := name == "streams" || name == "pings" || name == "settings" // net/http may find them too many first
			if n != floods && !answered {
				t.Error("some were ended for another reason")
			}
		})
	}
}

// pusher is a client of HTTP/2 who sends as much as he may.
type pusher struct {
	*http2.Framer
	mu       sync.Mutex
	changed  *sync.Cond
	window   int64 // bytes that may be sent over the connection
	answered map[uint32]bool
	gone     error // why the connection is
}

func newPusher(c *tls.Conn) *pusher {
	p := &pusher{Framer: http2.NewFramer(c, c), window: 65535, answered: map[uint32]bool{}}
	p.changed = sync.NewCond(&p.mu)
	_, _ = io.WriteString(c, http2.ClientPreface)
	_ = p.WriteSettings()
	go p.listen()
	return p
}

func (p *pusher) listen() {
	for {
		frame, err := p.ReadFrame()
		p.mu.Lock()
		switch f := frame.(type) {
		case *http2.WindowUpdateFrame:
			if f.StreamID == 0 {
				p.window += int64(f.Increment)
			}
		case *http2.HeadersFrame:
			p.answered[f.StreamID] = true
		}
		p.gone = err
		p.mu.Unlock()
		p.changed.Broadcast()
		if err != nil {
			return
		}
	}
}

// take waits until something may be sent in a stream, of n bytes at most; 0: it is answered, or gone.
func (p *pusher) take(stream uint32, n int64) int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.window == 0 && !p.answered[stream] && p.gone == nil {
		p.changed.Wait()
	}
	if p.answered[stream] || p.gone != nil {
		return 0
	}
	n = min(n, p.window)
	p.window -= n
	return n
}

// push sends a body in a stream until it is answered, or nothing more may be sent.
func (p *pusher) push(stream uint32, most int64) error {
	for most > 0 {
		n := p.take(stream, min(most, 16<<10))
		if n == 0 {
			return nil
		}
		if err := p.WriteData(stream, false, make([]byte, n)); err != nil {
			return err
		}
		most -= n
	}
	return nil
}

func TestBodiesThatAreRefusedOneAfterTheOtherAreNoFlood(t *testing.T) {
	m := testMux()
	const bodies = 60
	var turns [bodies + 1]chan struct{}
	for i := range turns {
		turns[i] = make(chan struct{})
	}
	m.Handle("POST /refuse/{n}", Anyone, func(_ http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		n, err := strconv.Atoi(r.PathValue("n"))
		if err != nil {
			return err
		}
		<-turns[n]
		defer close(turns[n+1])
		time.Sleep(20 * time.Millisecond) // the body comes meanwhile
		return blog.Fail(blog.CodeForbidden)
	})
	s := serveTLS(t, m, DefaultBounds, 20)
	p := newPusher(s.dial(t, "h2"))
	for i := range bodies {
		block := headers("POST", fmt.Sprint("/refuse/", i))
		if err := p.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: block, EndHeaders: true}); err != nil {
			t.Fatal(err)
		}
	}
	close(turns[0])
	for i := range bodies {
		if err := p.push(uint32(2*i+1), 256<<10); err != nil {
			t.Fatal(err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.answered) < bodies && p.gone == nil {
		p.changed.Wait()
	}
	if p.gone != nil || s.flooded.Load() > 0 {
		t.Errorf("after %d of %d answers the connection is gone: %v", len(p.answered), bodies, p.gone)
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
	const large = 2 << 20
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
	c.Timeout = 5 * time.Minute
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
		{"a body comes in small pieces", 1, "POST", "/take", "", func() io.Reader { return pieces{bytes.NewReader(make([]byte, large)), 16} }},
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

func TestWhateverLengthIsAnnouncedIsNotOwed(t *testing.T) {
	for _, length := range []int64{-1, 0, 1, 1 << 20, 3 << 60, 1<<63 - 1} {
		l := &ledger{}
		l.owed.Store(1000)
		r := httptest.NewRequestWithContext(context.WithValue(t.Context(), ledgerKey{}, l), "POST", "/", strings.NewReader("a"))
		r.ContentLength = length
		begun(r)()
		if owed := l.owed.Load(); owed < 0 || owed > 1000 {
			t.Errorf("%d bytes are owed after a request of %d", owed, length)
		}
	}
}
