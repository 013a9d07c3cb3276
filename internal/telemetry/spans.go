package telemetry

import (
	"context"
	"encoding/hex"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// Trace is the part of a trace that a request is; the zero value is none.
type Trace struct {
	context trace.SpanContext
	span    trace.Span // nil: it is not recorded
}

// ID returns the id of the whole trace in 32 hex digits, or "".
func (t Trace) ID() string {
	return string(t.appendID(nil))
}

func (t Trace) appendID(b []byte) []byte {
	if !t.context.IsValid() {
		return b
	}
	id := t.context.TraceID()
	return hex.AppendEncode(b, id[:])
}

// Recorded reports whether there is a span.
func (t Trace) Recorded() bool { return t.span != nil }

// Begin takes r's part in the trace that it names, or begins one. If it is to be recorded,
// the request that is returned has the span in its context.
//
// The id is taken over from anybody. Whether the caller records is heeded only if he is
// trusted: else anybody could have all he asks recorded, be it by a flag or by an id that
// the sampler takes.
func (t *Traces) Begin(r *http.Request, trusted bool) (*http.Request, Trace) {
	parent := parentOf(r.Header)
	id, span := newIDs()
	if t != nil && t.wants(parent, trusted, id) {
		return t.record(r, parent, id)
	}
	if !parent.IsValid() {
		return r, Trace{context: trace.NewSpanContext(trace.SpanContextConfig{TraceID: id, SpanID: span})}
	}
	if !trusted || t != nil {
		parent = parent.WithTraceFlags(parent.TraceFlags().WithSampled(false))
	}
	return r, Trace{context: parent}
}

// wants asks the sampler about a request; id is for one that has no parent who counts.
func (t *Traces) wants(parent trace.SpanContext, trusted bool, id trace.TraceID) bool {
	p := sdktrace.SamplingParameters{ParentContext: context.Background(), TraceID: id, Kind: trace.SpanKindServer}
	if trusted && parent.IsValid() {
		p.ParentContext, p.TraceID = trace.ContextWithRemoteSpanContext(p.ParentContext, parent), parent.TraceID()
	}
	return t.sampler.ShouldSample(p).Decision == sdktrace.RecordAndSample
}

func (t *Traces) record(r *http.Request, parent trace.SpanContext, id trace.TraceID) (*http.Request, Trace) {
	ctx := r.Context()
	if parent.IsValid() {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parent)
	} else {
		ctx = context.WithValue(ctx, traceIDKey{}, id)
	}
	ctx, span := t.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
	return r.WithContext(ctx), Trace{span.SpanContext(), span}
}

// Answered is what became of a request.
type Answered struct {
	RequestID string
	Method    string // any
	Route     string // the pattern that it matched; "": none
	Path      string // as it was sent, without its query
	Status    int
	Code      string // of the failure behind a 5xx
}

// End ends the span of a request, if there is one.
func (t Trace) End(a Answered) {
	if t.span == nil {
		return
	}
	method := knownMethod(a.Method)
	name := method
	if method == otherMethod {
		method, name = "_OTHER", "HTTP"
	}
	t.span.SetAttributes(
		semconv.HTTPRequestMethodKey.String(method),
		semconv.HTTPResponseStatusCode(a.Status),
		semconv.URLPath(a.Path),
		attribute.String("inkstone.request_id", a.RequestID),
	)
	if a.Route != "" {
		name += " " + a.Route
		t.span.SetAttributes(semconv.HTTPRoute(a.Route))
	}
	t.span.SetName(name)
	if a.Status >= http.StatusInternalServerError {
		t.span.SetStatus(codes.Error, a.Code)
		t.span.SetAttributes(semconv.ErrorTypeKey.String(a.Code))
	}
	t.span.End()
}

// Panic notes a panic within a request, without what may be somebody's own.
func (t Trace) Panic(value, stack string) {
	if t.span == nil {
		return
	}
	t.span.SetStatus(codes.Error, "panic")
	t.span.AddEvent("exception", trace.WithAttributes(
		semconv.ExceptionType("panic"), semconv.ExceptionMessage(scrub(value, maxValue)), semconv.ExceptionStacktrace(stack)))
}

// Store notes an operation of a store that has just ended; failed says that it failed for another
// reason than its input. system is what semantic conventions call the engine.
func (t *Traces) Store(ctx context.Context, system, operation string, took time.Duration, failed bool) {
	if t.traces(ctx) {
		t.past(ctx, system+" "+operation, trace.SpanKindClient, took, failed,
			semconv.DBSystemNameKey.String(system), semconv.DBOperationName(operation))
	}
}

// Cache notes a look into the memory of a cache that has just ended.
func (t *Traces) Cache(ctx context.Context, took time.Duration, hit bool) {
	if t.traces(ctx) {
		t.past(ctx, "cache get", trace.SpanKindInternal, took, false, attribute.Bool("cache.hit", hit))
	}
}

// Redis notes a call of Redis that has just ended.
func (t *Traces) Redis(ctx context.Context, command string, took time.Duration, failed bool) {
	if t.traces(ctx) {
		t.past(ctx, "redis "+command, trace.SpanKindClient, took, failed,
			semconv.DBSystemNameRedis, semconv.DBOperationName(command))
	}
}

// traces reports whether ctx belongs to a request that is recorded, be it answered already.
func (t *Traces) traces(ctx context.Context) bool {
	return t != nil && trace.SpanContextFromContext(ctx).IsSampled()
}

func (t *Traces) past(ctx context.Context, name string, kind trace.SpanKind, took time.Duration, failed bool, attributes ...attribute.KeyValue) {
	end := time.Now()
	_, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithTimestamp(end.Add(-took)), trace.WithAttributes(attributes...))
	if failed {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(end))
}
