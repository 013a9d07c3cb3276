package web

import (
	"net"
	"net/http"
	"strconv"
	"strings"

	"inkstone/internal/blog"
)

// Redirect sends who comes by http on to the same host by https, with method, path and query.
type Redirect struct {
	Covers func(host string) bool // whether a host, without a port, is ours; others are not sent to it
	Port   int                    // of https, as clients see it
}

// ServeHTTP implements http.Handler.
func (to Redirect) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	host := withoutPort(r.Host)
	target := r.URL.RequestURI()
	if host == "" || !strings.HasPrefix(target, "/") || !to.Covers(host) {
		WriteError(w, r, blog.Fail(blog.CodeBadRequest))
		return
	}
	address := net.JoinHostPort(host, strconv.Itoa(to.Port))
	if to.Port == 443 {
		address = strings.TrimSuffix(address, ":443")
	}
	w.Header().Set("Location", "https://"+address+target)
	w.WriteHeader(http.StatusPermanentRedirect)
}

// withoutPort returns the name or the address in a Host header, an IPv6 one without brackets.
func withoutPort(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}
