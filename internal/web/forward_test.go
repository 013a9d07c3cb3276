package web

import (
	"net/http"
	"strings"
	"testing"

	"inkstone/internal/blog"
)

// forwarding is a Mux that has some routes itself and others elsewhere.
func forwarding() *Mux {
	m := NewMux()
	here := func(w http.ResponseWriter, _ *http.Request, _ blog.Actor) error {
		w.Header().Set("Where", "here")
		return nil
	}
	m.Handle("GET /api/admin/gateway", Anyone, here)
	m.Handle("GET /api/posts/{id}/comments", Anyone, here)
	for _, p := range []string{"/api/admin/", "/api/posts", "/api/posts/", "/uploads/"} {
		m.Forward(p, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
			w.Header().Set("Where", p)
			return nil
		})
	}
	return m
}

func TestWhatIsNotMountedHereIsSentOn(t *testing.T) {
	m := forwarding()
	for asked, want := range map[string]string{
		"GET /api/admin/gateway": "here", "HEAD /api/admin/gateway": "here", "GET /api/admin/gateway/": "here",
		"GET /api/admin": "/api/admin/", "GET /api/admin/": "/api/admin/", "PUT /api/admin/x/y": "/api/admin/",
		"POST /api/posts": "/api/posts", "GET /api/posts/": "/api/posts", "OPTIONS /api/posts/1/like": "/api/posts/",
		"GET /api/posts/1/comments": "here", "GET /uploads": "/uploads/", "GET /uploads/a/b.png": "/uploads/",
	} {
		method, path, _ := strings.Cut(asked, " ")
		if res := ask(m, method, path); res.StatusCode != 200 || res.Header.Get("Where") != want {
			t.Errorf("%s: %d %q, want %q", asked, res.StatusCode, res.Header.Get("Where"), want)
		}
	}
	for asked, want := range map[string]int{
		"POST /api/admin/gateway": 405, "DELETE /api/posts/1/comments": 405, "GET /api/nope": 404, "GET /api//posts": 404,
		"GET /api/posts/%2e%2e/admin/": 404, "GET /api/posts/..%2fadmin": 404, "GET /api/admin%5cgateway": 404,
	} {
		method, path, _ := strings.Cut(asked, " ")
		if res := ask(m, method, path); res.StatusCode != want || res.Header.Get("Where") != "" {
			t.Errorf("%s: %d %q, want %d", asked, res.StatusCode, res.Header.Get("Where"), want)
		}
	}
}
