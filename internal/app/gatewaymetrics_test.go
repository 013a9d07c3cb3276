package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"inkstone/internal/gateway"
	"inkstone/internal/telemetry"
)

// manyOf is a service of so many instances, of which every third is left out.
func manyOf(service string, size int) gateway.ServiceStatus {
	s := gateway.ServiceStatus{Service: service, Breaker: gateway.BreakerStatus{State: "closed"}, Available: size}
	for n := range size {
		state := []string{"up", "slow-start", "ejected"}[n%3]
		s.Instances = append(s.Instances, gateway.InstanceStatus{
			ID: fmt.Sprintf("%s-%02d", service, n), State: state, InFlight: n, LatencyMs: float64(n), Requests: int64(100 * n), Errors: int64(10 * n), Ejections: int64(n),
		})
		s.Requests += int64(100 * n)
	}
	return s
}

// sums are the values of samples by name and service; most keeps the largest instead.
func sums(samples []telemetry.Sample, most bool) map[string]float64 {
	all := map[string]float64{}
	for _, s := range samples {
		key := s.Name + " " + s.Labels[1]
		if most {
			all[key] = max(all[key], s.Value)
		} else {
			all[key] += s.Value
		}
	}
	return all
}

func TestInstancesBeyondTheBoundAreShownTogetherAndNoneIsLost(t *testing.T) {
	services := []gateway.ServiceStatus{manyOf("admin", 1), manyOf("auth", 15), manyOf("post", 40), manyOf("user", 4)}
	samples := samplesOf(services)
	if n, most := len(samples), 7*len(services)+6*(mostInstances+len(services)); n > most {
		t.Errorf("%d series, of at most %d", n, most)
	}
	var series []string
	for _, s := range samples {
		series = append(series, s.Name+strings.Join(s.Labels, ","))
	}
	slices.Sort(series)
	if n := len(series); n != len(slices.Compact(series)) {
		t.Error("a series is there twice")
	}
	sum, most := sums(samples, false), sums(samples, true)
	for _, s := range services {
		var inFlight, requests, errors, ejections, latency float64
		for _, i := range s.Instances {
			inFlight, requests, errors, ejections = inFlight+float64(i.InFlight), requests+float64(i.Requests), errors+float64(i.Errors), ejections+float64(i.Ejections)
			latency = max(latency, i.LatencyMs/1000)
		}
		for name, want := range map[string]float64{
			"gateway_instance_in_flight": inFlight, "gateway_instance_requests_total": requests, "gateway_instance_errors_total": errors, "gateway_instance_ejections_total": ejections,
			"gateway_requests_total": requests, "gateway_instances": float64(len(s.Instances)), "gateway_instances_healthy": float64(len(s.Instances) - len(s.Instances)/3),
		} {
			if got := sum[name+" "+s.Service]; got != want {
				t.Errorf("%s of %s: %v, want %v", name, s.Service, got, want)
			}
		}
		if got := most["gateway_instance_latency_seconds "+s.Service]; got != latency {
			t.Errorf("the slowest of %s takes %v, want %v", s.Service, got, latency)
		}
	}
}

func TestInstancesThatAreShownTogetherAreInOrderIfAllAre(t *testing.T) {
	for _, c := range []struct {
		states string
		want   bool
	}{
		{"up slow-start unlisted", true},
		{"ejected slow-start", false}, // whichever comes last
		{"up drained", false},
		{"doubted up", false},
		{"unwell", false},
	} {
		var rest []gateway.InstanceStatus
		for state := range strings.FieldsSeq(c.states) {
			rest = append(rest, gateway.InstanceStatus{State: state})
		}
		if got := healthy(together(rest)); got != c.want {
			t.Errorf("%s: %v", c.states, got)
		}
	}
}
