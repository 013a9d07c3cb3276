package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

// Registration is a service of this process.
type Registration struct {
	Service string // such as "post-service"
	ID      string // of the instance, one of its own on its agent
	Address string // where others reach it: a host or an IP
	Port    int
	Weight  int // from 1; less is as 1
	Version string
}

// RegistrarOptions are what Consul is to know of this process.
type RegistrarOptions struct {
	Services []Registration

	// Ready is whether the process would pass its check now. Whoever registers says so, and
	// is used from then on, not only after the first check: an agent that has forgotten
	// everything must not mean an outage. nil: it would.
	Ready func() bool

	CheckTLS      bool          // /readyz is asked by https; whose certificate that is, is not checked
	CheckInterval time.Duration // 0: 10 s
	CheckTimeout  time.Duration // 0: 5 s
	Look          time.Duration // how often it is looked whether all is still there; 0: 10 s
}

// deregisterAfter is how long a check fails until Consul forgets the instance.
const deregisterAfter = time.Minute

// Registrar keeps a process registered.
type Registrar struct {
	consul  *Consul
	options RegistrarOptions

	left   chan struct{} // closed by Deregister
	leave  sync.Once
	atWork chan struct{} // holds one while something is asked of the agent
}

// Registrar makes one; Run registers.
func (c *Consul) Registrar(o RegistrarOptions) *Registrar {
	o.CheckInterval = cmp.Or(o.CheckInterval, 10*time.Second)
	o.CheckTimeout = cmp.Or(o.CheckTimeout, 5*time.Second)
	o.Look = cmp.Or(o.Look, 10*time.Second)
	if o.Ready == nil {
		o.Ready = func() bool { return true }
	}
	return &Registrar{consul: c, options: o, left: make(chan struct{}), atWork: make(chan struct{}, 1)}
}

const registering = "registration" // for health

// Run registers all services, and again what the agent has lost or others have changed,
// until ctx ends or Deregister is called. It takes nothing back by itself. ErrRefused ends it,
// if that is the first answer.
func (r *Registrar) Run(ctx context.Context) error {
	defer r.consul.health.forget(registering)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-r.left:
			cancel()
		case <-ctx.Done():
		}
	}()
	var failures backoff
	answered := false
	for pause := time.Duration(0); sleep(ctx, pause); {
		err := r.round(ctx)
		refused := errors.Is(err, ErrRefused)
		switch {
		case ctx.Err() != nil:
			return nil
		case refused && !answered:
			return err
		}
		answered = answered || err == nil || refused
		r.consul.health.note(registering, err)
		if err != nil {
			pause = failures.next()
			continue
		}
		failures.succeeded()
		pause = r.options.Look
	}
	return nil
}

// round makes good what is missing. A registration is not cut off by the end of ctx, for
// then nobody would know whether the agent will still do it; it may take Timeout.
func (r *Registrar) round(ctx context.Context) error {
	r.atWork <- struct{}{}
	defer func() { <-r.atWork }()
	there, err := r.registered(ctx)
	if err != nil {
		return fmt.Errorf("look at registration: %w", err)
	}
	for _, s := range r.options.Services {
		if r.hasLeft() {
			return nil
		}
		wanted := r.wanted(s)
		if matches(there[s.ID], wanted) {
			continue
		}
		if err := r.register(wanted); err != nil {
			return fmt.Errorf("register %s: %w", s.Service, err)
		}
		r.consul.options.Log.Info("registered with Consul", "service", s.Service, "id", s.ID, "address", net.JoinHostPort(s.Address, strconv.Itoa(s.Port)))
	}
	return nil
}

// registered are the services of the agent that have a check of ours.
func (r *Registrar) registered(ctx context.Context) (map[string]*api.AgentService, error) {
	ctx, cancel := r.consul.bounded(ctx)
	defer cancel()
	q := (&api.QueryOptions{}).WithContext(ctx)
	services, err := r.consul.api.Agent().ServicesWithFilterOpts("", q)
	if err != nil {
		return nil, plain(err)
	}
	checks, err := r.consul.api.Agent().ChecksWithFilterOpts("", q)
	if err != nil {
		return nil, plain(err)
	}
	maps.DeleteFunc(services, func(id string, _ *api.AgentService) bool { return checks[checkOf(id)] == nil })
	return services, nil
}

func (r *Registrar) register(wanted *api.AgentServiceRegistration) error {
	ctx, cancel := r.consul.bounded(context.Background())
	defer cancel()
	wanted.Check.Status = api.HealthCritical
	if r.options.Ready() {
		wanted.Check.Status = api.HealthPassing
	}
	options := api.ServiceRegisterOpts{ReplaceExistingChecks: true}.WithContext(ctx)
	return plain(r.consul.api.Agent().ServiceRegisterOpts(wanted, options))
}

func (r *Registrar) wanted(s Registration) *api.AgentServiceRegistration {
	weight, scheme := min(max(s.Weight, 1), mostWeight), "http"
	if r.options.CheckTLS {
		scheme = "https"
	}
	return &api.AgentServiceRegistration{
		ID: s.ID, Name: s.Service, Address: s.Address, Port: s.Port,
		Tags:    []string{"api"},
		Meta:    map[string]string{"version": s.Version, "weight": strconv.Itoa(weight)},
		Weights: &api.AgentWeights{Passing: weight, Warning: 1},
		Check: &api.AgentServiceCheck{
			CheckID: checkOf(s.ID), Name: "ready",
			HTTP:          scheme + "://" + net.JoinHostPort(s.Address, strconv.Itoa(s.Port)) + "/readyz",
			TLSSkipVerify: r.options.CheckTLS, // it is asked by address, and told nothing
			Interval:      r.options.CheckInterval.String(), Timeout: r.options.CheckTimeout.String(),
			DeregisterCriticalServiceAfter: deregisterAfter.String(),
		},
	}
}

func checkOf(id string) string { return "service:" + id }

// matches is whether what is there says what is wanted. Of the check it is enough that
// there is one: an agent has no way to change it alone.
func matches(there *api.AgentService, wanted *api.AgentServiceRegistration) bool {
	return there != nil && there.Service == wanted.Name && there.Address == wanted.Address && there.Port == wanted.Port &&
		slices.Equal(there.Tags, wanted.Tags) && maps.Equal(there.Meta, wanted.Meta) && there.Weights == *wanted.Weights
}

// Deregister takes everything back, once what Run has under way is done. Run registers
// nothing after it. ctx bounds it; what does not work is logged, and Consul forgets the instance when
// its check has failed for a minute.
func (r *Registrar) Deregister(ctx context.Context) {
	r.leave.Do(func() { close(r.left) })
	log := r.consul.options.Log
	select {
	case r.atWork <- struct{}{}:
		defer func() { <-r.atWork }()
	case <-ctx.Done():
		log.Warn("not deregistered from Consul", "error", ctx.Err())
		return
	}
	for _, s := range r.options.Services {
		if err := r.deregister(ctx, s.ID); err != nil {
			log.Warn("not deregistered from Consul", "service", s.Service, "id", s.ID, "error", err)
		}
	}
}

func (r *Registrar) deregister(ctx context.Context, id string) error {
	ctx, cancel := r.consul.bounded(ctx)
	defer cancel()
	err := r.consul.api.Agent().ServiceDeregisterOpts(id, (&api.QueryOptions{}).WithContext(ctx))
	if status := (api.StatusError{}); errors.As(err, &status) {
		// Version 1.10 says 500 of what it doesn't know.
		if status.Code == http.StatusNotFound || strings.Contains(status.Body, "Unknown service") {
			return nil
		}
	}
	return plain(err)
}

func (r *Registrar) hasLeft() bool {
	select {
	case <-r.left:
		return true
	default:
		return false
	}
}
