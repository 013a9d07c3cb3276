package discovery

import (
	"context"
	"net"
	"sync"
)

// Static is a Source whose lists are given, and are all there is.
type Static struct {
	mu      sync.Mutex
	lists   map[string]List
	changed chan struct{} // closed by the next Set
}

// NewStatic makes a Source of lists, which are all there is of each service.
func NewStatic(lists []List) *Static {
	s := &Static{changed: make(chan struct{})}
	s.Set(lists)
	return s
}

// Set gives other lists in the place of all that there were.
func (s *Static) Set(lists []List) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists = map[string]List{}
	for _, l := range lists {
		s.lists[l.Service] = l
	}
	close(s.changed)
	s.changed = make(chan struct{})
}

// Watch tells the list of each service, an empty one if there is none, and again each that
// another Set has changed.
func (s *Static) Watch(ctx context.Context, services []string, tell func(List)) {
	told := newBook(tell)
	for {
		lists, changed := s.current()
		for _, service := range services {
			l := lists[service]
			l.Service, l.Firm = service, true
			told.take(l)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Static) current() (map[string]List, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lists, s.changed
}

// State is always up.
func (s *Static) State() State { return State{Source: "static", Up: true, Known: true} }

// StaticList is the list of a service at addresses, each a host:port.
func StaticList(service string, addresses []string) List {
	l := List{Service: service, Firm: true}
	for _, a := range addresses {
		host, port, _ := net.SplitHostPort(a)
		l.Instances = append(l.Instances, Instance{ID: service + "-" + host + "-" + port, Address: a, Weight: 1})
	}
	return l.sorted()
}
