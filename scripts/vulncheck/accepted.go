package main

// standardLibrary is the module that may have accepted vulnerabilities: whoever
// builds the program chooses Go's patch release. Another module is raised instead.
const standardLibrary = "stdlib"

// accepted are the vulnerabilities of Go 1.26.8 that the program's calls reach, each
// with the reason why it does no harm. They go with Go 1.26.10.
var accepted = map[string]string{
	"GO-2026-6599": noTemplates,
	"GO-2026-6600": noTemplates,
	"GO-2026-6603": toBeBuilt,
	"GO-2026-6604": "Windows only, and the folder of the uploads belongs to the server",
	"GO-2026-6605": "no CONNECT with a body is ever sent",
	"GO-2026-6607": "a fault of servers that have keys for encrypted client hellos, and this one has none",
	"GO-2026-6608": "upload.form bounds the bytes of each part's header itself",
	"GO-2026-6609": "upload.serve ignores a Range of many ranges",
	"GO-2026-6610": noHTTP2,
	"GO-2026-6611": toBeBuilt,
	"GO-2026-6612": "what one client can have buffered is bounded by its 100 streams, and connections are",
	"GO-2026-6613": "CONNECT is never answered with 2xx",
	"GO-2026-6617": toBeBuilt,
	"GO-2026-6809": "intermediate certificates that a system with current roots distrusts already; concerns S3, PostgreSQL, Redis, a collector and Sentry over TLS where the roots are old",
}

const (
	noHTTP2     = "a fault of HTTP/2 clients: those of S3, of a collector, of Sentry and of robots do without it, gateways speak HTTP/1.1 with services, and healthcheck asks the server that its user names"
	noTemplates = "the only template is that of /docs, and no user's text is in it"
	toBeBuilt   = "a fault of HTTP/2 servers, which this one is where TLS is on: a release is built with Go 1.26.10, an older one warns at its start, and TLS_HTTP2=false does without"
)
