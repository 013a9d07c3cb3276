// Package web is everything HTTP that the services share. It knows no rules and no
// store: a service's routes get a request decoded and hand back an answer or an error.
//
//   - edge.go: the chain in front of all routes, and the line in the log; with
//     clientip.go, headers.go, auth.go (whose token is it), state.go (what the chain
//     knows of a request), shed.go and probe.go (overload), framing.go (where a request ends);
//     inner.go: the shorter chain of a process behind a gateway
//   - mux.go: patterns, who may call them, 404 and 405; forward.go: what is answered elsewhere
//   - decode.go, scan.go, bind.go, body.go: request bodies; query.go: query parameters
//   - document.go: what users, posts and comments look like in JSON; append.go
//     writes posts
//   - respond.go: answers, with ETag and compression (negotiate.go); stream.go: lists
//     too large for memory; share.go: the memory that large bodies, texts and answers share
//   - errors.go: writes every error; words.go: the status and the words of each
//   - server.go, writer.go: connections, and how long a client may hold them;
//     conn.go: one of them, door.go: what it refuses before net/http reads it,
//     unread.go: what is told to a request that nobody can read; tls.go: clients who
//     speak TLS, redirect.go: those who should
//   - health.go: /health, /livez, /readyz
//
// Whoever asks is an argument of each Handler (blog.Actor), never in a context.
package web
