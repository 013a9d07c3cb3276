package postgres

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// wire is a line to the server that a test can cut.
type wire struct {
	url, server string
	listener    net.Listener

	mu     sync.Mutex
	open   map[net.Conn]bool
	silent bool   // what is sent from now on arrives nowhere
	last   []byte // a connection ends when this has gone to the server
	mute   []byte // or is silent from then on
}

// newWire lays a line to the server of a URL, which its own url goes through.
func newWire(t *testing.T, address string) *wire {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{server: u.Host, listener: l, open: map[net.Conn]bool{}}
	u.Host = l.Addr().String()
	w.url = u.String()
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() { w.carry(c) })
		}
	})
	t.Cleanup(func() { l.Close(); w.Cut(); running.Wait() })
	return w
}

// Cut ends all connections, as a server that restarts does.
func (w *wire) Cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.open {
		c.Close()
	}
}

// Silence has nothing arrive any more, on new connections either, and nobody told.
func (w *wire) Silence() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent = true
}

// Heal ends the silence for new connections. The old ones stay dead, as with a router
// that has forgotten them.
func (w *wire) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.silent, w.mute = false, nil
}

// CutAfter ends a connection as soon as these bytes have gone to the server.
func (w *wire) CutAfter(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = []byte(text)
}

// SilenceAfter has a connection carry nothing any more as soon as these bytes have gone to
// the server.
func (w *wire) SilenceAfter(text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mute = []byte(text)
}

func (w *wire) keep(c net.Conn) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[c] = true
}

func (w *wire) drop(c net.Conn) {
	c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, c)
}

func (w *wire) carry(client net.Conn) {
	w.keep(client)
	defer w.drop(client)
	server, err := net.Dial("tcp", w.server)
	if err != nil {
		return
	}
	w.keep(server)
	defer w.drop(server)
	l := &line{wire: w}
	back := make(chan struct{})
	go func() {
		defer close(back)
		l.copy(client, server, false)
		client.Close()
	}()
	l.copy(server, client, true)
	server.Close()
	client.Close()
	<-back
}

// line is one connection; it stays dead once it was silent.
type line struct {
	wire *wire
	mu   sync.Mutex
	dead bool
	cut  bool
}

func (l *line) copy(to io.Writer, from io.Reader, forth bool) {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 && !l.pass(to, buf[:n], forth) {
			return
		}
		if err != nil {
			return
		}
	}
}

func (l *line) pass(to io.Writer, b []byte, forth bool) bool {
	l.wire.mu.Lock()
	silent, last, mute := l.wire.silent, l.wire.last, l.wire.mute
	l.wire.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead = l.dead || silent; l.dead {
		return true
	}
	if l.cut {
		return false // the answer to the last words
	}
	_, err := to.Write(b)
	l.cut = forth && last != nil && bytes.Contains(b, last)
	l.dead = forth && mute != nil && bytes.Contains(b, mute)
	return err == nil
}
