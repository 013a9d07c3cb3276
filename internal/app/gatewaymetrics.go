package app

import (
	"inkstone/internal/gateway"
	"inkstone/internal/telemetry"
)

// mostInstances are shown one by one: each takes six series, of which there are to be a thousand
// at most. Those beyond are shown together, as the instance "other" of their service.
const mostInstances = 40

// watchGateway shows how the services are that requests are sent on to.
func (a *App) watchGateway() {
	if len(a.cfg.Target.Elsewhere()) == 0 {
		return
	}
	a.metrics.Gauge("gateway_in_flight", "Requests that are sent on to services.", func() float64 { return float64(a.gateway.Status().InFlight) })
	a.metrics.Gauge("discovery_up", "Whether the source of the lists of instances answers; while it does not, the last ones count.", func() float64 {
		return oneIf(a.source.State().Up)
	})
	a.metrics.Samples(func() []telemetry.Sample { return samplesOf(a.gateway.Status().Services) })
}

func samplesOf(services []gateway.ServiceStatus) (all []telemetry.Sample) {
	room := mostInstances
	for _, s := range services {
		service := []string{"service", s.Service}
		all = append(all,
			telemetry.Sample{Name: "gateway_requests_total", Help: "Requests of clients that were sent on.", Counter: true, Labels: service, Value: float64(s.Requests)},
			telemetry.Sample{Name: "gateway_retries_total", Help: "Second and further tries of requests.", Counter: true, Labels: service, Value: float64(s.Retries)},
			telemetry.Sample{Name: "gateway_retries_refused_total", Help: "Tries that were left out for want of budget.", Counter: true, Labels: service, Value: float64(s.RetriesRefused)},
			telemetry.Sample{Name: "gateway_breaker_open", Help: "Whether requests are refused because most failed; 1 also while a trial is under way.", Labels: service, Value: oneIf(s.Breaker.State != "closed")},
			telemetry.Sample{Name: "gateway_instances", Help: "Instances that are known.", Labels: service, Value: float64(len(s.Instances))},
			telemetry.Sample{Name: "gateway_instances_available", Help: "Instances that may be sent requests.", Labels: service, Value: float64(s.Available)},
		)
		shown := min(room, len(s.Instances))
		room -= shown
		for _, i := range s.Instances[:shown] {
			all = append(all, samplesOfInstance(s.Service, i)...)
		}
		if rest := s.Instances[shown:]; len(rest) > 0 {
			all = append(all, samplesOfInstance(s.Service, together(rest))...)
		}
	}
	return all
}

func samplesOfInstance(service string, i gateway.InstanceStatus) []telemetry.Sample {
	labels := []string{"service", service, "instance", i.ID}
	return []telemetry.Sample{
		{Name: "gateway_instance_up", Help: "Whether an instance is in order: neither left out nor in doubt.", Labels: labels, Value: oneIf(i.State == "up" || i.State == "slow-start" || i.State == "unlisted")},
		{Name: "gateway_instance_in_flight", Help: "Requests that an instance has been sent and not answered whole.", Labels: labels, Value: float64(i.InFlight)},
		{Name: "gateway_instance_latency_seconds", Help: "Time until an instance begins its answers, of late; 0 if it is not known.", Labels: labels, Value: i.LatencyMs / 1000},
		{Name: "gateway_instance_requests_total", Help: "Requests that an instance has been sent.", Counter: true, Labels: labels, Value: float64(i.Requests)},
		{Name: "gateway_instance_errors_total", Help: "Of them, those that failed.", Counter: true, Labels: labels, Value: float64(i.Errors)},
		{Name: "gateway_instance_ejections_total", Help: "How often an instance was left out for a while.", Counter: true, Labels: labels, Value: float64(i.Ejections)},
	}
}

// together is the sum of instances; it is up if all are.
func together(rest []gateway.InstanceStatus) gateway.InstanceStatus {
	sum := gateway.InstanceStatus{ID: "other", State: "up"}
	for _, i := range rest {
		sum.InFlight += i.InFlight
		sum.Requests += i.Requests
		sum.Errors += i.Errors
		sum.Ejections += i.Ejections
		sum.LatencyMs = max(sum.LatencyMs, i.LatencyMs)
		if i.State != "up" {
			sum.State = i.State
		}
	}
	return sum
}
