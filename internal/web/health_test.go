package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"inkstone/internal/blog"
	"inkstone/internal/telemetry"
)

func TestReadinessTellsWhatIsMissing(t *testing.T) {
	var broken error
	health := NewHealth(func(context.Context) error {
		if broken == nil {
			return nil
		}
		return Away("database", broken)
	})
	m := NewMux()
	health.Mount(m)
	h := edgeOf(m, telemetry.NewMetrics())
	if res := ask(h, "GET", "/readyz"); res.StatusCode != 200 {
		t.Errorf("ready: %d", res.StatusCode)
	}
	broken = errors.New("the disk at /srv is gone")
	unready := func(why, service string) {
		res := ask(h, "GET", "/readyz")
		body, _ := io.ReadAll(res.Body)
		if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" || strings.Contains(string(body), "disk") || strings.Contains(string(body), `"service":"database"`) != (service != "") {
			t.Errorf("%s: %d %v %s", why, res.StatusCode, res.Header, body)
		}
	}
	unready("the database fails", "database")
	broken = nil
	health.Drain()
	unready("draining", "")
	for _, path := range []string{"/health", "/livez"} {
		if res := ask(h, "GET", path); res.StatusCode != 200 {
			t.Errorf("%s while draining: %d", path, res.StatusCode)
		}
	}
}

func TestAPanicAfterTheHeadersCutsTheAnswerOff(t *testing.T) {
	m := testMux()
	m.Handle("GET /api/half", Anyone, func(w http.ResponseWriter, _ *http.Request, _ blog.Actor) error {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("boom")
	})
	l := listenLocal(t)
	metrics := serve(t, m, l, 10)
	resp, err := http.Get("http://" + l.Addr().String() + "/api/half")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the client takes %q for whole", body)
	}
	if text := scrape(metrics); !strings.Contains(text, "\nhttp_panics_total 1\n") {
		t.Error("the panic is not counted")
	}
	if res, err := http.Get("http://" + l.Addr().String() + "/api/posts/1"); err != nil || res.StatusCode != 200 {
		t.Errorf("after it: %v", err)
	}
}

func TestNoRequestAddsASeriesOfItsOwn(t *testing.T) {
	metrics := telemetry.NewMetrics()
	h := edgeOf(testMux(), metrics)
	round := func(from int) int {
		for i := from; i < from+500; i++ {
			ask(h, "GET", fmt.Sprintf("/api/posts/%d", i))
			ask(h, fmt.Sprintf("M%d", i), fmt.Sprintf("/p%d", i))
		}
		return strings.Count(scrape(metrics), "\nhttp_request")
	}
	if first, second := round(0), round(500); first != second || first == 0 {
		t.Errorf("%d series, later %d", first, second)
	}
}

func TestAnAnswerKeepsItsHeadersWhateverItsForm(t *testing.T) {
	m := NewMux()
	a, err := Encode(Message{strings.Repeat("中", 2000)})
	if err != nil {
		t.Fatal(err)
	}
	m.Handle("GET /api/posts", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error { return Write(w, r, 200, a) })
	h := edgeOf(m, telemetry.NewMetrics())
	tag := ask(h, "GET", "/api/posts").Header.Get("ETag")
	for name, res := range map[string]*http.Response{
		"GET": ask(h, "GET", "/api/posts"), "HEAD": ask(h, "HEAD", "/api/posts"), "304": ask(h, "GET", "/api/posts", "If-None-Match", tag),
		"gzip": ask(h, "GET", "/api/posts", "Accept-Encoding", "gzip"), "gzip 304": ask(h, "GET", "/api/posts", "Accept-Encoding", "gzip", "If-None-Match", tag),
	} {
		vary := strings.Join(res.Header["Vary"], ", ")
		if res.Header.Get("ETag") == "" || res.Header.Get("Cache-Control") != publicCache[0] || !strings.Contains(vary, "Origin") || !strings.Contains(vary, "Accept-Encoding") {
			t.Errorf("%s: %v", name, res.Header)
		}
		body, _ := io.ReadAll(res.Body)
		if silent := name == "HEAD" || strings.HasSuffix(name, "304"); silent != (len(body) == 0) || strings.HasSuffix(name, "304") != (res.StatusCode == 304) {
			t.Errorf("%s: %d with %d bytes", name, res.StatusCode, len(body))
		}
	}
}

// edgeOf is the edge around m with nothing that refuses.
func edgeOf(m *Mux, metrics *telemetry.Metrics) http.Handler {
	return Edge(m, EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.DiscardHandler), Metrics: metrics})
}

func scrape(metrics *telemetry.Metrics) string {
	w := httptest.NewRecorder()
	metrics.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}
