package gateway

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience is far more than anything takes that works.
const patience = 20 * time.Second

// front is a server whose handler sends each request over a wire to one address.
type front struct {
	*httptest.Server
	wire *wire
	hold bool       // whether small bodies are held
	errs chan error // how each exchange ended
}

func newFront(tb testing.TB, address string, o wireOptions) *front {
	f := &front{wire: newWire(o), errs: make(chan error, 1024)}
	f.Server = httptest.NewUnstartedServer(f.handler(address))
	f.Config.ErrorLog = nil
	f.Start()
	tb.Cleanup(func() {
		f.Close()
		f.wire.close()
	})
	return f
}

func (f *front) handler(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := f.pass(w, r, address)
		f.errs <- err
		if errors.Is(err, errCut) {
			panic(http.ErrAbortHandler)
		}
	})
}

var errCut = errors.New("answer cut off")

func (f *front) pass(w http.ResponseWriter, r *http.Request, address string) error {
	client, _ := netip.ParseAddrPort(r.RemoteAddr)
	out, err := newOutgoing(w, r, origin{client: client.Addr(), requestID: "req-1"})
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return err
	}
	defer out.close()
	if f.hold {
		err = out.hold()
	}
	var a *reply
	if err == nil {
		a, err = f.wire.send(r.Context(), out, address)
	}
	if err != nil {
		w.WriteHeader(answerTo(err))
		return err
	}
	if err := a.deliver(w); err != nil {
		return errors.Join(errCut, err)
	}
	return nil
}

func answerTo(err error) int {
	switch {
	case errors.Is(err, errClientBody):
		return http.StatusBadRequest
	case errors.Is(err, errTimeout):
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

// isInstances reports whether it is an instance that failed.
func isInstances(err error) bool { return errors.Is(err, errBroken) || errors.Is(err, errNotSent) }

// wantEnd waits for an exchange to end, and compares how. nil is well.
func (f *front) wantEnd(t *testing.T, want error) {
	t.Helper()
	select {
	case err := <-f.errs:
		if !errors.Is(err, want) {
			t.Errorf("the exchange ended with %v, want %v", err, want)
		}
	case <-time.After(patience):
		t.Fatal("the exchange does not end")
	}
}

// wantIdle compares how many connections are idle. It follows wantEnd.
func (f *front) wantIdle(t *testing.T, want int) {
	t.Helper()
	f.wire.mu.Lock()
	defer f.wire.mu.Unlock()
	if f.wire.idle != want {
		t.Errorf("%d connections are idle, want %d", f.wire.idle, want)
	}
}

// dial opens a connection to f that ends with the test.
func (f *front) dial(t *testing.T) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", f.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	return c.(*net.TCPConn), bufio.NewReader(c)
}

// ask sends text, which is one request, and returns the answer and its body.
func (f *front) ask(t *testing.T, text string) (*http.Response, string) {
	t.Helper()
	c, in := f.dial(t)
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(text, " ")
	return readAnswer(t, in, method)
}

func readAnswer(t *testing.T, in *bufio.Reader, method string) (*http.Response, string) {
	t.Helper()
	resp, err := http.ReadResponse(in, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		body = append(body, " ("+err.Error()+")"...)
	}
	return resp, string(body)
}

// answering is an upstream that reads requests, tells them, and answers each with text. It
// closes after the first if text tells so, or has no length.
func answering(t testing.TB, text string) (address string, got <-chan string) {
	seen := make(chan string, 1024)
	return rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		for {
			request, err := readRequest(in)
			if err != nil {
				return
			}
			seen <- request
			_, _ = io.WriteString(c, text)
			if strings.Contains(text, "Connection: close") {
				return
			}
		}
	}), seen
}

// readRequest reads one request as it stands.
func readRequest(in *bufio.Reader) (string, error) {
	head, err := readLines(in)
	if err != nil {
		return head, err
	}
	if _, rest, ok := strings.Cut(head, "\r\nContent-Length: "); ok {
		text, _, _ := strings.Cut(rest, "\r\n")
		n, _ := strconv.Atoi(text)
		body := make([]byte, n)
		_, err = io.ReadFull(in, body)
		return head + string(body), err
	}
	for strings.Contains(head, "Transfer-Encoding: chunked") {
		line, err := in.ReadString('\n')
		if err != nil {
			return head, err
		}
		head += line
		if line == "0\r\n" {
			rest, err := readLines(in)
			return head + rest, err
		}
		n, _ := strconv.ParseInt(strings.TrimSpace(line), 16, 64)
		piece := make([]byte, n+2)
		if _, err := io.ReadFull(in, piece); err != nil {
			return head, err
		}
		head += string(piece)
	}
	return head, nil
}

// readLines reads as far as an empty line, and with it.
func readLines(in *bufio.Reader) (string, error) {
	var text strings.Builder
	for {
		line, err := in.ReadString('\n')
		text.WriteString(line)
		if err != nil || line == "\r\n" {
			return text.String(), err
		}
	}
}

// next waits for what a channel brings.
func next[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing comes")
		panic("unreachable")
	}
}

func wantNothing(t *testing.T, got <-chan string) {
	t.Helper()
	select {
	case text := <-got:
		t.Errorf("the instance got one more request:\n%s", text)
	default:
	}
}

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
