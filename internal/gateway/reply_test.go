package gateway

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAnswersArriveAsTheyWereSent(t *testing.T) {
	for _, c := range []struct {
		name, request, answer string
		status                int
		header                http.Header
		body                  string
		kept                  int // connections
	}{
		{"a length", "GET / HTTP/1.1", okAnswer, 200, http.Header{"Content-Length": {"2"}}, "ok", 1},
		{"nothing", "GET / HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, http.Header{"Content-Length": {"0"}}, "", 1},
		{"chunks", "GET / HTTP/1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1;x=y\r\nk\r\n0\r\n\r\n", 200, nil, "ok", 1},
		{"until the end", "GET / HTTP/1.1", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok", 200, nil, "ok", 0},
		{"until an end that was not told", "GET / HTTP/1.1", "HTTP/1.1 200 OK\r\nX-Then: Connection: close\r\n\r\nok", 200, http.Header{"X-Then": {"Connection: close"}}, "ok", 0},
		{"HTTP/1.0", "GET / HTTP/1.1", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok", 200, http.Header{"Content-Length": {"2"}}, "ok", 0},
		{"HEAD", "HEAD / HTTP/1.1", "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", 200, http.Header{"Content-Length": {"12345"}}, "", 1},
		{"HEAD of chunks", "HEAD / HTTP/1.1", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, nil, "", 1},
		{"204", "DELETE / HTTP/1.1", "HTTP/1.1 204 No Content\r\n\r\n", 204, nil, "", 1},
		{"304", "GET / HTTP/1.1", "HTTP/1.1 304 Not Modified\r\nEtag: \"a\"\r\n\r\n", 304, http.Header{"Etag": {`"a"`}}, "", 1},
		{"a range", "GET / HTTP/1.1\r\nRange: bytes=1-2", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/5\r\nContent-Length: 2\r\n\r\nel",
			206, http.Header{"Content-Range": {"bytes 1-2/5"}, "Content-Length": {"2"}}, "el", 1},
		{"more than was said", "GET / HTTP/1.1", okAnswer + "HTTP/1.1 200 OK\r\n", 200, http.Header{"Content-Length": {"2"}}, "ok", 0},
		{"fields", "GET / HTTP/1.1", "HTTP/1.1 503 Busy\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", 503,
			http.Header{"Set-Cookie": {"a=1", "b=2"}, "Retry-After": {"1"}, "Content-Length": {"0"}}, "", 1},
		{"what is the gateway's to say", "GET / HTTP/1.1", "HTTP/1.1 200 OK\r\nX-Request-Id: other\r\nAccess-Control-Allow-Origin: *\r\nRateLimit-Limit: 1\r\nX-RateLimit-Reset: 2\r\n" +
			"Keep-Alive: timeout=5\r\nConnection: X-Mine\r\nX-Mine: 1\r\nUpgrade: h2c\r\nProxy-Authenticate: x\r\nContent-Length: 2\r\n\r\nok", 200, http.Header{"Content-Length": {"2"}}, "ok", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			date := "Date: Fri, 27 Nov 2026 07:00:00 GMT\r\nContent-Type: a/b\r\n"
			address, got := answering(t, strings.Replace(c.answer, "\r\n", "\r\n"+date, 1))
			f := newFront(t, address, wireOptions{})
			resp, body := f.ask(t, c.request+"\r\nHost: h\r\n\r\n")
			f.wantEnd(t, nil)
			want := c.header.Clone()
			if want == nil {
				want = http.Header{}
			}
			want["Date"], want["Content-Type"] = []string{"Fri, 27 Nov 2026 07:00:00 GMT"}, []string{"a/b"}
			if c.status == 304 {
				delete(want, "Content-Type")
			}
			if c.header["Content-Length"] == nil {
				delete(resp.Header, "Content-Length") // net/http counts what is short
			}
			if resp.StatusCode != c.status || body != c.body {
				t.Errorf("%s, %q", resp.Status, body)
			}
			if d := cmp.Diff(want, resp.Header); d != "" {
				t.Error(d)
			}
			next(t, got)
			f.wantIdle(t, c.kept)
		})
	}
}

func TestWhatTheEdgeSetStays(t *testing.T) {
	h := http.Header{"Vary": {"Origin"}, "Access-Control-Allow-Origin": {"http://a"}}
	answer := head{fields: []field{{"Vary", "Origin"}, {"Vary", "Accept-Encoding"}, {"Access-Control-Allow-Origin", "*"}}}
	answer.addTo(h)
	want := http.Header{"Vary": {"Origin", "Accept-Encoding"}, "Access-Control-Allow-Origin": {"http://a"}}
	if d := cmp.Diff(want, h); d != "" {
		t.Error(d)
	}
}

func TestTrailersOfAnAnswerArrive(t *testing.T) {
	address, _ := answering(t, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Content-Length, X-Request-Id\r\n\r\n"+
		"2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Late: 2\r\nX-Request-Id: 3\r\nContent-Length: 4\r\n\r\n")
	f := newFront(t, address, wireOptions{})
	resp, body := f.ask(t, "GET / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\n\r\n")
	f.wantEnd(t, nil)
	if d := cmp.Diff(http.Header{"X-Sum": {"1"}, "X-Late": {"2"}}, resp.Trailer); d != "" || body != "ok" {
		t.Errorf("%q, trailers: %s", body, d)
	}
	f.wantIdle(t, 1)
}

func TestInterimAnswersPass(t *testing.T) {
	address, _ := answering(t, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nKeep-Alive: 5\r\n\r\n"+okAnswer)
	f := newFront(t, address, wireOptions{})
	c, in := f.dial(t)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	early, err := readLines(in)
	if err != nil || !strings.HasPrefix(early, "HTTP/1.1 103 ") || !strings.Contains(early, "Link: </a.css>\r\n") || strings.Contains(early, "Keep-Alive") {
		t.Errorf("%v\n%s", err, early)
	}
	if resp, body := readAnswer(t, in, "GET"); resp.StatusCode != 200 || body != "ok" || resp.Header.Get("Link") != "" {
		t.Errorf("%s, %q, %q", resp.Status, body, resp.Header)
	}
}

func TestInterimAnswersHaveAnEnd(t *testing.T) {
	address, _ := answering(t, strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", maxInterim+1))
	f := newFront(t, address, wireOptions{})
	resp, _ := f.ask(t, "GET / HTTP/1.0\r\nHost: h\r\n\r\n")
	f.wantEnd(t, errBroken)
	if resp.StatusCode != http.StatusBadGateway {
		t.Error(resp.Status)
	}
}

func TestAnAnswerThatBreaksOffIsNeverTakenForWhole(t *testing.T) {
	for name, answer := range map[string]string{
		"length":           "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhell",
		"large length":     "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n" + strings.Repeat("a", 50000),
		"chunks":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n",
		"within a chunk":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhel",
		"before the end":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n",
		"bad chunk":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0x1\r\na\r\n0\r\n\r\n",
		"bare LF in chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\nhello\r\n0\r\n\r\n",
		"bad trailer":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\nX : 1\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := answering(t, answer)
			f := newFront(t, address, wireOptions{})
			c, in := f.dial(t)
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			f.wantEnd(t, errBroken)
			wantHalf(t, in)
			f.wantIdle(t, 0)
		})
	}
}

func TestAResetAnswerWithoutLengthIsNotWhole(t *testing.T) {
	address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		_, _ = readRequest(in)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nhello")
		_, _ = in.ReadByte() // until the test resets
	})
	f := newFront(t, rawUpstream(t, resetAfter(address, "hello")), wireOptions{})
	c, in := f.dial(t)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	f.wantEnd(t, errBroken)
	wantHalf(t, in)
}

// wantHalf reads an answer that must break off.
func wantHalf(t *testing.T, in *bufio.Reader) {
	t.Helper()
	resp, err := http.ReadResponse(in, nil)
	if err == nil {
		_, err = io.ReadAll(resp.Body)
	}
	if err == nil {
		t.Error("the client got a whole answer")
	}
}

// resetAfter passes bytes to and from address, and resets the connection once text was seen.
func resetAfter(address, text string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, in *bufio.Reader) {
		behind, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer behind.Close()
		request, _ := readRequest(in)
		_, _ = io.WriteString(behind, request)
		var seen []byte
		b := make([]byte, 1000)
		for !strings.Contains(string(seen), text) {
			n, err := behind.Read(b)
			if err != nil {
				return
			}
			seen = append(seen, b[:n]...)
			_, _ = c.Write(b[:n])
		}
		_ = c.(*net.TCPConn).SetLinger(0)
	}
}

func TestNewsAreNotHeldBack(t *testing.T) {
	for name, head := range map[string]string{
		"events":        "Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
		"chunks":        "Transfer-Encoding: chunked\r\n\r\n",
		"until the end": "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			more := make(chan string)
			address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
				_, _ = readRequest(in)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+head)
				for text := range more {
					if strings.Contains(head, "chunked") {
						text = "3\r\n" + text + "\r\n"
					}
					_, _ = io.WriteString(c, text)
				}
				if strings.Contains(head, "chunked") {
					_, _ = io.WriteString(c, "0\r\n\r\n")
				}
			})
			f := newFront(t, address, wireOptions{})
			c, in := f.dial(t)
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
			resp, err := http.ReadResponse(in, nil) // before there is any body
			if err != nil {
				t.Fatal(err)
			}
			b := make([]byte, 3)
			for _, text := range []string{"one", "two"} {
				more <- text
				if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != text {
					t.Fatalf("%q, %v", b, err)
				}
			}
			close(more)
			if _, err := io.ReadAll(resp.Body); err != nil {
				t.Error(err)
			}
			f.wantEnd(t, nil)
		})
	}
}

func TestAClientThatLeavesWhileNothingComesEndsTheExchange(t *testing.T) {
	left := make(chan error, 1)
	address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		_, _ = readRequest(in)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
		_, err := in.ReadByte()
		left <- err
	})
	f := newFront(t, address, wireOptions{})
	c, in := f.dial(t)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if _, err := http.ReadResponse(in, nil); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	if err := next(t, left); err == nil {
		t.Error("the instance got one more byte")
	}
	f.wantEnd(t, errClientGone)
}

func TestAClientThatLeavesBeforeTheAnswerEndsTheExchange(t *testing.T) {
	asked, left := make(chan bool, 1), make(chan error, 1)
	address := rawUpstream(t, func(_ net.Conn, in *bufio.Reader) {
		_, _ = readRequest(in)
		asked <- true
		_, err := in.ReadByte()
		left <- err
	})
	f := newFront(t, address, wireOptions{})
	c, _ := f.dial(t)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	next(t, asked)
	_ = c.Close()
	if err := next(t, left); err == nil {
		t.Error("the instance got one more byte")
	}
	f.wantUnjudged(t)
}

func TestAnInstanceThatSaysNothingTimesOut(t *testing.T) {
	address := rawUpstream(t, func(_ net.Conn, in *bufio.Reader) { _, _ = io.Copy(io.Discard, in) })
	f := newFront(t, address, wireOptions{answer: 50 * time.Millisecond})
	resp, _ := f.ask(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	f.wantEnd(t, errTimeout)
	if resp.StatusCode != http.StatusGatewayTimeout {
		t.Error(resp.Status)
	}
}

func TestABodyThatStopsIsCutOff(t *testing.T) {
	address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		_, _ = readRequest(in)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe")
		_, _ = in.ReadByte()
	})
	f := newFront(t, address, wireOptions{stall: 50 * time.Millisecond})
	c, in := f.dial(t)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	f.wantEnd(t, errTimeout)
	wantHalf(t, in)
}

func TestALargeAnswerTakesLittleMemory(t *testing.T) {
	const size = 20 << 20
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		piece := make([]byte, 64<<10)
		for range size / len(piece) {
			_, _ = w.Write(piece)
		}
	}))
	defer up.Close()
	f := newFront(t, up.Listener.Addr().String(), wireOptions{})
	c, in := f.dial(t)
	var n int64
	used := allocated(func() {
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		n, _ = io.Copy(io.Discard, resp.Body)
	})
	if n != size || used > size/10 {
		t.Errorf("%d of %d bytes came; it took %d KB", n, size, used>>10)
	}
}
