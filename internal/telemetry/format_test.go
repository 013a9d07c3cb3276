package telemetry

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func TestPrometheusCanReadTheMetrics(t *testing.T) {
	m := NewMetrics()
	answered(m, "GET", "/api/posts/{id}", 200, time.Millisecond)
	m.Store("sqlite")("posts.get", time.Millisecond, true)
	m.Cache("memory")(true)
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"http_request_duration_seconds", "http_requests_total", "active_connections", "cache_requests_total",
		"db_query_duration_seconds", "db_query_errors_total", "http_shed_total", "go_goroutines",
	} {
		if len(families[name].GetMetric()) == 0 {
			t.Errorf("no %s", name)
		}
	}
}
