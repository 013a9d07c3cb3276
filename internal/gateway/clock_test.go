package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/discovery"
	"inkstone/internal/enginetest"
)

// story is a pool whose clock may be set, and what was seen of it.
type story struct {
	*world
	clock *enginetest.Clock
	set   func() // between any two steps
	seen  strings.Builder
}

func newStory(t *testing.T, policy string, set func(*enginetest.Clock)) *story {
	c := enginetest.NewClock(t)
	w := newWorld(policyOf(policy), func(o *poolOptions) { o.now, o.slowStart = c.Now, 10*time.Second })
	return &story{world: w, clock: c, set: func() { set(c) }}
}

// step lets time pass and something be done, and notes how all is then.
func (w *story) step(after time.Duration, do func()) {
	w.set()
	w.clock.Pass(after)
	w.now = w.clock.Now()
	do()
	s := w.status()
	for n := range s.Instances {
		s.Instances[n].EjectedUntil = ""
	}
	fmt.Fprintf(&w.seen, "%+v\n", s)
}

// note notes what has come of something.
func (w *story) note(what string, of ...any) { fmt.Fprintln(&w.seen, what, of) }

// ask lets so many requests go through all that a request of a client does.
func (w *story) ask(n int, took time.Duration, v verdict) {
	for range n {
		w.step(0, func() {
			conclude, wait, open := w.allow()
			if open {
				w.note("refused for", wait)
				return
			}
			w.began()
			u := w.acquire(nil)
			w.note("goes to", u.instance().id)
			w.step(took, func() { u.answered() })
			w.step(0, func() { u.done(v); conclude(v) })
		})
	}
}

// live is the story of a service in which all that counts time has its part.
func (w *story) live() {
	w.step(0, func() { w.update(listOf(1, 2, 3)) })
	w.ask(20, 100*time.Millisecond, fine) // while the shares grow
	w.step(10*time.Second, func() {})
	w.step(time.Second, func() { w.at("a", refused) })
	w.step(w.o.ejectTime-1, func() { w.note("out", w.available()) })
	w.step(1, func() { w.note("back", w.available()) })
	w.step(time.Second, func() { w.at("a", refused) }) // for twice as long
	w.step(w.o.ejectTime, func() { w.note("out", w.available()) })
	w.step(w.o.ejectTime, func() { w.note("back", w.available()) })
	w.ask(30, 4*time.Second, fine) // slow calls, of which the window keeps few
	w.step(0, func() { w.begin(50); w.note("retries", w.retries()) })
	w.step(9*time.Second, func() { w.note("retries", w.retries()) })
	w.step(2*time.Second, func() { w.note("retries", w.retries()) })
	w.ask(21, time.Millisecond, failed) // until the breaker opens
	w.step(w.o.breakerTime-time.Second, func() { w.ask(1, 0, fine) })
	w.step(time.Second, func() { w.ask(2, 0, fine) })
	w.step(5*time.Minute, func() {
		u := w.acquire(nil)
		w.step(w.o.suspectAfter, func() { w.note("suspects", len(w.suspects(w.now))) })
		w.step(1, func() { w.note("suspects", len(w.suspects(w.now))) })
		w.step(1, func() { u.of.hung(); u.done(unjudged) })
	})
	w.step(time.Second, func() { w.update(discovery.List{}) })
	for range 3 {
		w.step(w.o.doubtEvery/2, func() {
			for _, i := range w.toProbe(w.now) {
				w.note("asked", i.id)
				i.probed(true, "")
			}
		})
	}
}

func TestAClockThatIsSetChangesNothing(t *testing.T) {
	for policy := range policies {
		plain := newStory(t, policy, func(*enginetest.Clock) {})
		plain.live()
		for _, happened := range []string{"State:ejected", "State:slow-start", "State:unlisted", "State:open", "State:half-open", "refused for [1s]", "suspects [0]", "suspects [1]", "retries [0]"} {
			if !strings.Contains(plain.seen.String(), happened) {
				t.Fatalf("%s: %q does not happen", policy, happened)
			}
		}
		by := time.Hour
		for name, set := range map[string]func(*enginetest.Clock){
			"ahead":           func(c *enginetest.Clock) { c.Set(time.Hour) },
			"back":            func(c *enginetest.Clock) { c.Set(-time.Hour) },
			"to and fro":      func(c *enginetest.Clock) { by = -by; c.Set(by) },
			"a second slower": func(c *enginetest.Clock) { c.Set(-time.Second) },
		} {
			w := newStory(t, policy, set)
			w.live()
			want, got := strings.Split(plain.seen.String(), "\n"), strings.Split(w.seen.String(), "\n")
			for n := range want {
				if got[n] != want[n] {
					t.Errorf("%s, %s: line %d is\n%s\nwant\n%s", policy, name, n, got[n], want[n])
					break
				}
			}
		}
	}
}

func TestUntilWhenSomebodyIsOutIsToldByTheClockOfToday(t *testing.T) {
	w := newStory(t, "p2c", nil)
	w.update(listOf(1, 1))
	w.at("a", refused)
	w.clock.Set(-24 * time.Hour)
	w.clock.Pass(10 * time.Second)
	want := w.clock.Now().Add(w.o.ejectTime - 10*time.Second).UTC().Format(blog.TimeLayout)
	if got := w.status().Instances[0].EjectedUntil; got != want {
		t.Errorf("until %s, want %s", got, want)
	}
}
