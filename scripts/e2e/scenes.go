package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// rolling restarts every service, one process after the other. No request may fail.
func (t *trial) rolling(ctx context.Context) (func(outcome) bool, error) {
	for _, m := range t.services {
		if err := t.restart(ctx, m); err != nil {
			return nil, err
		}
	}
	t.tell("routing after Consul: %s when an instance comes, %s when it leaves", spread(t.joins), spread(t.leaves))
	for what, lags := range map[string][]time.Duration{"comes": t.joins, "leaves": t.leaves} {
		if median(lags) >= time.Second {
			t.breaks("rolling: the routing follows Consul only after %v when an instance %s", median(lags), what)
		}
	}
	return nil, nil
}

// restart ends a service by SIGTERM and starts it again. It returns when it is used again.
func (t *trial) restart(ctx context.Context, m *member) error {
	left := make(chan error, 1)
	go func() {
		_, lag, err := t.follow(ctx, m, false)
		t.leaves = append(t.leaves, lag)
		left <- err
	}()
	if err := m.stop(); err != nil {
		t.breaks("restart: %v", err)
	}
	if err := <-left; err != nil {
		return err
	}
	if err := m.start(ctx); err != nil {
		return err
	}
	_, lag, err := t.follow(ctx, m, true)
	t.joins = append(t.joins, lag)
	return err
}

// posts are the members that serve posts.
func (t *trial) posts() []*member {
	return slices.DeleteFunc(slices.Clone(t.services), func(m *member) bool { return !slices.Contains(m.rows, "post") })
}

// killed kills instances of posts by SIGKILL, one after the other. No read may fail, and a write
// only if it was under way then.
func (t *trial) killed(ctx context.Context) (func(outcome) bool, error) {
	var moments []moment
	for n := range t.kills {
		m := t.posts()[n%len(t.posts())]
		when, err := t.kill(ctx, m)
		if err != nil {
			return nil, err
		}
		moments = append(moments, when)
	}
	allowed := func(o outcome) bool { return mayBeKilled(o, moments) }
	t.tell("killed: %d writes ended with 502, all under way at the moment", t.allowed(allowed))
	return allowed, nil
}

// moment is a time that something took.
type moment struct{ from, to time.Time }

// mayBeKilled tells whether a request may have failed for an instance of posts that was killed.
func mayBeKilled(o outcome, moments []moment) bool {
	return !o.read() && o.status == http.StatusBadGateway && serves(o, "post") &&
		slices.ContainsFunc(moments, func(k moment) bool { return o.at(k.from, k.to) })
}

// kill kills an instance, sees that it is left alone, and starts it again.
func (t *trial) kill(ctx context.Context, m *member) (k moment, err error) {
	id := m.id("post")
	before, err := t.traffic(ctx, id)
	if err != nil {
		return k, err
	}
	k.from = time.Now()
	m.kill()
	k.to = time.Now()
	if err := t.leftAlone(ctx, id); err != nil {
		return k, err
	}
	if err := m.start(ctx); err != nil {
		return k, err
	}
	up := time.Now()
	serving, err := t.untilServing(ctx, id)
	if err != nil {
		return k, err
	}
	t.tell("killed: %s with %d requests in flight; it has requests again %v after it was up", m.name, before.inFlight, serving.Sub(up).Round(pollEvery))
	return k, t.steady(ctx)
}

// leftAlone sees whether an instance that has ended is sent nothing from a second later on.
func (t *trial) leftAlone(ctx context.Context, id string) error {
	if err := pause(ctx, time.Second); err != nil {
		return err
	}
	first, err := t.traffic(ctx, id)
	if err != nil {
		return err
	}
	if err := pause(ctx, 3*time.Second); err != nil {
		return err
	}
	last, err := t.traffic(ctx, id)
	if last.requests > first.requests {
		t.breaks("killed: %s was sent %d requests later than a second after its end", id, last.requests-first.requests)
	}
	return err
}

// serves tells whether it is a service's to answer a request. Posts and their comments are told apart.
func serves(o outcome, service string) bool {
	return strings.HasPrefix(o.route, "/api/"+service+"s") && !strings.HasSuffix(o.route, "/comments")
}

// allowed counts the failures of the window that goes on that are allowed.
func (t *trial) allowed(is func(outcome) bool) (n int) {
	for _, o := range t.record.failures() {
		if is(o) {
			n++
		}
	}
	return n
}

// foundWithin is R31's figure for a Consul that comes back empty.
const foundWithin = 15 * time.Second

// consulAway kills Consul, starts one more instance of posts, and lets an empty Consul come back. No
// request may fail, and the new instance is to be found.
func (t *trial) consulAway(ctx context.Context) (func(outcome) bool, error) {
	t.consul.kill()
	over := time.Now().Add(t.site.options.consulAway)
	more := t.newMember("post-more", []string{"post"})
	if err := more.start(ctx); err != nil {
		return nil, err
	}
	t.services = append(t.services, more)
	if err := pause(ctx, time.Until(over)); err != nil {
		return nil, err
	}
	if err := t.consul.start(ctx); err != nil {
		return nil, err
	}
	back := time.Now()
	found, _, err := t.follow(ctx, more, true)
	if err != nil {
		return nil, err
	}
	if err := t.steady(ctx); err != nil {
		return nil, err
	}
	t.tell("consul: away for %v; the instance started meanwhile is found %v after it was back, all others after %v at most",
		t.site.options.consulAway, found.Sub(back).Round(pollEvery), time.Since(back).Round(pollEvery))
	if found.Sub(back) > foundWithin {
		t.breaks("consul: the new instance was found only after %v", found.Sub(back))
	}
	err = more.stop()
	more.down = true
	return nil, err
}

// deadline is what a gateway waits for an answer.
const deadline = 10 * time.Second

// mostReached is R42's figure for the requests that reach an instance that hangs, of one gateway.
const mostReached = 10

// hung lets an instance of posts hang. No read may fail or take longer than the deadline, and a write
// only if it was sent there.
func (t *trial) hung(ctx context.Context) (func(outcome) bool, error) {
	m := t.posts()[1]
	h, err := t.hangs(ctx, m)
	if err != nil {
		return nil, err
	}
	serving, err := t.untilServing(ctx, m.id("post"))
	if err != nil {
		return nil, err
	}
	t.tell("hung: for %v; %d requests reached it; left out by both gateways after %v; it has requests again %v after it went on",
		t.hang, h.reached, h.ejected.Sub(h.from).Round(pollEvery), serving.Sub(h.to).Round(pollEvery))
	if err := pause(ctx, time.Until(h.from.Add(deadline+time.Second))); err != nil { // who waits for it has been answered then
		return nil, err
	}
	allowed := func(o outcome) bool { return t.mayHang(o, h) }
	t.judgeHang(h, t.allowed(allowed))
	return allowed, nil
}

// mayHang tells whether a request may have failed for an instance that hangs. On SQLite that may
// have the lock which all writes need.
func (t *trial) mayHang(o outcome, h hang) bool {
	sentThere := (o.status == http.StatusGatewayTimeout || o.status == http.StatusBadGateway) && serves(o, "post")
	locked := o.status == http.StatusServiceUnavailable && t.database == ""
	return !o.read() && (sentThere || locked) && o.at(h.from, h.to)
}

func (t *trial) judgeHang(h hang, failed int) {
	slowest := t.record.slowestRead()
	t.tell("hung: %d writes failed, of those that were there; the slowest read took %v", failed, slowest.Round(time.Millisecond))
	if most := int64(mostReached * len(t.gateways)); h.reached > most {
		t.breaks("hung: %d requests reached it, not %d at most", h.reached, most)
	}
	if int64(failed) > h.reached && t.database != "" {
		t.breaks("hung: %d writes failed, though only %d requests were there", failed, h.reached)
	}
	if slowest > deadline {
		t.breaks("hung: a read took %v", slowest)
	}
	if h.ejected.IsZero() {
		t.breaks("hung: not left out by both gateways")
	}
}

// hang is what was seen while an instance hung.
type hang struct {
	from, to time.Time
	ejected  time.Time // when both gateways had left it out
	reached  int64     // how many requests were there, or were sent there
}

// hangs lets an instance hang for a while, and looks on.
func (t *trial) hangs(ctx context.Context, m *member) (h hang, err error) {
	id := m.id("post")
	before, err := t.traffic(ctx, id)
	if err != nil {
		return h, err
	}
	h.from = time.Now()
	if err := m.pause(); err != nil {
		return h, err
	}
	for err == nil && time.Since(h.from) < t.hang {
		now, failure := t.traffic(ctx, id)
		h.reached = max(h.reached, now.requests-before.requests+int64(before.inFlight))
		if h.ejected.IsZero() && failure == nil && !slices.ContainsFunc(now.states, func(s string) bool { return s != "ejected" }) {
			h.ejected = time.Now()
		}
		err = errors.Join(failure, pause(ctx, pollEvery))
	}
	h.to = time.Now()
	return h, errors.Join(err, m.resume())
}

// redisAway is for how long there is no Redis.
const redisAway = 5 * time.Second

// fronts kills Redis, lets an empty one come back, and then restarts one gateway after the other. No
// request may fail.
func (t *trial) fronts(ctx context.Context) (func(outcome) bool, error) {
	t.redis.kill()
	if err := pause(ctx, redisAway); err != nil {
		return nil, err
	}
	if err := t.redis.start(ctx); err != nil {
		return nil, err
	}
	if err := pause(ctx, redisAway); err != nil {
		return nil, err
	}
	for _, g := range t.gateways {
		if err := g.stop(); err != nil {
			t.breaks("fronts: %v", err)
		}
		if err := g.start(ctx); err != nil {
			return nil, err
		}
		if err := t.steady(ctx); err != nil {
			return nil, err
		}
		if err := t.front.admits(ctx, g); err != nil { // else there may be a moment without any
			return nil, err
		}
	}
	return nil, pause(ctx, time.Second) // that both serve again
}

func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "never"
	}
	return fmt.Sprintf("%v (%v at most, of %d)", median(all).Round(time.Millisecond), slices.Max(all).Round(time.Millisecond), len(all))
}

func median(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
}
