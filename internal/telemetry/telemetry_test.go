package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/DeRuina/timberjack.(*Logger).millRun"))
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.b.Write(p) }
func (b *buffer) String() string              { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func lines(t *testing.T, text string) []map[string]any {
	t.Helper()
	var out []map[string]any
	for line := range strings.Lines(text) {
		var v map[string]any
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		out = append(out, v)
	}
	return out
}

func TestEachEventIsOneLineOfJSONWhateverItHolds(t *testing.T) {
	var out buffer
	l, err := OpenLogs(LogOptions{Console: &out})
	if err != nil {
		t.Fatal(err)
	}
	l.Logger.Info("GET\n{\"forged\":true}", "userAgent", "a\r\nb\x1b[31m\x00")
	l.Logger.Debug("not shown")
	l.Logger.Warn("second")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	got := lines(t, out.String())
	if len(got) != 2 {
		t.Fatalf("%d lines, want 2: %s", len(got), out.String())
	}
	if got[0]["level"] != "info" || got[1]["level"] != "warn" || got[0]["service"] != "inkstone" || got[0]["userAgent"] != "a\r\nb\x1b[31m\x00" {
		t.Errorf("lines %v", got)
	}
	if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(got[0]["timestamp"])); err != nil {
		t.Error(err)
	}
}

func TestFilesHoldEverythingAndErrorsApart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "logs")
	l, err := OpenLogs(LogOptions{Console: io.Discard, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	l.Logger.Info("fine")
	l.Logger.Error("broken")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string][]string{combinedFile: {"fine", "broken"}, errorFile: {"broken"}} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range lines(t, string(b)) {
			got = append(got, fmt.Sprint(line["msg"]))
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s holds %v, want %v", file, got, want)
		}
	}
}

// stuck blocks until it is released.
type stuck struct{ release chan struct{} }

func (s stuck) Write(p []byte) (int, error) { <-s.release; return len(p), nil }

func TestAStuckOutputHoldsUpNobodyAndIsCounted(t *testing.T) {
	var lost atomic.Int64
	s := stuck{make(chan struct{})}
	w := newAsyncWriter(s, func() { lost.Add(1) })
	line := bytes.Repeat([]byte("x"), 1<<10)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 4096 {
			_, _ = w.Write(line)
		}
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("writing waited for the output")
	}
	if lost.Load() == 0 {
		t.Error("4 MiB went into a bound of 1 MiB and nothing was lost")
	}
	close(s.release)
	w.close(5 * time.Second)
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestAFailingOutputLosesLinesNotRequests(t *testing.T) {
	var lost atomic.Int64
	l, err := OpenLogs(LogOptions{Console: failing{}, Lost: func() { lost.Add(1) }})
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		l.Logger.Info("line")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if lost.Load() != 10 {
		t.Errorf("%d lines counted as lost, want 10", lost.Load())
	}
}

func scrape(m *Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func answered(m *Metrics, method, route string, status int, took time.Duration) {
	m.Began()
	m.Ended(Request{Method: method, Route: route, Status: status, Took: took, Bytes: 100})
}

func TestMetricsHaveTheContractsNames(t *testing.T) {
	m := NewMetrics()
	answered(m, "GET", "/api/posts/{id}", 200, 300*time.Millisecond)
	m.Connections(2)
	m.Cache("memory")(true)
	m.Store("sqlite")("posts.get", time.Millisecond, false)
	m.Gauge("db_pool_in_use", "Readers at work.", func() float64 { return 3 })
	text := scrape(m)
	for _, want := range []string{
		`http_request_duration_seconds_bucket{method="GET",route="/api/posts/{id}",status_code="200",le="0.5"} 1`,
		`http_request_duration_seconds_bucket{method="GET",route="/api/posts/{id}",status_code="200",le="0.1"} 0`,
		`http_requests_total{method="GET",route="/api/posts/{id}",status_code="200"} 1`,
		"active_connections 2", `cache_requests_total{level="memory",result="hit"} 1`, "db_pool_in_use 3", "go_goroutines", "process_cpu_seconds_total",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestStrangeMethodsAddNoSeries(t *testing.T) {
	m := NewMetrics()
	for i := range 1000 {
		answered(m, fmt.Sprintf("M%d", i), "unmatched", 404, time.Millisecond)
	}
	if n := strings.Count(scrape(m), "http_requests_total{"); n != 1 {
		t.Errorf("%d series, want 1", n)
	}
}

// Refusals on every route take no place from the answers that the routes are made for,
// and what has no place is counted with its class of status.
func TestRequestsHaveABoundOfSeries(t *testing.T) {
	m := NewMetrics()
	for route := range 200 {
		for _, status := range []int{304, 400, 404, 503} {
			answered(m, "GET", fmt.Sprintf("/api/%d", route), status, time.Millisecond)
			answered(m, "HEAD", fmt.Sprintf("/api/%d", route), 200, time.Millisecond)
		}
	}
	for range 2 {
		answered(m, "POST", "/api/{id}", 201, time.Millisecond)
	}
	text := scrape(m)
	for want, count := range map[string]int{
		"\nhttp_requests_total{":                                                                               mostOtherTotals + 4 + 1,
		"\nhttp_request_duration_seconds_count{":                                                               mostOtherDurations + 4 + 1,
		`http_requests_total{method="POST",route="/api/{id}",status_code="201"} 2`:                             1,
		`http_request_duration_seconds_bucket{method="POST",route="/api/{id}",status_code="201",le="0.005"} 2`: 1,
		`http_request_duration_seconds_count{method="OTHER",route="other",status_code="3xx"} `:                 1,
		`http_request_duration_seconds_count{method="OTHER",route="other",status_code="5xx"} `:                 1,
	} {
		if n := strings.Count(text, want); n != count {
			t.Errorf("%d times %s, want %d", n, want, count)
		}
	}
	if n := sum(t, text, "http_requests_total{"); n != 200*8+2 {
		t.Errorf("%d requests counted, want %d", n, 200*8+2)
	}
}

func sum(t *testing.T, text, series string) (sum int) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, series) {
			n, err := strconv.Atoi(strings.TrimSpace(line[strings.LastIndex(line, " "):]))
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
	}
	return sum
}

func BenchmarkRequest(b *testing.B) {
	m := NewMetrics()
	for b.Loop() {
		answered(m, "GET", "/api/posts/{id}", 200, time.Millisecond)
	}
}

func TestTheLevelCanBeChanged(t *testing.T) {
	var out buffer
	l, err := OpenLogs(LogOptions{Console: &out, Level: slog.LevelWarn})
	if err != nil {
		t.Fatal(err)
	}
	l.Logger.Info("hidden")
	l.Level.Set(slog.LevelDebug)
	l.Logger.Debug("shown")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, out.String()); len(got) != 1 || got[0]["msg"] != "shown" {
		t.Errorf("lines %v", got)
	}
}

// Of a counter that begins with its first event Prometheus sees no increase, and no alert fires.
func TestWhatAlertsCountBeginsAtZero(t *testing.T) {
	text := scrape(NewMetrics())
	for _, want := range []string{
		`logins_total{result="ok"} 0`, `logins_total{result="failed"} 0`, `logins_total{result="limited"} 0`,
		`uploads_total{result="stored"} 0`, `uploads_total{result="refused"} 0`, `uploads_total{result="failed"} 0`,
		"http_panics_total 0", "http_shed_total 0", "log_lines_lost_total 0",
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("no %s", want)
		}
	}
}
