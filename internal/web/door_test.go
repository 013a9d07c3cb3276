package web

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/telemetry"
)

// gate is a server that is too busy for strangers, and counts what comes to its handler.
type gate struct {
	*edge
	metrics *telemetry.Metrics
	server  *http.Server
	l       net.Listener
	log     lockedBuffer
	idle    chan net.Conn // those on which a request has ended
	handled atomic.Int64
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.handled.Add(1)
	g.edge.ServeHTTP(w, r)
}

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func busyGate(t *testing.T, b Bounds) *gate {
	t.Helper()
	c := newShedClock()
	c.second()
	c.delay = 100 * time.Millisecond
	c.second()
	for c.Enter(Stranger) { // the clock stands still now
	}
	m := testMux()
	NewHealth(func(context.Context) error { return nil }).Mount(m)
	g := &gate{metrics: telemetry.NewMetrics(), l: listenLocal(t), idle: make(chan net.Conn, 100)}
	log := slog.New(slog.NewJSONHandler(&g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g.edge = Edge(m, EdgeOptions{
		Verifier: oneUser{}, Log: log, Metrics: g.metrics, Shedder: c.Shedder, Bounds: b, Origins: []string{"https://a.example"},
	}).(*edge)
	g.server = NewServer(g, log, b)
	note := g.server.ConnState
	g.server.ConnState = func(c net.Conn, s http.ConnState) {
		if note(c, s); s == http.StateIdle {
			g.idle <- c
		}
	}
	go func() { _ = g.server.Serve(Limit(g.l, 100, g.metrics)) }()
	t.Cleanup(func() { g.server.Close() })
	return g
}

// client is a connection on which a first request has been answered.
type client struct {
	net.Conn
	in *bufio.Reader
}

func (g *gate) client(t *testing.T) *client {
	t.Helper()
	conn := dial(t, g.l, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
	c := &client{conn, bufio.NewReader(conn)}
	c.expect(t, 200)
	<-g.idle // until then net/http looks out for a first byte by itself
	g.handled.Store(0)
	return c
}

func (c *client) send(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// answer reads one to a request of the given method, and its body.
func (c *client) answer(t *testing.T, method string) (*http.Response, string) {
	t.Helper()
	res, err := http.ReadResponse(c.in, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func (c *client) expect(t *testing.T, statuses ...int) {
	t.Helper()
	for i, want := range statuses {
		if res, body := c.answer(t, "GET"); res.StatusCode != want || res.Header.Get("X-Request-Id") == "" {
			t.Fatalf("answer %d is %d, not %d: %v %s", i, res.StatusCode, want, res.Header, body)
		}
	}
}

// Nobody must be able to tell which way a refusal took.
func TestARefusalAtTheDoorIsTheSameAsBehindIt(t *testing.T) {
	g := busyGate(t, DefaultBounds)
	c := g.client(t)
	refused := 0
	for _, method := range []string{"GET", "HEAD"} {
		for _, lines := range []string{"", "Accept-Language: en\r\n", "X-Request-Id: mine\r\n", "Origin: https://a.example\r\n", "Origin: https://b.example\r\n"} {
			request := method + " /api/posts?page=1 HTTP/1.1\r\nHost: x\r\n" + lines
			c.send(t, request+"\r\n")
			door, body := c.answer(t, method)
			if g.handled.Load() > 0 {
				t.Fatalf("%q came to the handler", request)
			}
			long := &client{Conn: dial(t, g.l, request+"Connection: close\r\n\r\n")}
			long.in = bufio.NewReader(long.Conn)
			behind, wanted := long.answer(t, method)
			if g.handled.Swap(0) != 1 {
				t.Fatal("a connection that is to be closed is none of the door's")
			}
			refused += 2
			if door.StatusCode != 503 || door.Header.Get("Retry-After") != "1" {
				t.Errorf("%q: %d %v", request, door.StatusCode, door.Header)
			}
			for _, h := range []http.Header{door.Header, behind.Header} {
				if date, err := http.ParseTime(h.Get("Date")); err != nil || time.Since(date).Abs() > time.Minute {
					t.Errorf("%q: Date %q", request, h.Get("Date"))
				}
				h.Del("Date")
				h.Del("Connection")
			}
			id, otherID := door.Header.Get("X-Request-Id"), behind.Header.Get("X-Request-Id")
			if own := strings.Contains(lines, "mine"); own != (id == "mine") || own != (id == otherID) {
				t.Errorf("%q: ids %q and %q", request, id, otherID)
			}
			behind.Header.Set("X-Request-Id", id)
			if got, want := lined(door.Header), lined(behind.Header); got != want {
				t.Errorf("%q: headers\n%s\nbehind\n%s", request, got, want)
			}
			if want := strings.ReplaceAll(wanted, otherID, id); body != want || (method == "GET") != strings.Contains(body, "BUSY") {
				t.Errorf("%q: %s, behind %s", request, body, want)
			}
		}
	}
	eventually(t, "not each refusal is logged", func() bool { return strings.Count(g.log.String(), `"status":503,`) == refused })
	if n := shedBy(g.metrics); n != "20" || refused != 20 {
		t.Errorf("of %d refusals %s are counted", refused, n)
	}
	if strings.Count(g.log.String(), `"ip":"127.0.0.1"`) != strings.Count(g.log.String(), `"ip":`) {
		t.Errorf("not each is logged with the client's address: %s", g.log.String())
	}
}

func lined(h http.Header) string {
	var b strings.Builder
	_ = h.Write(&b)
	return b.String()
}

func TestTheDoorLeavesTheRestToTheHandler(t *testing.T) {
	g := busyGate(t, DefaultBounds)
	for what, is := range map[string]struct {
		request string
		status  int
	}{
		"a member":               {"GET /api/posts/1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n\r\n", 200},
		"health":                 {"GET /health HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		"what waits":             {"GET /api/auth/none HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"a write":                {"POST /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 503},
		"a body":                 {"GET /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\r\n\r\n", 503},
		"chunks":                 {"GET /api/posts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 503},
		"an upgrade":             {"GET /api/posts HTTP/1.1\r\nHost: x\r\nUpgrade: y\r\n\r\n", 503},
		"an expectation":         {"GET /api/posts HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", 503},
		"an old client":          {"GET /api/posts HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", 503},
		"the last of a client":   {"GET /api/posts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 503},
		"no host":                {"GET /api/posts HTTP/1.1\r\n\r\n", 400},
		"a framing with a blank": {"GET /api/posts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n", 400},
		"a length with a blank":  {"GET /api/posts HTTP/1.1\r\nHost: x\r\nContent-Length : 4\r\n\r\n", 400},
		"a name with a blank":    {"GET /api/posts HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n", 400},
		"another protocol":       {"GET /api/posts HTTP/9.9\r\nHost: x\r\n\r\n", 400},
		"the next protocol":      {"GET /api/posts HTTP/2.0\r\nHost: x\r\n\r\n", 400},
		"a broken host":          {"GET /api/posts HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
		"a strange host":         {"GET /api/posts HTTP/1.1\r\nHost: a<b\r\n\r\n", 400},
		"a broken header":        {"GET /api/posts HTTP/1.1\r\nHost: x\r\nbroken\r\n\r\n", 400},
		"a preflight":            {"OPTIONS /api/posts HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\r\n", 204},
		"more than it can do":    {"GET /api/posts HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 5000) + "\r\n\r\n", 503},
	} {
		c := g.client(t)
		c.send(t, is.request)
		c.expect(t, is.status)
		if came := g.handled.Load(); (came != 1) != (is.status == 400) {
			t.Errorf("%s came to the handler %d times", what, came)
		}
	}
}

// What a client sends in pieces or at once must be taken for neither more nor less
// than it is: an answer too many would be taken for that of the next request.
func TestTheDoorTakesPiecesForWhatTheyAre(t *testing.T) {
	const (
		health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
		posts  = "GET /api/posts HTTP/1.1\r\nHost: x\r\n\r\n"
	)
	for what, is := range map[string]struct {
		pieces   []string
		statuses []int
	}{
		"two at once":                     {[]string{posts + posts}, []int{503, 503}},
		"a request in pieces":             {[]string{"GET /api/po", "sts HTTP/1.1\r\nHost: x\r\n\r", "\n"}, []int{503}},
		"the first byte apart":            {[]string{"G", posts[1:]}, []int{503}},
		"a value that looks like one":     {[]string{"GET /health HTTP/1.1\r\nX: ", posts}, []int{200}},
		"a line that looks like one":      {[]string{"GET /health HTTP/1.1\r\nHost: x\r\n", posts}, []int{400}},
		"the same behind another request": {[]string{health + "GET /health HTTP/1.1\r\nX: ", posts, posts}, []int{200, 200, 503}},
		"a line of it behind another":     {[]string{health + "GET /health HTTP/1.1\r\nHost: x\r\n", posts}, []int{200, 400}},
		"its first byte behind another":   {[]string{health + "G", posts[1:] + posts}, []int{200, 503, 503}},
		"a byte too many":                 {[]string{health + "X", posts, health}, []int{200, 503, 200}},
		"rubbish behind a refusal":        {[]string{posts, "rubbish\r\n\r\n"}, []int{503, 400}},
		"an empty line before":            {[]string{"\r\n", posts}, []int{400}},
		"a body that looks like one":      {[]string{"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 36\r\n\r\n", posts[:36], health}, []int{405, 200}},
		"one after a body":                {[]string{"POST /health HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", posts}, []int{405, 503}},
	} {
		t.Run(what, func(t *testing.T) {
			g := busyGate(t, DefaultBounds)
			c := g.client(t)
			for _, piece := range is.pieces {
				c.send(t, piece)
				time.Sleep(10 * time.Millisecond) // so that it is read by itself
			}
			c.expect(t, is.statuses...)
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			if rest, err := io.ReadAll(c.in); len(rest) > 0 {
				t.Errorf("and then %q, %v", rest, err)
			}
			if what == "rubbish behind a refusal" && g.handled.Load() > 0 {
				t.Error("the refusal was none of the door's")
			}
		})
	}
}

func TestWhoIsRefusedAgainAndAgainIsNotIdle(t *testing.T) {
	idle := time.Second
	g := busyGate(t, Bounds{Header: time.Minute, Idle: idle, WriteStall: time.Minute})
	c := g.client(t)
	for end := time.Now().Add(2 * idle); time.Now().Before(end); time.Sleep(idle / 6) {
		c.send(t, "GET /api/posts HTTP/1.1\r\nHost: x\r\n\r\n")
		c.expect(t, 503)
	}
	if g.handled.Load() > 0 {
		t.Error("the requests came to the handler")
	}
	if _, err := c.in.ReadByte(); err != io.EOF { // before the client's own deadline of 10 s
		t.Errorf("who is idle then: %v", err)
	}
}

// holdingDoor refuses everything as soon as the connection is closed.
type holdingDoor struct{ entered chan struct{} }

func (d holdingDoor) busy() bool                 { return true }
func (d holdingDoor) refuses(*http.Request) bool { return true }
func (d holdingDoor) refuse(w http.ResponseWriter, r *http.Request) {
	close(d.entered)
	<-r.Context().Done()
	w.Header().Set("Content-Length", "5")
	noteWork(r)
	w.WriteHeader(503)
	_, _ = io.WriteString(w, "later")
}

// doorConn is one end of a connection between two requests, before which door stands.
func doorConn(t *testing.T, door doorkeeper) (server *conn, client net.Conn) {
	t.Helper()
	client, accepted := net.Pipe()
	t.Cleanup(func() { client.Close() })
	server = newConn(accepted, func() {})
	server.open(t.Context(), door, time.Minute)
	server.place = between
	return server, client
}

func TestWhoIsBeingRefusedIsToldSoBeforeTheEnd(t *testing.T) {
	door := holdingDoor{make(chan struct{})}
	server, client := doorConn(t, door)
	read := make(chan error)
	go func() {
		_, err := server.Read(make([]byte, netHTTPBuffer))
		read <- err
	}()
	if _, err := io.WriteString(client, "GET /api/posts HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	<-door.entered
	go server.Close()
	answer, err := io.ReadAll(client)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 503 ") || !strings.HasSuffix(string(answer), "later") {
		t.Errorf("%q, %v", answer, err)
	}
	if err := <-read; err == nil {
		t.Error("the server reads on")
	}
}

func TestWhoDoesNotTakeHisRefusalIsLetGo(t *testing.T) {
	for _, method := range []string{"GET", "HEAD"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			server, client := doorConn(t, busyGate(t, DefaultBounds).edge)
			read := make(chan error, 1)
			go func() {
				_, err := server.Read(make([]byte, netHTTPBuffer))
				read <- err
			}()
			if _, err := io.WriteString(client, method+" /api/posts HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-read:
				if err == nil {
					t.Error("half an answer is out, and the server reads on")
				}
			case <-time.After(10 * time.Second):
				t.Error("the server waits for ever")
			}
		})
	}
}

func TestWhatPanicsAtTheDoorIsToldBehindIt(t *testing.T) {
	g := busyGate(t, DefaultBounds)
	g.edge.Full = func(*http.Request, Visitor) bool { panic("boom") }
	c := g.client(t)
	c.send(t, "GET /api/posts HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(t, 500)
	if !strings.Contains(g.log.String(), "boom") {
		t.Error("nobody learns of it")
	}
}

// A handler that has no Shedder, or one that is not busy, is asked nothing.
func TestTheDoorIsOpenWhileNobodyIsRefused(t *testing.T) {
	for _, s := range []*Shedder{nil, newShedClock().Shedder} {
		e := Edge(testMux(), EdgeOptions{Verifier: oneUser{}, Log: slog.New(slog.DiscardHandler), Metrics: telemetry.NewMetrics(), Shedder: s,
			Full: func(*http.Request, Visitor) bool { t.Error("asked"); return true }}).(*edge)
		if e.busy() || e.full(httptest.NewRequest("GET", "/api/posts", nil), Stranger) {
			t.Error("it is busy")
		}
	}
}

// What the door takes for one request must be just that to net/http, or what follows
// on the connection would be answered for something else.
func FuzzWhatIsPlainIsOneRequestToNetHTTP(f *testing.F) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Asked", r.RequestURI+"|"+r.Host) }))
	f.Cleanup(server.Close)
	for _, lines := range []string{
		"", "Transfer-Encoding : chunked\r\n", "Transfer-Encoding: chunked\r\n", "Content-Length : 4\r\n", "Content-Length: 4\r\n", "Content-Length: 0\r\nContent-Length: 0\r\n",
		"A b: c\r\n", "A\x00: c\r\n", "A: \x01\r\n", "Host: y\r\n", "Expect: 100-continue\r\n", "Upgrade: y\r\n", "Connection: a, close\r\n", "Accept-Language: en\r\n", " folded\r\n", "A:b\nC:d\r\n", ": x\r\n",
	} {
		f.Add([]byte("GET /api/posts?search=x HTTP/1.1\r\nHost: x\r\n" + lines + "\r\n"))
	}
	for _, request := range []string{
		"HEAD /api/ HTTP/1.1\r\nHost: [::1]:3000\r\n\r\n", "GET /api/ HTTP/1.2\r\nHost: x\r\n\r\n", "GET /api/ HTTP/2.0\r\nHost: x\r\n\r\n", "GET /api/%00 HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /api/ HTTP/1.1\r\nHost: a b\r\n\r\n", "GET /api/ HTTP/1.1\r\nHost: x:y:z\r\n\r\n", "GET /api/#a HTTP/1.1\r\nHost: x\r\n\r\n", "GET /api/\xff HTTP/1.1\r\nHost: x\r\n\r\n", "GET /api/ a HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		f.Add([]byte(request))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > netHTTPBuffer {
			return
		}
		r := parsePlain(b)
		if r == nil {
			return
		}
		c := &client{Conn: dial(t, server.Listener, string(b)+"GET /end HTTP/1.1\r\nHost: end\r\n\r\n")}
		defer c.Close()
		c.in = bufio.NewReader(c.Conn)
		first, body := c.answer(t, r.Method)
		if got := first.Header.Get("Asked"); first.StatusCode != 200 || got != r.RequestURI+"|"+r.Host {
			t.Fatalf("%q is %d to net/http: %q %s", b, first.StatusCode, got, body)
		}
		if second, body := c.answer(t, "GET"); second.Header.Get("Asked") != "/end|end" {
			t.Fatalf("%q is followed by %d %v %s", b, second.StatusCode, second.Header, body)
		}
	})
}
