package telemetry

import (
	"context"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

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
	ctx, span := t.begin(r)
	defer span.End()
	resp, err := t.Next.RoundTrip(withParent(r.WithContext(ctx), span.SpanContext()))
	if err != nil {
		span.SetStatus(codes.Error, "") // the words may name what was asked for
		return resp, err
	}
	span.SetAttributes(semconv.HTTPResponseStatusCode(resp.StatusCode))
	if resp.StatusCode >= http.StatusBadRequest {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeKey.String(strconv.Itoa(resp.StatusCode)))
	}
	return resp, nil
}

func (t *Transport) begin(r *http.Request) (context.Context, trace.Span) {
	ctx, span := t.Traces.tracer.Start(r.Context(), r.Method, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		semconv.HTTPRequestMethodKey.String(r.Method), semconv.ServicePeerName(t.Peer), semconv.ServerAddress(r.URL.Hostname())))
	if port, err := strconv.Atoi(r.URL.Port()); err == nil {
		span.SetAttributes(semconv.ServerPort(port))
	}
	return ctx, span
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
