package gateway

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"inkstone/internal/discovery"
)

// world is a pool with a clock of its own, and what it has told.
type world struct {
	*pool
	now     time.Time
	gone    []string
	ejected []InstanceStatus
}

// newWorld makes a pool without slow start; change may set other options.
func newWorld(change ...func(*poolOptions)) *world {
	w := &world{now: time.Unix(1000, 0)}
	o := defaultOptions()
	o.slowStart = 0
	o.now = func() time.Time { return w.now }
	o.random = rand.New(rand.NewPCG(1, 2)).Float64
	o.gone = func(address string) { w.gone = append(w.gone, address) }
	o.ejected = func(s InstanceStatus) { w.ejected = append(w.ejected, s) }
	for _, f := range change {
		f(&o)
	}
	w.pool = newPool("post-service", o)
	return w
}

func policyOf(name string) func(*poolOptions) { return func(o *poolOptions) { o.policy = name } }

// listOf makes a list of instances of these weights: a, b, c and so on.
func listOf(weights ...int) discovery.List {
	l := discovery.List{Service: "post-service"}
	for n, weight := range weights {
		id := string(rune('a' + n))
		l.Instances = append(l.Instances, discovery.Instance{ID: id, Address: id + ":1", Weight: weight})
	}
	return l
}

// without is a list without one.
func without(l discovery.List, id string) discovery.List {
	l.Instances = slices.DeleteFunc(slices.Clone(l.Instances), func(i discovery.Instance) bool { return i.ID == id })
	return l
}

func (w *world) after(d time.Duration) { w.now = w.now.Add(d) }

// others are all but one, which is then the only one to be chosen.
func (w *world) others(id string) []*instance {
	return slices.DeleteFunc(slices.Clone(w.instances), func(i *instance) bool { return i.id == id })
}

// at lets requests end like this at an instance, one after the other. It returns false if it may
// not be chosen.
func (w *world) at(id string, verdicts ...verdict) bool {
	for _, v := range verdicts {
		u := w.acquire(w.others(id))
		if u == nil {
			return false
		}
		u.done(v)
	}
	return true
}

// shares counts who is chosen for so many requests one after the other, which take a millisecond.
func (w *world) shares(n int) map[string]int {
	got := map[string]int{}
	for range n {
		u := w.acquire(nil)
		if u == nil {
			got["none"]++
			continue
		}
		got[u.instance().id]++
		w.after(time.Millisecond)
		u.done(fine)
	}
	return got
}

func (w *world) state(id string) string {
	for _, i := range w.status().Instances {
		if i.ID == id {
			return i.State
		}
	}
	return "gone"
}

func (w *world) states() map[string]string {
	states := map[string]string{}
	for _, i := range w.status().Instances {
		states[i.ID] = i.State
	}
	return states
}

func (w *world) wantStates(t *testing.T, want map[string]string) {
	t.Helper()
	if got := w.states(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("states are %v, want %v", got, want)
	}
}

func (w *world) wantAvailable(t *testing.T, want int) {
	t.Helper()
	if got := w.available(); got != want {
		t.Errorf("%d are available, want %d", got, want)
	}
}

func ids(list []*instance) (all []string) {
	for _, i := range list {
		all = append(all, i.id)
	}
	return all
}

func wantIDs(t *testing.T, got []*instance, want ...string) {
	t.Helper()
	if !slices.Equal(ids(got), want) {
		t.Errorf("got %q, want %q", ids(got), want)
	}
}

func TestAnEmptyPoolHasNobodyToOffer(t *testing.T) {
	w := newWorld()
	if u := w.acquire(nil); u != nil {
		t.Errorf("chose %q of none", u.address())
	}
	w.wantAvailable(t, 0)
}

func TestARetryGoesToSomebodyElseUntilAllWereTried(t *testing.T) {
	for policy := range policies {
		w := newWorld(policyOf(policy))
		w.update(listOf(1, 1, 5))
		var tried []*instance
		for u := w.acquire(tried); u != nil; u = w.acquire(tried) {
			if slices.Contains(tried, u.instance()) {
				t.Fatalf("%s: %q was tried already", policy, u.address())
			}
			tried = append(tried, u.instance())
			u.done(unjudged)
		}
		if len(tried) != 3 {
			t.Errorf("%s: %d of 3 were tried", policy, len(tried))
		}
	}
}

func TestWhoIsKnownKeepsHisStateOverUpdates(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1, 1))
	w.at("b", refused)
	u := w.acquire(w.others("a"))
	l := listOf(1, 1, 7)
	l.Instances[0].Version = "v2"
	w.update(l)
	w.wantStates(t, map[string]string{"a": "up", "b": "ejected", "c": "up"})
	s := w.status()
	if a := s.Instances[0]; a.InFlight != 1 || a.Version != "v2" || s.Instances[2].Weight != 7 {
		t.Errorf("after the update: %+v", s.Instances)
	}
	u.done(fine)
	if a := w.status().Instances[0]; a.InFlight != 0 || a.Requests != 1 {
		t.Errorf("after the end: %+v", a)
	}
}

func TestAnInstanceThatMovedIsANewOneUnlessItIsDrained(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.at("a", refused)
	w.drain("b")
	l := listOf(1, 1)
	l.Instances[0].Address, l.Instances[1].Address = "a:2", "b:2"
	w.update(l)
	w.wantStates(t, map[string]string{"a": "up", "b": "drained"})
	slices.Sort(w.gone)
	if !slices.Equal(w.gone, []string{"a:1", "b:1"}) {
		t.Errorf("gone are %q", w.gone)
	}
}

func TestAnAddressIsToldAgainWhenItsLastRequestHasEnded(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	u, brief := w.acquire(w.others("b")), w.acquire(w.others("b"))
	gone := without(listOf(1, 1), "b")
	gone.Firm = true
	w.update(gone)
	w.update(gone)
	if !slices.Equal(w.gone, []string{"b:1"}) {
		t.Fatalf("gone are %q", w.gone)
	}
	if brief.done(fine); len(w.gone) != 1 {
		t.Errorf("gone are %q, and one request is still there", w.gone)
	}
	u.done(fine)
	u.done(fine)
	if !slices.Equal(w.gone, []string{"b:1", "b:1"}) {
		t.Errorf("gone are %q", w.gone)
	}
}

func TestAnAddressThatAnotherInstanceHasIsNotGone(t *testing.T) {
	w := newWorld()
	w.update(listOf(1))
	l := listOf(1)
	l.Instances[0].ID, l.Firm = "renamed", true
	w.update(l)
	w.wantStates(t, map[string]string{"renamed": "up"})
	if len(w.gone) > 0 {
		t.Errorf("gone are %q", w.gone)
	}
}

func TestWhoIsDrainedHasNoMoreRequestsAndEndsThoseHeHas(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	u := w.acquire(w.others("a"))
	if w.drain("nobody") || w.resume("nobody") || !w.drain("a") {
		t.Error("drain or resume don't know who there is")
	}
	w.update(listOf(1, 1))
	if got := w.shares(50); got["b"] != 50 {
		t.Errorf("with a drained: %v", got)
	}
	u.answered()
	u.done(fine)
	w.wantStates(t, map[string]string{"a": "drained", "b": "up"})
	w.resume("a")
	w.wantAvailable(t, 2)
}

func TestARequestEndsOnce(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	u := w.acquire(w.others("a"))
	u.done(failed)
	u.answered()
	u.uploading()
	u.done(failed)
	a := w.instances[0]
	if a.inFlight != 0 || a.waiting != 0 || a.errors != 1 {
		t.Errorf("%d in flight, %d waiting, %d errors", a.inFlight, a.waiting, a.errors)
	}
}

func TestEvenInNeedNobodyWhoIsDrainedIsChosen(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1, 1, 1))
	w.drain("a")
	w.at("b", refused)
	w.at("c", refused)
	w.update(func() discovery.List { l := listOf(1, 1, 1); l.Withdrawn = listOf(1, 1, 1, 1).Instances[3:]; return l }())
	w.wantStates(t, map[string]string{"a": "drained", "b": "ejected", "c": "ejected"})
	w.wantAvailable(t, 2)
	if got := w.shares(100); got["b"] == 0 || got["c"] == 0 || got["b"]+got["c"] != 100 {
		t.Errorf("with all out: %v", got)
	}
	w.drain("b")
	w.drain("c")
	w.wantAvailable(t, 0)
	if u := w.acquire(nil); u != nil {
		t.Errorf("%q was chosen, and is drained", u.address())
	}
}

func TestAFailureElsewhereSendsNobodyToWhoIsOut(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1))
	w.at("a", refused)
	if u := w.acquire(w.others("a")); u != nil {
		t.Errorf("%q was chosen though another is well", u.address())
	}
}

func TestARequestThatNobodyTookGoesToWhoIsLeftOut(t *testing.T) {
	w := newWorld()
	w.update(listOf(1, 1, 1))
	w.at("a", refused) // left out
	tried := []*instance{find(w.instances, "b"), find(w.instances, "c")}
	if u := w.another(tried[:1], true); u == nil || u.instance().id != "c" {
		t.Error("the last good one is not asked first")
	}
	if u := w.another(tried, false); u != nil {
		t.Errorf("%q was asked though the others only failed", u.address())
	}
	if u := w.another(tried, true); u == nil || u.instance().id != "a" {
		t.Error("nobody is asked though the others take no connection")
	}
}
