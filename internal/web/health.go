package web

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"inkstone/internal/blog"
)

// readyWithin bounds the check behind /readyz.
const readyWithin = 2 * time.Second

// Health answers /health, /livez and /readyz.
type Health struct {
	check    func(context.Context) error
	cluster  func() Cluster // nil: nothing is told of it
	started  time.Time
	draining atomic.Bool
}

// NewHealth makes a Health; check returns Away for a service that is missing.
func NewHealth(check func(context.Context) error) *Health {
	return &Health{check: check, started: time.Now()}
}

// Cluster is what a gateway knows of those behind it.
type Cluster struct {
	Services  map[string]int `json:"services,omitempty"`  // how many instances may be sent requests
	Discovery any            `json:"discovery,omitempty"` // how the source of that is
}

// ShowCluster has /health tell of those behind a gateway.
func (h *Health) ShowCluster(known func() Cluster) { h.cluster = known }

// Drain makes /readyz answer 503 from now on.
func (h *Health) Drain() { h.draining.Store(true) }

// Draining reports whether Drain was called.
func (h *Health) Draining() bool { return h.draining.Load() }

// Mount mounts the three routes.
func (h *Health) Mount(m *Mux) {
	m.Handle("GET /health", Anyone, h.health)
	m.Handle("GET /livez", Anyone, h.live)
	m.Handle("GET /readyz", Anyone, h.ready)
}

type status struct {
	Status    string  `json:"status"`
	Timestamp string  `json:"timestamp,omitempty"`
	Uptime    float64 `json:"uptime,omitempty"` // seconds
	Cluster
}

func (h *Health) health(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	now := time.Now()
	s := status{Status: "OK", Timestamp: now.UTC().Format(blog.TimeLayout), Uptime: now.Sub(h.started).Seconds()}
	if h.cluster != nil {
		s.Cluster = h.cluster()
	}
	return probe(w, r, s)
}

func (h *Health) live(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	return probe(w, r, status{Status: "OK"})
}

func (h *Health) ready(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	if h.draining.Load() {
		stateOf(r).leaving = true
		return blog.Fail(blog.CodeUnavailable)
	}
	ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
	defer cancel()
	if err := h.check(ctx); err != nil {
		return err
	}
	return probe(w, r, status{Status: "OK"})
}

// probe answers like JSON, but is never kept by anybody.
func probe(w http.ResponseWriter, r *http.Request, s status) error {
	a, err := Encode(s)
	if err != nil {
		return err
	}
	h := w.Header()
	h["Content-Type"], h["Content-Length"], h["Cache-Control"] = jsonType, a.plain.length, []string{"no-store"}
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(a.body)
	}
	return nil
}
