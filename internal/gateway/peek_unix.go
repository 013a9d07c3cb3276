//go:build unix

package gateway

import (
	"net"
	"syscall"
)

// peeker looks whether something has happened to an idle connection. An instance that stops
// closes it; bytes that nobody asked for would be taken for the answer to the next request.
type peeker struct {
	raw   syscall.RawConn
	peek  func(fd uintptr)
	state *error
}

func newPeeker(c *net.TCPConn) peeker {
	raw, err := c.SyscallConn()
	if err != nil {
		return peeker{}
	}
	var state error
	var one [1]byte
	return peeker{raw: raw, state: &state, peek: func(fd uintptr) {
		_, _, state = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}}
}

// quiet reports whether the connection is open and there is nothing to read.
func (p peeker) quiet() bool {
	return p.raw != nil && p.raw.Control(p.peek) == nil && (*p.state == syscall.EAGAIN || *p.state == syscall.EWOULDBLOCK)
}
