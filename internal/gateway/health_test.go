package gateway

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"inkstone/internal/discovery"
)

func TestSoManyFailuresInARowEject(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.at("a", failed, failed, failed, failed, fine, failed, failed, failed, unjudged, failed)
	w.wantStates(t, map[string]string{"a": "up", "b": "up"})
	w.at("a", failed)
	w.wantStates(t, map[string]string{"a": "ejected", "b": "up"})
	a := w.status().Instances[0]
	if a.Reason != "failures" || a.Errors != 9 || a.Ejections != 1 || a.EjectedUntil != "1970-01-01T00:17:10.000Z" {
		t.Errorf("status is %+v", a)
	}
	if len(w.ejected) != 1 || w.ejected[0] != a {
		t.Errorf("told of %+v", w.ejected)
	}
	w.wantAvailable(t, 1)
	if got := w.shares(20); got["b"] != 20 {
		t.Errorf("shares are %v", got)
	}
}

func TestTheFirstRefusedConnectionEjects(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.at("a", fine, refused)
	w.wantStates(t, map[string]string{"a": "ejected", "b": "up"})
	if reason := w.status().Instances[0].Reason; reason != "refused" {
		t.Errorf("the reason is %q", reason)
	}
}

func TestFaultsOfClientsNeverEject(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	for range 100 {
		u := w.acquire(w.others("a"))
		w.after(10 * time.Second) // the client takes its time, and leaves
		u.done(unjudged)
	}
	w.wantStates(t, map[string]string{"a": "up", "b": "up"})
	if a := w.status().Instances[0]; a.Errors != 0 || a.LatencyMs != 0 {
		t.Errorf("held against a: %+v", a)
	}
}

func TestSlowUploadsAreNotHeldAgainstTheInstance(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.at("b", fine)
	for range 50 {
		u := w.acquire(w.others("a"))
		u.uploading()
		w.after(20 * time.Second)
		wantIDs(t, w.suspects(w.now))
		u.answered()
		u.done(fine)
	}
	if a := w.status().Instances[0]; a.State != "up" || a.LatencyMs != 0 {
		t.Errorf("status is %+v", a)
	}
}

func TestAnAnswerToAnUploadIsASignOfLifeOnly(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.shares(100)
	before := w.status().Instances[0].LatencyMs
	other, u := w.acquire(w.others("a")), w.acquire(w.others("a"))
	u.uploading()
	w.after(w.o.suspectAfter)
	u.answered()
	w.after(time.Millisecond)
	wantIDs(t, w.suspects(w.now))
	u.done(fine)
	other.done(unjudged)
	if a := w.status().Instances[0]; a.LatencyMs != before {
		t.Errorf("answers took %v ms before, %v after", before, a.LatencyMs)
	}
}

func TestALongAnswerIsNotASlowOne(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	for range 50 {
		u := w.acquire(w.others("a"))
		w.after(time.Millisecond)
		u.answered()
		w.after(time.Hour)
		wantIDs(t, w.suspects(w.now))
		u.done(failed)
		w.at("a", fine)
	}
	if a := w.status().Instances[0]; a.State != "up" || a.LatencyMs > 3000 {
		t.Errorf("status is %+v", a)
	}
}

func TestEjectionsInARowTakeLongerAndGoodTimesAreRemembered(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	eject := func(want time.Duration) {
		t.Helper()
		w.at("a", refused)
		w.after(want - 1)
		if w.state("a") != "ejected" {
			t.Errorf("back before %v", want)
		}
		w.after(1)
		if w.state("a") != "up" {
			t.Errorf("not back after %v", want)
		}
	}
	for n := range 12 {
		eject(min(time.Duration(n+1)*30*time.Second, 5*time.Minute))
	}
	w.after(5*time.Minute - 1)
	eject(5 * time.Minute)
	w.after(5 * time.Minute)
	eject(30 * time.Second)
	w.after(29 * time.Second)
	eject(time.Minute)
}

func TestWhoReturnsIsJudgedAnew(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.at("b", fine)
	late := w.acquire(w.others("a"))
	w.at("a", failed, failed, failed, failed, failed)
	late.done(failed) // is of before
	w.after(w.o.ejectTime)
	w.at("a", failed, failed, failed, failed)
	w.wantStates(t, map[string]string{"a": "up", "b": "up"})
}

func TestWhoReturnsHasAShareAtOnce(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.shares(1000)
	u := w.acquire(w.others("a"))
	w.after(10 * time.Second)
	u.done(failed)
	w.at("a", refused)
	w.after(w.o.ejectTime)
	w.shares(1) // somebody has answered of late
	if got := w.shares(100); got["a"] < 30 {
		t.Errorf("after the return: %v", got)
	}
}

func TestALateAnswerOfBeforeAnEjectionDoesNotCountAfterIt(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.shares(1000)
	hangs := w.acquire(w.others("a"))
	w.after(2 * time.Second)
	wantIDs(t, w.suspects(w.now), "a")
	hangs.of.hung()
	w.wantStates(t, map[string]string{"a": "ejected", "b": "up"})
	w.after(w.o.ejectTime)
	hangs.done(fine) // it goes on
	w.shares(1)      // somebody has answered of late
	if got := w.shares(100); got["a"] < 30 {
		t.Errorf("after the return: %v", got)
	}
}

func TestSlowAnswersOfBeforeAnEjectionDoNotCountAfterIt(t *testing.T) {
	w := newWorld(func(o *poolOptions) { o.ejectTime = time.Second })
	w.update(listOf(1, 1))
	w.slowly("b", 20, time.Millisecond)
	w.slowly("a", 20, 4*time.Second)
	w.wantStates(t, map[string]string{"a": "ejected", "b": "up"})
	w.after(time.Second)
	w.slowly("a", 19, 4*time.Second)
	w.wantStates(t, map[string]string{"a": "up", "b": "up"})
}

func TestNobodyIsToldOfTheEjectionOfWhoHasLeft(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1, 1))
	u := w.acquire(w.others("a"))
	l := without(listOf(1, 1, 1), "a")
	l.Firm = true
	w.update(l)
	u.of.hung()
	u.done(refused)
	if len(w.ejected) > 0 {
		t.Errorf("told of %+v", w.ejected)
	}
}

func TestWhoIsDoubtedIsChosenBeforeWhoIsEjected(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.at("b", refused)
	w.update(without(listOf(1, 1), "a"))
	w.wantStates(t, map[string]string{"a": "doubted", "b": "ejected"})
	if got := w.shares(50); got["a"] != 50 {
		t.Errorf("shares are %v", got)
	}
}

func TestWhoFailsAtOnceIsNotTheFastest(t *testing.T) {
	w := newWorld(func(o *poolOptions) { o.failures = 1 << 30 }) // never ejected
	w.update(listOf(1, 1))
	w.shares(100)
	got := map[string]int{}
	for range 2000 {
		u := w.acquire(nil)
		got[u.instance().id]++
		if u.instance().id == "a" {
			u.answered()
			u.done(failed)
			continue
		}
		w.after(5 * time.Millisecond)
		u.done(fine)
	}
	if got["a"] > 500 {
		t.Errorf("who fails at once got %d of 2000", got["a"])
	}
}

func TestOneAloneIsNeverEjected(t *testing.T) {
	w := newWorld()
	w.update(listOf(1))
	w.at("a", refused, refused, failed, failed, failed, failed, failed)
	w.acquire(nil)
	w.instances[0].hung()
	w.wantStates(t, map[string]string{"a": "up"})
}

// slowly lets so many answers at an instance take so long, at the same time.
func (w *world) slowly(id string, n int, takes time.Duration) {
	var all []*use
	for range n {
		all = append(all, w.acquire(w.others(id)))
	}
	w.after(takes)
	for _, u := range all {
		if u != nil {
			u.done(fine)
		}
	}
}

func TestWhoIsSlowWhileOthersAreNotIsEjected(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.slowly("a", 10, time.Millisecond)
	w.slowly("b", 20, time.Millisecond)
	w.slowly("a", 9, 4*time.Second)
	w.wantStates(t, map[string]string{"a": "up", "b": "up"})
	w.slowly("a", 1, 4*time.Second)
	w.wantStates(t, map[string]string{"a": "ejected", "b": "up"})
	if reason := w.status().Instances[0].Reason; reason != "slow" {
		t.Errorf("the reason is %q", reason)
	}
}

func TestNobodyIsEjectedForBeingSlowWhereAllAreOrFewAnswered(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1, 1))
	w.slowly("a", 19, 4*time.Second)
	w.after(w.o.window)
	w.slowly("b", 20, 4*time.Second)
	w.slowly("c", 20, 4*time.Second)
	w.slowly("a", 20, 4*time.Second)
	w.wantStates(t, map[string]string{"a": "up", "b": "up", "c": "up"})
}

// Whatever happens, an ejection leaves at least half; and who is alone is never ejected.
func TestNeverAreMoreThanHalfEjected(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(policyOf(rapid.SampledFrom([]string{"p2c", "least-conn", "round-robin"}).Draw(t, "policy")))
		w.o.ejected = func(s InstanceStatus) {
			n := 0
			for _, state := range w.status().Instances {
				if state.EjectedUntil != "" {
					n++
				}
			}
			if all := len(w.instances); n > all/2 {
				t.Fatalf("%d of %d are ejected, the last is %+v", n, all, s)
			}
		}
		full := listOf(1, 2, 3, 4, 5, 6)
		w.update(full)
		var flying []*use
		t.Repeat(map[string]func(*rapid.T){
			"acquire": func(t *rapid.T) {
				if u := w.acquire(nil); u != nil {
					flying = append(flying, u)
				} else if !allDrained(w.pool) {
					t.Fatal("nobody is chosen, though not all are drained")
				}
			},
			"done": func(t *rapid.T) {
				if len(flying) == 0 {
					t.Skip()
				}
				n := rapid.IntRange(0, len(flying)-1).Draw(t, "which")
				flying[n].done(rapid.SampledFrom([]verdict{failed, failed, refused, fine, unjudged}).Draw(t, "verdict"))
				flying = slices.Delete(flying, n, n+1)
			},
			"after": func(t *rapid.T) {
				w.after(time.Duration(rapid.IntRange(1, 60_000).Draw(t, "ms")) * time.Millisecond)
			},
			"update": func(t *rapid.T) {
				l := discovery.List{Firm: rapid.Bool().Draw(t, "firm")}
				for _, i := range full.Instances {
					if rapid.Bool().Draw(t, i.ID) {
						l.Instances = append(l.Instances, i)
					}
				}
				w.update(l)
			},
			"probe": func(t *rapid.T) {
				for _, i := range w.toProbe(w.now) {
					i.probed(rapid.Bool().Draw(t, i.id), "test")
				}
			},
			"lives": func(t *rapid.T) {
				for _, i := range w.suspects(w.now) {
					i.lives()
				}
			},
			"hung": func(t *rapid.T) {
				for _, i := range w.suspects(w.now) {
					i.hung()
				}
			},
			"drain": func(t *rapid.T) { w.drain(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id")) },
			"":      func(t *rapid.T) { consistent(t, w, flying) },
		})
	})
}

func allDrained(p *pool) bool {
	return !slices.ContainsFunc(p.instances, func(i *instance) bool { return !i.drained })
}

// consistent holds what the instances count against who is in flight.
func consistent(t *rapid.T, w *world, flying []*use) {
	for _, i := range w.instances {
		n := 0
		for _, u := range flying {
			if u.of == i {
				n++
			}
		}
		if i.inFlight != n || i.waiting != n {
			t.Fatalf("%s has %d in flight and %d waiting, want %d", i.id, i.inFlight, i.waiting, n)
		}
	}
}
