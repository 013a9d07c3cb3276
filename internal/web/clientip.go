package web

import (
	"net/http"
	"net/netip"
	"strings"
)

// clientIP returns the client's address, and what it is counted under: the socket's, unless
// that is a trusted proxy. Then X-Forwarded-For is read from the right to the
// first address that is not trusted; what is no address ends the walk.
func clientIP(r *http.Request, trusted []netip.Prefix) (client netip.Addr, key string) {
	ip, ok := parseAddr(r.RemoteAddr)
	if !ok {
		return netip.Addr{}, "unknown"
	}
	if len(trusted) > 0 && contains(trusted, ip) {
		ip = forwarded(r.Header["X-Forwarded-For"], ip, trusted)
	}
	return ip, limitKey(ip)
}

func forwarded(values []string, ip netip.Addr, trusted []netip.Prefix) netip.Addr {
	hops := strings.Split(strings.Join(values, ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := parseAddr(strings.TrimSpace(hops[i]))
		if !ok {
			return ip
		}
		if ip = hop; !contains(trusted, ip) {
			return ip
		}
	}
	return ip
}

// parseAddr reads an address with or without port and brackets.
func parseAddr(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	ip, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return ip.Unmap().WithZone(""), err == nil
}

func contains(prefixes []netip.Prefix, ip netip.Addr) bool {
	for _, p := range prefixes {
		if p.Contains(ip) {
			return true
		}
	}
	return false
}

// limitKey is the address, or the /64 of an IPv6 address: one host has all of that.
func limitKey(ip netip.Addr) string {
	if ip.Is4() {
		return ip.String()
	}
	p, _ := ip.Prefix(64) // 64 bits fit an IPv6 address
	return p.String()
}
