// Package discovery tells others where a process is, and finds out where others are:
// through Consul, or from a list in the settings. What is done with that, as balancing and
// leaving out who does not answer, is the gateway's.
package discovery

import "context"

// Instance is one process that serves a service.
type Instance struct {
	ID      string `json:"id"`      // unique within its service, such as "post-service-web1-4001"
	Address string `json:"address"` // host:port
	Weight  int    `json:"weight"`  // its share of the requests beside others, from 1
	Version string `json:"version,omitempty"`
}

// List is what is known of a service.
type List struct {
	Service   string     // such as "post-service"
	Instances []Instance // who is to be used, ordered by ID

	// Withdrawn are instances that are not to be used by somebody's decision, such as for
	// maintenance. Others that are missing may only have been forgotten, unless the list is Firm.
	Withdrawn []Instance

	// Failing are instances that the registry has, but which don't pass its checks. Who knows one
	// may look for himself, and need not wait for the next check to see that it is well again.
	Failing []Instance

	Firm bool // who is not in Instances is not to be used
}

// Source is where lists come from.
type Source interface {
	// Watch tells the list of each service as soon as it is known, and again after each change,
	// until ctx ends. It returns then. tell is called by one goroutine at a time, and must not
	// change what it is given.
	Watch(ctx context.Context, services []string, tell func(List))

	// State tells how the source itself is.
	State() State
}

// State is how a Source is.
type State struct {
	Source string `json:"source"` // "consul" or "static"
	Up     bool   `json:"up"`     // whether it answers
	Error  string `json:"error,omitempty"`
	Known  bool   `json:"known"` // whether each service's list is known, be it an old one
}
