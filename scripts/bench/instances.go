package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// instances compares two instances with Redis with one that keeps its answers to itself, on
// the same database and processors, in turns: how much is served of what is in the cache.
func (b *bench) instances() error {
	if b.redis == "" {
		return errors.New("instances: -redis is missing")
	}
	const counted = "1000000000" // a limit that nobody reaches, but everybody is counted for
	for _, c := range []struct {
		name       string
		one, other []string
	}{
		{"limits off", nil, []string{"REDIS_URL=" + b.redis}},
		{"limits counted", []string{"RATE_LIMIT_MAX=" + counted}, []string{"RATE_LIMIT_MAX=" + counted, "REDIS_URL=" + b.redis}},
	} {
		if err := b.compareInstances(c.name, c.one, c.other); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) compareInstances(name string, alone, shared []string) error {
	one, err := b.server(alone...)
	if err != nil {
		return err
	}
	defer one.stop()
	var two []*process
	for range 2 {
		p, err := b.server(shared...)
		if err != nil {
			return err
		}
		defer p.stop()
		two = append(two, p)
	}
	ids, err := shortIDs(one, 1)
	if err != nil {
		return err
	}
	time.Sleep(time.Second) // until Redis is heard
	for _, paths := range [][]string{{"/api/posts"}, each(ids, func(id string) string { return "/api/posts/" + id })} {
		var ratios []float64
		for range max(3, b.rounds) {
			all, err := b.served([]*process{one}, paths)
			if err != nil {
				return err
			}
			both, err := b.served(two, paths)
			if err != nil {
				return err
			}
			ratios = append(ratios, float64(both)/float64(all))
			fmt.Printf("%s, %d paths: one %d, two with Redis %d in %v\n", name, len(paths), all, both, b.length)
		}
		fmt.Printf("%s, %d paths: two with Redis serve %s of what one serves\n", name, len(paths), spread(ratios))
	}
	return nil
}

// served is how many of the paths the servers answer, asked in turns, in the time of a load.
func (b *bench) served(servers []*process, paths []string) (int, error) {
	l := b.load(func(n int) (*http.Request, error) {
		return http.NewRequest("GET", servers[n%len(servers)].base+paths[n/len(servers)%len(paths)], nil)
	}, 1)
	r, err := l.run(b.ctx, servers[0])
	return r.requests, err
}

func each(ids []string, f func(string) string) []string {
	all := make([]string, len(ids))
	for i, id := range ids {
		all[i] = f(id)
	}
	return all
}
