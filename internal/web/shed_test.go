package web

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/limit"
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
	ok := c.Enter(who)
	if ok {
		c.Leave(false)
	}
	c.now = c.now.Add(time.Millisecond)
	if len(c.backs) > 0 && c.now.Sub(c.sent) >= c.delay {
		c.backs[0]()
		c.backs = nil
	}
	return ok
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
	if members != 500 || strangers > 460 {
		t.Errorf("%d strangers and %d members of 500 each enter", strangers, members)
	}
	if strangers+members < 850 {
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
	if c.rate != 0 || !c.refused.IsZero() {
		t.Errorf("rate %v, somebody was refused at %v", c.rate, c.refused)
	}
}

func TestFewClientsOfASlowMachineAreNoOverload(t *testing.T) {
	c := newShedClock()
	for range 100 { // two at a time
		c.Enter(Stranger)
		c.Enter(Stranger)
		c.now = c.now.Add(40 * time.Millisecond)
		for _, back := range c.backs {
			back()
		}
		c.backs = nil
		c.Leave(false)
		c.Leave(false)
	}
	if c.rate != 0 || !c.refused.IsZero() {
		t.Errorf("rate %v, somebody was refused at %v", c.rate, c.refused)
	}
}

// What waits for the database waits behind nothing a probe could see; but if that
// is overload, the queue in front of it must be short, too.
func TestARefusalLaterMakesAShortQueueOverload(t *testing.T) {
	for _, later := range []bool{false, true} {
		c := newShedClock()
		c.second()
		c.delay = 20 * time.Millisecond // at 2000 a second: forty wait
		for range 500 {
			if c.Enter(Stranger) {
				c.Leave(later)
			}
			c.millisecond(Stranger)
		}
		if overloaded := c.rate > 0; overloaded != later {
			t.Errorf("forty wait, refusals later %v: overload %v", later, overloaded)
		}
	}
}

// crowd lets ten strangers arrive each millisecond for a second.
func (c *shedClock) crowd() {
	for range 1000 {
		for range 9 {
			if c.Enter(Stranger) {
				c.Leave(false)
			}
		}
		c.millisecond(Stranger)
	}
}

// Who is refused waits to be told so. If most are, the delay says nothing about the
// few who are served, and to refuse more would not make it shorter.
func TestRefusalsThatWaitDoNotKeepTheRateDown(t *testing.T) {
	c := newShedClock()
	c.second()
	c.delay = 100 * time.Millisecond
	c.second()
	before := c.rate
	c.delay = 3 * time.Millisecond
	for range 5 {
		c.crowd()
	}
	if c.rate < 2*before {
		t.Errorf("the rate was %.0f and is %.0f, though nobody who is served waits", before, c.rate)
	}
}

func TestTheRateStaysWithinReach(t *testing.T) {
	c := newShedClock()
	c.second()
	c.delay = 100 * time.Millisecond
	c.second()
	c.delay = 0
	for range 60 { // all are let in, and some refused behind it
		for range 1000 {
			if c.Enter(Stranger) {
				c.Leave(true)
			}
			c.now = c.now.Add(time.Millisecond)
			for _, back := range c.backs {
				back()
			}
			c.backs = nil
		}
	}
	if c.rate == 0 || c.rate > 3000 {
		t.Errorf("of 1000 a second, all let in, %.0f would be", c.rate)
	}
}

// Until the crowd came there was little to do: that is no measure of what can be done.
func TestACrowdOutOfNothingIsServedAtTheFullRate(t *testing.T) {
	c := newShedClock()
	for range 20 { // two a second
		c.millisecond(Stranger)
		c.now = c.now.Add(500 * time.Millisecond)
	}
	c.delay = 40 * time.Millisecond
	c.crowd()
	if c.rate < 9000 {
		t.Errorf("of 10000 a second that end, %.0f are let in", c.rate)
	}
}

// Who is asked for beforehand is counted once, whether he then enters or not.
func TestWhoWouldBeRefusedIsCountedOnce(t *testing.T) {
	c := newShedClock()
	c.second()
	if c.Refuses(Stranger) || c.Busy() {
		t.Error("somebody is refused while nothing waits")
	}
	c.delay = 100 * time.Millisecond
	c.second()
	if !c.Busy() {
		t.Error("it is not busy")
	}
	c.now = c.now.Add(shedInterval)
	for range 1000 { // the first of them begins an interval
		if !c.Refuses(Stranger) {
			c.Enter(Stranger)
		}
	}
	if c.arrived != 1000 || c.keptOut == 0 || c.keptOut == 1000 {
		t.Errorf("of 1000 %d arrived and %d were kept out", c.arrived, c.keptOut)
	}
	if c.Refuses(Member) {
		t.Error("a member is refused, too")
	}
	c.now = c.now.Add(shedCalm)
	if c.Busy() {
		t.Error("it is busy long after")
	}
	c.Refused()
	if !c.Busy() {
		t.Error("who was refused elsewhere is forgotten")
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
	c.second()
	c.delay = 100 * time.Millisecond
	c.second()
	for c.Enter(Stranger) { // the clock stands still now
	}
	metrics := telemetry.NewMetrics()
	h := Edge(m, EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.NewJSONHandler(&lines, nil)), Metrics: metrics, Shedder: c.Shedder})
	for range 5 {
		res := ask(h, "GET", "/api/posts/1")
		if res.StatusCode != 503 || res.Header.Get("Retry-After") != "1" {
			t.Errorf("overloaded: %d %v", res.StatusCode, res.Header)
		}
	}
	if told := strings.Count(lines.String(), "overloaded"); told != 1 || !strings.Contains(lines.String(), `"level":"WARN"`) {
		t.Errorf("refusals within a second are logged as %s", lines.String())
	}
	if n := shedBy(metrics); n != "5" {
		t.Errorf("%s refusals are counted of 5", n)
	}
	for _, path := range []string{"/health", "/uploads/a/b"} {
		if res := ask(h, "GET", path); res.StatusCode != 200 {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	if res := ask(h, "GET", "/api/posts/1", "Authorization", "Bearer good"); res.StatusCode != 200 {
		t.Errorf("a member: %d", res.StatusCode)
	}
}

// shedBy returns http_shed_total.
func shedBy(m *telemetry.Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	_, rest, _ := strings.Cut(w.Body.String(), "\nhttp_shed_total ")
	n, _, _ := strings.Cut(rest, "\n")
	return n
}

// Who is let in may still be refused where the work is done. That is told as the
// other refusals are, and a ticket for it says who he is.
func TestARefusalOfTheStoreIsCountedAsOverload(t *testing.T) {
	var lines bytes.Buffer
	m := NewMux()
	line := limit.NewAdmission(0, 1)
	m.Handle("GET /api/work", Anyone, func(_ http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
		defer cancel()
		if _, err := line.Enter(ctx); err == nil {
			t.Error("the request has no ticket")
		}
		return blog.Wrap(blog.CodeBusy, limit.ErrBusy)
	})
	c, metrics := newShedClock(), telemetry.NewMetrics()
	h := Edge(m, EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.NewJSONHandler(&lines, nil)), Metrics: metrics, Shedder: c.Shedder})
	for range 3 {
		if res := ask(h, "GET", "/api/work"); res.StatusCode != 503 || res.Header.Get("Retry-After") != "1" {
			t.Errorf("%d %v", res.StatusCode, res.Header)
		}
	}
	if told := strings.Count(lines.String(), "\n"); told != 1 || shedBy(metrics) != "3" {
		t.Errorf("%s counted, logged as %s", shedBy(metrics), lines.String())
	}
	if c.refused != c.now {
		t.Error("the Shedder does not know")
	}
}
