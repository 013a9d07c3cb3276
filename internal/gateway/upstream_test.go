package gateway

import (
	"bufio"
	"net"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if play, ok := roles[os.Getenv("WIRE_ROLE")]; ok {
		play()
		return
	}
	goleak.VerifyTestMain(m)
}

// rawUpstream serves each connection by serve, which closes it when it returns. It returns
// the address.
func rawUpstream(tb testing.TB, serve func(c net.Conn, in *bufio.Reader)) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	u := &upstream{listener: l, serve: serve, open: map[net.Conn]bool{}}
	u.served.Go(u.run)
	tb.Cleanup(u.close)
	return l.Addr().String()
}

type upstream struct {
	listener net.Listener
	serve    func(c net.Conn, in *bufio.Reader)
	served   sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
}

func (u *upstream) run() {
	for {
		c, err := u.listener.Accept()
		if err != nil {
			return
		}
		u.note(c, true)
		u.served.Go(func() {
			defer u.note(c, false)
			defer c.Close()
			u.serve(c, bufio.NewReader(c))
		})
	}
}

func (u *upstream) note(c net.Conn, open bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if open {
		u.open[c] = true
	} else {
		delete(u.open, c)
	}
}

func (u *upstream) close() {
	_ = u.listener.Close()
	u.mu.Lock()
	for c := range u.open {
		_ = c.Close()
	}
	u.mu.Unlock()
	u.served.Wait()
}
