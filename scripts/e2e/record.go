package main

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// outcome is how a request of a client ended.
type outcome struct {
	begun   time.Time
	took    time.Duration
	method  string
	route   string // a pattern
	gateway string
	status  int // 0: no answer
	code    string
	request string // its id
	reason  string // why it failed; "": it did not
}

func (o outcome) read() bool { return o.method == "GET" }

func (o outcome) ended() time.Time { return o.begun.Add(o.took) }

// at tells whether the request was under way at some moment between two.
func (o outcome) at(from, to time.Time) bool { return o.begun.Before(to) && o.ended().After(from) }

func (o outcome) String() string {
	return fmt.Sprintf("%s %s %s by %s after %v: %d %s %s (request %s)",
		o.begun.Format("15:04:05.000"), o.method, o.route, o.gateway, o.took.Round(time.Millisecond), o.status, o.code, o.reason, o.request)
}

// window is what the clients saw during a part of the run. A request belongs to the one that it
// ended in.
type window struct {
	name          string
	begun, ended  time.Time // ended with the last request
	reads, writes []time.Duration
	failures      []outcome
	allowed       func(outcome) bool // which of them are no broken promise; nil: none
}

// record is what the clients saw, window after window.
type record struct {
	mu        sync.Mutex
	windows   []*window
	byGateway map[string]int // requests
}

func newRecord() *record {
	r := &record{byGateway: map[string]int{}}
	r.next("start")
	return r
}

// next begins another window.
func (r *record) next(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.windows = append(r.windows, &window{name: name, begun: now, ended: now})
}

// allow says which failures of the window that goes on are allowed.
func (r *record) allow(is func(outcome) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.windows[len(r.windows)-1].allowed = is
}

func (r *record) add(o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.windows[len(r.windows)-1]
	w.ended = o.ended()
	r.byGateway[o.gateway]++
	if o.reason != "" {
		w.failures = append(w.failures, o)
	}
	if o.read() {
		w.reads = append(w.reads, o.took)
	} else {
		w.writes = append(w.writes, o.took)
	}
}

// failures returns those of the window that goes on.
func (r *record) failures() []outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.windows[len(r.windows)-1].failures)
}

// slowest is the longest that a read of the window that goes on took.
func (r *record) slowestRead() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.windows[len(r.windows)-1]
	if len(w.reads) == 0 {
		return 0
	}
	return slices.Max(w.reads)
}

const tableHead = "window      seconds requests    /s  failed   reads: p50      p99      max   writes: p50     p99      max  (ms)\n"

func (w *window) String() string {
	length := max(w.ended.Sub(w.begun), time.Millisecond).Seconds()
	n := len(w.reads) + len(w.writes)
	return fmt.Sprintf("%-11s %7.1f %8d %5.0f %7d %12s %22s\n", w.name, length, n, float64(n)/length, len(w.failures), quantiles(w.reads), quantiles(w.writes))
}

func quantiles(all []time.Duration) string {
	if len(all) == 0 {
		return ""
	}
	slices.Sort(all)
	of := func(q float64) float64 { return millis(all[int(q*float64(len(all)-1))]) }
	return fmt.Sprintf("%10.1f %8.1f %8.1f", of(0.5), of(0.99), of(1))
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
