package gateway

import (
	"bufio"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sentFor returns what is sent first for a request that stands in text, its header lines sorted.
func sentFor(t *testing.T, text string, from origin) []string {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(text, "\n", "\r\n") + "\r\n\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	out, err := newOutgoing(httptest.NewRecorder(), r, from)
	if err != nil {
		t.Fatal(err)
	}
	defer out.close()
	lines := strings.Split(strings.TrimSuffix(string(out.packet()), "\r\n\r\n"), "\r\n")
	slices.Sort(lines[1:])
	return lines
}

func TestARequestIsSentWithWhatTheGatewaySaysOfIt(t *testing.T) {
	got := sentFor(t, "GET /api/posts?page=1&q=%E7%A0%9A HTTP/1.1\nHost: blog.example:8080\nAccept-Encoding: br\nAccept: a\nAccept: b",
		origin{client: netip.MustParseAddr("192.0.2.7"), requestID: "abc", extra: []field{{"Traceparent", "00-1"}}})
	want := []string{
		"GET /api/posts?page=1&q=%E7%A0%9A HTTP/1.1",
		"Accept-Encoding: br", "Accept: a", "Accept: b",
		`Forwarded: for=192.0.2.7;proto=http;host="blog.example:8080"`,
		"Host: blog.example:8080", "Traceparent: 00-1",
		"X-Forwarded-For: 192.0.2.7", "X-Forwarded-Host: blog.example:8080", "X-Forwarded-Proto: http", "X-Request-Id: abc",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAnIPv6ClientIsQuoted(t *testing.T) {
	got := sentFor(t, "GET / HTTP/1.1\nHost: h", origin{client: netip.MustParseAddr("2001:db8::1"), proto: "https"})
	for _, want := range []string{`Forwarded: for="[2001:db8::1]";proto=https;host="h"`, "X-Forwarded-For: 2001:db8::1"} {
		if !slices.Contains(got, want) {
			t.Errorf("%q is missing in %q", want, got)
		}
	}
}

func TestTLSIsTold(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	r.TLS = &tls.ConnectionState{}
	out, err := newOutgoing(nil, r, origin{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.close()
	if text := string(out.packet()); !strings.Contains(text, "X-Forwarded-Proto: https\r\n") || !strings.Contains(text, "for=unknown;proto=https") {
		t.Error(text)
	}
}

func TestNothingForgedArrives(t *testing.T) {
	forged := []string{
		"X-Forwarded-For: 6.6.6.6", "X-Forwarded-Port: 1", "x-forwarded-user: root", "Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6",
		"X-User-Role: admin", "x-user-id: 1", "X-Internal-Token: t", "X-Request-Id: theirs", "X_Forwarded_For: 6.6.6.6", "X-User_Role: admin",
		"Traceparent: 00-theirs",
	}
	got := sentFor(t, "GET / HTTP/1.1\nHost: h\n"+strings.Join(forged, "\n"),
		origin{client: netip.MustParseAddr("192.0.2.7"), requestID: "ours", extra: []field{{"Traceparent", "00-ours"}}})
	want := []string{"GET / HTTP/1.1", `Forwarded: for=192.0.2.7;proto=http;host="h"`, "Host: h", "Traceparent: 00-ours",
		"X-Forwarded-For: 192.0.2.7", "X-Forwarded-Host: h", "X-Forwarded-Proto: http", "X-Request-Id: ours"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestAClientCannotTakeAwayWhatTheGatewaySays(t *testing.T) {
	got := sentFor(t, "GET / HTTP/1.1\nHost: h\nConnection: close, X-Forwarded-For, x-request-id,forwarded\nConnection: X-Mine\nX-Mine: 1\nX-Other: 2",
		origin{client: netip.MustParseAddr("192.0.2.7"), requestID: "ours"})
	want := []string{"GET / HTTP/1.1", `Forwarded: for=192.0.2.7;proto=http;host="h"`, "Host: h",
		"X-Forwarded-For: 192.0.2.7", "X-Forwarded-Host: h", "X-Forwarded-Proto: http", "X-Other: 2", "X-Request-Id: ours"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestHopByHopHeadersStay(t *testing.T) {
	got := sentFor(t, "GET / HTTP/1.1\nHost: h\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAA\nKeep-Alive: 5\n"+
		"Proxy-Connection: keep-alive\nProxy-Authorization: x\nTE: gzip, trailers", origin{})
	want := []string{"GET / HTTP/1.1", "Connection: TE", `Forwarded: for=unknown;proto=http;host="h"`, "Host: h", "TE: trailers",
		"X-Forwarded-Host: h", "X-Forwarded-Proto: http"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestTheLengthIsToldAnew(t *testing.T) {
	for _, c := range []struct{ request, want string }{
		{"POST / HTTP/1.1\nHost: h\nContent-Length: 5\n\nhello", "Content-Length: 5"},
		{"POST / HTTP/1.1\nHost: h", "Content-Length: 0"},
		{"PUT / HTTP/1.1\nHost: h\nContent-Length: 0", "Content-Length: 0"},
		{"POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked\n\n0", "Transfer-Encoding: chunked"},
		{"GET / HTTP/1.1\nHost: h\nContent-Length: 0", ""},
		{"DELETE / HTTP/1.1\nHost: h", ""},
	} {
		got := slices.DeleteFunc(sentFor(t, c.request, origin{}), func(line string) bool {
			return !strings.HasPrefix(line, "Content-Length") && !strings.HasPrefix(line, "Transfer-Encoding")
		})
		if text := strings.Join(got, ","); text != c.want {
			t.Errorf("%q is framed by %q, want %q", c.request, text, c.want)
		}
	}
}

func TestWhatWouldBeReadOtherwiseIsNotSent(t *testing.T) {
	plain := func() *http.Request { return httptest.NewRequest("GET", "/", nil) }
	for name, change := range map[string]func(r *http.Request){
		"blank in the target": func(r *http.Request) { r.RequestURI = "/a HTTP/1.1" },
		"line in the target":  func(r *http.Request) { r.RequestURI = "/a\r\nX: y" },
		"line in the host":    func(r *http.Request) { r.Host = "h\r\nX: y" },
		"line in the method":  func(r *http.Request) { r.Method = "GET\r\nX" },
		"no method":           func(r *http.Request) { r.Method = "" },
		"CONNECT":             func(r *http.Request) { r.Method = "CONNECT" },
	} {
		r := plain()
		change(r)
		if out, err := newOutgoing(nil, r, origin{}); err == nil {
			t.Errorf("%s is sent: %q", name, out.packet())
		}
	}
	r := plain()
	r.Header = http.Header{"X-A": {"1\r\nX-B: 2"}, "X C": {"3"}, "X-D": {"4"}}
	out, err := newOutgoing(nil, r, origin{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.close()
	if text := string(out.packet()); strings.Contains(text, "X-B") || strings.Contains(text, "X C") || !strings.Contains(text, "X-D: 4\r\n") {
		t.Error(text)
	}
}

func TestAnAbsoluteTargetIsSentAsAPath(t *testing.T) {
	got := sentFor(t, "GET http://other/a?b=c HTTP/1.1\nHost: h", origin{})
	if got[0] != "GET /a?b=c HTTP/1.1" || !slices.Contains(got, "Host: other") {
		t.Errorf("%q", got)
	}
}

// ambiguous requests have two readings. Some are refused by net/http, which is in front.
var ambiguous = map[string]string{
	"two lengths":          "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
	"list of lengths":      "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5, 6\r\n\r\nhello!",
	"signed length":        "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: +5\r\n\r\nhello",
	"two codings":          "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
	"coding with a blank":  "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
	"unknown coding":       "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
	"bad size of a chunk":  "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
	"minus in a chunk":     "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhello\r\n0\r\n\r\n",
	"chunk without end":    "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
	"bare LF in a chunk":   "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
	"control in the value": "POST /a HTTP/1.1\r\nHost: h\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
	"two hosts":            "GET /a HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n",
}

// FuzzOutgoing reads what is sent as an instance would: it is one request, and the one that came.
func FuzzOutgoing(f *testing.F) {
	for _, text := range ambiguous {
		f.Add(text)
	}
	f.Add("OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: X-Forwarded-For, Te\r\nTE: trailers\r\nX_A: b\r\n\r\n")
	f.Add("GET http://h:80/a%20b?c HTTP/1.0\r\nX-Forwarded-For: 1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		out, err := newOutgoing(nil, r, origin{client: netip.MustParseAddr("192.0.2.7"), requestID: "ours"})
		if err != nil {
			return
		}
		defer out.close()
		in := bufio.NewReader(strings.NewReader(string(out.packet())))
		sent, err := http.ReadRequest(in)
		if err != nil {
			t.Fatalf("%v:\n%q", err, out.packet())
		}
		if sent.Method != r.Method || sent.Host != r.Host || sent.URL.RequestURI() != r.URL.RequestURI() || in.Buffered() > 0 {
			t.Errorf("%q\nis sent as\n%q", text, out.packet())
		}
		for name, want := range map[string]string{"X-Forwarded-For": "192.0.2.7", "X-Request-Id": "ours", "Upgrade": "", "X-Real-Ip": ""} {
			if got := strings.Join(sent.Header[name], ","); got != want {
				t.Errorf("%s: %q in\n%q", name, got, out.packet())
			}
		}
	})
}

func TestAmbiguousRequestsAreRefused(t *testing.T) {
	for name, text := range ambiguous {
		t.Run(name, func(t *testing.T) {
			address, got := answering(t, okAnswer)
			f := newFront(t, address, wireOptions{})
			resp, _ := f.ask(t, text)
			if resp.StatusCode/100 != 4 && resp.StatusCode != http.StatusNotImplemented {
				t.Errorf("it is answered by %s", resp.Status)
			}
			wantNothing(t, got)
		})
	}
}

func TestOneRequestInIsOneOut(t *testing.T) {
	for name, text := range map[string]string{
		"length and coding": "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n" +
			"5c\r\n" + strings.Repeat("GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", 3)[:0x5c] + "\r\n0\r\n\r\n",
		"a request as a body": "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 39\r\nConnection: close\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: hidden\r\n\r\n",
		"folded line":         "GET /a HTTP/1.1\r\nHost: h\r\nX: 1\r\n Content-Length: 5\r\nConnection: close\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			address, got := answering(t, okAnswer)
			f := newFront(t, address, wireOptions{})
			c, in := f.dial(t)
			_, _ = io.WriteString(c, text)
			if _, err := io.ReadAll(in); err != nil {
				t.Fatal(err)
			}
			request := next(t, got)
			if !strings.Contains(request, " /a HTTP/1.1\r\n") || strings.Contains(request, "Content-Length: 4\r\n") {
				t.Error(request)
			}
			if head, _, _ := strings.Cut(request, "\r\n\r\n"); strings.Contains(head, "\r\n ") {
				t.Errorf("a folded line is passed on:\n%s", head)
			}
			wantNothing(t, got)
		})
	}
}

func TestUpgradesNeverReachAnInstance(t *testing.T) {
	for _, lines := range []string{
		"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
		"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
	} {
		address, got := answering(t, okAnswer)
		f := newFront(t, address, wireOptions{})
		resp, _ := f.ask(t, "GET / HTTP/1.1\r\nHost: h\r\n"+lines+"\r\n\r\n")
		if request := next(t, got); resp.StatusCode != 200 || strings.Contains(request, "Upgrade") || strings.Contains(request, "Http2") {
			t.Errorf("%s for\n%s", resp.Status, request)
		}
	}
}

func TestAnUnaskedUpgradeIsTheInstancesFault(t *testing.T) {
	address, _ := answering(t, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	f := newFront(t, address, wireOptions{})
	resp, _ := f.ask(t, "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	if resp.StatusCode != http.StatusBadGateway {
		t.Error(resp.Status)
	}
	f.wantEnd(t, errBroken)
	f.wantIdle(t, 0)
}
