package web

import (
	"log/slog"
	"net/http/httptest"
	"testing"

	"inkstone/internal/blog"
)

func TestHTTPIsSentOnToTheSamePlaceOfOurOwnHosts(t *testing.T) {
	ours := func(host string) bool { return host == "blog.example" || host == "::1" }
	for _, c := range []struct {
		port             int
		host, path, want string
	}{
		{443, "blog.example", "/api/posts?search=a%20b&x=%2F", "https://blog.example/api/posts?search=a%20b&x=%2F"},
		{443, "blog.example:80", "/", "https://blog.example/"},
		{443, "blog.example", "//evil.example/%2e%2e/", "https://blog.example//evil.example/%2e%2e/"},
		{8443, "blog.example:8080", "/a", "https://blog.example:8443/a"},
		{8443, "[::1]:80", "/a", "https://[::1]:8443/a"},
		{443, "[::1]", "/a", "https://[::1]/a"},
		{443, "evil.example", "/", ""},
		{443, "blog.example.evil.example", "/", ""},
		{443, "blog.example@evil.example", "/", ""},
		{443, "", "/", ""},
	} {
		edge := Edge(Redirect{Covers: ours, Port: c.port}, EdgeOptions{Log: slog.New(slog.DiscardHandler)})
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
			r := httptest.NewRequest(method, c.path, nil)
			r.Host = c.host
			w := httptest.NewRecorder()
			edge.ServeHTTP(w, r)
			if c.want != "" {
				if got := w.Header().Get("Location"); w.Code != 308 || got != c.want {
					t.Errorf("%s %s %s: %d %s", method, c.host, c.path, w.Code, got)
				}
				continue
			}
			if err := likeEveryError(w.Result(), 400, blog.CodeBadRequest); method == "GET" && err != nil || w.Header().Get("Location") != "" {
				t.Errorf("%s %s: %v %v", method, c.host, w.Header(), err)
			}
		}
	}
}
