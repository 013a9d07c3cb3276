package gateway

import (
	"math"
	"slices"
	"testing"
	"time"
)

// wantShares holds counts against weights; within is how far off one may be, of all.
func wantShares(t *testing.T, got map[string]int, want map[string]float64, within float64) {
	t.Helper()
	all, weights := 0, 0.0
	for id, weight := range want {
		all, weights = all+got[id], weights+weight
	}
	for id, weight := range want {
		if off := float64(got[id])/float64(all) - weight/weights; math.Abs(off) > within {
			t.Errorf("%s has %d of %d, want a share of %.3f", id, got[id], all, weight/weights)
		}
	}
}

func TestRequestsOneByOneAreSharedByWeight(t *testing.T) {
	for policy, within := range map[string]float64{"round-robin": 0, "least-conn": 0, "p2c": 0.05} {
		t.Run(policy, func(t *testing.T) {
			w := newWorld(policyOf(policy))
			w.update(listOf(1, 2, 3))
			wantShares(t, w.shares(6000), map[string]float64{"a": 1, "b": 2, "c": 3}, within)
		})
	}
}

// loop keeps a number of requests in flight, which end after a time that depends on where they
// are; at an instance that hangs they don't. It goes by steps of a millisecond.
type loop struct {
	*world
	takes  func(id string) time.Duration // 0: it hangs
	flying []flight
	got    map[string]int
}

type flight struct {
	*use
	ends time.Time
}

func (l *loop) step(inFlight int) {
	l.flying = slices.DeleteFunc(l.flying, func(f flight) bool {
		over := !f.ends.IsZero() && !f.ends.After(l.now) && l.takes(f.of.id) > 0
		if over {
			f.answered()
			f.done(fine)
		}
		return over
	})
	for len(l.flying) < inFlight {
		u := l.acquire(nil)
		l.got[u.of.id]++
		f := flight{use: u}
		if takes := l.takes(u.of.id); takes > 0 {
			f.ends = l.now.Add(takes)
		}
		l.flying = append(l.flying, f)
	}
	l.after(time.Millisecond)
}

func TestRequestsManyAtOnceAreSharedByWeight(t *testing.T) {
	for policy := range policies {
		t.Run(policy, func(t *testing.T) {
			w := newWorld(policyOf(policy))
			w.update(listOf(10, 20, 30))
			l := loop{world: w, got: map[string]int{}, takes: func(string) time.Duration { return 5 * time.Millisecond }}
			for range 2000 {
				l.step(60)
			}
			wantShares(t, l.got, map[string]float64{"a": 1, "b": 2, "c": 3}, 0.03)
		})
	}
}

func TestThePositionOfRoundRobinSurvivesUpdates(t *testing.T) {
	turns := func(updates bool) (order []string) {
		w := newWorld(policyOf("round-robin"))
		w.update(listOf(1, 1, 2))
		for range 40 {
			if updates {
				w.update(listOf(1, 1, 2))
			}
			u := w.acquire(nil)
			order = append(order, u.instance().id)
			u.done(fine)
		}
		return order
	}
	if plain, updated := turns(false), turns(true); !slices.Equal(plain, updated) {
		t.Errorf("turns are %q, with updates %q", plain, updated)
	}
}

func TestRoundRobinSpreadsTheTurnsOfAHeavyOne(t *testing.T) {
	w := newWorld(policyOf("round-robin"))
	w.update(listOf(4, 1, 1))
	row, last := 0, ""
	for range 60 {
		u := w.acquire(nil)
		if row++; u.instance().id != last {
			row, last = 1, u.instance().id
		}
		if row > 2+1 { // two before and two after b and c would be four
			t.Fatalf("%s has %d turns in a row", last, row)
		}
		u.done(fine)
	}
}

func TestLeastConnGoesWhereTheFewestAre(t *testing.T) {
	w := newWorld(policyOf("least-conn"))
	w.update(listOf(1, 1, 2))
	for range 3 {
		w.acquire(w.others("a"))
	}
	w.acquire(w.others("b"))
	for range 4 {
		w.acquire(w.others("c"))
	}
	if u := w.acquire(nil); u.instance().id != "b" {
		t.Errorf("chose %q, with 3, 1, and 4 in flight at weights of 1, 1 and 2", u.instance().id)
	}
}

func TestTwoChoicesPreferWhoAnswersSooner(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1, 1))
	l := loop{world: w, got: map[string]int{}, takes: func(id string) time.Duration {
		if id == "a" {
			return 50 * time.Millisecond
		}
		return 5 * time.Millisecond
	}}
	for range 3000 {
		l.step(12)
	}
	if l.got["a"]*5 > l.got["b"] || l.got["a"] == 0 {
		t.Errorf("the slow one got %d, the others %d and %d", l.got["a"], l.got["b"], l.got["c"])
	}
}

func TestWhoWasSlowIsTriedAgain(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.shares(1000)
	for range 5 {
		u := w.acquire(w.others("a"))
		w.after(2 * time.Second)
		u.done(fine)
	}
	if got := w.shares(100); got["a"] > 0 {
		t.Errorf("a takes 2 s and got %d of 100", got["a"])
	}
	for range 100 {
		w.shares(1)
		w.after(time.Second)
	}
	if got := w.shares(100); got["a"] < 30 {
		t.Errorf("a is fast again, and got %d of 100", got["a"])
	}
}

// Fifty requests at a time go to three instances, one of which stops. What it has then is lost to
// it; what comes after that is what the policy is to keep low.
func TestWhoHangsGetsFewMoreRequests(t *testing.T) {
	for policy, most := range map[string]int{"p2c": 10, "least-conn": 10, "round-robin": 50} {
		t.Run(policy, func(t *testing.T) {
			w := newWorld(policyOf(policy))
			w.update(listOf(1, 1, 1))
			hangs := false
			l := loop{world: w, got: map[string]int{}, takes: func(id string) time.Duration {
				if hangs && id == "a" {
					return 0
				}
				return 5 * time.Millisecond
			}}
			for range 1000 {
				l.step(50)
			}
			hangs, l.got = true, map[string]int{}
			had := w.status().Instances[0].InFlight
			steps := 0
			for ; len(w.suspects(w.now)) == 0; steps++ {
				l.step(50)
			}
			t.Logf("had %d in flight, got %d more until it was suspected after %d ms; the others got %d and %d", had, l.got["a"], steps, l.got["b"], l.got["c"])
			if l.got["a"] > most {
				t.Errorf("got %d more, want at most %d", l.got["a"], most)
			}
			if steps > 1100 {
				t.Errorf("suspected after %d ms only", steps)
			}
		})
	}
}

// With little to do it is not the number of those who wait that tells.
func TestWhoHangsIsLeftAloneThoughFewWait(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	l := loop{world: w, got: map[string]int{}, takes: func(string) time.Duration { return 5 * time.Millisecond }}
	for range 100 {
		l.step(6)
	}
	l.takes = func(id string) time.Duration { return map[string]time.Duration{"a": 0, "b": 5 * time.Millisecond}[id] }
	for range 10 {
		l.step(6)
	}
	had := w.instances[0].inFlight
	for range 500 {
		l.step(12)
	}
	if more := w.instances[0].inFlight - had; more > 0 {
		t.Errorf("has hung for 10 ms, and got %d more", more)
	}
}

func TestWhoTakesTheRequestsOfADearOneIsDrawnByWeight(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1, 1, 1))
	w.shares(100)
	w.acquire(w.others("a"))
	w.after(500 * time.Millisecond)
	got := w.shares(6000)
	wantShares(t, got, map[string]float64{"b": 1, "c": 1, "d": 1}, 0.02)
	if got["a"] > 0 {
		t.Errorf("who hangs got %d", got["a"])
	}
}

func TestTheOnlyOneThatHangsIsNotDear(t *testing.T) {
	w := newWorld()
	w.update(listOf(1))
	w.acquire(nil)
	w.after(5 * time.Second)
	if u := w.acquire(nil); u == nil {
		t.Error("there is nobody else, and he was not chosen")
	}
}

func TestTheShareOfANewInstanceGrows(t *testing.T) {
	for policy := range policies {
		t.Run(policy, func(t *testing.T) {
			w := newWorld(policyOf(policy), func(o *poolOptions) { o.slowStart = 10 * time.Second })
			w.update(listOf(1))
			w.after(time.Minute)
			w.update(listOf(1, 1))
			w.wantStates(t, map[string]string{"a": "up", "b": "slow-start"})
			begin, middle := w.shares(500), 0
			w.after(4500 * time.Millisecond)
			middle = w.shares(500)["b"]
			w.after(5 * time.Second)
			w.wantStates(t, map[string]string{"a": "up", "b": "up"})
			end := w.shares(500)["b"]
			if b := begin["b"]; b == 0 || b > 90 || middle <= b || middle > 220 || end < 225 || end > 275 {
				t.Errorf("of 500 b had %d at the beginning, %d in the middle, %d at the end", begin["b"], middle, end)
			}
		})
	}
}

func TestWhoIsResumedOrBackFromEjectionBeginsWithASmallShare(t *testing.T) {
	w := newWorld(policyOf("round-robin"), func(o *poolOptions) { o.slowStart = 10 * time.Second })
	w.update(listOf(1, 1, 1))
	w.after(time.Minute)
	w.drain("a")
	w.at("b", refused)
	w.after(w.o.ejectTime)
	w.resume("a")
	w.wantStates(t, map[string]string{"a": "slow-start", "b": "slow-start", "c": "up"})
	if got := w.shares(120); got["c"] < 85 || got["a"] == 0 || got["b"] == 0 {
		t.Errorf("shares at the return of a and b: %v", got)
	}
}

func TestResumeOfWhoIsNotDrainedChangesNothing(t *testing.T) {
	w := newWorld(func(o *poolOptions) { o.slowStart = 10 * time.Second })
	w.update(listOf(1))
	w.after(time.Minute)
	if w.resume("a"); w.state("a") != "up" {
		t.Errorf("is %s", w.state("a"))
	}
}
