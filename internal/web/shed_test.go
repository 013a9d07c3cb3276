package web

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"inkstone/internal/telemetry"
)

// shedClock drives a Shedder by a clock of its own: enter n requests, leave after took.
type shedClock struct {
	*Shedder
	now time.Time
}

func (c *shedClock) reads(n int, took time.Duration) {
	for range n {
		if c.Enter(true) {
			c.now = c.now.Add(10 * time.Millisecond)
			c.Leave(took, c.now)
		}
	}
}

// room returns how many requests a Shedder lets in at once.
func (c *shedClock) room(anonymous bool) int {
	n := 0
	for c.Enter(anonymous) {
		n++
	}
	for range n {
		c.Leave(0, c.now)
	}
	return n
}

func newShedClock(most int) *shedClock { return &shedClock{NewShedder(most), time.Unix(0, 0)} }

func TestSlowReadsLowerTheBoundAndFastOnesRaiseItAgain(t *testing.T) {
	c := newShedClock(200)
	c.reads(100, time.Millisecond)
	before := c.room(false)
	c.reads(2000, time.Second)
	if low := c.room(false); low > before/4 || low < leastInFlight {
		t.Errorf("room for %d, before %d", low, before)
	}
	c.reads(1000, time.Millisecond)
	if again := c.room(false); again != before {
		t.Errorf("room for %d after recovery, before %d", again, before)
	}
}

func TestSignedInUsersAreRefusedLast(t *testing.T) {
	c := newShedClock(100)
	for c.Enter(true) {
	}
	if !c.Enter(false) {
		t.Error("a signed-in user is refused with the anonymous")
	}
}

func TestUploadsAndLoginsAreNoSignOfOverload(t *testing.T) {
	c := newShedClock(200)
	c.reads(100, time.Millisecond)
	before := c.room(false)
	for range 2000 {
		c.Enter(false)
		c.now = c.now.Add(time.Second)
		c.Leave(0, c.now)
	}
	if after := c.room(false); after != before {
		t.Errorf("room for %d, before %d", after, before)
	}
}

func TestASlowMachineIsNotOverloaded(t *testing.T) {
	c := newShedClock(200)
	c.reads(500, 40*time.Millisecond)
	if got := c.room(false); got != 200 {
		t.Errorf("room for %d", got)
	}
}

func TestOverloadIsToldSoonAndHealthGoesOn(t *testing.T) {
	var lines bytes.Buffer
	m := testMux()
	NewHealth(func(context.Context) error { return nil }).Mount(m)
	s := NewShedder(leastInFlight)
	h := Edge(m, EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.NewJSONHandler(&lines, nil)), Metrics: telemetry.NewMetrics(), Shedder: s})
	for s.Enter(false) {
	}
	res := ask(h, "GET", "/api/posts/1")
	if res.StatusCode != 503 || res.Header.Get("Retry-After") != "1" {
		t.Errorf("overloaded: %d %v", res.StatusCode, res.Header)
	}
	if !strings.Contains(lines.String(), `"level":"WARN"`) {
		t.Errorf("a refusal is logged as %s", lines.String())
	}
	for _, path := range []string{"/health", "/uploads/a/b"} {
		if res := ask(h, "GET", path); res.StatusCode != 200 {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	for range leastInFlight {
		s.Leave(0, time.Now())
	}
	if res := ask(h, "GET", "/api/posts/1"); res.StatusCode != 200 {
		t.Errorf("after it: %d", res.StatusCode)
	}
}
