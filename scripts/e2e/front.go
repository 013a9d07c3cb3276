package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// front is what stands before the gateways: it asks each whether it is ready, and lets requests
// go to those that are.
type front struct{ doors []*door }

// door is a gateway, as seen from before it.
type door struct {
	*member
	ready  atomic.Bool
	closed atomic.Int64 // how often it has ceased to be ready: a connection from before is of no use
}

func newFront(gateways []*member) *front {
	f := &front{}
	for _, g := range gateways {
		d := &door{member: g}
		d.ready.Store(true)
		f.doors = append(f.doors, d)
	}
	return f
}

// lookEvery is how often a gateway is asked.
const lookEvery = 200 * time.Millisecond

// watch asks until ctx ends.
func (f *front) watch(ctx context.Context) {
	var watching sync.WaitGroup
	for _, d := range f.doors {
		watching.Go(func() { d.watch(ctx) })
	}
	watching.Wait()
}

func (d *door) watch(ctx context.Context) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		answer, err := client.Get(d.url() + "/readyz")
		ready := err == nil && answer.StatusCode == http.StatusOK
		if err == nil {
			answer.Body.Close()
		}
		if was := d.ready.Swap(ready); was && !ready {
			d.closed.Add(1)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// admits waits until requests are let go to a gateway.
func (f *front) admits(ctx context.Context, g *member) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	return until(ctx, pollEvery, func() error {
		for _, d := range f.doors {
			if d.member == g && d.ready.Load() {
				return nil
			}
		}
		return fmt.Errorf("%s is not seen as ready", g.name)
	})
}

// pick returns a gateway that is ready, and its number; nil if none is.
func (f *front) pick() (int, *door) {
	first := rand.IntN(len(f.doors))
	for i := range f.doors {
		n := (first + i) % len(f.doors)
		if f.doors[n].ready.Load() {
			return n, f.doors[n]
		}
	}
	return 0, nil
}
