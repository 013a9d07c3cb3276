package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// try sends a request over w to address, delivers the answer and returns its body.
func (w *wire) try(ctx context.Context, method, address string) (string, error) {
	to := httptest.NewRecorder()
	out, err := newOutgoing(to, httptest.NewRequest(method, "/", nil), origin{})
	if err != nil {
		return "", err
	}
	defer out.close()
	a, err := w.send(ctx, out, address)
	if err != nil {
		return "", err
	}
	err = a.deliver(to)
	return to.Body.String(), err
}

func (w *wire) wantOK(t *testing.T, method, address string) {
	t.Helper()
	if body, err := w.try(t.Context(), method, address); err != nil || body != "ok" {
		t.Fatalf("%q, %v", body, err)
	}
}

func TestConnectionsAreKeptWithinBounds(t *testing.T) {
	newTestWire := func(t *testing.T, o wireOptions) *wire {
		w := newWire(o)
		t.Cleanup(w.close)
		return w
	}
	t.Run("a connection serves one request after the other", func(t *testing.T) {
		var conns atomic.Int32
		address := counting(t, &conns, okAnswer)
		w := newTestWire(t, wireOptions{})
		for range 10 {
			w.wantOK(t, "GET", address)
			w.wantOK(t, "POST", address)
		}
		if n := conns.Load(); n != 1 {
			t.Errorf("%d connections were made", n)
		}
	})
	t.Run("one that has been idle for long is not used", func(t *testing.T) {
		var conns atomic.Int32
		address := counting(t, &conns, okAnswer)
		w := newTestWire(t, wireOptions{idle: time.Nanosecond})
		w.wantOK(t, "GET", address)
		w.wantOK(t, "GET", address)
		if n := conns.Load(); n != 2 {
			t.Errorf("%d connections were made", n)
		}
	})
	t.Run("idle connections are closed after a while", func(t *testing.T) {
		address, closed := closing(t)
		w := newTestWire(t, wireOptions{idle: 20 * time.Millisecond})
		w.wantOK(t, "GET", address)
		next(t, closed)
	})
	t.Run("idle connections have a bound", func(t *testing.T) {
		address, closed := closing(t)
		w := newTestWire(t, wireOptions{perHost: 1})
		a, b := hanging(t, w, address), hanging(t, w, address)
		a.discard()
		b.discard()
		next(t, closed)
		w.wantOK(t, "GET", address)
		if w.idle != 1 {
			t.Errorf("%d are idle", w.idle)
		}
	})
	t.Run("what is forgotten is closed, now or after use", func(t *testing.T) {
		address, closed := closing(t)
		w := newTestWire(t, wireOptions{})
		a := hanging(t, w, address)
		w.wantOK(t, "GET", address)
		w.forget(address)
		next(t, closed)
		a.discard()
		next(t, closed)
		w.wantOK(t, "GET", address)
		if w.idle != 1 || len(w.hosts) != 1 {
			t.Errorf("%d connections to %d addresses are idle", w.idle, len(w.hosts))
		}
	})
	t.Run("a closed wire keeps nothing", func(t *testing.T) {
		address, closed := closing(t)
		w := newTestWire(t, wireOptions{})
		w.wantOK(t, "GET", address)
		w.close()
		next(t, closed)
		w.wantOK(t, "GET", address)
		next(t, closed)
	})
}

// counting is an upstream that answers each request with text and counts its connections.
func counting(t *testing.T, conns *atomic.Int32, text string) string {
	return rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		conns.Add(1)
		for {
			if _, err := readRequest(in); err != nil {
				return
			}
			_, _ = io.WriteString(c, text)
		}
	})
}

// closing is an upstream that answers "ok" and tells of each connection that is closed.
func closing(t *testing.T) (address string, closed <-chan bool) {
	told := make(chan bool, 100)
	return rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		defer func() { told <- true }()
		for {
			if _, err := readRequest(in); err != nil {
				return
			}
			_, _ = io.WriteString(c, okAnswer)
		}
	}), told
}

// hanging is an answer that has not been read.
func hanging(t *testing.T, w *wire, address string) *reply {
	t.Helper()
	out, err := newOutgoing(nil, httptest.NewRequest("GET", "/", nil), origin{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.close)
	a, err := w.send(t.Context(), out, address)
	if err != nil {
		t.Fatal(err)
	}
	if a.status != 200 {
		t.Fatal(a.status)
	}
	return a
}

// onceOnly is an upstream whose connections answer one request each and are closed when the
// test says so; it tells what it got.
func onceOnly(t *testing.T) (address string, got <-chan string, end func()) {
	seen, now, closed := make(chan string, 100), make(chan bool), make(chan bool)
	var first atomic.Bool
	address = rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		one := !first.Swap(true)
		for {
			request, err := readRequest(in)
			if err != nil {
				return
			}
			seen <- request
			_, _ = io.WriteString(c, okAnswer)
			if one {
				<-now
				_ = c.Close()
				close(closed)
				return
			}
		}
	})
	return address, seen, func() { close(now); <-closed }
}

func TestAConnectionThatWasClosedWhileIdleIsNoFailure(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no way to look at a connection")
	}
	for _, method := range []string{"GET", "POST"} {
		address, got, end := onceOnly(t)
		w := newWire(wireOptions{})
		w.wantOK(t, method, address)
		next(t, got)
		end()
		w.wantOK(t, method, address)
		next(t, got)
		wantNothing(t, got)
		w.close()
	}
}

func TestBytesThatNobodyAskedForAreNotTheNextAnswer(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no way to look at a connection")
	}
	more, written := make(chan bool), make(chan bool)
	var conns atomic.Int32
	address := rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		poisons := conns.Add(1) == 1
		for {
			if _, err := readRequest(in); err != nil {
				return
			}
			_, _ = io.WriteString(c, okAnswer)
			if poisons {
				<-more
				_, _ = io.WriteString(c, strings.Replace(okAnswer, "ok", "no", 1))
				close(written)
			}
		}
	})
	w := newWire(wireOptions{})
	defer w.close()
	w.wantOK(t, "GET", address)
	close(more)
	next(t, written)
	w.wantOK(t, "GET", address)
	if n := conns.Load(); n != 2 {
		t.Errorf("%d connections were made", n)
	}
}

// dying is an upstream that answers the first request of a connection, and closes it on the second one.
func dying(t *testing.T, seen *atomic.Int32) string {
	return rawUpstream(t, func(c net.Conn, in *bufio.Reader) {
		for n := range 2 {
			if _, err := readRequest(in); err != nil {
				return
			}
			seen.Add(1)
			if n == 0 {
				_, _ = io.WriteString(c, okAnswer)
			}
		}
	})
}

func TestARequestIsSentAgainOnlyIfThatDoesNoHarm(t *testing.T) {
	for _, c := range []struct {
		method string
		want   error
		seen   int32
	}{{"GET", nil, 3}, {"PUT", nil, 3}, {"DELETE", nil, 3}, {"POST", errBroken, 2}, {"PATCH", errBroken, 2}} {
		var seen atomic.Int32
		address := dying(t, &seen)
		w := newWire(wireOptions{})
		w.wantOK(t, c.method, address)
		_, err := w.try(t.Context(), c.method, address)
		if !errors.Is(err, c.want) || seen.Load() != c.seen {
			t.Errorf("%s: %v, %d requests were seen, want %d", c.method, err, seen.Load(), c.seen)
		}
		w.close()
	}
}

func TestANewConnectionThatBreaksIsTriedOnce(t *testing.T) {
	var seen atomic.Int32
	address := rawUpstream(t, func(_ net.Conn, in *bufio.Reader) {
		_, _ = readRequest(in)
		seen.Add(1)
	})
	w := newWire(wireOptions{})
	defer w.close()
	if _, err := w.try(t.Context(), "GET", address); !errors.Is(err, errBroken) || errors.Is(err, errNotSent) || seen.Load() != 1 {
		t.Errorf("%v, %d requests were seen", err, seen.Load())
	}
}

func TestARefusedConnectionSaysThatNothingWasSent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	w := newWire(wireOptions{})
	defer w.close()
	if _, err := w.try(t.Context(), "POST", l.Addr().String()); !errors.Is(err, errRefused) || !errors.Is(err, errNotSent) || errors.Is(err, errBroken) {
		t.Error(err)
	}
}

func TestAContextThatEndsIsTheCause(t *testing.T) {
	address := rawUpstream(t, func(_ net.Conn, in *bufio.Reader) { _, _ = io.Copy(io.Discard, in) })
	w := newWire(wireOptions{})
	defer w.close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := w.try(ctx, "GET", address); !errors.Is(err, errTimeout) {
		t.Errorf("past the deadline: %v", err)
	}
	why := errors.New("another answer came first")
	other, give := context.WithCancelCause(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { give(why) })
	if _, err := w.try(other, "GET", address); !errors.Is(err, why) || isInstances(err) {
		t.Errorf("given up: %v", err)
	}
	if _, err := w.try(other, "GET", address); !errors.Is(err, why) {
		t.Errorf("given up before: %v", err)
	}
}

func TestAnAnswerHasItsDeadline(t *testing.T) {
	address := rawUpstream(t, func(_ net.Conn, in *bufio.Reader) { _, _ = io.Copy(io.Discard, in) })
	w := newWire(wireOptions{})
	defer w.close()
	out, err := newOutgoing(nil, httptest.NewRequest("GET", "/", nil), origin{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.close()
	out.by = time.Now().Add(20 * time.Millisecond)
	if _, err := w.send(t.Context(), out, address); !errors.Is(err, errTimeout) {
		t.Error(err)
	}
}

func TestAHeldBodyIsSentAgain(t *testing.T) {
	var seen atomic.Int32
	first := dying(t, &seen)
	second, got := answering(t, okAnswer)
	w := newWire(wireOptions{})
	defer w.close()
	out, err := newOutgoing(nil, httptest.NewRequest("POST", "/", strings.NewReader("hello")), origin{})
	if err != nil {
		t.Fatal(err)
	}
	defer out.close()
	if err := out.hold(); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{first, second} {
		a, err := w.send(t.Context(), out, address)
		if err != nil {
			t.Fatal(err)
		}
		a.discard()
	}
	if request := next(t, got); out.begun() || !strings.HasSuffix(request, "\r\nContent-Length: 5\r\n\r\nhello") {
		t.Error(request)
	}
}

func TestWhatHangsIsGivenUpIfAnotherMayAnswer(t *testing.T) {
	asked := make(chan bool, 10)
	address := rawUpstream(t, func(_ net.Conn, in *bufio.Reader) {
		_, _ = readRequest(in)
		asked <- true
		_, _ = in.ReadByte()
	})
	w := newWire(wireOptions{})
	defer w.close()
	ends := map[string]chan error{}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for _, method := range []string{"GET", "POST"} {
		end := make(chan error, 1)
		ends[method] = end
		go func() {
			_, err := w.try(ctx, method, address)
			end <- err
		}()
		next(t, asked)
	}
	w.interrupt(address)
	w.interrupt(address) // is forgotten
	if err := next(t, ends["GET"]); !errors.Is(err, errTimeout) {
		t.Errorf("GET: %v", err)
	}
	select {
	case err := <-ends["POST"]:
		t.Errorf("POST is given up: %v", err)
	default:
	}
	leave()
	if err := next(t, ends["POST"]); !errors.Is(err, context.Canceled) {
		t.Errorf("POST: %v", err)
	}
}

func TestAnAnswerThatIsThereIsNotGivenUp(t *testing.T) {
	address, _ := answering(t, okAnswer)
	w := newWire(wireOptions{})
	defer w.close()
	a := hanging(t, w, address)
	w.interrupt(address)
	to := httptest.NewRecorder()
	if err := a.deliver(to); err != nil || to.Body.String() != "ok" {
		t.Errorf("%q, %v", to.Body, err)
	}
}
