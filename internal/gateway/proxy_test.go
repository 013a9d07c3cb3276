package gateway

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/discovery"
)

// gatewayTo is one whose only service has its only instance at address.
func gatewayTo(t *testing.T, address string, log *slog.Logger) (*Gateway, http.Handler) {
	t.Helper()
	g := New(Options{Services: []string{"post-service"}, Balancer: "p2c", Timeout: patience, MaxInFlight: 4, EjectTime: time.Minute, SlowCall: time.Minute, Log: log})
	t.Cleanup(func() { _ = g.Close() })
	g.Update(discovery.List{Service: "post-service", Instances: []discovery.Instance{{ID: "a", Address: address, Weight: 1}}})
	handle := g.Handler("post-service")
	return g, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r, blog.Actor{}); err != nil {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
}

func (g *Gateway) wantNothingInFlight(t *testing.T) {
	t.Helper()
	i := g.pools[0].instances[0]
	if n := g.inFlight.Load(); n != 0 || i.inFlight != 0 || i.waiting != 0 {
		t.Errorf("%d are in flight, %d at the instance, %d wait there", n, i.inFlight, i.waiting)
	}
}

// fragile panics when an interim answer is told.
type fragile struct{ *httptest.ResponseRecorder }

func (w fragile) WriteHeader(status int) {
	if status < 200 {
		panic("no interim answers")
	}
	w.ResponseRecorder.WriteHeader(status)
}

func TestAPanicLeavesNothingInFlight(t *testing.T) {
	address, _ := answering(t, "HTTP/1.1 103 Early Hints\r\n\r\n"+okAnswer)
	g, h := gatewayTo(t, address, slog.New(slog.DiscardHandler))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("there is no panic")
			}
		}()
		h.ServeHTTP(fragile{httptest.NewRecorder()}, httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	}()
	g.wantNothingInFlight(t)
	if i := g.pools[0].instances[0]; i.errors != 0 {
		t.Error("it is held against the instance")
	}
}

func TestAnAnswerThatBreaksOffIsAFailureAndIsLogged(t *testing.T) {
	address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		_, _ = readRequest(in)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
	})
	var log bytes.Buffer
	g, h := gatewayTo(t, address, slog.New(slog.NewTextHandler(&log, nil)))
	func() {
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the client is not cut off")
			}
		}()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	}()
	g.wantNothingInFlight(t)
	if n := g.pools[0].breaker.recent.at(time.Now()).marked; n != 1 || g.pools[0].instances[0].errors != 1 {
		t.Errorf("the breaker counts %d failures, the instance has %d", n, g.pools[0].instances[0].errors)
	}
	if !strings.Contains(log.String(), "an answer broke off") {
		t.Errorf("the log: %s", log.String())
	}
}

func TestABodyThatStreamsLeavesRoomForReads(t *testing.T) {
	address, _ := answering(t, okAnswer)
	g, h := gatewayTo(t, address, slog.New(slog.DiscardHandler))
	g.inFlight.Store(3) // of 4
	for name, c := range map[string]struct {
		body io.Reader
		want int
	}{
		"no body":                    {nil, http.StatusOK},
		"one that has come":          {strings.NewReader("a body"), http.StatusOK},
		"one that streams":           {io.MultiReader(strings.NewReader("a body")), http.StatusBadGateway},
		"one that is not to be held": {strings.NewReader(strings.Repeat("a", maxHeld+1)), http.StatusBadGateway},
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", c.body))
		if w.Code != c.want {
			t.Errorf("a GET with %s gets %d", name, w.Code)
		}
	}
}

func TestAHopEndsThoughNobodyWasAsked(t *testing.T) {
	address, _ := answering(t, okAnswer)
	g, h := gatewayTo(t, address, slog.New(slog.DiscardHandler))
	ends := 0
	g.Hop = func(context.Context, string, string, http.Header) func(int) { return func(int) { ends++ } }
	g.inFlight.Store(4) // of 4
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", "/", nil))
	if ends != 1 {
		t.Errorf("it ended %d times", ends)
	}
}
