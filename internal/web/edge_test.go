package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/limit"
	"inkstone/internal/telemetry"
)

type oneUser struct{}

func (oneUser) Verify(_ context.Context, token string) (blog.Actor, error) {
	if token == "unreadable" {
		return blog.Actor{}, errors.New("the store is gone")
	}
	if token != "good" {
		return blog.Actor{}, blog.Fail(blog.CodeTokenInvalid)
	}
	return blog.Actor{ID: blog.ID{1}, Role: blog.RoleUser}, nil
}

// VerifyProof takes "good" for one path.
func (oneUser) VerifyProof(proof, route string) (blog.Actor, error) {
	if proof != "good" || route != "GET /api/posts/1" {
		return blog.Actor{}, blog.Fail(blog.CodeTokenInvalid)
	}
	return blog.Actor{ID: blog.ID{2}, Role: blog.RoleAdmin}, nil
}

func testEdge(most int) http.Handler {
	m := testMux()
	m.Handle("GET /api/panic", Anyone, func(http.ResponseWriter, *http.Request, blog.Actor) error { panic("boom") })
	NewHealth(func(context.Context) error { return nil }).Mount(m)
	return Edge(m, EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics(),
		Origins: []string{"http://a.example"}, Limiter: limit.NewMemory(time.Minute, time.Now), Max: most, UserMax: most, Shedder: newShedClock().Shedder})
}

func ask(h http.Handler, method, path string, header ...string) *http.Response {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func TestEveryAnswerHasSecurityHeadersAndARequestID(t *testing.T) {
	h := testEdge(0)
	for path, want := range map[string]int{"/api/posts/1": 200, "/nope": 404, "/api/panic": 500, "/health": 200, "/uploads/a/b": 200} {
		res := ask(h, "GET", path, "X-Request-Id", "abc-1")
		if res.StatusCode != want || res.Header.Get("X-Request-Id") != "abc-1" || !strings.Contains(res.Header.Get("Vary"), "Origin") {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
		}
		for name := range helmet {
			if res.Header.Get(name) == "" {
				t.Errorf("%s: no %s", path, name)
			}
		}
	}
}

func TestARequestIDFromOutsideIsTakenOverIfItIsSane(t *testing.T) {
	h := testEdge(0)
	for sent, sane := range map[string]bool{
		"a": true, "AZaz09._-": true, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "": false, "a b": false, "a/b": false, "a\"b": false, "é": false,
	} {
		if id := ask(h, "GET", "/health", "X-Request-Id", sent).Header.Get("X-Request-Id"); id == "" || (id == sent) != sane {
			t.Errorf("%q became %q", sent, id)
		}
	}
}

func TestOnlyListedOriginsMayReadAnswers(t *testing.T) {
	h := testEdge(0)
	if got := ask(h, "GET", "/health", "Origin", "http://a.example").Header.Get("Access-Control-Allow-Origin"); got != "http://a.example" {
		t.Errorf("listed: %q", got)
	}
	for _, other := range []string{"http://b.example", "http://A.example", "HTTP://a.example"} {
		if got := ask(h, "GET", "/health", "Origin", other).Header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: %q", other, got)
		}
	}
	res := ask(h, "OPTIONS", "/any", "Origin", "http://a.example", "Access-Control-Request-Method", "PUT")
	if res.StatusCode != 204 || res.Header.Get("Access-Control-Allow-Methods") != "PUT" {
		t.Errorf("preflight: %d %v", res.StatusCode, res.Header)
	}
}

func TestEverySpellingOfTheAPICounts(t *testing.T) {
	h := testEdge(3)
	for _, path := range []string{"/api/posts/1", "/API/x", "//api//x"} {
		ask(h, "GET", path)
	}
	res := ask(h, "GET", "/%61pi/posts/1")
	if res.StatusCode != 429 || res.Header.Get("Retry-After") != "60" || res.Header.Get("RateLimit-Remaining") != "0" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
	if res := ask(h, "GET", "/health"); res.StatusCode != 200 {
		t.Errorf("health: %d", res.StatusCode)
	}
	if res := ask(h, "GET", "/api/posts/1", "Authorization", "bearer good"); res.StatusCode != 200 {
		t.Errorf("signed in: %d", res.StatusCode)
	}
}

func TestABadTokenIsRefusedEvenWhereNoneIsNeeded(t *testing.T) {
	h := testEdge(0)
	for token, want := range map[string]int{"Bearer good": 200, "BEARER good": 200, "Bearer": 401, "Basic eA==": 401, "good": 401, "Bearer bad": 401, "": 200, "  ": 200} {
		res := ask(h, "GET", "/api/posts/1", "Authorization", token)
		if res.StatusCode != want || (res.Header.Get("WWW-Authenticate") == "Bearer") != (want == 401) {
			t.Errorf("%q: %d %v", token, res.StatusCode, res.Header)
		}
	}
	r := httptest.NewRequest("GET", "/api/posts/1", nil)
	r.Header["Authorization"] = []string{"Bearer good", "Bearer bad"}
	w := httptest.NewRecorder()
	if h.ServeHTTP(w, r); w.Code != 401 {
		t.Errorf("two tokens: %d", w.Code)
	}
}

// The route of a proof is that of the request, in each spelling that the Mux takes for it but one.
func TestAProofIsShownForTheRequestThatIsMade(t *testing.T) {
	h := testEdge(0)
	const good = OperatorScheme + " good"
	for _, c := range []struct {
		method, path, authorization string
		want                        int
	}{
		{"GET", "/api/posts/1", good, 200}, {"GET", "/api/posts/1?a=b", good, 200}, {"GET", "/api/p%6fsts/%31", good, 200}, {"GET", "/api/posts/1", "inkstone-OPERATOR  good ", 200},
		{"GET", "/api/posts/1/", good, 401}, {"HEAD", "/api/posts/1", good, 401}, {"PUT", "/api/posts/1", good, 401}, {"GET", "/api/posts/2", good, 401},
		{"GET", "/api%2fposts/1", good, 404}, {"GET", "/api//posts/1", good, 404},
		{"GET", "/api/posts/1", OperatorScheme + " bad", 401}, {"GET", "/api/posts/1", OperatorScheme, 401}, {"GET", "/api/posts/1", OperatorScheme + " good bad", 401},
		{"GET", "/api/posts/1", "Basic good", 401},
	} {
		if res := ask(h, c.method, c.path, "Authorization", c.authorization); res.StatusCode != c.want {
			t.Errorf("%s %s with %q: %d, want %d", c.method, c.path, c.authorization, res.StatusCode, c.want)
		}
	}
}

func TestAnOperatorCountsForHimself(t *testing.T) {
	h := testEdge(1)
	ask(h, "GET", "/api/posts/1")
	for _, c := range []struct {
		authorization string
		want          int
	}{{OperatorScheme + " bad", 429}, {OperatorScheme + " good", 200}, {OperatorScheme + " good", 429}, {"Bearer good", 200}} {
		if res := ask(h, "GET", "/api/posts/1", "Authorization", c.authorization); res.StatusCode != c.want {
			t.Errorf("%q: %d, want %d", c.authorization, res.StatusCode, c.want)
		}
	}
}

func TestATokenThatCannotBeCheckedMakesNobodyAnonymous(t *testing.T) {
	res := ask(testEdge(0), "GET", "/api/posts/1", "Authorization", "Bearer unreadable")
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}

func TestPreflightsDoNotCountTowardsTheLimit(t *testing.T) {
	h := testEdge(1)
	for range 3 {
		if res := ask(h, "OPTIONS", "/api/posts/1"); res.StatusCode != 204 || res.Header.Get("RateLimit-Limit") != "" {
			t.Errorf("%d %v", res.StatusCode, res.Header)
		}
	}
	if res := ask(h, "GET", "/api/posts/1"); res.StatusCode != 200 {
		t.Errorf("after them: %d", res.StatusCode)
	}
}

func TestClientIPIsTheSocketsUnlessAProxyIsTrusted(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct{ peer, forwarded, want string }{
		{"1.2.3.4:5", "9.9.9.9", "1.2.3.4"}, {"10.0.0.1:5", "6.6.6.6, 9.9.9.9, 10.0.0.2", "9.9.9.9"},
		{"10.0.0.1:5", "9.9.9.9:80", "9.9.9.9"}, {"10.0.0.1:5", "junk", "10.0.0.1"}, {"10.0.0.1:5", "", "10.0.0.1"},
		{"[2001:db8::1]:5", "", "2001:db8::/64"}, {"10.0.0.1:5", "[2001:db8::9]", "2001:db8::/64"}, {"10.0.0.1:5", "::ffff:9.9.9.9", "9.9.9.9"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		r.Header.Set("X-Forwarded-For", c.forwarded)
		if _, got := clientIP(r, trusted); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}

func BenchmarkEdge(b *testing.B) {
	body := Message{strings.Repeat("x", 500)}
	a, _ := Encode(body)
	m := NewMux()
	m.Handle("GET /api/posts", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error { return Write(w, r, 200, a) })
	h := Edge(m, EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics()})
	r := httptest.NewRequest("GET", "/api/posts", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}

func TestAHandlerThatWritesNothingStillAnswersWithTheHeadersOfAll(t *testing.T) {
	h := Edge(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}),
		EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics()})
	res := ask(h, "GET", "/health")
	if res.StatusCode != 200 || res.Header.Get("X-Frame-Options") != "SAMEORIGIN" || res.Header.Get("X-Request-Id") == "" {
		t.Errorf("%d %v", res.StatusCode, res.Header)
	}
}
