package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"inkstone/internal/telemetry"
)

// shedClock drives a Shedder by a clock and delays of its own.
type shedClock struct {
	*Shedder
	now   time.Time
	delay time.Duration // of probes
	backs []func()
}

func newShedClock() *shedClock {
	c := &shedClock{now: time.Unix(0, 0)}
	c.Shedder = NewShedder(func(back func()) { c.backs = append(c.backs, back) }, func() time.Time { return c.now })
	return c
}

// second lets a request arrive each millisecond for a second, and answers each
// that enters at once. It returns how many of the strangers and members entered.
func (c *shedClock) second() (strangers, members int) {
	for range 500 {
		if c.millisecond(Stranger) {
			strangers++
		}
		if c.millisecond(Member) {
			members++
		}
	}
	return strangers, members
}

func (c *shedClock) millisecond(who Visitor) bool {
	ok := c.Enter(who, true)
	if ok {
		c.Leave(true)
	}
	c.now = c.now.Add(time.Millisecond)
	if len(c.backs) > 0 && c.now.Sub(c.sent) >= c.delay {
		c.backs[0]()
		c.backs = nil
	}
	return ok
}

// room returns how many reads enter at once.
func (c *shedClock) room(who Visitor) int {
	n := 0
	for c.Enter(who, true) {
		n++
	}
	for range n {
		c.Leave(true)
	}
	return n
}

func TestNobodyIsRefusedWhileNothingWaits(t *testing.T) {
	c := newShedClock()
	for range 10 {
		if strangers, members := c.second(); strangers+members != 1000 {
			t.Fatalf("%d strangers and %d members of 1000 enter", strangers, members)
		}
	}
}

func TestAStandingQueueLowersTheRateAndMembersGoFirst(t *testing.T) {
	c := newShedClock()
	c.second()
	c.delay = 100 * time.Millisecond
	c.second()
	strangers, members := c.second()
	if members != 500 || strangers > 300 {
		t.Errorf("%d strangers and %d members of 500 each enter", strangers, members)
	}
	if strangers+members < 600 {
		t.Errorf("%d of 1000 enter: less than could be served", strangers+members)
	}
}

func TestShedderIsAsBeforeWithinFiveSecondsOfOverload(t *testing.T) {
	c := newShedClock()
	c.second()
	c.delay = 100 * time.Millisecond
	for range 15 {
		c.second()
	}
	c.delay = 0
	for range 4 {
		c.second()
	}
	if strangers, members := c.second(); strangers+members != 1000 {
		t.Errorf("in the fifth second %d strangers and %d members of 500 each enter", strangers, members)
	}
}

// A burst is a queue that goes away; a slow machine with few clients has none.
func TestAPassingDelayIsNoOverload(t *testing.T) {
	c := newShedClock()
	c.second()
	for range 20 {
		c.delay = 20 * time.Millisecond
		for range 20 {
			c.millisecond(Stranger)
		}
		c.delay = 0
		for range 80 {
			c.millisecond(Stranger)
		}
	}
	if c.rate != 0 || c.refused != 0 {
		t.Errorf("rate %v, %d refused", c.rate, c.refused)
	}
}

func TestFewClientsOfASlowMachineAreNoOverload(t *testing.T) {
	c := newShedClock()
	for range 100 { // two at a time
		c.Enter(Stranger, true)
		c.Enter(Stranger, true)
		c.now = c.now.Add(40 * time.Millisecond)
		for _, back := range c.backs {
			back()
		}
		c.backs = nil
		c.Leave(true)
		c.Leave(true)
	}
	if c.rate != 0 || c.refused != 0 {
		t.Errorf("rate %v, %d refused", c.rate, c.refused)
	}
}

// pileUp lets reads arrive each millisecond, each of which ends when so many others have come.
func (c *shedClock) pileUp(standing int) {
	for range 1000 {
		c.Enter(Member, true)
		if c.atWork > standing {
			c.Leave(true)
		}
		for _, back := range c.backs {
			back()
		}
		c.backs = nil
		c.now = c.now.Add(time.Millisecond)
	}
}

// What waits for the database waits behind nothing a probe could see.
func TestReadsThatPileUpAtWorkAreRefused(t *testing.T) {
	c := newShedClock()
	c.pileUp(standingQueue + 10)
	for c.atWork > fewAtWork {
		c.Leave(true)
	}
	if c.Enter(Member, true) {
		t.Error("a read enters though as many are at work as end soon")
	}
	if !c.Enter(Member, false) {
		t.Error("a write is refused because of reads")
	}
}

// Fifty clients who wait for each other's answers are a busy hour, not overload.
func TestFiftyAtWorkAreNoOverload(t *testing.T) {
	c := newShedClock()
	c.pileUp(50)
	if c.refused != 0 || !c.Enter(Stranger, true) {
		t.Errorf("%d refused", c.refused)
	}
}

func TestReadsAtWorkHaveABoundAndMembersGetTheLast(t *testing.T) {
	c := newShedClock()
	if n := c.room(Member); n != mostAtWork {
		t.Errorf("room for %d members, want %d", n, mostAtWork)
	}
	if n := c.room(Stranger); n < mostAtWork/2 || n >= mostAtWork {
		t.Errorf("room for %d strangers of %d", n, mostAtWork)
	}
}

func TestAPipeComesBack(t *testing.T) {
	p, err := OpenPipe()
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		back := make(chan struct{})
		p.Probe(func() { close(back) })
		<-back
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	p.Probe(func() { t.Error("a closed pipe calls back") }) // and does not block
}

func TestOverloadIsToldSoonAndHealthGoesOn(t *testing.T) {
	var lines bytes.Buffer
	m := testMux()
	NewHealth(func(context.Context) error { return nil }).Mount(m)
	c := newShedClock()
	c.now = time.Now()
	h := Edge(m, EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.NewJSONHandler(&lines, nil)), Metrics: telemetry.NewMetrics(), Shedder: c.Shedder})
	n := 0
	for ; c.Enter(Member, true); n++ {
	}
	for range 5 {
		res := ask(h, "GET", "/api/posts/1")
		if res.StatusCode != 503 || res.Header.Get("Retry-After") != "1" {
			t.Errorf("overloaded: %d %v", res.StatusCode, res.Header)
		}
	}
	if told := strings.Count(lines.String(), "overloaded"); told != 1 || !strings.Contains(lines.String(), `"level":"WARN"`) {
		t.Errorf("refusals within a second are logged as %s", lines.String())
	}
	for _, path := range []string{"/health", "/uploads/a/b"} {
		if res := ask(h, "GET", path); res.StatusCode != 200 {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	for range n {
		c.Leave(true)
	}
	if res := ask(h, "GET", "/api/posts/1"); res.StatusCode != 200 {
		t.Errorf("after it: %d", res.StatusCode)
	}
}

// A client that takes its answer slowly, or never, must not keep others out.
func TestAnAnswerOnItsWayIsNotAtWork(t *testing.T) {
	c := newShedClock()
	during := -1
	h := Edge(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		during = c.atWork
	}), EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics(), Shedder: c.Shedder})
	ask(h, "GET", "/api/posts")
	if during != 0 || c.atWork != 0 {
		t.Errorf("%d at work while the answer is sent, %d after it", during, c.atWork)
	}
}
