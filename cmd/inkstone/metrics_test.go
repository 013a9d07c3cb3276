package main

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"inkstone/internal/enginetest"
)

func TestMetricsMoveToTheirOwnListener(t *testing.T) {
	address := enginetest.FreeAddress(t)
	s := startServer(t, t.TempDir(), "METRICS_ADDR="+address)
	if got := s.status("/metrics"); got != http.StatusNotFound {
		t.Errorf("on the main listener: %d", got)
	}
	s.base = "http://" + address
	if got := s.status("/metrics"); got != http.StatusOK {
		t.Errorf("on its own: %d", got)
	}
}

func TestTheMetricsListenerAnswersInTheFormOfTheMainOne(t *testing.T) {
	address := enginetest.FreeAddress(t)
	startServer(t, t.TempDir(), "METRICS_ADDR="+address, "RATE_LIMIT_MAX=1")
	for path, want := range map[string]string{"/metrics": "# TYPE active_connections gauge", "/": "ROUTE_NOT_FOUND", "/api/posts": "ROUTE_NOT_FOUND", "/metrics/x": "ROUTE_NOT_FOUND"} {
		for range 3 {
			r, err := http.Get("http://" + address + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(r.Body)
			r.Body.Close()
			if err != nil || !strings.Contains(string(body), want) {
				t.Errorf("GET %s: %d %.200s (%v)", path, r.StatusCode, body, err)
			}
			if r.Header.Get("X-Request-Id") == "" || r.Header.Get("X-Content-Type-Options") != "nosniff" || r.Header.Get("RateLimit-Limit") != "" {
				t.Errorf("GET %s: %v", path, r.Header)
			}
		}
	}
}

func TestAMetricsAddressThatIsTakenIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := l.Addr().String()
	i := newInkstone(t, "HOST=127.0.0.1", "PORT=0", "METRICS_ADDR="+taken)
	i.fails("METRICS_ADDR", "", "serve")
	l.Close()
	_, port, _ := net.SplitHostPort(taken)
	i.env["PORT"] = port
	code, _, errs := i.run("", "serve")
	if code != 1 || !strings.Contains(errs, "请检查 METRICS_ADDR") || strings.Contains(errs, "请检查 HOST") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
}
