package web

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
	"inkstone/internal/telemetry"
)

// secureServer speaks TLS with everything around m.
type secureServer struct {
	*http.Server
	metrics *telemetry.Metrics
	address string
	cert    *enginetest.Certificate
	failed  atomic.Int64
	flooded atomic.Int64
}

func serveTLS(t *testing.T, m *Mux, b Bounds, most int) *secureServer {
	t.Helper()
	l, quiet := listenLocal(t), slog.New(slog.DiscardHandler)
	s := &secureServer{metrics: telemetry.NewMetrics(), address: l.Addr().String(), cert: enginetest.NewCertificate(t, time.Now().Add(time.Hour), "127.0.0.1")}
	s.Server = NewServer(Edge(m, EdgeOptions{Verifier: oneUser{}, Log: quiet, Metrics: s.metrics, Bounds: b}), quiet, b)
	secured := LimitTLS(l, most, s.metrics, TLS{
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &s.cert.Certificate, nil },
		Protocols:   []string{"other/1"}, Patience: b.Header, Failed: func(error) { s.failed.Add(1) },
		Flooded: func(net.Addr) { s.flooded.Add(1) },
	})
	ended := make(chan struct{})
	go func() { defer close(ended); _ = s.Serve(secured) }()
	t.Cleanup(func() { s.Close(); <-ended })
	return s
}

// client speaks h2 or http/1.1 alone, and keeps its connections until the test ends.
func (s *secureServer) client(t *testing.T, protocol string) *http.Client {
	t.Helper()
	way := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: s.cert.Pool()}, Protocols: new(http.Protocols), DisableCompression: true}
	way.Protocols.SetHTTP1(protocol == "http/1.1")
	way.Protocols.SetHTTP2(protocol == "h2")
	t.Cleanup(way.CloseIdleConnections)
	return &http.Client{Transport: way, Timeout: 20 * time.Second}
}

// dial shakes hands, offering those protocols.
func (s *secureServer) dial(t *testing.T, protocols ...string) *tls.Conn {
	t.Helper()
	c, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: s.cert.Pool(), NextProtos: protocols})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

var protocols = []string{"http/1.1", "h2"}

func TestOverTLSBothProtocolsGetTheSameAnswer(t *testing.T) {
	a, err := Encode(Message{strings.Repeat("whole ", 5000)})
	if err != nil {
		t.Fatal(err)
	}
	m := testMux()
	m.Handle("GET /api/whole", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error { return Write(w, r, 200, a) })
	m.Handle("GET /api/origin", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		return JSON(w, r, 200, Message{fmt.Sprint(OriginOf(r).Protocol, " ", r.Proto, " ", r.TLS != nil)})
	})
	s := serveTLS(t, m, DefaultBounds, 10)
	for _, protocol := range protocols {
		c := s.client(t, protocol)
		for range 3 {
			res, body := get(t, c, "https://"+s.address+"/api/whole")
			if res.StatusCode != 200 || body != string(a.body) || res.Header.Get("X-Request-Id") == "" || len(res.Header["Strict-Transport-Security"]) != 1 {
				t.Fatalf("%s: %d %v, %d bytes", protocol, res.StatusCode, res.Header, len(body))
			}
		}
		_, body := get(t, c, "https://"+s.address+"/api/origin")
		want := map[string]string{"http/1.1": "https HTTP/1.1 true", "h2": "https HTTP/2.0 true"}[protocol]
		if !strings.Contains(body, want) {
			t.Errorf("%s: %s", protocol, body)
		}
		res, _ := get(t, c, "https://"+s.address+"/nowhere")
		if res.StatusCode != 404 || res.Header.Get("X-Request-Id") == "" {
			t.Errorf("%s: %d %v", protocol, res.StatusCode, res.Header)
		}
	}
	if n := open(s.metrics); n != "2" {
		t.Errorf("%s connections are open", n)
	}
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestOverTLSAnAnswerFromTheCacheStillGoesOutAtOnce(t *testing.T) {
	a, err := Encode(Message{"short"})
	if err != nil {
		t.Fatal(err)
	}
	m := NewMux()
	m.Handle("GET /api/posts", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		if c, ok := r.Context().Value(connKey{}).(*conn); !ok || c.idle {
			t.Error("the connection is not ours, or does not know that it is at work")
		}
		return Write(w, r, 200, a)
	})
	s := serveTLS(t, m, DefaultBounds, 10)
	c := s.dial(t, "http/1.1")
	in := bufio.NewReader(c)
	for range 2 {
		_, _ = io.WriteString(c, "GET /api/posts HTTP/1.1\r\nHost: a\r\n\r\n")
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
	}
	_, _ = io.WriteString(c, "GET /api/posts HTTP/1.1\r\n\r\n") // without a Host
	res, err := http.ReadResponse(in, nil)
	if err == nil {
		err = likeEveryError(res, 400, blog.CodeBadRequest)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestAHandshakeThatDoesNotEndIsEnded(t *testing.T) {
	s := serveTLS(t, testMux(), hurried, 10)
	silent, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	half, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	_, _ = half.Write([]byte{22, 3, 1, 2, 0, 1}) // the begin of a hello
	get(t, s.client(t, "h2"), "https://"+s.address+"/api/posts/1")
	for _, c := range []net.Conn{silent, half} {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, context.DeadlineExceeded) || isTimeoutError(err) {
			t.Error("half a handshake is held")
		}
	}
	eventually(t, "half a handshake counts as a connection", func() bool { return open(s.metrics) == "0" }) // the other one is idle too long
	if s.failed.Load() != 2 {
		t.Errorf("%d handshakes have failed", s.failed.Load())
	}
}

func isTimeoutError(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func TestWhoSpeaksHTTPToTLSIsToldSo(t *testing.T) {
	s := serveTLS(t, testMux(), DefaultBounds, 10)
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET /api/posts/1 HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		err = likeEveryError(res, 400, blog.CodeBadRequest)
	}
	if err != nil {
		t.Error(err)
	}
	eventually(t, "its connection counts", func() bool { return open(s.metrics) == "0" })
}

func TestAnotherProtocolIsAHandshakeAndNoMore(t *testing.T) {
	s := serveTLS(t, testMux(), DefaultBounds, 10)
	c := s.dial(t, "other/1")
	if got := c.ConnectionState().NegotiatedProtocol; got != "other/1" {
		t.Errorf("agreed on %q", got)
	}
	if _, err := c.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("it goes on: %v", err)
	}
	eventually(t, "it counts", func() bool { return open(s.metrics) == "0" })
}

func TestOneTLSConnectionTooManyIsToldSo(t *testing.T) {
	s := serveTLS(t, testMux(), DefaultBounds, 1)
	first := s.dial(t, "h2")
	c := s.dial(t, "h2", "http/1.1")
	_, _ = io.WriteString(c, "GET /api/posts/1 HTTP/1.1\r\nHost: a\r\n\r\n")
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err == nil {
		err = likeEveryError(res, 503, blog.CodeBusy)
	}
	if err != nil {
		t.Error(err)
	}
	first.Close()
	eventually(t, "its place is not given back", func() bool { return open(s.metrics) == "0" })
	get(t, s.client(t, "h2"), "https://"+s.address+"/api/posts/1")
}

func TestAServerThatStopsEndsHandshakesAndNewcomers(t *testing.T) {
	s := serveTLS(t, testMux(), DefaultBounds, 10)
	silent, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	s.dial(t, "http/1.1")
	s.dial(t, "h2")
	get(t, s.client(t, "h2"), "https://"+s.address+"/api/posts/1")
	eventually(t, "connections are not accepted", func() bool { return open(s.metrics) == "4" })
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // net/http would wait for five
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	eventually(t, "connections are still counted", func() bool { return open(s.metrics) == "0" })
}

func TestARequestInFlightOverHTTP2IsAnsweredBeforeTheEnd(t *testing.T) {
	m, begun, release := testMux(), make(chan struct{}), make(chan struct{})
	m.Handle("GET /api/slow", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		close(begun)
		<-release
		return JSON(w, r, 200, Message{"done"})
	})
	s := serveTLS(t, m, DefaultBounds, 10)
	answered := make(chan string, 1)
	c := s.client(t, "h2")
	go func() {
		res, err := c.Get("https://" + s.address + "/api/slow")
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	<-begun
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(t.Context()) }()
	eventually(t, "it does not stop to accept", func() bool {
		c, err := net.Dial("tcp", s.address)
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	close(release)
	if got := <-answered; !strings.Contains(got, "done") {
		t.Error(got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestOverHTTP2AClientThatOnlyHoldsOnIsEnded(t *testing.T) {
	m := testMux()
	stalled := make(chan error, 1)
	m.Handle("GET /big", Anyone, func(w http.ResponseWriter, _ *http.Request, _ blog.Actor) error {
		_, err := w.Write(make([]byte, 32<<20))
		stalled <- err
		return nil
	})
	m.Handle("POST /api/posts", Anyone, func(_ http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		var into struct {
			Title *string `json:"title"`
		}
		return Decode(r, MaxBody, &into)
	})
	s := serveTLS(t, m, hurried, 10)
	c := s.client(t, "h2")
	body, hold := io.Pipe()
	defer hold.Close()
	go func() { _, _ = io.WriteString(hold, "{") }()
	res, err := c.Post("https://"+s.address+"/api/posts", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 400 {
		t.Errorf("a slow body: %d", res.StatusCode)
	}
	big, err := c.Get("https://" + s.address + "/big")
	if err != nil {
		t.Fatal(err)
	}
	defer big.Body.Close()
	select {
	case err := <-stalled:
		if err == nil {
			t.Error("a reader took 32 MB without reading")
		}
	case <-time.After(20 * time.Second):
		t.Error("a stalled reader is waited for")
	}
	get(t, c, "https://"+s.address+"/api/posts/1") // the connection is none the worse
}

func TestOverHTTP2ARefusalDoesNotWaitForTheBody(t *testing.T) {
	m := testMux()
	m.Handle("POST /api/posts", Anyone, func(_ http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		var into struct{}
		return Decode(r, 1<<10, &into)
	})
	s := serveTLS(t, m, DefaultBounds, 10)
	body, hold := io.Pipe()
	defer hold.Close()
	sent := make(chan error, 1)
	go func() {
		for { // until the server wants no more
			if _, err := hold.Write(bytes.Repeat([]byte(" "), 1<<10)); err != nil {
				sent <- err
				return
			}
		}
	}()
	res, err := s.client(t, "h2").Post("https://"+s.address+"/api/posts", "application/json", body)
	if err != nil {
		t.Fatal(err)
	}
	err = likeEveryError(res, 413, blog.CodeBodyTooLarge)
	if err != nil {
		t.Error(err)
	}
	select {
	case <-sent:
	case <-time.After(20 * time.Second):
		t.Error("the client goes on to send")
	}
}

func TestOverHTTP2AClientThatLeavesEndsItsRequestAlone(t *testing.T) {
	m, begun, ended := testMux(), make(chan struct{}), make(chan error, 1)
	m.Handle("GET /api/slow", Anyone, func(_ http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		close(begun)
		<-r.Context().Done()
		ended <- r.Context().Err()
		return r.Context().Err()
	})
	s := serveTLS(t, m, DefaultBounds, 10)
	c := s.client(t, "h2")
	ctx, leave := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "GET", "https://"+s.address+"/api/slow", nil)
	go func() { <-begun; leave() }()
	if _, err := c.Do(r); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Error("its handler goes on")
	}
	get(t, c, "https://"+s.address+"/api/posts/1")
	if n := open(s.metrics); n != "1" {
		t.Errorf("%s connections", n)
	}
}

// reset begins requests over c and takes each back at once, until the server has had enough, or
// until then. The end of a connection shows a moment after the server has decided on it.
func reset(c net.Conn, until time.Time) (sent int, err error) {
	_, _ = io.WriteString(c, http2.ClientPreface)
	buffered := bufio.NewWriter(c)
	framer := http2.NewFramer(buffered, c)
	if err := framer.WriteSettings(); err != nil {
		return 0, err
	}
	go func() { _, _ = io.Copy(io.Discard, c) }()
	block := headers("GET", "/api/slow")
	for i := 0; time.Now().Before(until); i++ {
		id := uint32(2*i + 1)
		if err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block, EndStream: true, EndHeaders: true}); err != nil {
			return i, err
		}
		if err := framer.WriteRSTStream(id, http2.ErrCodeCancel); err != nil {
			return i, err
		}
		if err := buffered.Flush(); err != nil {
			return i, err
		}
		sent++
	}
	return sent, nil
}

func TestAFloodOfResetsIsBoundedAndOthersAreServed(t *testing.T) {
	m, release := testMux(), make(chan struct{})
	var atWork, most atomic.Int64
	m.Handle("GET /api/slow", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		n := atWork.Add(1)
		defer atWork.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-release // what is at work does not heed that its client has left
		return JSON(w, r, 200, Message{"done"})
	})
	s := serveTLS(t, m, DefaultBounds, 20)
	const floods = 3
	var flooding sync.WaitGroup
	for range floods {
		flood := s.dial(t, "h2")
		flooding.Go(func() {
			if sent, err := reset(flood, time.Now().Add(30*time.Second)); err == nil {
				t.Errorf("the server took %d resets", sent)
			}
		})
	}
	c := s.client(t, "h2")
	for range 50 {
		get(t, c, "https://"+s.address+"/api/posts/1")
	}
	flooding.Wait()
	if n := most.Load(); n > floods*100 {
		t.Errorf("%d handlers at once", n)
	}
	close(release)
	eventually(t, "handlers or connections are left", func() bool { return atWork.Load() == 0 && open(s.metrics) == "1" })
}

func TestOverHTTP2LargeHeadersAreRefused(t *testing.T) {
	s := serveTLS(t, testMux(), DefaultBounds, 10)
	r, _ := http.NewRequest("GET", "https://"+s.address+"/api/posts/1", nil)
	for i := range 10 {
		r.Header.Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 10<<10))
	}
	c := s.client(t, "h2")
	if res, err := c.Do(r); err == nil { // the client may see beforehand that the server won't have it
		res.Body.Close()
		if res.StatusCode != 431 {
			t.Errorf("status %d", res.StatusCode)
		}
	}
	get(t, c, "https://"+s.address+"/api/posts/1")
}

func TestHTTP2IsOfferedUnlessItIsTurnedOff(t *testing.T) {
	for off, want := range map[bool]string{false: overHTTP2, true: overHTTP1} {
		if got := (TLS{NoHTTP2: off}).offered(); got[0] != want || len(got) != map[bool]int{false: 2, true: 1}[off] {
			t.Errorf("off %v: %q", off, got)
		}
	}
}
