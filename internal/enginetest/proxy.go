package enginetest

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A Proxy stands between a client and a server and lets the answers come late.
type Proxy struct {
	url    string
	target string
	delay  atomic.Int64

	mu    sync.Mutex
	conns []net.Conn
	ended bool
}

// SlowProxy is a way to the server at address that goes with the test.
func SlowProxy(t testing.TB, address string) *Proxy {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: u.Host}
	u.Host = l.Addr().String()
	p.url = u.String()
	var running sync.WaitGroup
	running.Go(func() { p.serve(l, &running) })
	t.Cleanup(func() {
		l.Close()
		p.end()
		running.Wait()
	})
	return p
}

// URL is where the server is reached through the proxy.
func (p *Proxy) URL() string { return p.url }

// Delay holds every piece of an answer back for d, from now on.
func (p *Proxy) Delay(d time.Duration) { p.delay.Store(int64(d)) }

func (p *Proxy) serve(l net.Listener, running *sync.WaitGroup) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		if !p.keep(client, server) {
			return
		}
		running.Go(func() { p.copy(server, client, func() time.Duration { return 0 }) })
		running.Go(func() { p.copy(client, server, func() time.Duration { return time.Duration(p.delay.Load()) }) })
	}
}

func (p *Proxy) copy(to, from net.Conn, delay func() time.Duration) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		time.Sleep(delay())
		if _, errTo := to.Write(buffer[:n]); err != nil || errTo != nil {
			return
		}
	}
}

// keep notes connections for the end; false: it has come.
func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if p.ended {
			c.Close()
			continue
		}
		p.conns = append(p.conns, c)
	}
	return !p.ended
}

func (p *Proxy) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	for _, c := range p.conns {
		c.Close()
	}
}
