package web

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/limit"
)

// inner is the chain of a service that trusts 192.0.2.1, httptest's client, if trusted.
func inner(trusted bool, log *bytes.Buffer) http.Handler {
	m := NewMux()
	m.Handle("GET /api/who", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		o := OriginOf(r)
		w.Header().Set("Who", strings.Join([]string{o.Address.String(), ClientIP(r), o.Protocol, o.RequestID}, " "))
		return nil
	})
	m.Handle("GET /api/busy", Anyone, func(http.ResponseWriter, *http.Request, blog.Actor) error { return blog.Fail(blog.CodeBusy) })
	o := EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.NewTextHandler(log, nil)), Origins: []string{"http://a.example"},
		Limiter: limit.NewMemory(time.Minute, time.Now), Max: 1, UserMax: 1, AllMax: 1}
	if trusted {
		o.Trusted = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	}
	return Inner(m, o)
}

func TestAServiceKnowsTheClientOnlyFromAGatewayItTrusts(t *testing.T) {
	sent := []string{"X-Forwarded-For", "2001:db8::7", "X-Forwarded-Proto", "https", "X-Request-Id", "sent-1"}
	if got := ask(inner(true, new(bytes.Buffer)), "GET", "/api/who", sent...).Header.Get("Who"); got != "2001:db8::7 2001:db8::/64 https sent-1" {
		t.Errorf("from a trusted peer: %q", got)
	}
	var log bytes.Buffer
	h := inner(false, &log)
	for range 2 {
		got := ask(h, "GET", "/api/who", sent...).Header.Get("Who")
		if !strings.HasPrefix(got, "192.0.2.1 192.0.2.1 http ") || strings.Contains(got, "sent-1") {
			t.Errorf("from a stranger: %q", got)
		}
	}
	if n := strings.Count(log.String(), "TRUSTED_PROXIES"); n != 1 {
		t.Errorf("told %d times of a stranger:\n%s", n, &log)
	}
}

func TestAServiceLeavesToTheGatewayWhatFacesClients(t *testing.T) {
	h := inner(true, new(bytes.Buffer))
	for range 3 { // a limit of one would show
		res := ask(h, "GET", "/api/who", "Origin", "http://a.example")
		if res.StatusCode != 200 || res.Header.Get("X-Request-Id") == "" || res.Header.Get(RouteHeader) != "/api/who" {
			t.Errorf("%d %v", res.StatusCode, res.Header)
		}
		for name := range res.Header {
			if strings.HasPrefix(name, "Access-Control") || strings.HasPrefix(name, "Ratelimit") || helmet[name] != nil {
				t.Errorf("a service sets %s", name)
			}
		}
	}
}

func TestARefusalForWantOfRoomIsMarkedForTheGatewayAlone(t *testing.T) {
	res := ask(inner(true, new(bytes.Buffer)), "GET", "/api/busy")
	if res.StatusCode != 503 || res.Header.Get(BusyHeader) == "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	m := NewMux()
	m.Handle("GET /api/busy", Anyone, func(http.ResponseWriter, *http.Request, blog.Actor) error { return blog.Fail(blog.CodeBusy) })
	if res := ask(Edge(m, EdgeOptions{Log: slog.New(slog.DiscardHandler)}), "GET", "/api/busy"); res.Header.Get(BusyHeader) != "" {
		t.Error("a client sees the mark")
	}
}

func TestAnAddressHasALimitOverAllWhoSignInThere(t *testing.T) {
	m := testMux()
	h := Edge(m, EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.DiscardHandler), Limiter: limit.NewMemory(time.Minute, time.Now), Max: 2, UserMax: 9, AllMax: 4})
	for i, c := range []struct {
		token, from string
		want        int
		left        string
	}{
		{"", "192.0.2.9:1", 200, "1"}, {"", "192.0.2.9:1", 200, "0"}, {"", "192.0.2.9:1", 429, "0"},
		{"good", "192.0.2.9:1", 200, "8"}, {"good", "192.0.2.9:1", 200, "7"}, {"good", "192.0.2.9:1", 429, "0"},
		{"good", "192.0.2.8:1", 200, "6"},
	} {
		r := httptest.NewRequest("GET", "/api/posts/1", nil)
		if r.RemoteAddr = c.from; c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("RateLimit-Remaining"); w.Code != c.want || got != c.left {
			t.Errorf("request %d: %d, %q left; want %d, %q", i, w.Code, got, c.want, c.left)
		}
	}
}
