package upload

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// serveUploads answers over TCP with the code of what became of an upload, and
// tells each code on the channel.
func (h *house) serveUploads(t *testing.T) (*httptest.Server, <-chan blog.Code) {
	t.Helper()
	codes := make(chan blog.Code, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := h.receive(r, alice, "images", MaxFiles)
		codes <- blog.CodeOf(err)
		fmt.Fprintf(w, "code %q", blog.CodeOf(err))
	}))
	t.Cleanup(s.Close)
	return s, codes
}

func TestACutConnectionLeavesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, codes := h.serveUploads(t)
		contentType, body := multi(t, numbered(3, sized(t, 200_000))...)
		for _, sent := range []int{0, 100, 150_000, 300_000, len(body) - 1} {
			c, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", contentType, len(body), body[:sent])
			c.Close()
			if code := <-codes; code == "" {
				t.Errorf("cut after %d of %d bytes: accepted", sent, len(body))
			}
		}
		h.wantWhole(t, 0)
	})
}

func TestARefusedClientThatStillSendsGetsItsAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		s, _ := h.serveUploads(t)
		contentType, body := multi(t, part{"images", "a.txt", []byte("text")}, part{"images", "big.png", make([]byte, 20<<20)})
		resp, err := http.Post(s.URL, contentType, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		answer, err := io.ReadAll(resp.Body)
		if err != nil || !strings.Contains(string(answer), string(blog.CodeUploadType)) {
			t.Errorf("%s, %v", answer, err)
		}
		h.wantWhole(t, 0)
	})
}

func TestASlowClientIsServedWhole(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		contentType, body := multi(t, part{"images", "a.png", pngOf(t, 2, 2)})
		pr, pw := io.Pipe()
		go func() {
			defer pw.Close()
			for b := range bytes.SplitSeq(body, []byte("\r\n")) {
				time.Sleep(2 * time.Millisecond)
				pw.Write(b)
				pw.Write([]byte("\r\n"))
			}
		}()
		if _, err := h.receive(request(contentType, pr), alice, "images", MaxFiles); err != nil {
			t.Fatal(err)
		}
		h.wantWhole(t, 1)
	})
}
