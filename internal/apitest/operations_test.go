package apitest

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"inkstone/api"
	"inkstone/internal/enginetest"
)

func TestHealthLivenessAndReadinessAnswer(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		a := s.Anyone.Get("/health").Expect(200).Says("status", "OK")
		if a.At("uptime").(float64) > 600 {
			t.Errorf("uptime is not in seconds: %s", a.Body)
		}
		s.Anyone.Get("/livez").Expect(200)
		s.Anyone.Get("/readyz").Expect(200)
	})
}

func TestMetricsNameRoutesByPattern(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		id := s.User().Write("published", nil)
		s.Anyone.Get("/api/posts/" + id).Expect(200)
		for i := range 50 {
			s.Anyone.Get("/api/nothing/" + repeat("x", i+1)).Expect(404)
			s.Anyone.Send("M"+repeat("X", i+1), "/api/posts", nil).Expect(405)
		}
		text := s.metrics()
		for _, want := range []string{
			"http_request_duration_seconds_bucket{", `le="0.1"`, `le="0.5"`, `le="1"`, `le="2"`, `le="5"`, "http_requests_total{", "active_connections ",
			"go_goroutines", "process_", "db_query_duration_seconds_bucket{", "db_pool_open ", "db_pool_in_use ", "db_pool_waiting ", "db_write_queue ",
			"db_pool_max ", "db_pool_idle ", "db_pool_waits_total ", "db_pool_wait_seconds_total ", "/api/posts/{id}", `status_code="200"`, `method="GET"`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("no %s", want)
			}
		}
		if strings.Contains(text, id) || strings.Contains(text, "xxxxx") || strings.Contains(text, "MXXX") {
			t.Error("a raw path or method is a label")
		}
	})
}

// Whoever tries every method everywhere must not fill the metrics.
func TestMethodsThatNoRouteHasAreOneInTheMetrics(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		series := func() int {
			return bytes.Count(s.Anyone.Get("/metrics").Expect(200).Body, []byte("http_requests_total{"))
		}
		series() // notes itself
		before := series()
		for _, r := range s.routes {
			for _, method := range []string{"OPTIONS", "TRACE"} {
				s.Anyone.Send(method, r.Pattern, nil)
			}
		}
		if added := series() - before; added != 2 {
			t.Errorf("%d routes: %d more", len(s.routes), added)
		}
	})
}

func TestTenThousandPathsAndMethodsAddNoSeries(t *testing.T) {
	environments[0].run(t, nil, func(t *testing.T, s *site) { // none of them gets as far as the engine
		series := func() int {
			return bytes.Count(s.Anyone.Get("/metrics").Expect(200).Body, []byte("\n")) // help and types with them
		}
		s.Anyone.Get("/nothing").Expect(404)
		s.Anyone.Send("BREW", "/nothing", nil).Expect(404)
		s.Anyone.Send("BREW", "/api/posts", nil).Expect(405)
		series() // notes itself
		before := series()
		for i := range 5_000 {
			s.Anyone.Get(fmt.Sprintf("/%x/%x?%x", rand.Uint64(), rand.Uint64(), i)).Expect(404)
			method := fmt.Sprintf("M%X", rand.Uint64())
			s.Anyone.Send(method, []string{"/api/posts", "/api/" + method}[i%2], nil).Expect([]int{405, 404}[i%2])
		}
		if after := series(); after != before {
			t.Errorf("%d lines, and %d before", after, before)
		}
	})
}

func TestWhatIsAnsweredIsMeasured(t *testing.T) {
	each(t, settings{"LOGIN_LIMIT_MAX": "2"}, func(t *testing.T, s *site) {
		wait := make(chan struct{})
		sent := make(chan error, 1)
		u := s.User()
		go func() { // a request that goes on until it is let go
			r, err := http.NewRequest("POST", s.url+"/api/upload/single", readerFunc(func([]byte) (int, error) { <-wait; return 0, io.ErrUnexpectedEOF }))
			if err == nil {
				r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
				r.Header.Set("Authorization", "Bearer "+u.Token)
				_, err = http.DefaultClient.Do(r)
			}
			sent <- err
		}()
		enginetest.Within(t, 20*time.Second, "it is in flight, and the one that asks", func() bool { return s.metric("http_requests_in_flight") >= 2 })
		close(wait)
		<-sent
		u.Upload("/api/upload/single", file{"image", "a.png", "image/png", sized(1000)}).Expect(200)
		u.Upload("/api/upload/single", file{"image", "a.txt", "text/plain", []byte("no image")}).Expect(400)
		for _, status := range []int{401, 401, 429} {
			s.Anyone.Post("/api/auth/login", object{"email": "nobody@example.com", "password": "something"}).Expect(status)
		}
		size := len(s.Anyone.Get("/openapi.yaml").Expect(200).Body)
		s.Anyone.Get("/api/posts").Expect(200)
		s.Anyone.Get("/api/posts").Expect(200)
		s.Anyone.Get("/readyz").Expect(200)
		for name, least := range map[string]float64{
			"http_response_size_bytes_sum": float64(size), `uploads_total{result="stored"}`: 1, `uploads_total{result="refused"}`: 1, "upload_bytes_total": 1000,
			`logins_total{result="ok"}`: 1, `logins_total{result="failed"}`: 2, `logins_total{result="limited"}`: 1,
			"bcrypt_duration_seconds_count": 4, "bcrypt_workers": 1, `cache_entries{level="memory"}`: 1, `cache_bytes{level="memory"}`: 50,
			"ready": 1, `dependency_up{name="database"}`: 1, `disk_free_bytes{place="data"}`: 1, `disk_size_bytes{place="data"}`: 1 << 20,
			"db_call_duration_seconds_count": 5, "inkstone_build_info": 1,
		} {
			for end := time.Now().Add(20 * time.Second); s.metric(name) < least; time.Sleep(10 * time.Millisecond) { // some are looked for in the background
				if time.Now().After(end) {
					t.Errorf("%s is %v, want %v at least", name, s.metric(name), least)
					break
				}
			}
		}
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// metrics is what all processes show.
func (s *site) metrics() string {
	s.t.Helper()
	all := string(s.Anyone.Get("/metrics").Expect(200).Body)
	for _, process := range s.others {
		c := *s.Anyone
		c.url = process
		a, err := c.Try("GET", "/metrics", nil)
		if err != nil {
			s.t.Fatal(err)
		}
		all += string(a.Expect(200).Body)
	}
	return all
}

// metric is the sum of the series of /metrics that begin like that.
func (s *site) metric(name string) (sum float64) {
	s.t.Helper()
	for line := range strings.Lines(s.metrics()) {
		rest, is := strings.CutPrefix(line, name)
		if !is || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(rest[strings.LastIndex(rest, " "):]), 64)
		if err != nil {
			s.t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// Whatever is asked for, /metrics has at most 1,000 series, and each request is counted.
func TestTheMetricsKeepTheirBound(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		post := u.Write("published", nil)
		for _, path := range []string{"/api/posts", "/api/posts/" + post, "/api/posts/tags", "/api/posts/" + post + "/comments"} {
			s.Anyone.With("If-None-Match", s.Anyone.Get(path).Expect(200).Header.Get("ETag")).Get(path).Expect(304)
		}
		a := u.Upload("/api/upload/single", file{"image", "a.png", "image/png", sized(1000)})
		image := a.Expect(200).At("file.filename").(string)
		s.Anyone.With("Range", "bytes=0-1").Get("/uploads/image/" + image).Expect(206)
		for _, op := range operations() {
			path := strings.NewReplacer("{id}", post, "{field}", "image", "{filename}", image).Replace(op.path)
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
				if path == "/api/auth/logout" {
					continue // it would end the user's token
				}
				for _, body := range []any{nil, object{"x": 1}, "["} {
					s.Anyone.Send(method, path, body)
					s.Anyone.WithToken("x").Send(method, path, body)
					u.Send(method, path, body)
				}
			}
		}
		text := string(s.Anyone.Get("/metrics").Expect(200).Body)
		series := 0
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "#") {
				series++
			}
		}
		if series > 1000 {
			t.Errorf("%d series", series)
		}
		t.Logf("%d series", series)
		for _, of := range []string{`_total{method="OTHER",route="other",status_code="4xx"} `, `_total{method="GET",route="/api/posts/{id}",status_code="200"} `, `_count{method="POST",route="/api/upload/single",status_code="200"} `} {
			if !strings.Contains(text, of) {
				t.Errorf("no %s", of)
			}
		}
	})
}

func TestTheDocumentIsServedAsItIs(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		if a := s.Anyone.Get("/openapi.yaml").Expect(200); !bytes.Equal(a.Body, api.YAML) {
			t.Errorf("%d bytes, want %d", len(a.Body), len(api.YAML))
		}
		s.Anyone.Get("/openapi.json").Expect(200).Says("info.title", "砚台 Inkstone")
		for path, kind := range map[string]string{
			"/openapi.yaml": "application/yaml; charset=utf-8", "/openapi.json": "application/json; charset=utf-8", "/docs": "text/html; charset=utf-8",
		} {
			a := s.Anyone.Get(path).Expect(200)
			if got := a.Header.Get("Content-Type"); got != kind {
				t.Errorf("%s: %s", path, got)
			}
			s.Anyone.With("If-None-Match", a.Header.Get("ETag")).Get(path).Expect(304)
		}
	})
}

func TestTheDocsPageNeedsNothingFromOutside(t *testing.T) {
	outside := regexp.MustCompile(`(?:src|href)\s*=\s*["'](?:https?:)?//[^"']+`)
	each(t, nil, func(t *testing.T, s *site) {
		a := s.Anyone.Get("/docs").Expect(200)
		if found := outside.FindString(string(a.Body)); found != "" {
			t.Errorf("the page loads %s", found)
		}
		assets := regexp.MustCompile(`(?:src|href)\s*=\s*["']([^"'#]+)["']`).FindAllStringSubmatch(string(a.Body), -1)
		if len(assets) == 0 {
			t.Errorf("no assets: %s", a.Body)
		}
		for _, asset := range assets {
			a := s.Anyone.Get(asset[1]).Expect(200)
			s.Anyone.With("If-None-Match", a.Header.Get("ETag")).Get(asset[1]).Expect(304)
			if kind := a.Header.Get("Content-Type"); len(a.Body) == 0 || strings.HasSuffix(asset[1], ".js") != strings.HasPrefix(kind, "text/javascript") {
				t.Errorf("%s: %d bytes of %s", asset[1], len(a.Body), kind)
			}
		}
		s.Anyone.Get("/docs/index.html").Refused(404, "ROUTE_NOT_FOUND")
		if !bytes.Contains(a.Body, []byte("/openapi.yaml")) {
			t.Error("the page does not take the document in the order in which it is written")
		}
	})
}
