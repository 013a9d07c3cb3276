package main

// standardLibrary is the module that may have accepted vulnerabilities: whoever
// builds the program chooses Go's patch release. Another module is raised instead.
const standardLibrary = "stdlib"

// accepted are the vulnerabilities of Go 1.26.8 that the program's calls reach, each
// with the reason why it does no harm. They go with Go 1.26.10.
var accepted = map[string]string{
	"GO-2026-6599": noTemplates,
	"GO-2026-6600": noTemplates,
	"GO-2026-6603": noHTTP2,
	"GO-2026-6604": "Windows only, and the folder of the uploads belongs to the server",
	"GO-2026-6605": noClient,
	"GO-2026-6607": noTLS,
	"GO-2026-6608": "upload.form bounds the bytes of each part's header itself",
	"GO-2026-6609": "upload.serve ignores a Range of many ranges",
	"GO-2026-6610": noClient,
	"GO-2026-6611": noHTTP2,
	"GO-2026-6612": noHTTP2,
	"GO-2026-6613": "CONNECT is never answered with 2xx",
	"GO-2026-6617": noHTTP2,
	"GO-2026-6809": "TLS is spoken to a database, a Redis and an address of healthcheck, which the operator names; on most systems the store of certificates distrusts these too",
}

const (
	noClient    = "a fault of the HTTP client; healthcheck asks the server that its user names for a status, and nothing else calls"
	noHTTP2     = "a fault of HTTP/2, which needs TLS, and the server does not speak it"
	noTemplates = "the only template is that of /docs, and no user's text is in it"
	noTLS       = "the server does not speak TLS; healthcheck does if its user names an https address, and tells it nothing"
)
