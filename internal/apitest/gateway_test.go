package apitest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"inkstone/internal/config"
	"inkstone/internal/enginetest"
)

// behind starts a gateway before a server that stands in for every service.
func behind(t *testing.T, h http.HandlerFunc, over settings) *site {
	t.Helper()
	upstream := httptest.NewServer(h)
	t.Cleanup(upstream.Close)
	return gatewayTo(t, hostOf(t, upstream.URL), over)
}

// gatewayTo starts a gateway to instances of every service at an address, or at several, comma separated.
func gatewayTo(t *testing.T, addresses string, over settings) *site {
	t.Helper()
	s := usual()
	s["TARGET"], s["STATIC_SERVICES"], s["DRAIN_WAIT"], s["GATEWAY_RATE_LIMIT_MAX"] = "gateway", everyServiceAt(addresses), "0s", "0"
	maps.Copy(s, over)
	i := startMono(t, s)
	return &site{instance: i, t: t, Anyone: &client{t: t, url: i.url, header: http.Header{}}}
}

// everyServiceAt is STATIC_SERVICES with every service at the same addresses.
func everyServiceAt(addresses string) string {
	var services []string
	for _, row := range config.Rows {
		services = append(services, config.ServiceOf(row)+"="+addresses)
	}
	return strings.Join(services, ";")
}

func TestWhatAGatewayCannotHaveAnsweredIsToldInTheContractsWords(t *testing.T) {
	dead := enginetest.FreeAddress(t)
	a := gatewayTo(t, dead, nil).Anyone.Get("/api/posts").Refused(502, "BAD_GATEWAY").Says("error", "网关错误").Says("message", "上游服务不可用")
	if a.Header.Get("X-Frame-Options") == "" || a.Header.Get("X-Request-Id") != a.Str("requestId") {
		t.Errorf("headers %v", a.Header)
	}
	silent := behind(t, func(_ http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/") {
			return // it is well as far as probes can tell
		}
		<-r.Context().Done()
	}, settings{"GATEWAY_TIMEOUT": "1s"})
	silent.Anyone.Get("/api/posts").Refused(504, "GATEWAY_TIMEOUT").Says("error", "网关超时")
	silent.Anyone.With("Accept-Language", "en").Get("/api/users/"+strings.Repeat("0", 24)).Refused(504, "GATEWAY_TIMEOUT").Says("error", "Gateway timeout")
}

func TestAServiceWhoseInstancesAreAllDrainedIsToldByName(t *testing.T) {
	s := newSite(t, startSplit(t, usual()))
	id := s.Admin.Get("/api/admin/gateway").Expect(200).drainable(t, "post-service")
	s.Admin.Post("/api/admin/gateway/instances/"+id+"/drain", nil).Expect(200).Says("message", "实例不再接收新请求")
	a := s.Anyone.Get("/api/posts").Refused(503, "UNAVAILABLE").Says("error", "服务暂时不可用").Says("service", "post-service")
	if n, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || n < 1 {
		t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
	}
	s.Anyone.Get("/api/comments?post=" + strings.Repeat("a", 24)).Expect(404) // another service
	s.Anyone.Get("/health").Expect(200).Counts("services.post-service", 0).Counts("services.comment-service", 1)
	s.Admin.Post("/api/admin/gateway/instances/"+id+"/resume", nil).Expect(200)
	s.Anyone.Get("/api/posts").Expect(200)
	s.Admin.Post("/api/admin/gateway/instances/nobody/drain", nil).Refused(404, "INSTANCE_NOT_FOUND").Says("error", "实例不存在")
	s.User().Post("/api/admin/gateway/instances/"+id+"/drain", nil).Refused(403, "FORBIDDEN")
	s.Anyone.Get("/api/admin/gateway").Refused(401, "TOKEN_MISSING")
}

// drainable is the id of an instance of a service.
func (a *answer) drainable(t *testing.T, service string) string {
	t.Helper()
	for i, name := range a.Each("services", "service") {
		if name == service {
			return a.Str(fmt.Sprintf("services.%d.instances.0.id", i))
		}
	}
	t.Fatalf("no %s: %s", service, a.Body)
	return ""
}

func TestLimitsAreCountedOnceAtTheEdge(t *testing.T) {
	s := usual()
	maps.Copy(s, settings{"RATE_LIMIT_MAX": "4", "RATE_LIMIT_USER_MAX": "50", "GATEWAY_RATE_LIMIT_MAX": "9"})
	i := startSplit(t, s)
	anyone := &client{t: t, url: i.url, header: http.Header{}}
	for left := 3; left >= 0; left-- {
		if got := anyone.Get("/api/posts").Expect(200).Header.Get("RateLimit-Remaining"); got != strconv.Itoa(left) {
			t.Errorf("%s left, want %d", got, left)
		}
	}
	anyone.Get("/api/posts").Refused(429, "RATE_LIMITED")
	for _, process := range i.others { // no service counts
		c := *anyone
		c.url = process
		if a, err := c.Try("GET", "/api/posts/"+strings.Repeat("0", 24), nil); err != nil || a.Header.Get("RateLimit-Limit") != "" {
			t.Errorf("%s counts: %v %v", process, a.Header, err)
		}
	}
}

func TestAnAddressHasALimitBehindAGatewayWhoeverSignsIn(t *testing.T) {
	s := usual()
	s["GATEWAY_RATE_LIMIT_MAX"] = "10"
	site := newSite(t, startSplit(t, s)) // signs the admin in
	for range 9 {
		site.Admin.Get("/api/auth/me").Expect(200)
	}
	site.Admin.Get("/api/auth/me").Refused(429, "RATE_LIMITED")
	site.Anyone.Get("/api/posts").Refused(429, "RATE_LIMITED")
	site.Anyone.Get("/health").Expect(200)
	site.Anyone.Get("/uploads/image/none.png").Refused(404, "FILE_NOT_FOUND")
}

func TestNothingForgedReachesAService(t *testing.T) {
	got := make(chan http.Header, 1)
	s := behind(t, func(_ http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/api/") {
			got <- r.Header
		}
	}, nil)
	r, err := http.NewRequest("GET", s.url+"/api/posts", nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https", "Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9",
		"X-User-Role": "admin", "X-User-Id": "1", "X-Internal-Token": "x", "X_Forwarded_For": "203.0.113.9", "Connection": "X-Forwarded-For, X-Secret", "X-Secret": "x",
		"Upgrade": "h2c", "Http2-Settings": "AAMAAABkAAQAAP__", "X-Request-Id": "mine-1", "Accept-Language": "en",
	} {
		r.Header[name] = []string{value}
	}
	resp, err := transport.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	h := <-got
	for _, name := range []string{"X-Real-Ip", "X-User-Role", "X-User-Id", "X-Internal-Token", "X_Forwarded_For", "X-Secret", "Upgrade", "Http2-Settings", "Connection"} {
		if _, there := h[name]; there {
			t.Errorf("%s: %q arrives", name, h[name])
		}
	}
	for name, want := range map[string]string{
		"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": strings.TrimPrefix(s.url, "http://"), "X-Forwarded-Proto": "http", "X-Request-Id": "mine-1", "Accept-Language": "en",
	} {
		if values := h[name]; len(values) != 1 || values[0] != want {
			t.Errorf("%s: %q arrives, want %q", name, values, want)
		}
	}
	if resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

func TestAServiceBelievesNobodyWhoClaimsARole(t *testing.T) {
	i := startSplit(t, usual())
	for _, process := range i.others {
		c := (&client{t: t, url: process, header: http.Header{}}).With("X-User-Role", "admin").With("X-User-Id", strings.Repeat("1", 24)).With("X-Forwarded-For", "127.0.0.1")
		for _, path := range []string{"/api/users", "/api/admin/database/pool", "/api/posts/stats/overview", "/api/upload"} {
			if a, err := c.Try("GET", path, nil); err != nil || a.Status != 401 && a.Status != 404 {
				t.Errorf("%s of %s answers %v, %v", path, process, a, err)
			}
		}
	}
}

func TestARequestKeepsItsIDAndItsTraceThroughTheGateway(t *testing.T) {
	s := usual()
	s["LOG_LEVEL"] = "info"
	s["NODE_ENV"] = "production"
	s["JWT_SECRET"] = "Zk3v9xQ1mT7pL2sW8dR5nB4cY6hJ0gFa" + secret
	s["BCRYPT_COST"] = "10"
	s["TARGET"], s["TRUSTED_PROXIES"], s["DRAIN_WAIT"] = "auth,user,post,comment,upload,admin", "127.0.0.1", "0s"
	log := &lastLines{}
	service := startLogged(t, maps.Clone(s), log)
	edge := gatewayTo(t, hostOf(t, service.url), nil)
	edge.Anyone.With("X-Request-Id", "told-1").With("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").Get("/api/posts").Expect(200)
	enginetest.Within(t, 20*time.Second, "the service's line has both", func() bool {
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, `"requestId":"told-1"`) && strings.Contains(line, "4bf92f3577b34da6a3ce929d0e0e4736") && strings.Contains(line, `"ip":"127.0.0.1"`) {
				return true
			}
		}
		return false
	})
}

func TestAClientWhoSendsRubbishCostsNoInstanceItsPlace(t *testing.T) {
	i := startSplit(t, usual())
	s := newSite(t, i)
	address := strings.TrimPrefix(i.url, "http://")
	for n := range 40 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		body := []string{"5\r\nhel", "zz\r\nrubbish\r\n", "5\r\nhello\r\nX"}[n%3]
		fmt.Fprintf(c, "POST /api/posts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n%s", s.Admin.Token, body)
		_ = c.(*net.TCPConn).CloseWrite()
		answer, _ := io.ReadAll(c)
		if bytes.Contains(answer, []byte(" 502 ")) || bytes.Contains(answer, []byte(" 504 ")) {
			t.Errorf("%q is answered %q", body, answer)
		}
		c.Close()
	}
	a := s.Admin.Get("/api/admin/gateway").Expect(200)
	if bytes.Contains(a.Body, []byte(`"ejected"`)) || !bytes.Contains(a.Body, []byte(`"ejections":0`)) || bytes.Contains(a.Body, []byte(`"ejections":1`)) {
		t.Errorf("an instance is left out: %s", a.Body)
	}
	s.Anyone.Get("/api/posts").Expect(200)
}

func TestAmbiguousFramingIsRefused(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		const head = "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
		for name, request := range map[string]string{
			"a length and chunks":         head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
			"chunks and a length":         head + "transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
			"two lengths":                 head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
			"a length that is none":       head + "Content-Length: +2\r\n\r\n{}",
			"a chunk whose size is none":  head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
			"a chunk longer than it says": head + "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n",
		} {
			if status := lastStatus(t, s.url, request); status != 400 {
				t.Errorf("%s: %d", name, status)
			}
		}
		for name, request := range map[string]string{
			"chunks":                           head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
			"chunks that speak of a length":    head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n",
			"a header that speaks of a length": head + "X-Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
		} {
			if status := lastStatus(t, s.url, request+"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"); status != 200 {
				t.Errorf("%s: %d of what follows", name, status)
			}
		}
	})
}

// lastStatus sends raw bytes and returns the status of the last answer to them.
func lastStatus(t *testing.T, base, request string) int {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	all, _ := io.ReadAll(c)
	status := 0
	for _, part := range bytes.Split(all, []byte("HTTP/1.1 "))[1:] {
		if n, err := strconv.Atoi(string(part[:min(3, len(part))])); err == nil {
			status = n
		}
	}
	return status
}

func TestClientsWhoAreSlowWithTheirBodiesKeepNobodyElseFromWriting(t *testing.T) {
	s := behind(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }, settings{"GATEWAY_MAX_IN_FLIGHT": "8"})
	for name, framing := range map[string]string{"small": "Content-Length: 60000\r\n\r\n{", "of unknown length": "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"} {
		for range 20 {
			c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			fmt.Fprintf(c, "POST /api/posts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s", framing)
		}
		for range 50 { // by then they are all there
			time.Sleep(10 * time.Millisecond)
			if a, err := s.Anyone.Try("POST", "/api/auth/login", object{"email": "a@example.com"}); err != nil || a.Status != 200 {
				t.Fatalf("bodies %s: another client gets %+v, %v", name, a, err)
			}
		}
	}
}
