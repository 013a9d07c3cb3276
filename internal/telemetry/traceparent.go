package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// maxTracestate bounds what is passed on, in bytes.
//
// Source: https://www.w3.org/TR/trace-context/#tracestate-limits
const maxTracestate = 512

// parentOf returns the span that a request comes from; it is not valid if the request
// does not say so as W3C has it.
//
// Source: https://www.w3.org/TR/trace-context/#traceparent-header
func parentOf(h http.Header) trace.SpanContext {
	given := h["Traceparent"]
	if len(given) != 1 {
		return trace.SpanContext{}
	}
	carrier := propagation.MapCarrier{"traceparent": strings.Trim(given[0], " \t")}
	if state := strings.Join(h["Tracestate"], ","); len(state) <= maxTracestate {
		carrier["tracestate"] = state
	}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}

// inject writes a request's headers for the span that it comes from.
func inject(h http.Header, from trace.SpanContext) {
	h.Del("Tracestate")
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), from), propagation.HeaderCarrier(h))
}

// newIDs makes ids as the SDK does. Zero is none, and does not happen.
func newIDs() (id trace.TraceID, span trace.SpanID) {
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], rand.Uint64())
	return id, newSpanID()
}

func newSpanID() (span trace.SpanID) {
	binary.NativeEndian.PutUint64(span[:], rand.Uint64())
	return span
}

// traceIDs gives a trace that begins here the id that Begin has decided about.
type traceIDs struct{}

type traceIDKey struct{}

// NewIDs implements sdktrace.IDGenerator.
func (traceIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if id, ok := ctx.Value(traceIDKey{}).(trace.TraceID); ok {
		return id, newSpanID()
	}
	return newIDs()
}

// NewSpanID implements sdktrace.IDGenerator.
func (traceIDs) NewSpanID(context.Context, trace.TraceID) trace.SpanID { return newSpanID() }
