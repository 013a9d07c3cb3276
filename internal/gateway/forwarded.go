package gateway

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"inkstone/internal/web"
)

// origin is what the gateway says about a request to the instances, who believe it.
type origin struct {
	client    netip.Addr // whose request it is; invalid if that is not known
	proto     string     // "http" or "https"; empty is that of the connection
	requestID string
	extra     []field // in place of what the client may have said; names in canonical form
}

// says reports whether from.extra has name.
func (from *origin) says(name string) bool {
	return slices.ContainsFunc(from.extra, func(f field) bool { return f.name == name })
}

// append appends what is said of r.
func (from *origin) append(b []byte, r *http.Request) []byte {
	if from.requestID != "" {
		b = appendField(b, "X-Request-Id", from.requestID)
	}
	for _, f := range from.extra {
		b = appendField(b, f.name, f.value)
	}
	proto := from.proto
	switch {
	case proto == "" && r.TLS != nil:
		proto = "https"
	case proto == "":
		proto = "http"
	}
	b = appendField(b, "X-Forwarded-Proto", proto)
	b = appendField(b, "X-Forwarded-Host", r.Host)
	if from.client.IsValid() {
		b = append(from.client.AppendTo(append(b, "X-Forwarded-For: "...)), "\r\n"...)
	}
	return from.appendForwarded(b, proto, r.Host)
}

// appendForwarded appends the same by RFC 7239.
func (from *origin) appendForwarded(b []byte, proto, host string) []byte {
	b = append(b, "Forwarded: for="...)
	switch {
	case !from.client.IsValid():
		b = append(b, "unknown"...)
	case from.client.Is4():
		b = from.client.AppendTo(b)
	default:
		b = append(from.client.AppendTo(append(b, `"[`...)), `]"`...)
	}
	b = append(append(b, ";proto="...), proto...)
	if host != "" && !strings.ContainsAny(host, `"\`) {
		b = append(append(append(b, `;host="`...), host...), '"')
	}
	return append(b, "\r\n"...)
}

// kept reports whether a client's header stays with the gateway: it is about the client's
// own connection, it frames the message, or it is for the gateway alone to say. Names with
// "_" are those with "-" to some. name is in canonical form.
func kept(name string) bool {
	if isHop(name) {
		return true
	}
	switch name {
	case "Content-Length", "Expect", "Host", "Http2-Settings", "Proxy-Authorization",
		"Forwarded", "X-Real-Ip", "X-Request-Id":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "X-User-") ||
		strings.HasPrefix(name, "X-Internal-") || strings.IndexByte(name, '_') >= 0
}

// isHop reports whether a header is about one connection (RFC 9110, section 7.6.1).
func isHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// withheld reports whether a header of an answer stays with the gateway: the edge says these
// things itself.
func withheld(name string) bool {
	return isHop(name) || name == "Content-Length" || name == "X-Request-Id" || name == web.BusyHeader || name == web.RouteHeader || strings.HasPrefix(name, "Access-Control-") ||
		strings.HasPrefix(name, "Ratelimit-") || strings.HasPrefix(name, "X-Ratelimit-")
}
