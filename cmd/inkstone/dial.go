package main

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
)

var (
	// errNobody is that nothing listens where the server should.
	errNobody = errors.New("no server listens")

	// errElsewhere is that a host is not this machine alone.
	errElsewhere = errors.New("the host is elsewhere")
)

// dialHere connects to a port of this machine, so that what is sent there passes no wire. A name is
// looked up once: what it means is judged and dialled. errElsewhere also if it isn't known in time;
// errNobody; what ended ctx.
func dialHere(ctx context.Context, host string, port int) (net.Conn, error) {
	addresses, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err()
	}
	if err != nil || !allOurs(addresses) {
		return nil, errElsewhere
	}
	var d net.Dialer
	for _, a := range addresses {
		conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(port)))
		if err == nil {
			return conn, nil
		}
		if timedOut(err) || ctx.Err() != nil {
			return nil, err
		}
	}
	return nil, errNobody
}

// timedOut tells a wait that has ended, if only a moment before its context knows.
func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// allOurs tells whether addresses are this machine's, one and all.
func allOurs(addresses []net.IPAddr) bool {
	ours, err := net.InterfaceAddrs()
	if err != nil {
		ours = nil // loopback is ours in any case
	}
	return !slices.ContainsFunc(addresses, func(a net.IPAddr) bool {
		return !a.IP.IsLoopback() && !slices.ContainsFunc(ours, func(o net.Addr) bool {
			n, ok := o.(*net.IPNet)
			return ok && n.IP.Equal(a.IP)
		})
	})
}
