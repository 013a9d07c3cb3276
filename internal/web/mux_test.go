package web

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"inkstone/internal/blog"
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
