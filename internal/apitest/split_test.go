package apitest

import (
	"cmp"
	"io"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// splits are the processes that the site is made of behind a gateway.
var splits = []string{"auth,user", "post", "comment,upload,admin"}

// startSplit runs the site as several programs and a gateway, all in this process, on one
// database and one folder.
func startSplit(t testing.TB, s settings) *instance {
	t.Helper()
	s["DATA_DIR"] = t.TempDir()
	s["DRAIN_WAIT"] = cmp.Or(s["DRAIN_WAIT"], "0s")
	site := &instance{}
	var addresses []string
	for _, target := range splits {
		part := maps.Clone(s)
		part["TARGET"], part["TRUSTED_PROXIES"] = target, "127.0.0.1"
		if part["DATABASE_URL"] != "" {
			part["DB_MAX_CONNS"] = cmp.Or(part["DB_MAX_CONNS"], "6") // of several in many tests at once
		}
		delete(part, "METRICS_ADDR") // of one of them
		a := run(t, part, io.Discard)
		site.routes = append(site.routes, a.Routes()...)
		site.others = append(site.others, a.URL())
		for row := range strings.SplitSeq(target, ",") {
			addresses = append(addresses, row+"-service="+hostOf(t, a.URL()))
		}
	}
	s["TARGET"], s["STATIC_SERVICES"] = "gateway", strings.Join(addresses, ";")
	s["GATEWAY_RATE_LIMIT_MAX"] = cmp.Or(s["GATEWAY_RATE_LIMIT_MAX"], "0")
	edge := run(t, s, io.Discard)
	for _, r := range edge.Routes() {
		if !slices.Contains(site.routes, r) {
			site.routes = append(site.routes, r)
		}
	}
	site.url = edge.URL()
	return site
}

func hostOf(t testing.TB, base string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort(host, port)
}
