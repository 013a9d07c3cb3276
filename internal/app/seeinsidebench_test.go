package app

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"inkstone/internal/web"
	"inkstone/scripts/bench/cputime"
)

// seenPath is as clients have it: names and values of a query are looked through for secrets.
const seenPath = "/api/posts?page=1&limit=10&sort=-createdAt"

// BenchmarkSeeingInside compares the cached list with logs, metrics, traces and error reports on, as
// they are by default, and with all of it off. Both run in one process, in turns of 4,000 requests, for
// machines are not equally fast for long; on/off is the median of what a turn took against the one before:
//
//	go test ./internal/app -run '^$' -bench SeeingInside -benchtime 60x
//
// The clients' part, and that of the collector, are in the figures.
func BenchmarkSeeingInside(b *testing.B) {
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	defer sink.Close()
	unseen := newCrowd(b, runSeen(b, false), seenPath)
	seen := newCrowd(b, runSeen(b, true, "OTEL_EXPORTER_OTLP_ENDPOINT", sink.URL, "OTEL_BSP_SCHEDULE_DELAY", "100ms",
		"SENTRY_DSN", strings.Replace(sink.URL, "://", "://key@", 1)+"/1"), seenPath)
	var off, on, ratio []float64
	for b.Loop() {
		off, on = append(off, turn(b, unseen)), append(on, turn(b, seen))
		ratio = append(ratio, on[len(on)-1]/off[len(off)-1])
	}
	b.ReportMetric(median(off), "off-cpu-ns")
	b.ReportMetric(median(on), "on-cpu-ns")
	b.ReportMetric(median(ratio), "on/off")
}

// turn returns the processor time that a request takes, with what is written and sent behind it.
func turn(b *testing.B, c crowd) float64 {
	const requests, behind = 4000, 150 * time.Millisecond
	before := cputime.Used()
	if err := c.ask(requests); err != nil {
		b.Fatal(err)
	}
	time.Sleep(behind)
	return float64(cputime.Used()-before) / requests
}

func median(of []float64) float64 {
	sorted := slices.Sorted(slices.Values(of))
	return sorted[len(sorted)/2]
}

// runSeen is runApp that refuses nothing on a busy machine. Logs and metrics of requests can be off,
// too, which no setting does.
func runSeen(b *testing.B, seen bool, more ...string) (url string) {
	a := newApp(b, cacheBytes, more...)
	probe, err := web.OpenPipe()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { probe.Close() })
	o := a.edge(probe.Probe)
	o.Shedder = nil
	if !seen {
		o.Log, o.Metrics = slog.New(slog.DiscardHandler), nil
	}
	a.handler = web.Edge(a.mux, o)
	return serveApp(b, a)
}
