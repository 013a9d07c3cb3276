package web

import (
	"net/http"
	"net/netip"
	"strings"
)

// What Inner tells a gateway of an answer, and a gateway nobody else.
const (
	// BusyHeader marks a refusal for want of room, which says nothing of whether the process is well.
	BusyHeader = "X-Inkstone-Busy"
	// RouteHeader has the pattern of the route, for the log and the metrics.
	RouteHeader = "X-Inkstone-Route"
)

// unmatched is the route of requests that no route has.
const unmatched = "unmatched"

// NoteRoute notes the route that a service has told by RouteHeader; one that tells none keeps the
// part of the paths that it answers.
func NoteRoute(r *http.Request, told string) {
	const longest = 128
	s := stateOf(r)
	switch {
	case told == unmatched:
		s.route = ""
	case strings.HasPrefix(told, "/") && len(told) <= longest:
		s.route = told
	}
}

// Inner is the chain around the routes of a process that a gateway sends requests to: what Edge
// has, but for what is the gateway's, which is CORS, the limits and the headers that every answer
// has. The client's address and the request id are taken from trusted peers alone.
func Inner(next http.Handler, o EdgeOptions) http.Handler {
	o.Limiter = nil
	e := newEdge(next, o)
	e.inner = true
	e.admitted, e.refused = http.HandlerFunc(e.admit), http.HandlerFunc(tellBusy)
	return e
}

// warnOfStrangers says once that somebody speaks for clients who is not trusted with that: what
// is counted by address, as failed logins, would count all of them as one.
func (e *edge) warnOfStrangers(r *http.Request) {
	if len(r.Header["X-Forwarded-For"]) > 0 && !e.trusts(r.RemoteAddr) {
		e.strangers.Do(func() {
			e.Log.Warn("a peer that is not in TRUSTED_PROXIES sends X-Forwarded-For: if it is the gateway, all its clients count as one", "peer", r.RemoteAddr)
		})
	}
}

// protocol is the one that the client speaks: "http" or "https".
func (e *edge) protocol(r *http.Request) string {
	if r.TLS != nil {
		return "https"
	}
	if len(e.Trusted) > 0 && r.Header.Get("X-Forwarded-Proto") == "https" && e.trusts(r.RemoteAddr) {
		return "https"
	}
	return "http"
}

// Origin is where a request comes from, as it is told to who answers it in our place.
type Origin struct {
	Address   netip.Addr // of the client; the zero value if it is not known
	Protocol  string     // http or https
	RequestID string
}

// OriginOf returns where a request within Edge comes from.
func OriginOf(r *http.Request) Origin {
	s := stateOf(r)
	return Origin{s.client, s.proto, s.id}
}
