package gateway

import (
	"time"

	"inkstone/internal/blog"
)

// ServiceStatus is how the instances of a service are.
type ServiceStatus struct {
	Service        string           `json:"service"`
	Breaker        BreakerStatus    `json:"breaker"`
	Requests       int64            `json:"requests"` // of clients
	Retries        int64            `json:"retries"`
	RetriesRefused int64            `json:"retriesRefused"` // for want of budget
	Available      int              `json:"available"`      // instances that may be sent requests
	Instances      []InstanceStatus `json:"instances"`      // ordered by ID
}

// BreakerStatus is how a breaker is: "closed", "open" or "half-open".
type BreakerStatus struct {
	State     string `json:"state"`
	RetryInMs int64  `json:"retryInMs,omitempty"` // when the next trial may begin
}

// InstanceStatus is how an instance is. State is "up", "slow-start", "ejected", "doubted" (missing
// from the list), "unlisted" (missing, but well), "unwell" (probes fail) or "drained".
type InstanceStatus struct {
	ID           string  `json:"id"`
	Address      string  `json:"address"`
	Version      string  `json:"version,omitempty"`
	Weight       int     `json:"weight"`
	State        string  `json:"state"`
	InFlight     int     `json:"inFlight"`
	LatencyMs    float64 `json:"latencyMs"` // until answers begin, of late; 0 is not known
	Requests     int64   `json:"requests"`
	Errors       int64   `json:"errors"`
	Ejections    int64   `json:"ejections"`
	EjectedUntil string  `json:"ejectedUntil,omitempty"`
	Reason       string  `json:"reason,omitempty"` // "failures", "refused", "slow", "hung", or how a probe failed
}

// status tells how the pool is.
func (p *pool) status() ServiceStatus {
	breaker := p.breaker.status()
	p.mu.Lock()
	defer p.mu.Unlock()
	s := ServiceStatus{Service: p.service, Breaker: breaker, Instances: make([]InstanceStatus, 0, len(p.instances)),
		Requests: p.budget.requests, Retries: p.budget.retries, RetriesRefused: p.budget.refused}
	now := p.o.now()
	p.gather(now, nil, false)
	s.Available = len(p.candidates)
	for _, i := range p.instances {
		s.Instances = append(s.Instances, i.status(now))
	}
	return s
}

func (i *instance) status(now time.Time) InstanceStatus {
	s := InstanceStatus{ID: i.id, Address: i.address, Version: i.version, Weight: int(i.weight), State: i.state(now),
		InFlight: i.inFlight, Requests: i.requests, Errors: i.errors, Ejections: i.ejections,
		LatencyMs: 1000 * i.latency.seconds}
	if i.ejection.on(now) {
		// From now on, as until has the day and hour of a clock that may have been set since.
		s.EjectedUntil = now.Add(i.ejection.until.Sub(now)).UTC().Format(blog.TimeLayout)
	}
	if i.unwell || i.ejection.on(now) {
		s.Reason = i.reason
	}
	return s
}

func (i *instance) state(now time.Time) string {
	switch {
	case i.drained:
		return "drained"
	case i.ejection.on(now):
		return "ejected"
	case i.unwell:
		return "unwell"
	case i.standing == doubted:
		return "doubted"
	case i.standing == unlisted:
		return "unlisted"
	case now.Sub(i.warmFrom) < i.pool.o.slowStart:
		return "slow-start"
	}
	return "up"
}
