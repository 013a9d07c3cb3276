package telemetry

import (
	"context"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Ask makes a request to a service upstream a part of the trace that ctx or, if it is not recorded,
// of belongs to: header gets what tells the service so. end is called with the status of the
// answer once its head is there, or with 0 if none came.
func (t *Traces) Ask(ctx context.Context, of Trace, method, peer string, header http.Header) (end func(status int)) {
	if !t.traces(ctx) {
		if of.context.IsValid() {
			inject(header, of.context)
		}
		return func(int) {}
	}
	span := t.ask(ctx, method, peer)
	inject(header, span.SpanContext())
	return func(status int) {
		noteAnswer(span, status)
		span.End()
	}
}

// Transport asks a service upstream: it tells that service which trace the request is a
// part of, and makes a span of it where that is recorded, until the head of the answer is there.
type Transport struct {
	Next   http.RoundTripper
	Traces *Traces // may be nil
	Peer   string  // what the service is called in a span
	// Of returns the trace of a request that is not recorded itself, or none.
	Of func(ctx context.Context) Trace
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if !t.Traces.traces(r.Context()) {
		return t.Next.RoundTrip(withParent(r, t.Of(r.Context()).context))
	}
	span := t.Traces.ask(r.Context(), r.Method, t.Peer)
	span.SetAttributes(semconv.ServerAddress(r.URL.Hostname()))
	if port, err := strconv.Atoi(r.URL.Port()); err == nil {
		span.SetAttributes(semconv.ServerPort(port))
	}
	defer span.End()
	resp, err := t.Next.RoundTrip(withParent(r.WithContext(trace.ContextWithSpan(r.Context(), span)), span.SpanContext()))
	if err != nil {
		noteAnswer(span, 0)
		return resp, err
	}
	noteAnswer(span, resp.StatusCode)
	return resp, nil
}

func (t *Traces) ask(ctx context.Context, method, peer string) trace.Span {
	method = knownMethod(method)
	_, span := t.tracer.Start(ctx, method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		semconv.HTTPRequestMethodKey.String(method), semconv.ServicePeerName(peer)))
	return span
}

// noteAnswer notes a status, or 0 for a request that has failed: the words of its error may name
// what was asked for.
func noteAnswer(span trace.Span, status int) {
	if status > 0 {
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
	}
	if status == 0 || status >= http.StatusBadRequest {
		span.SetStatus(codes.Error, "")
	}
	if status >= http.StatusBadRequest {
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(status)))
	}
}

// withParent returns r as coming from a span: a RoundTripper must not change what it is given.
func withParent(r *http.Request, from trace.SpanContext) *http.Request {
	if !from.IsValid() {
		return r
	}
	sent := *r
	if sent.Header = r.Header.Clone(); sent.Header == nil {
		sent.Header = http.Header{}
	}
	inject(sent.Header, from)
	return &sent
}
