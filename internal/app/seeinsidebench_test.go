package app

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"inkstone/internal/web"
)

// seenPath is as clients have it: names and values of a query are looked through for secrets.
const seenPath = "/api/posts?page=1&limit=10&sort=-createdAt"

// BenchmarkSeeingInside is the cached list with logs, metrics, traces and error reports on as they
// are by default, their collector in the same process, and with all of it off. Compare both of one run:
//
//	go test ./internal/app -run '^$' -bench SeeingInside -benchtime 2s -count 10
func BenchmarkSeeingInside(b *testing.B) {
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer sink.Close()
	b.Run("off", func(b *testing.B) {
		a := newApp(b, cacheBytes)
		probe, err := web.OpenPipe()
		if err != nil {
			b.Fatal(err)
		}
		defer probe.Close()
		o := a.edge(probe.Probe)
		o.Log, o.Metrics = slog.New(slog.DiscardHandler), nil
		a.handler = web.Edge(a.mux, o)
		benchmarkCrowd(b, serveApp(b, a), seenPath)
	})
	b.Run("on", func(b *testing.B) {
		url := runApp(b, cacheBytes, "OTEL_EXPORTER_OTLP_ENDPOINT", sink.URL, "SENTRY_DSN", strings.Replace(sink.URL, "://", "://key@", 1)+"/1")
		benchmarkCrowd(b, url, seenPath)
	})
}
