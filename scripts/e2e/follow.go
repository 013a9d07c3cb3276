package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"inkstone/internal/config"
)

// pollEvery is how finely it is seen when something changes.
const pollEvery = 10 * time.Millisecond

// followWithin is how long one waits for a change.
const followWithin = 40 * time.Second

// follow waits until Consul and the gateways know of a member that it is there, or that it is not.
// It returns when the last gateway did, and how long that was after Consul.
func (s *site) follow(ctx context.Context, m *member, there bool) (at time.Time, lag time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, followWithin)
	defer cancel()
	var waiting sync.WaitGroup
	times, failures := make([]time.Time, 1+len(s.gateways)), make([]error, 1+len(s.gateways))
	wait := func(n int, is func() (bool, error)) {
		waiting.Go(func() {
			times[n], failures[n] = when(ctx, func() (bool, error) { v, err := is(); return v == there, err })
		})
	}
	wait(0, func() (bool, error) { return s.inConsul(ctx, m) })
	for n, g := range s.gateways {
		wait(1+n, func() (bool, error) { return s.inRouting(ctx, g, m) })
	}
	waiting.Wait()
	for n, err := range failures {
		if err != nil {
			return at, 0, fmt.Errorf("wait until %s is there: %v, as %s sees it: %w", m.name, there, slices.Concat([]string{"Consul"}, names(s.gateways))[n], err)
		}
	}
	at = slices.MaxFunc(times[1:], time.Time.Compare)
	return at, max(0, at.Sub(times[0])), nil
}

// when returns the first time that is is true.
func when(ctx context.Context, is func() (bool, error)) (at time.Time, err error) {
	err = until(ctx, pollEvery, func() error {
		yes, err := is()
		if err == nil && !yes {
			err = fmt.Errorf("not within %v", followWithin)
		}
		at = time.Now()
		return err
	})
	return at, err
}

func (s *site) inConsul(ctx context.Context, m *member) (bool, error) {
	ids, err := s.passing(ctx, config.ServiceOf(m.rows[0]))
	return slices.Contains(ids, m.id(m.rows[0])), err
}

func (s *site) inRouting(ctx context.Context, g, m *member) (bool, error) {
	all, err := s.status(ctx, g)
	i, _ := instanceOf(all, m.id(m.rows[0]))
	return used(i), err
}

func names(members []*member) []string {
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = m.name
	}
	return all
}

// traffic is what both gateways together have to say of an instance.
type traffic struct {
	requests int64
	inFlight int
	states   []string // of each gateway; "": it does not know of it
}

func (s *site) traffic(ctx context.Context, id string) (traffic, error) {
	var t traffic
	for _, g := range s.gateways {
		all, err := s.status(ctx, g)
		if err != nil {
			return t, err
		}
		i, _ := instanceOf(all, id)
		t.requests += i.Requests
		t.inFlight += i.InFlight
		t.states = append(t.states, i.State)
	}
	return t, nil
}

// untilServing waits until an instance is sent requests again, and returns when.
func (s *site) untilServing(ctx context.Context, id string) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, followWithin)
	defer cancel()
	last := int64(-1)
	return when(ctx, func() (bool, error) {
		t, err := s.traffic(ctx, id)
		if err != nil {
			return false, err
		}
		more := last >= 0 && t.requests > last
		last = t.requests
		return more, nil
	})
}
