package apitest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

// gatewayProcess starts a gateway process before a stand-in for every service, which says of all that it is not there,
// and of what ends in "slow" nothing.
func gatewayProcess(t *testing.T) *load {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if strings.HasSuffix(r.URL.Path, "slow") {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if !strings.HasSuffix(r.URL.Path, "z") { // else it is a probe
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, `{"error":"文章不存在","code":"POST_NOT_FOUND","requestId":"x"}`)
	}))
	t.Cleanup(upstream.Close)
	s := usual()
	maps.Copy(s, settings{"TARGET": "gateway", "STATIC_SERVICES": everyServiceAt(upstream.Listener.Addr().String()), "DRAIN_WAIT": "0s", "GATEWAY_RATE_LIMIT_MAX": "1000", "TRUSTED_PROXIES": "127.0.0.1"})
	return &load{t: t, p: launch(t, t.TempDir(), s)}
}

func TestAGatewayProcessIsBoundedWhateverACrowdSends(t *testing.T) {
	l := gatewayProcess(t)
	l.unknownPaths(4000) // warm
	l.idle, l.files, l.tasks = l.status("VmRSS"), l.open(), l.goroutines()
	l.unknownPaths(30_000)
	l.largeHeads()
	l.halfRequests()
	grown := (l.status("VmHWM") - l.idle) >> 10
	t.Logf("%d MB more than before, at most", grown)
	if grown > 50 {
		t.Errorf("the process grew by %d MB", grown)
	}
	enginetest.Within(t, time.Minute, "files and goroutines are what they were", func() bool {
		return l.open() <= l.files+20 && l.goroutines() <= l.tasks+20
	})
}

func TestClientsWhoLeaveLeaveNothingBehind(t *testing.T) {
	l := gatewayProcess(t)
	l.unknownPaths(2000) // warm
	l.files, l.tasks = l.open(), l.goroutines()
	before := l.sum("gateway_instance_requests_total")
	const head = " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nX-Forwarded-For: "
	begins := []string{
		"GET /api/posts/slow" + head + "%s\r\n\r\n",
		"POST /api/posts/slow" + head + "%s\r\nContent-Length: 1\r\n\r\n1",
		"POST /api/posts" + head + "%s\r\nContent-Length: 65000\r\n\r\n{",
		"POST /api/posts" + head + "%s\r\nContent-Length: 5000000\r\n\r\n" + strings.Repeat(" ", 300_000),
		"GET /api/posts" + head + "%s\r\n\r\n",
	}
	var crowd sync.WaitGroup
	places := make(chan struct{}, 64)
	for n := range 3000 {
		places <- struct{}{}
		crowd.Go(func() {
			defer func() { <-places }()
			c, err := net.Dial("tcp", strings.TrimPrefix(l.p.url, "http://"))
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			_, _ = fmt.Fprintf(c, begins[n%len(begins)], fmt.Sprintf("7.%d.%d.1", n/250, n%250))
			time.Sleep(rand.N(20 * time.Millisecond))
			if n%2 == 0 {
				_ = c.(*net.TCPConn).SetLinger(0) // a reset, not an end
			}
		})
	}
	crowd.Wait()
	enginetest.Within(t, time.Minute, "files, goroutines and what is in flight are what they were", func() bool {
		return l.open() <= l.files+20 && l.goroutines() <= l.tasks+20 && l.sum("gateway_instance_in_flight") == 0
	})
	// Those who leave at once may never get so far, nor those whose body is not there.
	if sent := l.sum("gateway_instance_requests_total") - before; sent < 900 {
		t.Errorf("%v requests were sent on", sent)
	}
	for _, none := range []string{"gateway_instance_errors_total", "gateway_instance_ejections_total", "gateway_breaker_open", "gateway_retries_total"} {
		if n := l.sum(none); n != 0 {
			t.Errorf("%s: %v", none, n)
		}
	}
}

// unknownPaths sends so many requests that no route has, each of another client, and looks at each answer.
func (l *load) unknownPaths(n int) {
	l.t.Helper()
	methods := []string{"GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"}
	folders := []string{"/", "/api/", "/api/posts/", "/api/users/", "/uploads/image/", "/a/../b//"}
	crowd := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}}
	defer crowd.CloseIdleConnections()
	var clients sync.WaitGroup
	for range 16 {
		clients.Go(func() {
			for range n / 16 {
				some := fmt.Sprintf("%x", rand.Uint64())
				r, err := http.NewRequest(methods[rand.IntN(len(methods))], l.p.url+folders[rand.IntN(len(folders))]+some+"/"+some, nil)
				if err != nil {
					l.t.Error(err)
					return
				}
				r.Host = some + ".example"
				r.Header.Set("X-Forwarded-For", fmt.Sprintf("9.%d.%d.%d", rand.IntN(256), rand.IntN(256), rand.IntN(256)))
				resp, err := crowd.Do(r)
				if err == nil {
					err = contractError(resp)
				}
				if err != nil {
					l.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
					return
				}
			}
		})
	}
	clients.Wait()
	if series := l.series(); series > 1000 {
		l.t.Errorf("%d series", series)
	}
}

// contractError reads an answer, which must be an error that clients know the form of, if it has a body.
func contractError(resp *http.Response) error {
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode == http.StatusNoContent || resp.Request != nil && resp.Request.Method == http.MethodHead {
		return err
	}
	var told struct{ Error, Code, RequestID string }
	if json.Unmarshal(body, &told) != nil || told.Error == "" || told.Code == "" || told.RequestID == "" || resp.StatusCode < 400 || resp.StatusCode >= 500 {
		return fmt.Errorf("%d %.200s", resp.StatusCode, body)
	}
	return nil
}

func (l *load) metrics() string {
	l.t.Helper()
	a, err := (&client{t: l.t, url: l.p.url, header: http.Header{}}).Try("GET", "/metrics", nil)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(a.Body)
}

// sum adds up what a metric has for all services and instances.
func (l *load) sum(metric string) (sum float64) {
	l.t.Helper()
	found := false
	for line := range strings.Lines(l.metrics()) {
		labels, value, ok := strings.Cut(strings.TrimSpace(line), "} ")
		if ok && strings.HasPrefix(labels, metric+"{") {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				l.t.Fatalf("%s: %v", line, err)
			}
			sum, found = sum+n, true
		}
	}
	if !found {
		l.t.Fatalf("no metric %s", metric)
	}
	return sum
}

func (l *load) series() (n int) {
	l.t.Helper()
	for line := range strings.Lines(l.metrics()) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

// largeHeads sends 100 KB of a request before its body, in each way.
func (l *load) largeHeads() {
	const size = 100 << 10
	for name, request := range map[string]string{
		"one header":   "GET /api/posts HTTP/1.1\r\nHost: a\r\nX-A: " + strings.Repeat("a", size) + "\r\n\r\n",
		"many headers": "GET /api/posts HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X-A: b\r\n", size/8) + "\r\n",
		"a path":       "GET /" + strings.Repeat("a", size) + " HTTP/1.1\r\nHost: a\r\n\r\n",
	} {
		c := l.dial()
		go func() { _, _ = io.WriteString(c, request) }()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil {
			err = contractError(resp)
		}
		if err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
			l.t.Errorf("%s: %v, %v", name, resp, err)
		}
		c.Close()
	}
}

// halfRequests has a thousand clients begin a request and go no further, most of them within a body: more than
// may write at once. Others are served meanwhile.
func (l *load) halfRequests() {
	const post = "POST /api/posts HTTP/1.1\r\nContent-Type: application/json\r\nX-Forwarded-For: 8.0.0.1\r\nHost: a\r\n"
	for kind, begin := range []string{
		"", "GET /api/po", "GET /api/posts HTTP/1.1\r\nHost: a\r\nX-A",
		post + "Content-Length: 65000\r\n\r\n{", post + "Content-Length: 5000000\r\n\r\n{", post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
	} {
		clients := 50
		if kind >= 3 {
			clients = 280
		}
		for n := range clients {
			c := l.dial()
			defer c.Close()
			_, _ = io.WriteString(c, strings.Replace(begin, "8.0.0.1", fmt.Sprintf("8.%d.%d.1", 10*kind+n/250, n%250), 1))
		}
	}
	for range 50 {
		(&client{t: l.t, url: l.p.url, header: http.Header{}}).Get("/health").Expect(200)
		a, err := (&client{t: l.t, url: l.p.url, header: http.Header{}}).Try("POST", "/api/posts", object{})
		if err != nil || a.Status == http.StatusServiceUnavailable {
			l.t.Errorf("another client gets %+v, %v", a, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (l *load) dial() net.Conn {
	l.t.Helper()
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(l.p.url, "http://"), 10*time.Second)
	if err != nil {
		l.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	return c
}
