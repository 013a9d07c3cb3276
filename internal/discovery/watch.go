package discovery

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/consul/api"
)

// betweenQueries is the least time from one query to the next: a server that holds none
// of them, or has news all the time, is not asked faster.
const betweenQueries = 100 * time.Millisecond

const mostWeight = 65535 // as in Consul

// Watch has a query for each service that Consul holds until there is news. While Consul
// is away the last list holds. Before its first answer that is the one of the snapshot;
// its first answer is told as it is, be it empty.
func (c *Consul) Watch(ctx context.Context, services []string, tell func(List)) {
	told := newBook(tell)
	kept := newKeeper(c.options.Snapshot, c.options.Log)
	for service, l := range kept.load() {
		if slices.Contains(services, service) {
			told.take(l)
		}
	}
	c.known.Store(told.knows() == len(services))
	take := func(l List) {
		if told.take(l) {
			kept.changed(l)
		}
		if told.knows() == len(services) {
			c.known.Store(true)
		}
	}
	var queries, saving sync.WaitGroup
	saving.Go(kept.run)
	for _, s := range services {
		queries.Go(func() { c.follow(ctx, s, take) })
	}
	queries.Wait()
	kept.end()
	saving.Wait()
}

func (c *Consul) follow(ctx context.Context, service string, take func(List)) {
	defer c.health.forget(service)
	var index uint64
	var failures backoff
	for pause := time.Duration(0); sleep(ctx, pause); {
		begun := time.Now()
		entries, next, err := c.ask(ctx, service, index)
		if ctx.Err() != nil {
			return
		}
		c.health.note(service, err)
		if err != nil {
			index = 0 // whoever answers next may have begun to count anew
			pause = failures.next()
			continue
		}
		failures.succeeded()
		take(listOf(service, entries))
		index = nextIndex(index, next)
		pause = betweenQueries - time.Since(begun)
	}
}

// ask is answered at once if index is 0, else when Consul has come further than that, or
// has waited for long enough.
func (c *Consul) ask(ctx context.Context, service string, index uint64) ([]*api.ServiceEntry, uint64, error) {
	bound := c.options.Timeout
	if index > 0 {
		bound += c.options.Wait + c.options.Wait/16 // so much Consul adds, that not all come at once
	}
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	q := &api.QueryOptions{WaitIndex: index, WaitTime: c.options.Wait}
	entries, meta, err := c.api.Health().Service(service, "", false, q.WithContext(ctx))
	if err != nil {
		return nil, 0, plain(err)
	}
	if meta.ResultsFilteredByACLs { // version 1.10 does not tell
		c.hidden.Do(func() {
			c.options.Log.Warn("Consul hides instances from our token: it needs service:read and node:read", "service", service)
		})
	}
	entries = slices.DeleteFunc(entries, func(e *api.ServiceEntry) bool { return e == nil || e.Service == nil || e.Node == nil })
	return entries, meta.LastIndex, nil
}

// nextIndex is what to wait for after an answer. An index that goes back is another
// count, as after a restore; 0 would never wait.
func nextIndex(asked, answered uint64) uint64 {
	if answered < asked {
		return 0
	}
	return max(answered, 1)
}

// listOf tells apart who is to be used (all checks pass), who was taken out by hand, and who
// fails. Who has no port to be reached at is left out.
func listOf(service string, entries []*api.ServiceEntry) List {
	slices.SortFunc(entries, func(a, b *api.ServiceEntry) int {
		return cmp.Or(cmp.Compare(a.Service.ID, b.Service.ID), cmp.Compare(a.Node.Node, b.Node.Node))
	})
	l := List{Service: service}
	seen := map[string]bool{}
	for _, e := range entries {
		i, err := instanceOf(e)
		if err != nil {
			continue
		}
		if seen[i.ID] { // one agent knows an ID once, but two agents may have the same
			i.ID += "@" + e.Node.Node
		}
		seen[i.ID] = true
		switch e.Checks.AggregatedStatus() {
		case api.HealthPassing:
			l.Instances = append(l.Instances, i)
		case api.HealthMaint:
			l.Withdrawn = append(l.Withdrawn, i)
		default:
			l.Failing = append(l.Failing, i)
		}
	}
	return l.sorted()
}

func instanceOf(e *api.ServiceEntry) (Instance, error) {
	address, err := parseAddress(net.JoinHostPort(cmp.Or(e.Service.Address, e.Node.Address), strconv.Itoa(e.Service.Port)))
	return Instance{ID: e.Service.ID, Address: address, Weight: weightOf(e.Service), Version: e.Service.Meta["version"]}, err
}

// weightOf is Consul's own weight, which is 1 where nobody has said anything; then the one
// that meta has, for those who can only write meta.
func weightOf(s *api.AgentService) int {
	weight := s.Weights.Passing
	if weight <= 1 {
		weight, _ = strconv.Atoi(s.Meta["weight"])
	}
	return min(max(weight, 1), mostWeight)
}
