package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// moody is an upstream that answers with the target it was asked for, many times, and with a
// dot at the end. At times it breaks off half way, or closes with or without a word.
func moody(t *testing.T) string {
	return rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		for {
			request, err := readRequest(in)
			if err != nil {
				return
			}
			_, rest, _ := strings.Cut(request, " ")
			target, _, _ := strings.Cut(rest, " ")
			body := strings.Repeat(target, 1+rand.IntN(2000)) + "."
			switch rand.IntN(8) {
			case 0:
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				return
			case 1:
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:len(body)/2])
				return
			case 2:
				return
			case 3:
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			default:
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			}
		}
	})
}

func TestNobodyGetsTheAnswerOfAnother(t *testing.T) {
	f := newFront(t, moody(t), wireOptions{})
	go func() { // a channel of errors has a bound
		for range f.errs {
		}
	}()
	defer close(f.errs)
	defer f.Close()
	var clients sync.WaitGroup
	for n := range 32 {
		clients.Go(func() {
			for i := range 40 {
				askMoody(t, f, fmt.Sprintf("/%d-%d/", n, i))
			}
		})
	}
	clients.Wait()
}

// askMoody asks for target, and leaves early at times. What it gets must be its own.
func askMoody(t *testing.T, f *front, target string) {
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var body io.Reader
	if rand.IntN(3) == 0 {
		body = io.MultiReader(strings.NewReader(strings.Repeat("a", rand.IntN(100000)))) // of unknown length
	}
	r, err := http.NewRequestWithContext(ctx, "PUT", f.URL+target, body)
	if err != nil {
		t.Error(err)
		return
	}
	if rand.IntN(5) == 0 {
		go leave()
	}
	resp, err := f.Client().Do(r)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if resp.StatusCode != 200 {
		return
	}
	content, whole := strings.CutSuffix(string(text), ".")
	if whole != (err == nil) || !strings.HasPrefix(strings.Repeat(target, 2000), content) {
		t.Errorf("%s got %.100q (%v)", target, text, err)
	}
}
