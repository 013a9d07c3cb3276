package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// target is an address of Consul in its parts.
type target struct {
	scheme string // "http", "https" or "", which is as http
	host   string // with or without a port
	prefix string // of paths, "" or "/consul"
	socket string // the path of a socket; host means nothing then
}

func parseTarget(addr string) (target, error) {
	scheme, rest, found := strings.Cut(addr, "://")
	if !found {
		scheme, rest = "", addr
	}
	if scheme == "unix" {
		return target{scheme: "http", host: "localhost", socket: rest}, nil
	}
	if scheme != "" && scheme != "http" && scheme != "https" {
		return target{}, fmt.Errorf("address of Consul: unknown scheme %q", scheme)
	}
	host, path, _ := strings.Cut(rest, "/")
	if host == "" || strings.ContainsAny(host, "@?# ") { // with a password it is not to be shown
		return target{}, errors.New("address of Consul: want host:port, http://host:port, https://host:port or unix:///path")
	}
	t := target{scheme: scheme, host: host}
	if path = strings.Trim(path, "/"); path != "" {
		t.prefix = "/" + path
	}
	return t, nil
}

// RouteTo is this machine's address on the route to Consul at addr, as the system's table
// of routes says. Nothing is sent, except to find the address of a name (5 s at most). With
// an agent on loopback it is loopback, which others can't reach.
func RouteTo(addr string) (netip.Addr, error) {
	t, err := parseTarget(addr)
	if err != nil {
		return netip.Addr{}, err
	}
	if t.socket != "" {
		return netip.Addr{}, errors.New("no route leads to Consul by a socket: set ADVERTISE_ADDR")
	}
	host, port, err := net.SplitHostPort(t.host)
	if err != nil {
		host, port = strings.Trim(t.host, "[]"), ""
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "udp", net.JoinHostPort(host, cmp.Or(port, "8500")))
	if err != nil {
		return netip.Addr{}, fmt.Errorf("find route to Consul: %w", err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}
