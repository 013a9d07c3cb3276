package post

import (
	"context"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/cache"
	"inkstone/internal/web"
)

// That different questions have different keys is asked of the answers, in apitest.
func TestTheSameQuestionInOtherWordsHasOneKey(t *testing.T) {
	for one, other := range map[string]string{
		"tags=b,a":            "tags=a,%20b,,a",
		"search=Go%20微服务":     "search=微服务%20%20GO",
		"page=1":              "limit=10",
		"sort=-publishedAt":   "status=published&x=1",
		"limit=100":           "limit=5000",
		"category=%20技术%20":   "category=技术",
		"from=2026-01-01":     "from=2026-01-01T08:00:00%2B08:00",
		"to=2026-01-01":       "to=2026-01-01T23:59:59.999Z",
		"category=x&tags=a,b": "tags=b,a&category=x&from=&author=",
	} {
		if a, b := keyOf(t, one), keyOf(t, other); a != b {
			t.Errorf("%q is kept under %q, %q under %q", one, a, other, b)
		}
	}
}

func keyOf(t *testing.T, query string) string {
	t.Helper()
	f, err := filter(httptest.NewRequest("GET", "/?"+query, nil), blog.Actor{})
	if err != nil {
		t.Fatal(err)
	}
	return listKey(f)
}

// keeping returns a service that has a cache, and nothing else.
func keeping(t testing.TB) *Service {
	t.Helper()
	answers, err := cache.New(cache.Options[*web.Answer]{
		Bytes: 1 << 20, TTL: time.Minute, Generation: func(context.Context) (uint64, error) { return 0, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(answers.Close)
	return New(Options{Answers: answers})
}

func TestWhatNeedsASearchIsKnown(t *testing.T) {
	s := keeping(t)
	for request, want := range map[string]bool{
		"GET /api/posts?search=x":                 true,
		"HEAD /api/posts?sort=title&search=x":     true,
		"GET /api/posts?%73earch=x":               false, // not known, and no harm
		"GET /api/posts?search=":                  false,
		"GET /api/posts?search=...":               false, // nothing to look for
		"GET /api/posts?search=x&page=none":       false, // refused anyway
		"GET /api/posts?research=x":               false,
		"GET /api/posts":                          false,
		"GET /api/posts/tags?search=x":            false,
		"POST /api/posts?search=x":                false,
		"GET /api/posts?search=kept":              false,
		"GET /api/posts?status=draft&search=x":    true,
		"GET /api/posts?search=kept&page=2":       true,
		"GET /api/posts?page=1&search=%20KEPT%20": false,
	} {
		f, err := filter(httptest.NewRequest("GET", "/api/posts?search=kept", nil), blog.Actor{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.answers.Get(t.Context(), listKey(f), func(context.Context) (*web.Answer, error) { return web.Encode(f) }); err != nil {
			t.Fatal(err)
		}
		method, target, _ := strings.Cut(request, " ")
		if got := s.NeedsSearch(httptest.NewRequest(method, target, nil)); got != want {
			t.Errorf("%s: %v", request, got)
		}
	}
}

func BenchmarkNeedsSearch(b *testing.B) {
	s := keeping(b)
	r := httptest.NewRequest("GET", "/api/posts?search=%E5%BE%AE%E6%9C%8D%E5%8A%A1&from=2026-01-02T15:04:05.000Z", nil)
	b.ReportAllocs()
	for b.Loop() {
		if !s.NeedsSearch(r) {
			b.Fatal("it is kept")
		}
	}
}
