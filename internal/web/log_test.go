package web

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/telemetry"
)

// logged serves one request and returns its line in the log.
func logged(t *testing.T, h Handler, path string, change func(ctx context.Context) context.Context, header ...string) map[string]any {
	t.Helper()
	var out bytes.Buffer
	m := NewMux()
	m.Handle("GET /api/posts/{id}", Anyone, h)
	r := httptest.NewRequest("GET", path, nil)
	r = r.WithContext(change(r.Context()))
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	edge := Edge(m, EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.NewJSONHandler(&out, nil)), Metrics: telemetry.NewMetrics()})
	edge.ServeHTTP(httptest.NewRecorder(), r)
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Fatalf("%d lines: %s", n, out.String())
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	return line
}

func same(ctx context.Context) context.Context { return ctx }

func TestARequestIsLoggedWithWhoAskedWhat(t *testing.T) {
	ok := func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error { return JSON(w, r, 200, Message{"x"}) }
	got := logged(t, ok, "/api/posts/1?a=1&reset_token=x&newPassword=x&p%61ssword=x&client_secret=x&b=2;token=x;y&search=a=b", same,
		"Authorization", "Bearer good", "User-Agent", "a\r\n{\"level\":\"forged\"}\x00", "X-Request-Id", "abc")
	for name, want := range map[string]any{
		"msg": "request", "requestId": "abc", "method": "GET", "url": "/api/posts/1?a=1&reset_token=***&newPassword=***&p%61ssword=***&client_secret=***&b=2;token=***&search=a=b", "route": "/api/posts/{id}", "status": 200.0,
		"ip": "192.0.2.1", "userAgent": "a\r\n{\"level\":\"forged\"}\x00", "userId": blog.ID{1}.String(), "level": "INFO",
	} {
		if got[name] != want {
			t.Errorf("%s: %v, want %v", name, got[name], want)
		}
	}
	if ms, ok := got["durationMs"].(float64); !ok || ms < 0 {
		t.Errorf("durationMs: %v", got["durationMs"])
	}
	if _, ok := logged(t, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error { return nil }, "/api/posts/1", same)["userId"]; ok {
		t.Error("an anonymous request has a user")
	}
}

func TestAClientThatLeftIsLoggedAs499(t *testing.T) {
	wait := func(_ http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		<-r.Context().Done()
		return r.Context().Err()
	}
	got := logged(t, wait, "/api/posts/1", func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	})
	if got["status"] != 499.0 || got["level"] != "WARN" {
		t.Errorf("%v", got)
	}
}

// net/http takes the end of what he sends for his leaving.
func TestWhoOnlyEndsHisSideIsNotToldThatItWasDone(t *testing.T) {
	m := NewMux()
	m.Handle("POST /api/posts", Anyone, func(_ http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		<-r.Context().Done()
		return r.Context().Err()
	})
	s := httptest.NewServer(Edge(m, EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics()}))
	defer s.Close()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = c.Write([]byte("POST /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"))
	_ = c.(*net.TCPConn).CloseWrite()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestAPanicIsLoggedOnceWithItsStackAndTheRequest(t *testing.T) {
	var out bytes.Buffer
	m := NewMux()
	m.Handle("GET /api/posts", Anyone, func(http.ResponseWriter, *http.Request, blog.Actor) error { panic("boom") })
	edge := Edge(m, EdgeOptions{Log: slog.New(slog.NewJSONHandler(&out, nil)), Metrics: telemetry.NewMetrics()})
	r := httptest.NewRequest("GET", "/api/posts", nil)
	r.Header.Set("X-Request-Id", "abc")
	w := httptest.NewRecorder()
	edge.ServeHTTP(w, r)
	var lines []map[string]any
	for line := range strings.Lines(out.String()) {
		var l map[string]any
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, l)
	}
	if len(lines) != 2 || lines[0]["msg"] != "panic" || lines[0]["error"] != "boom" || lines[0]["requestId"] != "abc" || lines[0]["level"] != "ERROR" {
		t.Fatalf("%s", out.String())
	}
	if stack := lines[0]["stack"].(string); !strings.Contains(stack, "TestAPanicIsLoggedOnce") {
		t.Errorf("the stack does not lead to the panic: %s", stack)
	}
	if lines[1]["msg"] != "request" || lines[1]["status"] != 500.0 || lines[1]["requestId"] != "abc" || lines[1]["bytes"] != float64(w.Body.Len()) {
		t.Errorf("%v", lines[1])
	}
	if strings.Contains(w.Body.String(), "boom") {
		t.Errorf("the client is told %s", w.Body)
	}
}

func TestAProbeOfAProcessThatStopsIsNoError(t *testing.T) {
	var out bytes.Buffer
	h := NewHealth(func(context.Context) error { return nil })
	m := NewMux()
	h.Mount(m)
	edge := Edge(m, EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.NewJSONHandler(&out, nil)), Metrics: telemetry.NewMetrics()})
	h.Drain()
	w := httptest.NewRecorder()
	edge.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	if w.Code != http.StatusServiceUnavailable || out.Len() > 0 {
		t.Errorf("%d, and the log has %s", w.Code, out.String())
	}
}

func TestTheLevelOfARequestIsHowMuchItMatters(t *testing.T) {
	for _, c := range []struct {
		state  state
		status int
		took   time.Duration
		route  string
		want   slog.Level
	}{
		{status: 200, route: "/api/posts", want: slog.LevelInfo},
		{status: 304, route: "/api/posts", want: slog.LevelInfo},
		{status: 404, route: "unmatched", want: slog.LevelWarn},
		{status: statusGone, route: "/api/posts", want: slog.LevelWarn},
		{status: 500, route: "/api/posts", want: slog.LevelError},
		{status: 503, route: "/readyz", want: slog.LevelError},
		{status: 200, took: time.Second, route: "/api/posts", want: slog.LevelWarn},
		{status: 200, took: time.Second, route: "/readyz", want: slog.LevelWarn},
		{status: 200, route: "/readyz", want: slog.LevelDebug},
		{status: 200, route: "/metrics", want: slog.LevelDebug},
		{state: state{leaving: true}, status: 503, route: "/readyz", want: slog.LevelDebug},
		{state: state{shed: true}, status: 503, route: "/api/posts", want: slog.LevelDebug}, // told in sum
	} {
		if got := c.state.level(c.status, c.took, c.route); got != c.want {
			t.Errorf("%d after %v of %s: %v, want %v", c.status, c.took, c.route, got, c.want)
		}
	}
}
