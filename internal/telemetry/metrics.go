package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// queryBuckets, in seconds, are few, for there is a histogram for each of some forty
// operations: sum and count tell the usual time, the buckets the share of slow ones.
var queryBuckets = []float64{0.01, 0.1, 1}

// Metrics is everything /metrics shows, in at most 1,000 lines. All labels are bounded:
// the caller gives route patterns, never paths, and names from fixed sets; requests
// also have a bound of their own.
type Metrics struct {
	registry *prometheus.Registry

	requests *requests
	active   prometheus.Gauge

	panics      prometheus.Counter
	rateLimited prometheus.Counter
	shed        prometheus.Counter
	lostLines   prometheus.Counter
	cache       *prometheus.CounterVec
	queries     *prometheus.HistogramVec
	queryErrors *prometheus.CounterVec
}

// NewMetrics makes the metrics, with Go's and the process's own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: newRequests(),
		active:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "active_connections", Help: "Open client connections."}),

		panics:      counter("http_panics_total", "Panics in handlers, each answered with 500."),
		rateLimited: counter("http_rate_limited_total", "Requests refused with 429."),
		shed:        counter("http_shed_total", "Requests refused with 503 because of overload."),
		lostLines:   counter("log_lines_lost_total", "Log lines that could not be written."),
		cache:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cache_requests_total", Help: "Look-ups in the answer cache, in memory and, for what is not there, in Redis."}, []string{"level", "result"}),
		queries:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "db_query_duration_seconds", Help: "Time of a store operation.", Buckets: queryBuckets}, []string{"operation"}),
		queryErrors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "db_query_errors_total", Help: "Store operations that failed for another reason than their input."}, []string{"operation"}),
	}
	m.registry.MustRegister(m.requests.duration, m.requests.total, m.active, m.panics, m.rateLimited, m.shed, m.lostLines, m.cache, m.queries, m.queryErrors,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

// Connections adds to the count of open connections.
func (m *Metrics) Connections(delta int) { m.active.Add(float64(delta)) }

// Panic counts a panic in a handler.
func (m *Metrics) Panic() { m.panics.Inc() }

// RateLimited counts a 429.
func (m *Metrics) RateLimited() { m.rateLimited.Inc() }

// Shed counts a request refused because of overload.
func (m *Metrics) Shed() { m.shed.Inc() }

// LogLineLost counts a log line that could not be written.
func (m *Metrics) LogLineLost() { m.lostLines.Inc() }

// Cache returns what counts look-ups in a level of the answer cache.
func (m *Metrics) Cache(level string) (looked func(hit bool)) {
	hits, misses := m.cache.WithLabelValues(level, "hit"), m.cache.WithLabelValues(level, "miss")
	return func(hit bool) {
		if hit {
			hits.Inc()
		} else {
			misses.Inc()
		}
	}
}

// Query notes a store operation; failed says that it failed for another reason than its input.
func (m *Metrics) Query(operation string, d time.Duration, failed bool) {
	m.queries.WithLabelValues(operation).Observe(d.Seconds())
	if failed {
		m.queryErrors.WithLabelValues(operation).Inc()
	}
}

// Redis returns what counts a call of Redis that failed in one of these ways.
func (m *Metrics) Redis(kinds ...string) (failed func(kind string)) {
	errors := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "redis_errors_total", Help: "Calls of Redis that failed, so that this instance went on alone."}, []string{"kind"})
	for _, kind := range kinds {
		errors.WithLabelValues(kind)
	}
	m.registry.MustRegister(errors)
	return func(kind string) { errors.WithLabelValues(kind).Inc() }
}

// Gauge shows a number that is asked for at each scrape.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Counter shows a number that only grows and is asked for at each scrape.
func (m *Metrics) Counter(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}
