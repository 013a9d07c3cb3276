package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Buckets of other things than requests, in seconds. There is a histogram for each of some
// forty operations of the store: sum and count tell the usual time of one, its bucket how many
// were slow. All of them together have fine ones.
var (
	operationBuckets = []float64{0.1}
	callBuckets      = []float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5}
	hashBuckets      = []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5}
	redisBuckets     = []float64{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05}
)

// Metrics is everything /metrics shows, in at most 1,000 lines. All labels are bounded:
// the caller gives route patterns, never paths, and names from fixed sets; requests
// also have a bound of their own. A nil Metrics takes no notice of requests.
type Metrics struct {
	registry *prometheus.Registry

	requests *requests
	active   prometheus.Gauge

	panics      prometheus.Counter
	rateLimited prometheus.Counter
	shed        prometheus.Counter
	lostLines   prometheus.Counter
	cache       *prometheus.CounterVec
	operations  *prometheus.HistogramVec
	calls       *prometheus.HistogramVec
	queryErrors *prometheus.CounterVec
	hashes      prometheus.Histogram
	logins      *prometheus.CounterVec
	uploads     *prometheus.CounterVec
	uploaded    prometheus.Counter

	certificates *prometheus.GaugeVec
}

// NewMetrics makes the metrics, with Go's and the process's own.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: newRequests(),
		active:   gauge("active_connections", "Open client connections."),

		panics:       counter("http_panics_total", "Panics in handlers, each answered with 500."),
		rateLimited:  counter("http_rate_limited_total", "Requests refused with 429."),
		shed:         counter("http_shed_total", "Requests refused with 503 because of overload."),
		lostLines:    counter("log_lines_lost_total", "Log lines that could not be written."),
		cache:        counters("cache_requests_total", "Look-ups in the answer cache, in memory and, for what is not there, in Redis.", "level", "result"),
		operations:   histograms("db_query_duration_seconds", "Time of a store operation, with its waiting.", operationBuckets, "engine", "operation"),
		calls:        histograms("db_call_duration_seconds", "Time of all store operations together, with their waiting.", callBuckets, "engine"),
		queryErrors:  counters("db_query_errors_total", "Store operations that failed for another reason than their input.", "engine", "operation"),
		hashes:       prometheus.NewHistogram(prometheus.HistogramOpts{Name: "bcrypt_duration_seconds", Help: "Time of a password hash, without its waiting.", Buckets: hashBuckets}),
		logins:       counters("logins_total", "Logins: ok, failed (address, password or user is wrong), or limited (refused after too many that failed).", "result"),
		uploads:      counters("uploads_total", "Uploaded images: stored, refused (the client's fault), or failed.", "result"),
		certificates: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "tls_certificate_expiry_timestamp_seconds", Help: "When the certificate ends that a dependency has last shown, or that the site shows."}, []string{"of"}),
		uploaded:     counter("upload_bytes_total", "Size of the images that were stored."),
	}
	m.registry.MustRegister(m.requests.duration, m.requests.total, m.requests.inFlight, m.requests.size, m.active,
		m.panics, m.rateLimited, m.shed, m.lostLines, m.cache, m.operations, m.calls, m.queryErrors, m.hashes, m.logins, m.uploads, m.uploaded, m.certificates,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	// Of a counter that begins with its first event Prometheus sees no increase.
	for _, result := range []string{"ok", "failed", "limited"} {
		m.logins.WithLabelValues(result)
	}
	for _, result := range []string{"stored", "refused", "failed"} {
		m.uploads.WithLabelValues(result)
	}
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string) prometheus.Gauge {
	return prometheus.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

// Connections adds to the count of open connections.
func (m *Metrics) Connections(delta int) { m.active.Add(float64(delta)) }

// Panic counts a panic in a handler.
func (m *Metrics) Panic() {
	if m != nil {
		m.panics.Inc()
	}
}

// RateLimited counts a 429.
func (m *Metrics) RateLimited() {
	if m != nil {
		m.rateLimited.Inc()
	}
}

// Shed counts a request refused because of overload.
func (m *Metrics) Shed() {
	if m != nil {
		m.shed.Inc()
	}
}

// LogLineLost counts a log line that could not be written.
func (m *Metrics) LogLineLost() { m.lostLines.Inc() }

// Login counts a login with its result: ok, failed or limited.
func (m *Metrics) Login(result string) { m.logins.WithLabelValues(result).Inc() }

// Hash notes how long a password hash took.
func (m *Metrics) Hash(took time.Duration) { m.hashes.Observe(took.Seconds()) }

// Uploads counts images with their result: stored, refused or failed; and their bytes.
func (m *Metrics) Uploads(result string, images int, bytes int64) {
	m.uploads.WithLabelValues(result).Add(float64(images))
	m.uploaded.Add(float64(bytes))
}

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

// Store returns what notes operations of a store with that engine; failed says that one failed for
// another reason than its input.
func (m *Metrics) Store(engine string) (operated func(operation string, took time.Duration, failed bool)) {
	calls := m.calls.WithLabelValues(engine)
	return func(operation string, took time.Duration, failed bool) {
		m.operations.WithLabelValues(engine, operation).Observe(took.Seconds())
		calls.Observe(took.Seconds())
		if failed {
			m.queryErrors.WithLabelValues(engine, operation).Inc()
		}
	}
}

// Certificate returns what notes when the certificate ends that a dependency has shown, or the site shows.
func (m *Metrics) Certificate(of string) (ends func(time.Time)) {
	return func(at time.Time) { m.certificates.WithLabelValues(of).Set(float64(at.Unix())) }
}

// RedisCalls returns what notes how long a call of Redis took, with its waiting.
func (m *Metrics) RedisCalls() (called func(took time.Duration)) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "redis_call_duration_seconds", Help: "Time of a call of Redis, with its waiting.", Buckets: redisBuckets})
	m.registry.MustRegister(h)
	return func(took time.Duration) { h.Observe(took.Seconds()) }
}

// Redis returns what counts a call of Redis that failed in one of these ways.
func (m *Metrics) Redis(kinds ...string) (failed func(kind string)) {
	errors := counters("redis_errors_total", "Calls of Redis that failed, so that this instance went on alone.", "kind")
	for _, kind := range kinds {
		errors.WithLabelValues(kind)
	}
	m.registry.MustRegister(errors)
	return func(kind string) { errors.WithLabelValues(kind).Inc() }
}

// Gauge shows a number that is asked for at each scrape. labels are pairs of name and value;
// what has the same name has the same help and the same names of labels.
func (m *Metrics) Gauge(name, help string, value func() float64, labels ...string) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help, ConstLabels: pairs(labels)}, value))
}

// Counter is Gauge for a number that only grows.
func (m *Metrics) Counter(name, help string, value func() float64, labels ...string) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help, ConstLabels: pairs(labels)}, value))
}

func pairs(labels []string) prometheus.Labels {
	all := prometheus.Labels{}
	for i := 0; i+1 < len(labels); i += 2 {
		all[labels[i]] = labels[i+1]
	}
	return all
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, CoalesceGather: true})
}
