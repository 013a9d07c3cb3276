package gateway

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"inkstone/internal/discovery"
	"inkstone/internal/enginetest"
)

// newGateway is one to instances of one service at addresses of the settings.
func newGateway(addresses ...string) *Gateway {
	g := New(Options{Services: []string{"post-service"}, Balancer: "p2c", ProbeEvery: 10 * time.Millisecond, Log: slog.New(slog.DiscardHandler)})
	g.Update(discovery.StaticList("post-service", addresses))
	return g
}

// run has it ask its instances how they are until the test ends.
func (g *Gateway) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; _ = g.Close() })
}

// process is one that answers /livez, and /readyz with a status. asked is told of each question.
func process(t *testing.T, ready int, asked chan<- string) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			w.WriteHeader(ready)
		}
		select {
		case asked <- r.URL.Path:
		default:
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func (p *pool) stateOf(address string) string {
	for _, i := range p.status().Instances {
		if i.Address == address {
			return i.State
		}
	}
	return "gone"
}

// What is asked of one of whom somebody waits for an answer is whether it lives. That it does says
// nothing of whether it takes requests.
func TestWhoIsNotReadyStaysOutThoughItLives(t *testing.T) {
	asked := make(chan string, 1000)
	address := process(t, http.StatusServiceUnavailable, asked)
	g := newGateway(address)
	g.run(t)
	p := g.pools[0]
	enginetest.Within(t, patience, "it is left out", func() bool { return p.stateOf(address) == "unwell" })
	u := p.acquire(nil)
	defer u.done(unjudged)
	enginetest.Within(t, patience, "it is asked whether it lives", func() bool { return next(t, asked) == "/livez" })
	for range 100 {
		if state := p.stateOf(address); state != "unwell" {
			t.Fatalf("it lives, and is %s", state)
		}
		time.Sleep(time.Millisecond)
	}
}

// A gateway that has no descriptors left has not asked anybody.
func TestAQuestionThatWasNotAskedSaysNothing(t *testing.T) {
	dials := make(chan struct{}, 1000)
	g := newGateway("192.0.2.1:1", "192.0.2.2:1")
	g.prober.client.Transport = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		dials <- struct{}{}
		return nil, &net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}
	}}
	p := g.pools[0]
	u := p.acquire(nil)
	defer u.done(unjudged)
	g.run(t)
	for range 40 { // among them the question whether the one lives for whom somebody waits
		next(t, dials)
	}
	for _, i := range p.status().Instances {
		if i.State == "unwell" || i.State == "ejected" {
			t.Errorf("%s is %s: %s", i.ID, i.State, i.Reason)
		}
	}
}

// Beside Consul the addresses of the settings count until its lists are known, and are called
// otherwise there. Two agents may have one ID, too, which the list then tells apart by the node.
func TestAnInstanceUnderAnotherNameIsNotAnotherInstance(t *testing.T) {
	w := newWorld()
	settings := listOf(1, 1)
	settings.Instances[0].ID, settings.Instances[1].ID = "a of the settings", "b of the settings"
	w.update(settings)
	w.drain("b of the settings")
	w.update(listOf(1, 1))
	w.wantStates(t, map[string]string{"a": "up", "b": "drained"})
	w.wantAvailable(t, 1)
	twice := listOf(1, 1, 1)
	twice.Instances[2].Address = twice.Instances[0].Address
	w.update(twice)
	w.wantStates(t, map[string]string{"a": "up", "b": "drained"})
	if len(w.gone) > 0 {
		t.Errorf("gone are %q", w.gone)
	}
}
