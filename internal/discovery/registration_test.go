package discovery

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"inkstone/internal/enginetest"
)

// process is one that is ready, and its registrations.
func process(t testing.TB, services ...string) []Registration {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	host, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	n, _ := strconv.Atoi(port)
	var all []Registration
	for _, service := range services {
		all = append(all, Registration{Service: service, ID: service + "-web1-" + port, Address: host, Port: n, Weight: 3, Version: "v1.2"})
	}
	return all
}

// run keeps it registered until the test ends; ended is closed when Run has returned.
func run(t testing.TB, r *Registrar) (ended <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = r.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return done
}

func deregister(t testing.TB, r *Registrar) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r.Deregister(ctx)
}

func TestAProcessIsRegisteredWithAllThatIsSaidOfIt(t *testing.T) {
	s := enginetest.Consul(t)
	c, other := open(t, ConsulOptions{Addr: s.URL()}), client(t, s, "")
	all := process(t, "post-service", "user-service")
	run(t, c.Registrar(RegistrarOptions{Services: all}))
	w := watch(t, c, "post-service", "user-service")
	w.until(t, has(all[0].ID))
	eventually(t, "both are there", func() bool { return len(servicesOf(t, other)) == 2 })
	got := servicesOf(t, other)[all[0].ID]
	want := &api.AgentService{
		ID: all[0].ID, Service: "post-service", Address: "127.0.0.1", Port: all[0].Port, Tags: []string{"api"},
		Meta: map[string]string{"version": "v1.2", "weight": "3"}, Weights: api.AgentWeights{Passing: 3, Warning: 1},
		Datacenter: "dc1", TaggedAddresses: got.TaggedAddresses,
	}
	if !cmp.Equal(got, want) {
		t.Error(cmp.Diff(got, want))
	}
}

func TestTheCheckIsOfReadinessAndWhoFailsItIsForgottenAfterAMinute(t *testing.T) {
	asked := make(chan api.AgentServiceRegistration, 10)
	s := fake(t, func(w http.ResponseWriter, r *http.Request) { // for no answer of an agent tells all of a check
		var sent api.AgentServiceRegistration
		if r.Method == http.MethodPut && json.NewDecoder(r.Body).Decode(&sent) == nil {
			asked <- sent
		}
		w.Write([]byte("{}"))
	})
	all := []Registration{{Service: "post-service", ID: "x", Address: "fd00::1", Port: 4001}}
	for _, test := range []struct {
		options RegistrarOptions
		want    api.AgentServiceCheck
	}{
		{RegistrarOptions{}, api.AgentServiceCheck{HTTP: "http://[fd00::1]:4001/readyz", Interval: "10s", Timeout: "5s"}},
		{RegistrarOptions{CheckTLS: true, CheckInterval: time.Second, CheckTimeout: time.Minute}, api.AgentServiceCheck{HTTP: "https://[fd00::1]:4001/readyz", TLSSkipVerify: true, Interval: "1s", Timeout: "1m0s"}},
	} {
		test.options.Services = all
		run(t, open(t, ConsulOptions{Addr: s.URL}).Registrar(test.options))
		test.want.CheckID, test.want.Name, test.want.Status, test.want.DeregisterCriticalServiceAfter = "service:x", "ready", "passing", "1m0s"
		if got := (<-asked).Check; !cmp.Equal(got, &test.want) {
			t.Error(cmp.Diff(got, &test.want))
		}
	}
}

func TestWhoFailsItsCheckIsOutAndBackWhenItPasses(t *testing.T) {
	var ready atomic.Bool
	ready.Store(true)
	p := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(p.Close)
	c := open(t, ConsulOptions{Addr: enginetest.Consul(t).URL()})
	at := netip.MustParseAddrPort(p.Listener.Addr().String())
	run(t, c.Registrar(RegistrarOptions{
		Services:      []Registration{{Service: "post-service", ID: "x", Address: at.Addr().String(), Port: int(at.Port())}},
		CheckInterval: time.Second, // the least that Consul knows
	}))
	w := watch(t, c, "post-service")
	w.until(t, has("x"))
	ready.Store(false)
	if l := w.until(t, has()); len(l.Withdrawn) != 0 {
		t.Errorf("%+v", l) // not taken out by anybody
	}
	ready.Store(true)
	w.until(t, has("x"))
}

func TestAConsulThatComesBackEmptyHasUsAgainWithinFifteenSeconds(t *testing.T) {
	s := enginetest.Consul(t)
	var said lines
	c, all := open(t, ConsulOptions{Addr: s.URL(), Log: said.log()}), process(t, "post-service")
	run(t, c.Registrar(RegistrarOptions{Services: all}))
	w := watch(t, c, "post-service")
	w.until(t, has(all[0].ID))
	s.Kill()
	eventually(t, "the query has failed", func() bool { return failing(c) > 0 })
	w.nothing(t, "when Consul is killed")
	if state := c.State(); state.Up || !state.Known || !strings.Contains(state.Error, "post-service: ") {
		t.Errorf("%+v", state)
	}
	begun := time.Now()
	s.Start()
	// In whatever way: the list that Consul had is told as none, or this is faster.
	eventually(t, "registered again", func() bool { return len(servicesOf(t, client(t, s, ""))) == 1 })
	eventually(t, "the catalog has it", func() bool {
		all, _, err := client(t, s, "").Health().Service("post-service", "", true, nil)
		return err == nil && len(all) == 1
	})
	took := time.Since(begun)
	t.Logf("registered %v after the start of an empty Consul", took)
	if took > 15*time.Second {
		t.Errorf("registered after %v", took)
	}
	eventually(t, "it is known to be back", func() bool { return c.State().Up })
	if away, back := said.count("Consul fails"), said.count("Consul answers again"); away != 1 || back != 1 {
		t.Errorf("away %d times, back %d times:\n%s", away, back, said.text.String())
	}
}

func TestAStartWithoutConsulRegistersWhenThereIsOne(t *testing.T) {
	s := enginetest.Consul(t)
	s.Stop()
	c, all := open(t, ConsulOptions{Addr: s.URL()}), process(t, "post-service")
	run(t, c.Registrar(RegistrarOptions{Services: all}))
	eventually(t, "an attempt has failed", func() bool { return failing(c) == 1 })
	s.Start()
	watch(t, c, "post-service").until(t, has(all[0].ID))
}

func TestWhatTheAgentForgetsOrOthersChangeIsMadeGood(t *testing.T) {
	s := enginetest.Consul(t)
	c, other, all := open(t, ConsulOptions{Addr: s.URL()}), client(t, s, ""), process(t, "post-service")
	id := all[0].ID
	run(t, c.Registrar(RegistrarOptions{Services: all, Look: 20 * time.Millisecond}))
	right := func() bool {
		got, checks := servicesOf(t, other)[id], map[string]*api.AgentCheck{}
		if list, err := other.Agent().Checks(); err == nil {
			checks = list
		}
		return got != nil && got.Port == all[0].Port && got.Weights.Passing == 3 && len(got.Tags) == 1 && checks[checkOf(id)] != nil
	}
	eventually(t, "registered", right)
	for what, harm := range map[string]func() error{
		"deregistered":    func() error { return other.Agent().ServiceDeregister(id) },
		"without a check": func() error { return other.Agent().CheckDeregister(checkOf(id)) },
		"another port": func() error {
			return other.Agent().ServiceRegister(&api.AgentServiceRegistration{ID: id, Name: "post-service", Port: 1})
		},
		"another's weight": func() error {
			return other.Agent().ServiceRegister(&api.AgentServiceRegistration{ID: id, Name: "post-service", Address: "127.0.0.1", Port: all[0].Port, Tags: []string{"api"}})
		},
	} {
		if err := harm(); err != nil {
			t.Fatal(err)
		}
		eventually(t, what+" is made good", right)
	}
}

func TestWhoIsReadyIsUsedBeforeTheFirstCheckAndWhoIsNotIsNot(t *testing.T) {
	s := enginetest.Consul(t)
	c, all := open(t, ConsulOptions{Addr: s.URL()}), process(t, "post-service")
	var ready atomic.Bool
	run(t, c.Registrar(RegistrarOptions{Services: all, Ready: ready.Load, Look: 20 * time.Millisecond, CheckInterval: time.Hour}))
	w, other := watch(t, c, "post-service"), client(t, s, "")
	w.until(t, has())
	eventually(t, "registered", func() bool {
		checks, err := other.Agent().Checks()
		return err == nil && checks[checkOf(all[0].ID)] != nil && checks[checkOf(all[0].ID)].Status == api.HealthCritical
	})
	w.nothing(t, "of one that is not ready")
	ready.Store(true)
	if err := other.Agent().ServiceDeregister(all[0].ID); err != nil {
		t.Fatal(err)
	}
	w.until(t, has(all[0].ID))
}

func TestWhoHasDeregisteredIsGoneAtOnceAndNeverRegistersAgain(t *testing.T) {
	s := enginetest.Consul(t)
	c, other, all := open(t, ConsulOptions{Addr: s.URL()}), client(t, s, ""), process(t, "post-service", "user-service")
	for range 30 { // in whatever the other is doing just then
		r := c.Registrar(RegistrarOptions{Services: all, Look: time.Microsecond})
		ended := run(t, r)
		eventually(t, "one is registered", func() bool { return len(servicesOf(t, other)) > 0 })
		deregister(t, r)
		if got := servicesOf(t, other); len(got) != 0 {
			t.Fatalf("still there: %v", got)
		}
		<-ended
		if got := servicesOf(t, other); len(got) != 0 {
			t.Fatalf("there again: %v", got)
		}
	}
	if state := c.State(); !state.Up {
		t.Errorf("%+v", state)
	}
}

func TestARegistrationUnderWayIsWaitedForAndTheNextOneNotBegun(t *testing.T) {
	calls, goOn := make(chan string, 10), make(chan struct{})
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			calls <- strings.TrimPrefix(r.URL.Path, "/v1/agent/service/")
		}
		if r.URL.Path == "/v1/agent/service/register" {
			<-goOn
		}
		w.Write([]byte("{}"))
	})
	all := []Registration{{Service: "post-service", ID: "a", Port: 1}, {Service: "user-service", ID: "b", Port: 1}}
	r := open(t, ConsulOptions{Addr: s.URL, Timeout: time.Hour}).Registrar(RegistrarOptions{Services: all})
	ended := run(t, r)
	if call := <-calls; call != "register" {
		t.Fatal(call)
	}
	gone := make(chan struct{})
	go func() { defer close(gone); deregister(t, r) }()
	<-r.left
	select {
	case <-gone:
		t.Error("not waited for")
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	<-gone
	<-ended
	close(calls)
	var rest []string
	for call := range calls {
		rest = append(rest, call)
	}
	if want := []string{"deregister/a", "deregister/b"}; !slices.Equal(rest, want) {
		t.Errorf("then %q, want %q", rest, want)
	}
}

func TestWhoHasDeregisteredIsToldAtOnce(t *testing.T) {
	s := enginetest.Consul(t)
	c, all := open(t, ConsulOptions{Addr: s.URL()}), process(t, "post-service")
	r := c.Registrar(RegistrarOptions{Services: all})
	run(t, r)
	w := watch(t, c, "post-service")
	w.until(t, has(all[0].ID))
	begun := time.Now()
	deregister(t, r)
	w.until(t, has())
	t.Logf("told %v after deregistration began", time.Since(begun))
}

func TestWhoDeregistersBeforeRunIsNeverRegistered(t *testing.T) {
	s := enginetest.Consul(t)
	var said lines
	c := open(t, ConsulOptions{Addr: s.URL(), Log: said.log()})
	r := c.Registrar(RegistrarOptions{Services: process(t, "post-service")})
	deregister(t, r)
	deregister(t, r) // twice is no harm
	_ = r.Run(t.Context())
	if got := servicesOf(t, client(t, s, "")); len(got) != 0 || said.count("level=WARN") != 0 {
		t.Errorf("%v; %s", got, said.text.String())
	}
}

func TestDeregistrationFromAConsulThatHangsOrIsAwayEndsWithItsContext(t *testing.T) {
	s := enginetest.Consul(t)
	for what, harm := range map[string]func(){"hangs": s.Pause, "is away": s.Kill} {
		var said lines
		c, all := open(t, ConsulOptions{Addr: s.URL(), Timeout: time.Hour, Log: said.log()}), process(t, "post-service")
		r := c.Registrar(RegistrarOptions{Services: all, Look: 5 * time.Millisecond})
		ended := run(t, r)
		eventually(t, "registered", func() bool { return len(servicesOf(t, client(t, s, ""))) == 1 })
		harm()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		r.Deregister(ctx) // or the test hangs
		cancel()
		if n := said.count("not deregistered"); n != 1 {
			t.Errorf("%s: logged %d times", what, n)
		}
		if what == "hangs" {
			s.Resume()
		}
		<-ended
		if what == "is away" {
			s.Start()
		}
		client(t, s, "").Agent().ServiceDeregister(all[0].ID)
	}
}
