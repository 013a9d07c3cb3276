package telemetry

import "net/http"

// outward is what spans and reports are sent by: the default transport with few idle
// connections, and without HTTP/2, which little traffic has no use for
// (docs/decisions/0015-vulnerabilities.md).
func outward() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConns = 2
	t.ForceAttemptHTTP2 = false
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	return t
}
