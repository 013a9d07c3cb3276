package web

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
)

// helmet are the headers that helmet 7 sets by default. A handler that has set
// one of them keeps its own.
var helmet = http.Header{
	"Content-Security-Policy": {"default-src 'self';base-uri 'self';font-src 'self' https: data:;form-action 'self';frame-ancestors 'self';" +
		"img-src 'self' data:;object-src 'none';script-src 'self';script-src-attr 'none';style-src 'self' https: 'unsafe-inline';upgrade-insecure-requests"},
	"Cross-Origin-Opener-Policy":        {"same-origin"},
	"Cross-Origin-Resource-Policy":      {"same-origin"},
	"Origin-Agent-Cluster":              {"?1"},
	"Referrer-Policy":                   {"no-referrer"},
	"Strict-Transport-Security":         {"max-age=15552000; includeSubDomains"},
	"X-Content-Type-Options":            {"nosniff"},
	"X-Dns-Prefetch-Control":            {"off"},
	"X-Download-Options":                {"noopen"},
	"X-Frame-Options":                   {"SAMEORIGIN"},
	"X-Permitted-Cross-Domain-Policies": {"none"},
	"X-Xss-Protection":                  {"0"},
}

// helmetLines is helmet as it stands in an answer.
var helmetLines = func() []byte {
	var b strings.Builder
	_ = helmet.Write(&b)
	return []byte(b.String())
}()

// quota is how a client stands with the rate limit.
type quota struct {
	most, remaining int
	seconds         int   // until the window ends
	reset           int64 // when it ends, in Unix seconds
}

// addHeaders adds what every answer has: the request id and, from who faces clients, helmet and,
// if s has one, the quota.
func (s *state) addHeaders(h http.Header) {
	h["X-Request-Id"] = []string{s.id}
	if s.inner {
		h[RouteHeader] = []string{cmp.Or(s.route, unmatched)}
		return
	}
	for name, value := range helmet {
		if _, set := h[name]; !set {
			h[name] = value
		}
	}
	if s.quota == nil {
		return
	}
	for _, line := range s.quota.lines() {
		h[http.CanonicalHeaderKey(line.name)] = []string{strconv.FormatInt(line.value, 10)}
	}
}

// appendHeaders is addHeaders for a connection that writes them itself: net/http
// would keep, copy, sort and write these twenty for each answer anew, which is a
// fifth of what one from the cache costs.
func (s *state) appendHeaders(b []byte) []byte {
	b = append(append(append(b, "X-Request-Id: "...), s.id...), "\r\n"...)
	if s.inner {
		return append(append(append(b, RouteHeader+": "...), cmp.Or(s.route, unmatched)...), "\r\n"...)
	}
	b = append(b, helmetLines...)
	if s.quota == nil {
		return b
	}
	for _, line := range s.quota.lines() {
		b = append(append(b, line.name...), ": "...)
		b = append(strconv.AppendInt(b, line.value, 10), "\r\n"...)
	}
	return b
}

type quotaLine struct {
	name  string
	value int64
}

// lines are the headers of the IETF's draft and, before it, of express-rate-limit.
func (q *quota) lines() [6]quotaLine {
	return [...]quotaLine{
		{"RateLimit-Limit", int64(q.most)}, {"RateLimit-Remaining", int64(q.remaining)}, {"RateLimit-Reset", int64(q.seconds)},
		{"X-RateLimit-Limit", int64(q.most)}, {"X-RateLimit-Remaining", int64(q.remaining)}, {"X-RateLimit-Reset", q.reset},
	}
}

// ownsHeaders reports whether a handler has set one of those of addHeaders itself.
func ownsHeaders(h http.Header) bool {
	for name := range h {
		if _, own := helmet[name]; own {
			return true
		}
	}
	return false
}
