package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkTracing is BenchmarkCachedList with traces and reports on, and a collector that
// takes everything, in the same process: its work is in the figures, too. Of off there is more to
// know: it is to be what BenchmarkCachedList is without all this (docs/tracing.md).
func BenchmarkTracing(b *testing.B) {
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer sink.Close()
	traced := func(ratio string) []string {
		return []string{"OTEL_EXPORTER_OTLP_ENDPOINT", sink.URL, "OTEL_TRACES_SAMPLER_ARG", ratio, "OTEL_BSP_MAX_QUEUE_SIZE", "100000"}
	}
	for _, c := range []struct {
		name     string
		settings []string
	}{
		{"off", nil}, {"ratio=0", traced("0")}, {"ratio=0.05", traced("0.05")}, {"ratio=1", traced("1")},
		{"reports", []string{"SENTRY_DSN", strings.Replace(sink.URL, "://", "://key@", 1) + "/1"}},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkAnswer(b, runApp(b, cacheBytes, c.settings...), "/api/posts") })
	}
}
