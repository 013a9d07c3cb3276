package web

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"

	"inkstone/internal/blog"
	"inkstone/internal/telemetry"
)

// TraceOf returns the trace that the request of ctx is a part of; the zero value outside of
// requests.
func TraceOf(ctx context.Context) telemetry.Trace {
	if s, ok := ctx.Value(stateKey{}).(*state); ok {
		return s.trace
	}
	return telemetry.Trace{}
}

// IDs returns what the log calls the request of ctx and its trace; "" outside of requests.
func IDs(ctx context.Context) (request, trace string) {
	if s, ok := ctx.Value(stateKey{}).(*state); ok {
		return s.id, s.trace.ID()
	}
	return "", ""
}

// begin takes r's part in a trace. Who only looks whether we are well is not recorded: he
// comes every few seconds.
func (e *edge) begin(r *http.Request) (*http.Request, telemetry.Trace) {
	traces := e.Traces
	if isProbe(r.URL.Path) {
		traces = nil
	}
	trusted := len(e.Trusted) > 0 && len(r.Header["Traceparent"]) > 0 && e.trusts(r.RemoteAddr)
	return traces.Begin(r, trusted)
}

// trusts reports whether a peer is one of the trusted proxies.
func (e *edge) trusts(remote string) bool {
	ip, ok := parseAddr(remote)
	return ok && contains(e.Trusted, ip)
}

// isProbe reports whether a path is one of those that machines ask again and again.
func isProbe(p string) bool {
	switch strings.TrimSuffix(p, "/") {
	case "/health", "/livez", "/readyz", "/metrics":
		return true
	}
	return false
}

// panicked tells of a panic: the log, the trace, and who gets reports.
func (e *edge) panicked(r *http.Request, s *state, cause any) {
	text, stack := fmt.Sprint(cause), string(debug.Stack())
	e.Log.Error("panic", "requestId", s.id, "traceId", s.trace.ID(), "error", text, "stack", stack)
	s.trace.Panic(text, stack)
	if e.Report != nil {
		f := s.failure(r, http.StatusInternalServerError)
		f.Text, f.Stack = text, stack
		e.Report(f)
	}
	s.reported = true
}

// conclude ends the request's span and reports a failure of ours. That there is no room, or
// that a service is not ready yet, is none; nor is a client who left.
func (e *edge) conclude(status int, r *http.Request, s *state) {
	status = s.outcome(status)
	if s.trace.Recorded() {
		path, _, _ := strings.Cut(sentPath(r), "?")
		s.trace.End(telemetry.Answered{RequestID: s.id, Method: r.Method, Route: s.route, Path: path, Status: status, Code: s.code()})
	}
	if e.Report == nil || s.err == nil || s.reported || s.shed || s.gone || isProbe(r.URL.Path) {
		return
	}
	f := s.failure(r, status)
	f.Text = s.err.Error()
	e.Report(f)
}

func (s *state) failure(r *http.Request, status int) telemetry.Failure {
	return telemetry.Failure{RequestID: s.id, TraceID: s.trace.ID(), Method: r.Method, Route: s.route, Status: status, Code: s.code()}
}

// code is that of the failure behind a 5xx.
func (s *state) code() string {
	if s.err == nil {
		return string(blog.CodeInternal)
	}
	return string(failure(s.err).Code)
}

// outcome is the status that a request is counted with, of that which was written; 0 is none.
func (s *state) outcome(status int) int {
	switch {
	case s.gone:
		return statusGone
	case status == 0:
		return http.StatusOK
	}
	return status
}
