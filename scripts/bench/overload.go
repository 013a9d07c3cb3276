package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"inkstone/scripts/bench/cputime"
)

// crowd is clients who send requests of a mix until the time is up.
type crowd struct {
	clients int
	length  time.Duration
	pause   time.Duration // after an answer
	hasty   float64       // share of the clients who take no notice of Retry-After
	haste   time.Duration // how soon they come back
	also    int           // a status from 400 on that is as good as 200
	mix     []dish
}

// dish is one kind of request of a mix.
type dish struct {
	name    string
	weight  int
	request func() []byte // the next one
}

// anyOf takes one of those made beforehand.
func anyOf(requests [][]byte) func() []byte {
	return func() []byte { return requests[rand.IntN(len(requests))] }
}

// failurePause is how long a client waits after a failure.
const failurePause = 10 * time.Millisecond

// settling is when the start of a load is over.
const settling = time.Second

// seen is what a crowd saw.
type seen struct {
	served, refused []time.Duration // sorted
	settled         []time.Duration // served, asked for after settling; sorted
	settledRefused  []time.Duration // the same of the refused
	failed          int
	byDish          map[string]*dishSeen
	last            time.Duration // of the last refusal, since the start
	length          time.Duration
	cpu, own        time.Duration // of the server and of the crowd itself, who share the cores
	failure         error         // the first
}

// dishSeen is what a crowd saw of one kind of request, after settling.
type dishSeen struct {
	served  []time.Duration
	refused int
}

func (s *seen) of(dish string) *dishSeen {
	if s.byDish[dish] == nil {
		s.byDish[dish] = &dishSeen{}
	}
	return s.byDish[dish]
}

func (d *dishSeen) add(o *dishSeen) {
	d.served, d.refused = append(d.served, o.served...), d.refused+o.refused
}

func (s *seen) rate() float64 { return float64(len(s.served)) / s.length.Seconds() }

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func (s *seen) String() string {
	return fmt.Sprintf("%7.0f served/s  p50 %8.2f ms  p99 %8.2f ms   %7.0f refused/s  p50 %6.2f ms  p99 %6.2f ms  %d failed  %3.0f%%+%.0f%% CPU",
		s.rate(), millis(quantile(s.served, 0.5)), millis(quantile(s.served, 0.99)),
		float64(len(s.refused))/s.length.Seconds(), millis(quantile(s.refused, 0.5)), millis(quantile(s.refused, 0.99)), s.failed, 100*s.cpu.Seconds()/s.length.Seconds(), 100*s.own.Seconds()/s.length.Seconds())
}

func (c crowd) run(ctx context.Context, p *process) *seen {
	ctx, cancel := context.WithTimeout(ctx, c.length)
	defer cancel()
	all := &seen{byDish: map[string]*dishSeen{}, length: c.length}
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := time.Now()
	cpu, _ := p.cpu()
	own := cputime.Used()
	for i := range c.clients {
		hasty := float64(i) < c.hasty*float64(c.clients)
		wg.Go(func() {
			one := c.client(ctx, strings.TrimPrefix(p.base, "http://"), hasty, start)
			mu.Lock()
			defer mu.Unlock()
			all.add(one)
		})
	}
	wg.Wait()
	after, _ := p.cpu()
	all.cpu, all.own = after-cpu, cputime.Used()-own
	slices.Sort(all.served)
	slices.Sort(all.refused)
	slices.Sort(all.settled)
	slices.Sort(all.settledRefused)
	return all
}

func (s *seen) add(o *seen) {
	s.served, s.refused = append(s.served, o.served...), append(s.refused, o.refused...)
	s.settled, s.settledRefused = append(s.settled, o.settled...), append(s.settledRefused, o.settledRefused...)
	s.failed += o.failed
	if s.failure == nil {
		s.failure = o.failure
	}
	s.last = max(s.last, o.last)
	for name, n := range o.byDish {
		s.of(name).add(n)
	}
}

func (c crowd) client(ctx context.Context, address string, hasty bool, start time.Time) *seen {
	s := &seen{byDish: map[string]*dishSeen{}}
	conn := rawClient{address: address}
	defer conn.close()
	sleep(ctx, time.Duration(rand.Int64N(int64(c.pause+10*time.Millisecond)))) // not all in one instant
	for ctx.Err() == nil {
		d := c.choose()
		a, err := conn.do(d.request())
		n := s.of(d.name)
		switch {
		case err != nil || a.status >= 400 && a.status != 503 && a.status != c.also:
			s.failed++
			s.failure = errors.Join(err, fmt.Errorf("%s answered %d", d.name, a.status))
			sleep(ctx, failurePause)
		case a.status == 503:
			s.refused = append(s.refused, a.took)
			s.last = time.Since(start)
			if time.Since(start)-a.took > settling {
				n.refused++
				s.settledRefused = append(s.settledRefused, a.took)
			}
			if again := a.again; hasty {
				sleep(ctx, max(c.haste, c.pause))
			} else {
				sleep(ctx, again+time.Duration(rand.Int64N(int64(again)+1)/4))
			}
		default:
			s.served = append(s.served, a.took)
			if time.Since(start)-a.took > settling {
				s.settled = append(s.settled, a.took)
				n.served = append(n.served, a.took)
			}
			sleep(ctx, c.pause)
		}
	}
	return s
}

func sleep(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (c crowd) choose() *dish {
	total := 0
	for i := range c.mix {
		total += c.mix[i].weight
	}
	n := rand.IntN(total)
	for i := range c.mix {
		if n -= c.mix[i].weight; n < 0 {
			return &c.mix[i]
		}
	}
	return nil
}

// overload loads a server with several times what it can do and prints what the
// clients get: at its peak, idle, in overload, and just after it.
func (b *bench) overload() error {
	p, err := b.server("BCRYPT_COST=10", "LOG_LEVEL=error")
	if err != nil {
		return err
	}
	defer p.stop()
	mixes, err := b.mixes(p)
	if err != nil {
		return err
	}
	// The hash of signing in has given Go a spare processor, which the first peak is not to have.
	select {
	case <-time.After(3 * time.Second):
	case <-b.ctx.Done():
	}
	for _, name := range []string{"cached", "mixed", "searches", "members", "lists"} {
		if b.mix == "" || b.mix == name {
			b.overloadBy(p, name, mixes[name])
		}
	}
	if b.mix != "" && b.mix != "bare" {
		return nil
	}
	// What as many clients do to any server on the cores that it shares with them.
	plain, size, err := b.bare(p, "/api/posts")
	if err != nil {
		return err
	}
	defer plain.stop()
	b.overloadBy(plain, fmt.Sprintf("bare handler, %d bytes", size), mixes["cached"])
	return nil
}

func (b *bench) overloadBy(p *process, name string, mix []dish) {
	fmt.Printf("%s, %d clients, %.0f%% back after %v\n", name, b.crowd, 100*b.hasty, b.haste)
	var all []*round
	for range b.rounds {
		r := b.round(p, mix)
		fmt.Print(r)
		all = append(all, r)
	}
	if b.rounds > 1 {
		of := func(figure func(*round) float64) string {
			var got []float64
			for _, r := range all {
				got = append(got, figure(r))
			}
			return spread(got)
		}
		fmt.Printf("  of %d rounds, median (least to most): goodput %s; served p99 %s x idle, %s x without the first second; refused p50 %s ms, p99 %s ms, %s ms without the first second\n", b.rounds,
			of((*round).goodput), of((*round).slowdown), of((*round).settledSlowdown), of(refused(0.5)), of(refused(0.99)),
			of(func(r *round) float64 { return millis(quantile(r.over.settledRefused, 0.99)) }))
	}
	for _, d := range mix {
		before, n := &dishSeen{}, &dishSeen{}
		for _, r := range all {
			before.add(r.idle.of(d.name))
			n.add(r.over.of(d.name))
		}
		slices.Sort(before.served)
		slices.Sort(n.served)
		fmt.Printf("  %-17s served %.2f  p50 %6.2f ms  p99 %6.2f ms  (idle %.2f, %.2f ms)\n", d.name, float64(len(n.served))/float64(max(len(n.served)+n.refused, 1)),
			millis(quantile(n.served, 0.5)), millis(quantile(n.served, 0.99)), millis(quantile(before.served, 0.5)), millis(quantile(before.served, 0.99)))
	}
}

// round is an overload between what it is compared with: machines that are shared
// change from second to second, by more than what is to be seen.
type round struct{ peak, idle, over, after, peakAfter *seen }

// round runs one. The idle clients come just before the overload and just after it.
func (b *bench) round(p *process, mix []dish) *round {
	peak := crowd{clients: 8, length: b.length, mix: mix}
	idle := crowd{clients: 2, length: b.length, pause: 5 * time.Millisecond, mix: mix}
	over := crowd{clients: b.crowd, length: 3 * b.length, hasty: b.hasty, haste: b.haste, mix: mix}
	return &round{peak.run(b.ctx, p), idle.run(b.ctx, p), over.run(b.ctx, p), idle.run(b.ctx, p), peak.run(b.ctx, p)}
}

// goodput is what was served in overload, of the peak.
func (r *round) goodput() float64 { return 2 * r.over.rate() / (r.peak.rate() + r.peakAfter.rate()) }

// slowdown is the p99 of what was served in overload, of the idle one.
func (r *round) slowdown() float64 { return ratio(quantile(r.over.served, 0.99), r.idleP99()) }

// settledSlowdown is slowdown without what was asked for in the first second.
func (r *round) settledSlowdown() float64 { return ratio(quantile(r.over.settled, 0.99), r.idleP99()) }

func (r *round) idleP99() time.Duration {
	return (quantile(r.idle.served, 0.99) + quantile(r.after.served, 0.99)) / 2
}

// refused returns a quantile of the refusals, in milliseconds.
func refused(q float64) func(*round) float64 {
	return func(r *round) float64 { return millis(quantile(r.over.refused, q)) }
}

func (r *round) String() string {
	text := fmt.Sprintf("  peak  %s\n  idle  %s\n  over  %s\n  after %s\n  peak  %s\n", r.peak, r.idle, r.over, r.after, r.peakAfter)
	text += fmt.Sprintf("  goodput %.2f of peak, served p99 %.1f x idle, %.1f x (p50 %.2f ms, p99 %.2f ms) without the first second, nobody refused from %.1f s after it\n",
		r.goodput(), r.slowdown(), r.settledSlowdown(), millis(quantile(r.over.settled, 0.5)), millis(quantile(r.over.settled, 0.99)), r.after.last.Seconds())
	if err := errors.Join(r.peak.failure, r.over.failure, r.peakAfter.failure); err != nil {
		text += "  " + err.Error() + "\n"
	}
	return text
}

func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// mixes are what the crowds ask for.
func (b *bench) mixes(p *process) (map[string][]dish, error) {
	ids, err := postIDs(p, 1)
	if err != nil {
		return nil, err
	}
	token, err := signIn(p)
	if err != nil {
		return nil, err
	}
	var lists, ownLists, posts, own [][]byte
	for _, c := range categories {
		ownLists = append(ownLists, rawRequest("GET", "/api/posts?category="+url.QueryEscape(c), token, ""))
		lists = append(lists, rawRequest("GET", "/api/posts?category="+url.QueryEscape(c), "", ""))
	}
	for _, id := range ids {
		posts = append(posts, rawRequest("GET", "/api/posts/"+id, "", ""))
		own = append(own, rawRequest("GET", "/api/posts/"+id, token, ""))
	}
	comment := rawRequest("POST", "/api/posts/"+ids[0]+"/comments", token, `{"content":"写得好"}`)
	search := func(token string) func() []byte {
		path := "/api/posts?search=" + url.QueryEscape(commonWord)
		return func() []byte { // each another, so that none is cached
			from := time.UnixMilli(b.searches.Add(1)).UTC().Format("&from=2006-01-02T15:04:05.000Z")
			return rawRequest("GET", path+from, token, "")
		}
	}
	searches, members := dish{"searches", 14, search("")}, dish{"members' searches", 1, search(token)}
	anyList, anyPost := dish{"lists", 40, anyOf(lists)}, dish{"posts", 40, anyOf(posts)}
	return map[string][]dish{
		"cached":   {anyList, anyPost},
		"mixed":    {anyList, anyPost, {"signed in", 5, anyOf(own)}, searches, {"comments", 1, anyOf([][]byte{comment})}},
		"searches": {searches},
		"members":  {members},
		"lists":    {{"members' lists", 1, anyOf(ownLists)}}, // none is cached
	}, nil
}
