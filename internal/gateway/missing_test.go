package gateway

import (
	"slices"
	"testing"
	"time"

	"inkstone/internal/discovery"
)

func TestWhoIsWithdrawnOrMissesFromAFirmListIsGoneAtOnce(t *testing.T) {
	withdrawn, firm := without(listOf(1, 1), "b"), without(listOf(1, 1), "b")
	withdrawn.Withdrawn, firm.Firm = listOf(1, 1).Instances[1:], true
	for _, l := range []discovery.List{withdrawn, firm} {
		w := newWorld()
		w.update(listOf(1, 1))
		w.update(l)
		w.wantStates(t, map[string]string{"a": "up"})
		if !slices.Equal(w.gone, []string{"b:1"}) {
			t.Errorf("gone are %q", w.gone)
		}
	}
}

func TestWhoMayOnlyBeForgottenIsDoubtedUntilAProbeDecides(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1, 1))
	w.update(without(without(listOf(1, 1, 1), "b"), "c"))
	w.wantStates(t, map[string]string{"a": "up", "b": "doubted", "c": "doubted"})
	w.wantAvailable(t, 1)
	if got := w.shares(50); got["a"] != 50 {
		t.Errorf("who is doubted was chosen beside another: %v", got)
	}
	probes := w.toProbe(w.now)
	wantIDs(t, probes, "b", "c")
	probes[0].probed(true, "")
	probes[1].probed(false, "refused")
	w.wantStates(t, map[string]string{"a": "up", "b": "unlisted"})
	w.wantAvailable(t, 2)
	if !slices.Equal(w.gone, []string{"c:1"}) {
		t.Errorf("gone are %q", w.gone)
	}
}

func TestWhoFailsIsProbedForAsLongAsTheRegistryHasHim(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	failing := without(without(listOf(1, 1), "a"), "b")
	failing.Failing = listOf(1, 1).Instances
	probe := func(ok bool, ids ...string) {
		t.Helper()
		probes := w.toProbe(w.now)
		wantIDs(t, probes, ids...)
		for _, i := range probes {
			i.probed(ok, "503")
		}
	}

	w.update(failing)
	probe(false, "a", "b")
	w.wantStates(t, map[string]string{"a": "unwell", "b": "unwell"})
	w.wantAvailable(t, 2) // all fail: what they say of it is better than nothing

	w.after(w.o.doubtEvery)
	probe(true, "a", "b")
	w.wantStates(t, map[string]string{"a": "unlisted", "b": "unlisted"})
	w.after(w.o.doubtEvery)
	probe(false, "a", "b")

	half := without(listOf(1, 1), "b") // whose check has passed again
	half.Failing = listOf(1, 1).Instances[1:]
	w.update(half)
	w.wantStates(t, map[string]string{"a": "up", "b": "unwell"})
	w.wantAvailable(t, 1)

	w.update(without(listOf(1, 1), "b")) // nobody has b any more
	w.after(w.o.doubtEvery)
	probe(false, "b")
	w.wantStates(t, map[string]string{"a": "up"})
	if len(w.gone) != 1 || w.gone[0] != "b:1" {
		t.Errorf("gone are %q", w.gone)
	}
}

func TestAnEmptyListLeavesEverybodyInUse(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.update(discovery.List{Service: "post-service"})
	w.wantAvailable(t, 2)
	if got := w.shares(100); got["a"] == 0 || got["b"] == 0 || got["none"] > 0 {
		t.Errorf("shares with all doubted: %v", got)
	}
	for _, i := range w.toProbe(w.now) {
		i.probed(true, "")
	}
	w.wantStates(t, map[string]string{"a": "unlisted", "b": "unlisted"})
}

func TestWhoIsUnlistedIsProbedUntilHeIsListedAgain(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	empty := discovery.List{Service: "post-service"}
	w.update(empty)
	for _, i := range w.toProbe(w.now) {
		i.probed(true, "")
	}
	w.after(w.o.doubtEvery - 1)
	wantIDs(t, w.toProbe(w.now))
	w.update(empty) // again: that is nothing new
	wantIDs(t, w.toProbe(w.now))
	w.after(1)
	probes := w.toProbe(w.now)
	wantIDs(t, probes, "a", "b")
	probes[1].probed(false, "timeout")
	w.wantStates(t, map[string]string{"a": "unlisted"})
	w.update(listOf(1))
	w.wantStates(t, map[string]string{"a": "up"})
	w.after(time.Hour)
	wantIDs(t, w.toProbe(w.now))
}
