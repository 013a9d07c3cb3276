package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"inkstone/internal/blog"
	"inkstone/internal/telemetry"
)

func testMux() *Mux {
	m := NewMux()
	ok := func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		return JSON(w, r, http.StatusOK, Message{r.PathValue("id")})
	}
	m.Handle("GET /api/posts/{id}", Anyone, ok)
	m.Handle("PUT /api/posts/{id}", SignedIn, ok)
	m.Handle("GET /uploads/{field}/{file}", Anyone, ok)
	return m
}

func TestMuxKnowsOneSpellingOfAPath(t *testing.T) {
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "/api/posts/1", 200, ""}, {"GET", "/api/posts/1/", 200, ""}, {"HEAD", "/api/posts/1", 200, ""},
		{"GET", "/uploads/a/b", 200, ""}, {"GET", "/uploads", 404, ""}, {"GET", "/uploads/", 404, ""},
		{"PUT", "/api/posts/1", 401, ""}, {"GET", "/nope", 404, ""}, {"GET", "/", 404, ""},
		{"GET", "//api/posts/1", 404, ""}, {"GET", "/api/x/../posts/1", 404, ""}, {"GET", "/api/./posts/1", 404, ""},
		{"GET", "/api%2fposts/1", 404, ""}, {"GET", "/api/posts/%00", 404, ""}, {"GET", "/api/posts/%5c", 404, ""},
		{"GET", "/api/posts/1%2f2", 404, ""}, {"GET", "/api/posts/1%2F2", 404, ""}, {"GET", "/api/posts/%ff", 404, ""}, {"GET", "/api/posts/1//", 404, ""},
		{"DELETE", "/api/posts/1", 405, "GET, HEAD, PUT, OPTIONS"}, {"OPTIONS", "/api/posts/1", 204, "GET, HEAD, PUT, OPTIONS"},
		{"BREW", "/api/posts/1/", 405, "GET, HEAD, PUT, OPTIONS"}, {"OPTIONS", "/nope", 404, ""},
	} {
		w := httptest.NewRecorder()
		testMux().ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.status || w.Header().Get("Allow") != c.allow || w.Header().Get("Location") != "" {
			t.Errorf("%s %s: %d %v", c.method, c.path, w.Code, w.Header())
		}
	}
}

func TestAMissingFileIsNoUnknownRoute(t *testing.T) {
	m := testMux()
	m.Missing("/uploads/", blog.CodeFileNotFound)
	for path, want := range map[string]string{
		"/uploads/a.png": "FILE_NOT_FOUND", "/uploads/a/b/c": "FILE_NOT_FOUND", "/uploads/": "FILE_NOT_FOUND", "/uploads": "FILE_NOT_FOUND", "/uploads/a/..%2fb": "FILE_NOT_FOUND", "/uploads/a/%00": "FILE_NOT_FOUND",
		"/uploadsx/a": "ROUTE_NOT_FOUND", "/x/uploads/a": "ROUTE_NOT_FOUND",
	} {
		w := httptest.NewRecorder()
		m.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 404 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestMuxTakesNoPatternOfATree(t *testing.T) {
	for _, pattern := range []string{"GET /uploads/", "GET /uploads/{file...}"} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%q was mounted: http.ServeMux would redirect to it", pattern)
				}
			}()
			NewMux().Handle(pattern, Anyone, nil)
		}()
	}
}

func TestWhatARequestCallsCanTellItsRoute(t *testing.T) {
	m, got := NewMux(), ""
	m.Handle("GET /api/posts/{id}", Anyone, func(_ http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		got = RouteOf(context.WithoutCancel(r.Context())) // as a load of the cache has it
		return nil
	})
	edge := Edge(m, EdgeOptions{Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics()})
	edge.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("HEAD", "/api/posts/1", nil))
	if got != "GET /api/posts/{id}" {
		t.Errorf("route %q", got)
	}
	if got := RouteOf(t.Context()); got != "" {
		t.Errorf("outside of requests: %q", got)
	}
}
