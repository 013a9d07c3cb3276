package web

import (
	"context"
	"net/http"
	"net/netip"

	"inkstone/internal/blog"
	"inkstone/internal/telemetry"
)

// state is what the chain knows about one request. Edge makes it; the Mux and
// the writers of answers read it. It is never handed to services.
type state struct {
	inner   bool       // within Inner
	id      string     // the request id
	client  netip.Addr // the zero value if it is not known
	proto   string     // the client's: http or https
	ip      string     // the client's address, as the limiter keys it
	method  string     // of the matched route
	route   string     // the matched pattern without its method; "" is unmatched
	actor   blog.Actor // who asks, if authErr is nil
	authErr error      // why the token that was sent does not count
	err     error      // the failure behind a 5xx, for the log line
	gone    bool       // the client left before the answer
	entered bool       // let in by the Shedder
	shed    bool       // refused because of overload
	leaving bool       // told that this process is not ready because it stops
	quota   *quota     // nil: the request does not count

	line telemetry.RequestLine // of the log, at the end

	trace    telemetry.Trace
	reported bool // its failure, already
}

type stateKey struct{}

// stateOf returns the request's state; outside Edge, as in tests of a bare Mux, an empty one.
func stateOf(r *http.Request) *state {
	if s, ok := r.Context().Value(stateKey{}).(*state); ok {
		return s
	}
	return &state{}
}

func withState(r *http.Request, s *state) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), stateKey{}, s))
}

// RouteOf returns method and pattern of the route that works with ctx, like "GET /api/posts/{id}".
// It is "" outside of requests, and while it is found out who asks.
func RouteOf(ctx context.Context) string {
	if s, ok := ctx.Value(stateKey{}).(*state); ok && s.route != "" {
		return s.method + " " + s.route
	}
	return ""
}

// ClientIP returns the client's address as the limits count it: an IPv6 address
// stands for its /64. It is "" outside Edge.
func ClientIP(r *http.Request) string { return stateOf(r).ip }
