package gateway

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// readHeadOf reads the head that text begins with, of 64 KiB at most.
func readHeadOf(text string) (head, *bufio.Reader, error) {
	s := scratch{in: bufio.NewReader(strings.NewReader(text))}
	lines, err := s.lines(64 << 10)
	if err != nil {
		return head{}, nil, err
	}
	h, err := parseHead(lines, nil)
	return h, s.in, err
}

func TestAHeadIsUnderstood(t *testing.T) {
	h, rest, err := readHeadOf("HTTP/1.1 206 Partial Content\r\ncontent-type:text/plain\r\nX-A:  1 \t\r\nx-a: 2\r\nEmpty:\r\nContent-Length: 007\r\nConnection: X-A, Close\r\n\r\nbody")
	if err != nil {
		t.Fatal(err)
	}
	want := []field{{"Content-Type", "text/plain"}, {"X-A", "1"}, {"X-A", "2"}, {"Empty", ""}, {"Content-Length", "007"}, {"Connection", "X-A, Close"}}
	if d := cmp.Diff(want, h.fields, cmp.AllowUnexported(field{})); d != "" {
		t.Error(d)
	}
	if h.status != 206 || h.length != 7 || h.chunks || h.old || !h.last {
		t.Errorf("%+v", h)
	}
	if body, _ := io.ReadAll(rest); string(body) != "body" {
		t.Errorf("%q follows", body)
	}
}

// broken are heads that have no meaning, or two.
var broken = map[string]string{
	"nothing":                "",
	"half":                   "HTTP/1.1 200 OK\r\nContent-Le",
	"no status":              "HTTP/1.1\r\n\r\n",
	"short status":           "HTTP/1.1 20 OK\r\n\r\n",
	"signed status":          "HTTP/1.1 +20 OK\r\n\r\n",
	"unknown status":         "HTTP/1.1 600 OK\r\n\r\n",
	"status without class":   "HTTP/1.1 099 OK\r\n\r\n",
	"another version":        "HTTP/2.0 200 OK\r\n\r\n",
	"blank before":           " HTTP/1.1 200 OK\r\n\r\n",
	"empty line before":      "\r\nHTTP/1.1 200 OK\r\n\r\n",
	"bare LF":                "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
	"bare LF at the end":     "HTTP/1.1 200 OK\r\nContent-Length: 0\n\r\n",
	"bare CR":                "HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
	"NUL":                    "HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
	"control in the reason":  "HTTP/1.1 200 O\x01K\r\n\r\n",
	"folded line":            "HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
	"folded first line":      "HTTP/1.1 200 OK\r\n X: a\r\n\r\n",
	"no colon":               "HTTP/1.1 200 OK\r\nX\r\n\r\n",
	"no name":                "HTTP/1.1 200 OK\r\n: a\r\n\r\n",
	"blank in the name":      "HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
	"two lengths":            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
	"the same length twice":  "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
	"list of lengths":        "HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\n",
	"signed length":          "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n",
	"hexadecimal length":     "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\n",
	"no length in it":        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
	"length of too much":     "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
	"length and coding":      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
	"two codings":            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
	"a coding twice":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
	"unknown coding":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
	"coding in HTTP/1.0":     "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
	"too large":              "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 64<<10) + "\r\n\r\n",
	"too many lines":         "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: a\r\n", 11<<10) + "\r\n",
	"too large without line": strings.Repeat("a", 70<<10),
}

func TestBrokenHeadsAreRefused(t *testing.T) {
	for name, text := range broken {
		if h, _, err := readHeadOf(text); err == nil {
			t.Errorf("%s: %+v", name, h)
		}
	}
}

func TestABrokenHeadIsTheInstancesFault(t *testing.T) {
	for _, name := range []string{"folded line", "length and coding", "the same length twice", "too large", "bare LF", "another version"} {
		t.Run(name, func(t *testing.T) {
			address, _ := answering(t, broken[name]+"Connection: close\r\n\r\n")
			f := newFront(t, address, wireOptions{})
			if resp, _ := f.ask(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"); resp.StatusCode != http.StatusBadGateway {
				t.Error(resp.Status)
			}
			f.wantEnd(t, errBroken)
			f.wantIdle(t, 0)
		})
	}
}

func TestALargeHeadPasses(t *testing.T) {
	value := strings.Repeat("a", 60<<10)
	h, rest, err := readHeadOf("HTTP/1.1 200 OK\r\nX: " + value + "\r\n\r\nbody")
	if err != nil || h.get("X") != value {
		t.Fatalf("%v, %d bytes", err, len(h.get("X")))
	}
	if body, _ := io.ReadAll(rest); string(body) != "body" {
		t.Errorf("%q follows", body)
	}
}

// FuzzHead holds what is understood against net/http, which understands more.
func FuzzHead(f *testing.F) {
	for _, text := range broken {
		if len(text) < 1000 { // large ones hold the search up
			f.Add(text)
		}
	}
	f.Add("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok")
	f.Add("HTTP/1.1 204 No Content\r\nETag: \"a\"\r\nConnection: close\r\n\r\n")
	f.Add("HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\nTrailer: X-T\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n")
	f.Add("HTTP/1.0 304 Not Modified\r\nx_y: \xff\r\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		h, rest, err := readHeadOf(text)
		if err != nil || h.status < 200 {
			return
		}
		in := bufio.NewReader(strings.NewReader(text))
		resp, err := http.ReadResponse(in, &http.Request{Method: "GET"})
		if err != nil {
			t.Fatalf("net/http refuses what was understood: %v", err)
		}
		compareHeads(t, &h, resp)
		if !h.chunks && !h.bodiless("GET") {
			ours, _ := io.ReadAll(rest)
			theirs, err := io.ReadAll(resp.Body)
			if h.length >= 0 {
				ours = ours[:min(int64(len(ours)), h.length)]
			}
			if string(ours) != string(theirs) || err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("the body is %q, in net/http %q (%v)", ours, theirs, err)
			}
		}
	})
}

func compareHeads(t *testing.T, h *head, resp *http.Response) {
	t.Helper()
	length := h.length
	if h.status == 204 || h.status == 304 {
		length = 0
	}
	if h.status != resp.StatusCode || h.chunks != (len(resp.TransferEncoding) > 0) || length != resp.ContentLength {
		t.Fatalf("%+v, in net/http %+v", h, resp)
	}
	ours := http.Header{}
	for _, f := range h.fields {
		ours[f.name] = append(ours[f.name], f.value)
	}
	for _, own := range []string{"Transfer-Encoding", "Content-Length", "Connection", "Trailer", "Pragma", "Cache-Control"} {
		delete(ours, own) // net/http takes these away, or adds them
		delete(resp.Header, own)
	}
	if d := cmp.Diff(ours, resp.Header); d != "" {
		t.Fatal(d)
	}
}

func BenchmarkHead(b *testing.B) {
	text := "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nDate: Fri, 27 Nov 2026 07:00:00 GMT\r\n" +
		"Etag: \"1-abcdef\"\r\nCache-Control: public, max-age=0, must-revalidate\r\nVary: Accept-Encoding\r\nContent-Length: 1024\r\n\r\n"
	from := strings.NewReader(text)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		s := scratch{in: bufio.NewReader(from)}
		for b.Loop() {
			from.Reset(text)
			s.in.Reset(from)
			lines, err := s.lines(64 << 10)
			if err != nil {
				b.Fatal(err)
			}
			h, err := parseHead(lines, s.spare[:0])
			if s.spare = h.fields; err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("net/http", func(b *testing.B) {
		b.ReportAllocs()
		in, r := bufio.NewReader(from), &http.Request{Method: "GET"}
		for b.Loop() {
			from.Reset(text)
			in.Reset(from)
			if _, err := http.ReadResponse(in, r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
