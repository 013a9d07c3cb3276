package web

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/telemetry"
)

// countingListener counts the writes to its connections.
type countingListener struct {
	net.Listener
	writes *atomic.Int64
}

func (l countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countingConn{c, l.writes}, err
}

type countingConn struct {
	net.Conn
	writes *atomic.Int64
}

func (c countingConn) Write(b []byte) (int, error) { c.writes.Add(1); return c.Conn.Write(b) }

func listenLocal(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// hurried ends clients soon enough for a test.
var hurried = Bounds{Header: 200 * time.Millisecond, Idle: 300 * time.Millisecond, BodyGrace: 300 * time.Millisecond, WriteStall: 300 * time.Millisecond}

// serve runs m behind the whole edge, at most so many connections at once, and returns its address.
func serve(t *testing.T, m *Mux, l net.Listener, most int) *telemetry.Metrics {
	t.Helper()
	metrics, quiet := telemetry.NewMetrics(), slog.New(slog.DiscardHandler)
	srv := NewServer(Edge(m, EdgeOptions{Verifier: oneUser{}, Log: quiet, Metrics: metrics, Bounds: hurried}), quiet, hurried)
	go func() { _ = srv.Serve(Limit(l, most, metrics)) }()
	t.Cleanup(func() { srv.Close() })
	return metrics
}

func TestAHandlersOwnPolicyStandsInPlaceOfTheGeneralOne(t *testing.T) {
	a, err := Encode(Message{"short enough to leave whole"})
	if err != nil {
		t.Fatal(err)
	}
	const own = "default-src 'none'"
	m, l := NewMux(), listenLocal(t)
	m.Handle("GET /api/posts", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error { return Write(w, r, 200, a) })
	m.Handle("GET /docs", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		w.Header().Set("Content-Security-Policy", own)
		return Write(w, r, 200, a)
	})
	serve(t, m, l, 10)
	for path, want := range map[string]string{"/docs": own, "/api/posts": helmet.Get("Content-Security-Policy")} {
		res, err := http.Get("http://" + l.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header["Content-Security-Policy"]; len(got) != 1 || got[0] != want || len(res.Header["X-Frame-Options"]) != 1 {
			t.Errorf("%s: %q", path, got)
		}
	}
}

func dial(t *testing.T, l net.Listener, send string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, send); err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits for what a server does when it gets round to it.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// open returns active_connections.
func open(metrics *telemetry.Metrics) string {
	_, after, _ := strings.Cut(scrape(metrics), "\nactive_connections ")
	n, _, _ := strings.Cut(after, "\n")
	return n
}

func TestAClientThatOnlyHoldsOnIsEnded(t *testing.T) {
	m := testMux()
	big := make([]byte, 32<<20)
	stalled := make(chan error, 1)
	m.Handle("GET /big", Anyone, func(w http.ResponseWriter, _ *http.Request, _ blog.Actor) error {
		_, err := w.Write(big)
		stalled <- err
		return nil
	})
	m.Handle("POST /api/posts", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		var into struct {
			Title *string `json:"title"`
		}
		return Decode(r, MaxBody, &into)
	})
	l := listenLocal(t)
	metrics := serve(t, m, l, 10)
	for name, send := range map[string]string{
		"slow header":  "GET /api/posts/1 HTTP/1.1\r\nHost: a\r\nX-Slow: ",
		"slow body":    "POST /api/posts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"stalled body": "POST /api/posts HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat(" ", 60000),
		"idle":         "GET /api/posts/1 HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		answer, err := io.ReadAll(dial(t, l, send))
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: still open", name)
		}
		if strings.HasSuffix(name, "body") && !strings.HasPrefix(string(answer), "HTTP/1.1 400 ") {
			t.Errorf("%s: %q", name, answer)
		}
	}
	dial(t, l, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
	select {
	case err := <-stalled:
		if err == nil {
			t.Error("a reader took 32 MB without reading")
		}
	case <-time.After(10 * time.Second):
		t.Error("a stalled reader is waited for")
	}
	eventually(t, "connections are still counted", func() bool { return open(metrics) == "0" })
}

func TestAServerThatStopsDoesNotWaitForFirstRequests(t *testing.T) {
	quiet, bounds := slog.New(slog.DiscardHandler), hurried
	bounds.Header = time.Minute
	metrics := telemetry.NewMetrics()
	srv := NewServer(Edge(testMux(), EdgeOptions{Verifier: oneUser{}, Log: quiet, Metrics: metrics, Bounds: bounds}), quiet, bounds)
	l := listenLocal(t)
	go func() { _ = srv.Serve(Limit(l, 10, metrics)) }()
	dial(t, l, "")
	dial(t, l, "GET /hea")
	eventually(t, "connections are not accepted", func() bool { return open(metrics) == "2" })
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // net/http would wait for five
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	eventually(t, "connections are still counted", func() bool { return open(metrics) == "0" })
}

func TestOneConnectionTooManyIsToldSo(t *testing.T) {
	l := listenLocal(t)
	metrics := serve(t, testMux(), l, 1)
	first := dial(t, l, "")
	eventually(t, "the first is not counted", func() bool { return open(metrics) == "1" })
	for _, sent := range []string{"", "GET /api/posts/1 HTTP/1.1\r\nHost: a\r\n\r\n", "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n" + strings.Repeat("x", 30000)} {
		resp, err := http.ReadResponse(bufio.NewReader(dial(t, l, sent)), nil)
		if err != nil {
			t.Fatalf("%.20q: %v", sent, err)
		}
		if err := likeEveryError(resp, 503, "BUSY"); err != nil || resp.Header.Get("Retry-After") != "1" {
			t.Errorf("%.20q: %v, %v", sent, resp.Header, err)
		}
	}
	first.Close()
	eventually(t, "a place is not given back", func() bool { return open(metrics) == "0" })
	resp, err := http.ReadResponse(bufio.NewReader(dial(t, l, "GET /api/posts/1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("after it: %v %v", resp, err)
	}
}

// likeEveryError reports what of resp is not as the contract wants each error.
func likeEveryError(resp *http.Response, status int, code blog.Code) error {
	defer resp.Body.Close()
	var body errorBody
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return err
	}
	id := resp.Header.Get("X-Request-Id")
	if resp.StatusCode != status || body.Code != code || body.Error != codes[code].zh || body.RequestID != id || id == "" {
		return fmt.Errorf("%d %+v, X-Request-Id %q", resp.StatusCode, body, id)
	}
	for name, value := range helmet {
		if resp.Header.Get(name) != value[0] {
			return fmt.Errorf("%s: %q", name, resp.Header[name])
		}
	}
	return nil
}

// What net/http refuses before anybody has read it is told as every error is,
// also behind a request that was answered.
func TestARequestThatCannotBeReadGetsTheErrorOfAllOthers(t *testing.T) {
	l := listenLocal(t)
	serve(t, testMux(), l, 10)
	const good = "GET /api/posts/1 HTTP/1.1\r\nHost: a\r\n\r\n"
	for sent, status := range map[string]int{
		"GET /api/posts/%zz HTTP/1.1\r\nHost: a\r\n\r\n":                                     400,
		"GET /api/posts/1 HTTP/1.1\r\n\r\n":                                                  400,
		"GET /api/posts/1 HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n":                             400,
		"GET /api/posts/1 HTTP/9.9\r\nHost: a\r\n\r\n":                                       400,
		"POST /api/posts/1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n":              400,
		"GET /api/posts/1 HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n":                       400,
		"GET /api/posts/1?q=" + strings.Repeat("x", 80<<10) + " HTTP/1.1\r\nHost: a\r\n\r\n": 431,
	} {
		for _, before := range []string{"", good} {
			c := dial(t, l, before)
			go func() { _, _ = io.WriteString(c, sent) }()
			answers := bufio.NewReader(c)
			if before != "" {
				resp, err := http.ReadResponse(answers, nil)
				if err != nil || resp.StatusCode != 200 {
					t.Fatalf("%v %v", resp, err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
			}
			resp, err := http.ReadResponse(answers, nil)
			if err == nil {
				err = likeEveryError(resp, status, blog.CodeBadRequest)
			}
			if err != nil {
				t.Errorf("%.50q: %v", sent, err)
			}
			if _, err := answers.ReadByte(); err == nil {
				t.Errorf("%.50q: something follows", sent)
			}
		}
	}
}

func TestOptionsOfTheWholeServerIsAnUnknownRoute(t *testing.T) {
	l := listenLocal(t)
	serve(t, testMux(), l, 10)
	resp, err := http.ReadResponse(bufio.NewReader(dial(t, l, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")), nil)
	if err == nil {
		err = likeEveryError(resp, 404, blog.CodeRouteNotFound)
	}
	if err != nil {
		t.Error(err)
	}
}

func TestRequestsThatWereCutOffLeaveNothingBehind(t *testing.T) {
	m := testMux()
	m.Handle("GET /api/slow", Anyone, func(_ http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		<-r.Context().Done()
		return r.Context().Err()
	})
	l := listenLocal(t)
	metrics := serve(t, m, l, 100)
	before := runtime.NumGoroutine()
	for range 50 {
		dial(t, l, "GET /api/slow HTTP/1.1\r\nHost: a\r\n\r\n").Close()
		dial(t, l, "POST /api/posts/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{").Close()
	}
	eventually(t, "connections or goroutines are left", func() bool { return open(metrics) == "0" && runtime.NumGoroutine() <= before+5 })
}

func TestAnAnswerFromTheCacheGoesOutInOneWrite(t *testing.T) {
	a, err := Encode(Message{strings.Repeat("x", 40<<10)})
	if err != nil {
		t.Fatal(err)
	}
	m := NewMux()
	m.Handle("GET /api/posts", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error { return Write(w, r, 200, a) })
	var writes atomic.Int64
	l := listenLocal(t)
	serve(t, m, countingListener{l, &writes}, 10)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: 10 * time.Second}
	defer client.CloseIdleConnections()
	for i := range 3 {
		resp, err := client.Get("http://" + l.Addr().String() + "/api/posts")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(body) != string(a.body) {
			t.Fatalf("%d bytes: %v", len(body), err)
		}
		if n := writes.Load(); n != int64(i+1) {
			t.Fatalf("%d writes for %d answers", n, i+1)
		}
	}
}
