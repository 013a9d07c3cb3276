package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestBodiesArriveByteForByte(t *testing.T) {
	for _, c := range []struct{ name, request, framing, body string }{
		{"length", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "Content-Length: 5\r\n", "hello"},
		{"nothing", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", "Content-Length: 0\r\n", ""},
		{"chunks", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n",
			"Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"},
		{"no chunk", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"},
		{"a GET with a body", "GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", "Content-Length: 5\r\n", "hello"},
		{"trailers", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, X-User-Role\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 1\r\nX-User-Role: admin\r\n\r\n",
			"Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n", "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n"},
	} {
		for _, hold := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, held %t", c.name, hold), func(t *testing.T) {
				address, got := answering(t, okAnswer)
				f := newFront(t, address, wireOptions{})
				f.hold = hold
				if resp, body := f.ask(t, c.request); resp.StatusCode != 200 || body != "ok" {
					t.Errorf("%s, %q", resp.Status, body)
				}
				f.wantEnd(t, nil)
				head, body, _ := strings.Cut(next(t, got), "\r\n\r\n")
				if !strings.HasSuffix(head+"\r\n", "\r\n"+c.framing) || body != c.body {
					t.Errorf("%s\n\n%q", head, body)
				}
				f.wantIdle(t, 1)
				wantNothing(t, got)
			})
		}
	}
}

// brokenBodies are requests whose body ends early or is not well, and after which the client
// closes, if it must for that to be seen.
var brokenBodies = map[string]struct {
	text  string
	close bool
}{
	"too short":       {"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello", true},
	"half a chunk":    {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", true},
	"no last chunk":   {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true},
	"bad chunk size":  {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", false},
	"bad chunk":       {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n", false},
	"bad first chunk": {"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nq\r\n", false},
}

func TestABrokenBodyIsTheClientsFault(t *testing.T) {
	for name, c := range brokenBodies {
		t.Run(name, func(t *testing.T) {
			ends := make(chan error, 1)
			address := rawUpstream(t, func(_ net.Conn, in *bufio.Reader) {
				_, err := readRequest(in)
				ends <- err
			})
			f := newFront(t, address, wireOptions{})
			conn, in := f.dial(t)
			_, _ = io.WriteString(conn, c.text)
			if c.close {
				_ = conn.CloseWrite()
				f.wantUnjudged(t) // it has left, too
			} else {
				f.wantEnd(t, errClientBody)
			}
			if next(t, ends) == nil {
				t.Error("the instance got a whole request")
			}
			if !c.close {
				if resp, _ := readAnswer(t, in, "POST"); resp.StatusCode != http.StatusBadRequest || !resp.Close {
					t.Errorf("%s, close %t", resp.Status, resp.Close)
				}
			}
			f.wantIdle(t, 0)
		})
	}
}

func TestAHeldBodyThatIsTooShortIsNotSent(t *testing.T) {
	address, got := answering(t, okAnswer)
	f := newFront(t, address, wireOptions{})
	f.hold = true
	c, _ := f.dial(t)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello")
	_ = c.CloseWrite()
	f.wantEnd(t, errClientBody)
	wantNothing(t, got)
}

func TestAnEarlyRefusalComesBackWhileTheClientSends(t *testing.T) {
	for name, framing := range map[string]string{"length": "Content-Length: 5000000\r\n\r\nhello", "chunks": "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"} {
		t.Run(name, func(t *testing.T) {
			address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
				_, _ = readLines(in)
				_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
				_, _ = io.Copy(io.Discard, in)
			})
			f := newFront(t, address, wireOptions{})
			c, in := f.dial(t)
			_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\n"+framing) // and no more, for now
			resp, body := readAnswer(t, in, "POST")
			if resp.StatusCode != http.StatusRequestEntityTooLarge || body != "large" || !resp.Close {
				t.Errorf("%s, %q, close %t", resp.Status, body, resp.Close)
			}
			f.wantEnd(t, nil)
			f.wantIdle(t, 0)
		})
	}
}

func TestARefusalIsSeenByAClientThatSendsOn(t *testing.T) {
	address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		_, _ = readLines(in)
		_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
		_, _ = in.ReadByte()
		_, _ = io.Copy(io.Discard, in)
	})
	f := newFront(t, address, wireOptions{})
	c, in := f.dial(t)
	go func() { // ends when the connection does
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\n")
		for range 100 {
			_, _ = c.Write(make([]byte, 1000))
		}
	}()
	if resp, body := readAnswer(t, in, "POST"); resp.StatusCode != http.StatusUnauthorized || body != "no" {
		t.Errorf("%s, %q", resp.Status, body)
	}
	f.wantEnd(t, nil)
}

func TestWhatFollowsARefusedBodyIsNoRequest(t *testing.T) {
	seen := make(chan string, 10)
	address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		head, err := readLines(in)
		if err != nil {
			return
		}
		seen <- head
		_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, in)
	})
	f := newFront(t, address, wireOptions{})
	c, in := f.dial(t)
	_, _ = io.WriteString(c, "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
	if resp, _ := readAnswer(t, in, "POST"); resp.StatusCode != 400 {
		t.Error(resp.Status)
	}
	_, _ = io.WriteString(c, "zz\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n")
	_, _ = io.ReadAll(in)
	f.wantEnd(t, nil)
	next(t, seen)
	wantNothing(t, seen)
}

func TestAnAnswerMayBeMadeOfABodyThatIsStillComing(t *testing.T) {
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		both := http.NewResponseController(w)
		_ = both.EnableFullDuplex()
		b := make([]byte, 10)
		for {
			n, err := r.Body.Read(b)
			_, _ = w.Write(b[:n])
			_ = both.Flush()
			if err != nil {
				return
			}
		}
	}))
	defer echo.Close()
	f := newFront(t, echo.Listener.Addr().String(), wireOptions{})
	c, in := f.dial(t)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 3)
	if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != "one" {
		t.Fatalf("%q, %v", b, err)
	}
	_, _ = io.WriteString(c, "3\r\ntwo\r\n0\r\n\r\n")
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "two" {
		t.Errorf("%q, %v", rest, err)
	}
	f.wantEnd(t, nil)
}

func TestABodyIsAskedForOnlyWhenTheInstanceWantsIt(t *testing.T) {
	address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		head, _ := readLines(in)
		if strings.Contains(head, "Expect: 100-continue\r\n") && in.Buffered() == 0 {
			_, _ = io.WriteString(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}
		body := make([]byte, 5)
		_, _ = io.ReadFull(in, body)
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n%s", body)
		_, _ = in.ReadByte()
	})
	f := newFront(t, address, wireOptions{})
	f.hold = true
	c, in := f.dial(t)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
	if lines, err := readLines(in); err != nil || lines != "HTTP/1.1 100 Continue\r\n\r\n" {
		t.Fatalf("%q, %v", lines, err)
	}
	_, _ = io.WriteString(c, "hello")
	if resp, body := readAnswer(t, in, "POST"); resp.StatusCode != 200 || body != "hello" {
		t.Errorf("%s, %q", resp.Status, body)
	}
	f.wantEnd(t, nil)
	f.wantIdle(t, 1)
}

func TestABodyThatIsNotWantedIsNotAskedFor(t *testing.T) {
	more := make(chan string, 1)
	address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		_, _ = readLines(in)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		rest, _ := io.ReadAll(in)
		more <- string(rest)
	})
	f := newFront(t, address, wireOptions{})
	resp, _ := f.ask(t, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
	if resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
		t.Errorf("%s, close %t", resp.Status, resp.Close)
	}
	f.wantEnd(t, nil)
	f.wantIdle(t, 0)
	if rest := next(t, more); rest != "" {
		t.Errorf("the instance got %q", rest)
	}
}

func TestAClientThatLeavesWhileItSendsIsNotTakenForWhole(t *testing.T) {
	begun, ends := make(chan bool, 1), make(chan error, 1)
	address := rawUpstream(t, func(_ net.Conn, in *bufio.Reader) {
		_, _ = readLines(in)
		_, _ = in.ReadByte()
		begun <- true
		_, err := io.CopyN(io.Discard, in, 1e6-1)
		ends <- err
	})
	f := newFront(t, address, wireOptions{})
	c, _ := f.dial(t)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nhello")
	next(t, begun)
	_ = c.SetLinger(0)
	_ = c.Close()
	if next(t, ends) == nil {
		t.Error("the instance got a whole body")
	}
	f.wantUnjudged(t)
}

// wantUnjudged waits for an exchange to end by the client's fault.
func (f *front) wantUnjudged(t *testing.T) {
	t.Helper()
	if err := next(t, f.errs); err == nil || answerTo(err) == http.StatusGatewayTimeout || isInstances(err) {
		t.Errorf("the exchange ended with %v", err)
	}
}

func TestAnInstanceThatReadsNothingTimesOut(t *testing.T) {
	release := make(chan bool)
	address := rawUpstream(t, func(net.Conn, *bufio.Reader) { <-release })
	defer close(release)
	f := newFront(t, address, wireOptions{answer: 100 * time.Millisecond})
	c, in := f.dial(t)
	go func() { // ends when the connection does
		_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\n\r\n")
		for range 50 {
			if _, err := c.Write(make([]byte, 1e6)); err != nil {
				return
			}
		}
	}()
	if resp, _ := readAnswer(t, in, "POST"); resp.StatusCode != http.StatusGatewayTimeout {
		t.Error(resp.Status)
	}
	f.wantEnd(t, errTimeout)
}

func TestASlowClientIsNotTheInstancesFault(t *testing.T) {
	address, got := answering(t, okAnswer)
	f := newFront(t, address, wireOptions{answer: 100 * time.Millisecond})
	c, in := f.dial(t)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nhel")
	time.Sleep(300 * time.Millisecond) // is what is promised: more than an instance would have
	_, _ = io.WriteString(c, "lo!")
	if resp, _ := readAnswer(t, in, "POST"); resp.StatusCode != 200 {
		t.Error(resp.Status)
	}
	next(t, got)
	f.wantEnd(t, nil)
	f.wantIdle(t, 1)
}

func TestALargeBodyTakesLittleMemory(t *testing.T) {
	const size = 20 << 20
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		_, _ = fmt.Fprint(w, n)
	}))
	defer up.Close()
	for name, framing := range map[string]string{"length": fmt.Sprintf("Content-Length: %d", size), "chunks": "Transfer-Encoding: chunked"} {
		f := newFront(t, up.Listener.Addr().String(), wireOptions{})
		c, in := f.dial(t)
		var body string
		used := allocated(func() {
			_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\n"+framing+"\r\n\r\n")
			piece := make([]byte, 64<<10)
			for range size / len(piece) {
				if name == "chunks" {
					_, _ = io.WriteString(c, "10000\r\n")
				}
				_, _ = c.Write(piece)
				if name == "chunks" {
					_, _ = io.WriteString(c, "\r\n")
				}
			}
			if name == "chunks" {
				_, _ = io.WriteString(c, "0\r\n\r\n")
			}
			_, body = readAnswer(t, in, "POST")
		})
		if body != fmt.Sprint(size) || used > size/10 {
			t.Errorf("%s: %s of %d bytes came; it took %d KB", name, body, size, used>>10)
		}
	}
}

func TestHTTP2ClientsAreServed(t *testing.T) {
	address, got := answering(t, okAnswer)
	f := newFront(t, address, wireOptions{})
	two := httptest.NewUnstartedServer(f.Config.Handler)
	two.EnableHTTP2 = true
	two.StartTLS()
	defer two.Close()
	for range 2 {
		resp, err := two.Client().Post(two.URL+"/a?b", "text/plain", io.MultiReader(strings.NewReader("hello"))) // of unknown length
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		request := next(t, got)
		if resp.ProtoMajor != 2 || string(body) != "ok" || !strings.HasPrefix(request, "POST /a?b HTTP/1.1\r\nHost: 127.0.0.1:") ||
			!strings.HasSuffix(request, "\r\n\r\n5\r\nhello\r\n0\r\n\r\n") || !strings.Contains(request, "X-Forwarded-Proto: https\r\n") {
			t.Errorf("%s %q for\n%s", resp.Proto, body, request)
		}
		f.wantEnd(t, nil)
	}
	f.wantIdle(t, 1)
}

func TestAnEarlyRefusalComesBackByHTTP2(t *testing.T) {
	address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		_, _ = readLines(in)
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
		_, _ = io.Copy(io.Discard, in)
	})
	f := newFront(t, address, wireOptions{})
	two := httptest.NewUnstartedServer(f.Config.Handler)
	two.EnableHTTP2 = true
	two.StartTLS()
	defer two.Close()
	body, more := io.Pipe()
	defer more.Close()
	go func() { _, _ = io.WriteString(more, "hello") }() // ends with the pipe
	resp, err := two.Client().Post(two.URL, "text/plain", body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if text, err := io.ReadAll(resp.Body); resp.StatusCode != http.StatusRequestEntityTooLarge || string(text) != "large" || err != nil {
		t.Errorf("%s, %q, %v", resp.Status, text, err)
	}
	f.wantEnd(t, nil)
}
