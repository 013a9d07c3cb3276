package telemetry

import (
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// requestBuckets, in seconds, are the original's (0.1 0.5 1 2 5) and finer ones.
var requestBuckets = []float64{0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5}

// sizeBuckets, in bytes, are about packets, pages of a list, large posts and images.
var sizeBuckets = []float64{256, 1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20}

// How many sets of method, route and status have series of their own: a histogram has
// twelve lines, a counter one. The answers that a route is made for have places apart, so
// that refusals, which a stranger can ask for everywhere, never take them.
const (
	mostDurations, mostOtherDurations = 36, 4
	mostTotals, mostOtherTotals       = 44, 28
	mostProbeTotals                   = 12 // of /readyz and the like, for whoever leaves them out of his errors
)

// The labels of what has no series of its own; otherMethod is also that of methods
// which HTTP does not have.
const otherMethod, otherRoute = "OTHER", "other"

// requests counts, measures and times what was answered. Once its places are taken, what is new
// is counted together by the class of its status, as method OTHER, route other and
// status 2xx, 4xx and so on, so that sums over a class of status stay right
// (docs/decisions/0016-series.md).
type requests struct {
	duration *prometheus.HistogramVec
	total    *prometheus.CounterVec
	inFlight prometheus.Gauge
	size     prometheus.Histogram
	known    atomic.Pointer[map[requestLabels]requestSeries] // saves two label look-ups a request; never changed, but replaced

	mu        sync.Mutex // held to replace known
	durations places
	totals    places
}

type requestLabels struct {
	method, route string
	status        int
}

type requestSeries struct {
	duration prometheus.Observer
	total    prometheus.Counter
}

// places are how many sets of labels may still be added.
type places struct{ made, probes, others int }

func newRequests() *requests {
	names := []string{"method", "route", "status_code"}
	r := &requests{
		duration:  prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "http_request_duration_seconds", Help: "Time to answer a request.", Buckets: requestBuckets}, names),
		total:     prometheus.NewCounterVec(prometheus.CounterOpts{Name: "http_requests_total", Help: "Requests answered."}, names),
		inFlight:  gauge("http_requests_in_flight", "Requests that are being answered."),
		size:      prometheus.NewHistogram(prometheus.HistogramOpts{Name: "http_response_size_bytes", Help: "Size of the bodies of answers, as they were sent.", Buckets: sizeBuckets}),
		durations: places{made: mostDurations, others: mostOtherDurations},
		totals:    places{made: mostTotals, probes: mostProbeTotals, others: mostOtherTotals},
	}
	r.known.Store(&map[requestLabels]requestSeries{})
	return r
}

// Request is what is told of an answered request.
type Request struct {
	Method string // any
	Route  string // the pattern that it matched, and never its path
	Status int
	Took   time.Duration
	Bytes  int64 // of the body of the answer
}

// Began notes that a request is being answered. Ended follows.
func (m *Metrics) Began() {
	if m != nil {
		m.requests.inFlight.Inc()
	}
}

// Ended notes an answered request.
func (m *Metrics) Ended(r Request) {
	if m == nil {
		return
	}
	m.requests.inFlight.Dec()
	series := m.requests.of(requestLabels{knownMethod(r.Method), r.Route, r.Status})
	series.duration.Observe(r.Took.Seconds())
	series.total.Inc()
	m.requests.size.Observe(float64(r.Bytes))
}

func (r *requests) of(l requestLabels) requestSeries {
	if s, ok := (*r.known.Load())[l]; ok {
		return s
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	known := *r.known.Load()
	if s, ok := known[l]; ok {
		return s
	}
	s := requestSeries{
		duration: r.duration.WithLabelValues(r.durations.take(l)...),
		total:    r.total.WithLabelValues(r.totals.take(l)...),
	}
	more := make(map[requestLabels]requestSeries, len(known)+1)
	maps.Copy(more, known)
	more[l] = s
	r.known.Store(&more)
	return s
}

// take gives l its values, or those of what is counted together.
func (p *places) take(l requestLabels) []string {
	left := &p.others
	switch {
	case l.made():
		left = &p.made
	case l.probe() && p.probes > 0:
		left = &p.probes
	}
	if *left == 0 {
		return []string{otherMethod, otherRoute, strconv.Itoa(l.status/100) + "xx"}
	}
	*left--
	return []string{l.method, l.route, strconv.Itoa(l.status)}
}

// probe tells whether machines ask for the route again and again.
func (l requestLabels) probe() bool {
	switch l.route {
	case "/health", "/livez", "/readyz", "/metrics":
		return true
	}
	return false
}

// made tells whether the answer is one that the route is made for, and the route one for clients.
func (l requestLabels) made() bool {
	if !strings.HasPrefix(l.route, "/api/") && !strings.HasPrefix(l.route, "/uploads/") {
		return false
	}
	switch l.method {
	case http.MethodHead, http.MethodOptions, otherMethod:
		return false
	}
	return l.status == http.StatusOK || l.status == http.StatusCreated || l.status == http.StatusNoContent
}

// knownMethod keeps the label bounded: clients can invent methods.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return otherMethod
}
