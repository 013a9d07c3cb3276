package web

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// Whoever stands before us may take what follows a request of two lengths for a part of it. Each of these
// hides from net/http that there are two.
func TestNothingFollowsARequestWhoseEndIsInDoubt(t *testing.T) {
	const (
		post   = "POST /api/posts HTTP/1.1\r\n"
		chunks = "Transfer-Encoding: chunked\r\n\r\n"
		filler = "X-Long: " // its line ends where net/http's buffer does
	)
	long := post + "Host: h\r\nContent-Length: 5\r\n" + filler
	long += strings.Repeat("a", 4096-len(long)+len(post+"Host: h\r\nContent-Length: 5\r\n"))
	for name, parts := range map[string][]string{
		"at once":                 {post + "Host: h\r\nContent-Length: 5\r\n" + chunks + "0\r\n\r\n"},
		"lines that end in LF":    {"POST /api/posts HTTP/1.1\nHost: h\nContent-Length: 5\nTransfer-Encoding: chunked\n\n0\r\n\r\n"},
		"one line that ends so":   {post + "Host: h\nContent-Length: 5\r\n" + chunks + "0\r\n\r\n"},
		"in pieces":               {post + "Host: h\r\nContent-Length: 5\r\n", chunks + "0\r\n\r\n"},
		"a good one in the body":  {post + "Host: h\r\nContent-Length: 5\r\n" + chunks + "1e\r\n" + post + "\r\n\r\n\r\n0\r\n\r\n"},
		"a good one in a header":  {long, post + chunks + "0\r\n\r\n"},
		"behind a good one":       {post + "Host: h\r\n" + chunks + "0\r\n\r\n" + post + "Host: h\r\nContent-Length: 5\r\n" + chunks + "0\r\n\r\n"},
		"chunks in HTTP/1.0":      {"POST /api/posts HTTP/1.0\r\nConnection: keep-alive\r\n" + chunks},
		"HTTP/1.0 with a length":  {"POST /api/posts HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5\r\n" + chunks + "0\r\n\r\n"},
		"HTTP/1.0, and in pieces": {"GET /api/posts HTTP/1.0\r\nConnection: keep-alive\r\n", chunks},
	} {
		t.Run(name, func(t *testing.T) {
			followed := make(chan bool, 1)
			m, l := NewMux(), listenLocal(t)
			m.Handle("POST /api/posts", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
				_, _ = io.Copy(io.Discard, r.Body)
				return Write(w, r, 200, done(t))
			})
			m.Handle("GET /api/hidden", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
				followed <- true
				return Write(w, r, 200, done(t))
			})
			serve(t, m, l, 10)
			c := dial(t, l, parts[0])
			for _, part := range parts[1:] {
				time.Sleep(20 * time.Millisecond) // else it may come at once; that is no failure
				_, _ = io.WriteString(c, part)
			}
			_, _ = io.WriteString(c, "GET /api/hidden HTTP/1.1\r\nHost: h\r\n\r\n")
			answers, _ := io.ReadAll(c)
			if !strings.Contains(string(answers), "\r\nConnection: close\r\n") {
				t.Errorf("the connection goes on:\n%s", answers)
			}
			select {
			case <-followed:
				t.Error("what follows was taken for a request")
			default:
			}
		})
	}
}

func TestWhoseEndIsSureMayBeFollowed(t *testing.T) {
	for name, request := range map[string]string{
		"chunks":             "POST /api/posts HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a length in a body": "POST /api/posts HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n17\r\n\r\nContent-Length: 5\r\n\r\n\r\n0\r\n\r\n",
		"HTTP/1.0":           "POST /api/posts HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
	} {
		t.Run(name, func(t *testing.T) {
			m, l := NewMux(), listenLocal(t)
			m.Handle("POST /api/posts", Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
				_, _ = io.Copy(io.Discard, r.Body)
				return Write(w, r, 200, done(t))
			})
			serve(t, m, l, 10)
			c := dial(t, l, request+"GET /api/hidden HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			if answers, _ := io.ReadAll(c); !strings.Contains(string(answers), `"path":"/api/hidden"`) {
				t.Errorf("there is no answer to what follows:\n%s", answers)
			}
		})
	}
}

func done(t *testing.T) *Answer {
	t.Helper()
	a, err := Encode(Message{"done"})
	if err != nil {
		t.Error(err)
	}
	return a
}

func TestAConnectionKeepsAHeadAndNoBody(t *testing.T) {
	var c conn
	head, body := make([]byte, 100), make([]byte, 1<<20)
	c.note(head, netHTTPBuffer)
	if len(c.read) != len(head) {
		t.Errorf("%d bytes of a head are kept", len(c.read))
	}
	c.note(body, len(body))
	if c.read != nil || c.reads != 2 {
		t.Errorf("%d bytes of a body are kept after %d reads", len(c.read), c.reads)
	}
}
