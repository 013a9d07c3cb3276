package apitest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

// crowd are strangers who search without end, each for something else, and take
// no notice of refusals, until stop is called.
type crowd struct {
	stop            func()
	served, refused atomic.Int64
}

func newCrowd(t *testing.T, url string, size int) *crowd {
	ctx, cancel := context.WithCancel(context.Background())
	c := &crowd{}
	transport := &http.Transport{MaxIdleConnsPerHost: size}
	var wg sync.WaitGroup
	for i := range size {
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				c.ask(ctx, transport, fmt.Sprintf("%s/api/posts?search=%d", url, n*size+i))
			}
		})
	}
	c.stop = sync.OnceFunc(func() { cancel(); wg.Wait(); transport.CloseIdleConnections() })
	t.Cleanup(c.stop)
	return c
}

func (c *crowd) ask(ctx context.Context, transport *http.Transport, url string) {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		c.served.Add(1)
	case http.StatusServiceUnavailable:
		c.refused.Add(1)
	}
}

func TestOverloadIsRefusedAndPasses(t *testing.T) {
	eachAlone(t, settings{"CACHE_BYTES": "0"}, func(t *testing.T, s *site) {
		u := s.User()
		for range 20 {
			u.Write("published", object{"content": repeat("砚台与墨。", 500)})
		}
		crowd := newCrowd(t, s.url, 400)
		var a *answer
		enginetest.Within(t, time.Minute, "a stranger is refused", func() bool {
			a = s.Anyone.Get("/api/posts?search=墨")
			return a.Status == 503
		})
		a.Refused(503, "BUSY").Says("error", "服务繁忙，请稍后再试")
		if got := a.Header.Get("Retry-After"); got != "1" {
			t.Errorf("Retry-After %q", got)
		}
		s.Anyone.Get("/health").Expect(200)
		if metrics := s.Anyone.Get("/metrics").Expect(200); !strings.Contains(string(metrics.Body), "http_shed_total") {
			t.Error("the metrics do not tell of refusals")
		}
		enginetest.Within(t, time.Minute, "a member is served while strangers are refused", func() bool {
			refused := crowd.refused.Load()
			return u.Get("/api/posts/tags").Status == 200 && crowd.refused.Load() > refused
		})
		if crowd.served.Load() == 0 {
			t.Error("in overload no stranger is served")
		}
		crowd.stop()
		calm := 0
		enginetest.Within(t, time.Minute, "fifty strangers in a row are served again", func() bool {
			if calm++; s.Anyone.Get("/api/posts").Status != 200 {
				calm = 0
			}
			return calm >= 50
		})
	})
}
