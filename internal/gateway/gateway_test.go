package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"inkstone/internal/discovery"
	"inkstone/internal/enginetest"
)

// running is a gateway to one service that asks its instances how they are until the test ends.
func running(t *testing.T, o Options) *Gateway {
	t.Helper()
	o.Services, o.Log = []string{"post-service"}, slog.New(slog.DiscardHandler)
	g := New(o)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); g.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; _ = g.Close() })
	return g
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
	g := running(t, Options{Balancer: "p2c", ProbeEvery: 10 * time.Millisecond})
	g.Update(discovery.StaticList("post-service", []string{address}))
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
