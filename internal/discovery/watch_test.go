package discovery

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"inkstone/internal/enginetest"
)

func TestAChangeIsToldWithinASecond(t *testing.T) {
	s := enginetest.Consul(t)
	w, other := watch(t, open(t, ConsulOptions{Addr: s.URL()}), "post-service"), client(t, s, "")
	w.until(t, has())
	var ids []string
	for _, id := range []string{"a", "b", "c", "d", "e"} {
		ids = append(ids, id)
		begun := time.Now()
		add(t, other, api.AgentServiceRegistration{ID: id, Name: "post-service", Port: 4001})
		w.until(t, has(ids...))
		took := time.Since(begun)
		t.Logf("%s is told after %v", id, took)
		if took > 5*time.Second { // a second on a machine that has time
			t.Errorf("%s is told after %v", id, took)
		}
	}
	begun := time.Now()
	if err := other.Agent().ServiceDeregister("a"); err != nil {
		t.Fatal(err)
	}
	w.until(t, has(ids[1:]...))
	t.Logf("that a has gone is told after %v", time.Since(begun))
}

func TestOnlyWhoPassesIsToBeUsedAndWhoIsInMaintenanceIsNamed(t *testing.T) {
	s := enginetest.Consul(t)
	w, other := watch(t, open(t, ConsulOptions{Addr: s.URL()}), "post-service"), client(t, s, "")
	check := func(status string) *api.AgentServiceCheck {
		return &api.AgentServiceCheck{TTL: "1h", Status: status}
	}
	for id, c := range map[string]*api.AgentServiceCheck{"c-passing": check("passing"), "b-none": nil, "d-critical": check("critical"), "e-warning": check("warning"), "a-taken-out": nil} {
		add(t, other, api.AgentServiceRegistration{ID: id, Name: "post-service", Port: 4001, Check: c})
	}
	add(t, other, api.AgentServiceRegistration{ID: "without-port", Name: "post-service"})
	if err := other.Agent().EnableServiceMaintenance("a-taken-out", "repair"); err != nil {
		t.Fatal(err)
	}
	l := w.until(t, func(l List) bool { return len(l.Instances) == 2 && len(l.Withdrawn) == 1 && len(l.Failing) == 2 })
	if !has("b-none", "c-passing")(l) || l.Withdrawn[0].ID != "a-taken-out" || l.Withdrawn[0].Address != "127.0.0.1:4001" || l.Failing[0].ID != "d-critical" || l.Failing[1].ID != "e-warning" || l.Firm {
		t.Errorf("%+v", l)
	}
	if err := other.Agent().EnableNodeMaintenance("repair"); err != nil {
		t.Fatal(err)
	}
	w.until(t, func(l List) bool {
		return len(l.Instances) == 0 && len(l.Withdrawn) == 5 && slices.IsSortedFunc(l.Withdrawn, func(a, b Instance) int { return strings.Compare(a.ID, b.ID) })
	})
	if err := other.Agent().DisableNodeMaintenance(); err != nil {
		t.Fatal(err)
	}
	if err := other.Agent().DisableServiceMaintenance("a-taken-out"); err != nil {
		t.Fatal(err)
	}
	w.until(t, func(l List) bool { return has("a-taken-out", "b-none", "c-passing")(l) && l.Withdrawn == nil })
}

func TestAnInstanceHasItsAddressWeightAndVersion(t *testing.T) {
	s := enginetest.Consul(t)
	other := client(t, s, "")
	add(t, other, api.AgentServiceRegistration{ID: "a", Name: "post-service", Address: "10.1.2.3", Port: 4001,
		Weights: &api.AgentWeights{Passing: 7, Warning: 1}, Meta: map[string]string{"version": "v1.2", "weight": "3"}})
	add(t, other, api.AgentServiceRegistration{ID: "b", Name: "post-service", Address: "fd00::1", Port: 4002, Meta: map[string]string{"weight": "3"}})
	add(t, other, api.AgentServiceRegistration{ID: "c", Name: "post-service", Port: 4003, Meta: map[string]string{"weight": "-9"}})
	add(t, other, api.AgentServiceRegistration{ID: "d", Name: "user-service", Port: 4004})
	w := watch(t, open(t, ConsulOptions{Addr: s.URL()}), "post-service")
	want := []Instance{
		{ID: "a", Address: "10.1.2.3:4001", Weight: 7, Version: "v1.2"},
		{ID: "b", Address: "[fd00::1]:4002", Weight: 3},
		{ID: "c", Address: "127.0.0.1:4003", Weight: 1}, // the agent's
	}
	if l := w.until(t, has("a", "b", "c")); !cmp.Equal(l.Instances, want) {
		t.Error(cmp.Diff(l.Instances, want))
	}
}

func TestTheSameIDOnTwoAgentsIsTwoInstances(t *testing.T) {
	entry := func(node string) *api.ServiceEntry {
		return &api.ServiceEntry{Node: &api.Node{Node: node, Address: "10.0.0.1"}, Service: &api.AgentService{ID: "x", Port: 4001}}
	}
	if l := listOf("post-service", []*api.ServiceEntry{entry("n2"), entry("n1")}); !has("x", "x@n2")(l) {
		t.Errorf("%+v", l)
	}
}

func TestWhileConsulIsPausedNothingIsToldAndItGoesOnAfterwards(t *testing.T) {
	s := enginetest.Consul(t)
	other := client(t, s, "")
	add(t, other, api.AgentServiceRegistration{ID: "a", Name: "post-service", Port: 4001})
	c := open(t, ConsulOptions{Addr: s.URL(), Wait: 500 * time.Millisecond, Timeout: 500 * time.Millisecond})
	w := watch(t, c, "post-service")
	w.until(t, has("a"))
	s.Pause()
	eventually(t, "it is known to be away", func() bool { return !c.State().Up })
	if state := c.State(); !state.Known || state.Error == "" {
		t.Errorf("%+v", state)
	}
	w.nothing(t, "while Consul is paused")
	s.Resume()
	eventually(t, "it is known to be back", func() bool { return c.State() == State{Source: "consul", Up: true, Known: true} })
	w.nothing(t, "after the pause, with nothing changed")
	add(t, other, api.AgentServiceRegistration{ID: "b", Name: "post-service", Port: 4002})
	w.until(t, has("a", "b"))
}

func TestAnErrorOfConsulChangesNoListAndIsLoggedOnce(t *testing.T) {
	var broken atomic.Bool
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if broken.Load() {
			http.Error(w, "No cluster leader", http.StatusInternalServerError)
			return
		}
		answer(w, 7, "a")
	})
	var said lines
	c := open(t, ConsulOptions{Addr: s.URL, Log: said.log()})
	w := watch(t, c, "post-service", "user-service")
	eventually(t, "both are known", func() bool { return c.State().Known })
	<-w.told
	<-w.told
	broken.Store(true)
	eventually(t, "both have failed", func() bool { return failing(c) == 2 })
	if c.State().Up {
		t.Error("up")
	}
	broken.Store(false)
	eventually(t, "it is known to be back", func() bool { return c.State().Up })
	w.nothing(t, "for an error")
	if away, back := said.count("Consul fails"), said.count("Consul answers again"); away != 1 || back != 1 {
		t.Errorf("away %d times, back %d times:\n%s", away, back, said.text.String())
	}
}

func failing(c *Consul) int {
	c.health.mu.Lock()
	defer c.health.mu.Unlock()
	return len(c.health.failing)
}

func TestAnIndexThatGoesBackIsForgottenAndZeroNeverWaitedFor(t *testing.T) {
	asked, indexes := make(chan string, 100), []uint64{10, 5, 8, 0, 0}
	var n atomic.Int32
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.Query().Get("index")
		if i := int(n.Add(1)) - 1; i < len(indexes) {
			answer(w, indexes[i])
			return
		}
		<-r.Context().Done()
	})
	watch(t, open(t, ConsulOptions{Addr: s.URL}), "post-service")
	var got []string
	for range len(indexes) + 1 {
		got = append(got, <-asked)
	}
	// After 10 comes 5, so the next one does not wait; after 8 comes 0, and after that again.
	if want := []string{"", "10", "", "8", "", "1"}; !slices.Equal(got, want) {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

func TestAQueryIsHeldForFiftyFiveSecondsAndTheClientWaitsLonger(t *testing.T) {
	waits := make(chan string, 100)
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		waits <- r.URL.Query().Get("wait")
		if r.URL.Query().Get("passing") != "" {
			t.Error("only who passes is asked for: maintenance would not be seen")
		}
		answer(w, 7)
	})
	w := watch(t, open(t, ConsulOptions{Addr: s.URL}), "post-service")
	if got := <-waits; got != "55000ms" {
		t.Error(got)
	}
	w.end()
	const wait = 3200 * time.Millisecond
	// One that answers at the last moment, when Consul has added all it may, is waited for.
	late := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("index") != "" {
			time.Sleep(wait + wait/16)
			answer(w, 8, "late")
			return
		}
		answer(w, 7)
	})
	c := open(t, ConsulOptions{Addr: late.URL, Wait: wait, Timeout: wait / 2})
	watch(t, c, "post-service").until(t, has("late"))
	if !c.State().Up {
		t.Errorf("%+v", c.State())
	}
}

func TestAServerThatHoldsNothingIsNotAskedAllTheTime(t *testing.T) {
	times := make(chan time.Time, 1000)
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case times <- time.Now():
		default:
		}
		answer(w, 7)
	})
	watch(t, open(t, ConsulOptions{Addr: s.URL}), "post-service")
	first := <-times
	for range 5 {
		<-times
	}
	if sixth := <-times; sixth.Sub(first) < 5*betweenQueries {
		t.Errorf("seven queries in %v", sixth.Sub(first))
	}
}

func TestPausesGrowToFiveSecondsAndBeginAnew(t *testing.T) {
	var b backoff
	for range 100 {
		for i, most := range []int{100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000} {
			most := time.Duration(most) * time.Millisecond
			if pause := b.next(); pause < most/2 || pause >= most {
				t.Fatalf("pause %d is %v, want %v to %v", i+1, pause, most/2, most)
			}
		}
		b.succeeded()
	}
}
