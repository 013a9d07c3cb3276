package post

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"inkstone/internal/blog"
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
	return fmt.Sprint(f.List(), f.Page)
}
