package telemetry

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// requestBuckets are the original's (0.1 0.5 1 2 5 seconds) and finer ones below.
var requestBuckets = []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10}

// queryBuckets, in seconds: a read of one row takes tens of microseconds.
var queryBuckets = []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5}

// Metrics is everything /metrics shows. All labels are bounded: the caller gives
// route patterns, never paths, and names from fixed sets.
type Metrics struct {
	registry *prometheus.Registry

	duration *prometheus.HistogramVec
	requests *prometheus.CounterVec
	active   prometheus.Gauge
	byRoute  sync.Map // requestKey → requestSeries: saves two label look-ups a request

	panics      prometheus.Counter
	rateLimited prometheus.Counter
	shed        prometheus.Counter
	lostLines   prometheus.Counter
	hits        prometheus.Counter
	misses      prometheus.Counter
	queries     *prometheus.HistogramVec
	queryErrors *prometheus.CounterVec
}

type requestKey struct {
	method, route string
	status        int
}

type requestSeries struct {
	duration prometheus.Observer
	requests prometheus.Counter
}

// NewMetrics makes the metrics, with Go's and the process's own.
func NewMetrics() *Metrics {
	labels := []string{"method", "route", "status_code"}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds", Help: "Time to answer a request.", Buckets: requestBuckets}, labels),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Requests answered."}, labels),
		active:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "active_connections", Help: "Open client connections."}),

		panics:      counter("http_panics_total", "Panics in handlers, each answered with 500."),
		rateLimited: counter("http_rate_limited_total", "Requests refused with 429."),
		shed:        counter("http_shed_total", "Requests refused with 503 because of overload."),
		lostLines:   counter("log_lines_lost_total", "Log lines that could not be written."),
		queries:     prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "db_query_duration_seconds", Help: "Time of a store operation.", Buckets: queryBuckets}, []string{"operation"}),
		queryErrors: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "db_query_errors_total", Help: "Store operations that failed for another reason than their input."}, []string{"operation"}),
	}
	cache := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cache_requests_total", Help: "Look-ups in the answer cache."}, []string{"result"})
	m.hits, m.misses = cache.WithLabelValues("hit"), cache.WithLabelValues("miss")
	m.registry.MustRegister(m.duration, m.requests, m.active, m.panics, m.rateLimited, m.shed, m.lostLines, cache, m.queries, m.queryErrors,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

// Request notes an answered request. route is the pattern that it matched, and never
// its path; the method may be any.
func (m *Metrics) Request(method, route string, status int, d time.Duration) {
	key := requestKey{knownMethod(method), route, status}
	s, ok := m.byRoute.Load(key)
	if !ok {
		code := strconv.Itoa(status)
		s, _ = m.byRoute.LoadOrStore(key, requestSeries{
			m.duration.WithLabelValues(key.method, route, code),
			m.requests.WithLabelValues(key.method, route, code),
		})
	}
	series := s.(requestSeries)
	series.duration.Observe(d.Seconds())
	series.requests.Inc()
}

// knownMethod keeps the label bounded: clients can invent methods.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "OTHER"
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

// CacheHit counts a look-up in the answer cache.
func (m *Metrics) CacheHit(hit bool) {
	if hit {
		m.hits.Inc()
	} else {
		m.misses.Inc()
	}
}

// Query notes a store operation; failed says that it failed for another reason than its input.
func (m *Metrics) Query(operation string, d time.Duration, failed bool) {
	m.queries.WithLabelValues(operation).Observe(d.Seconds())
	if failed {
		m.queryErrors.WithLabelValues(operation).Inc()
	}
}

// Gauge shows a number that is asked for at each scrape.
func (m *Metrics) Gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}
