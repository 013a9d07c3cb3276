package telemetry

import (
	"context"
	"log/slog"
	"time"
)

// The names of what lines of one request have in common.
const (
	requestIDKey = "requestId"
	traceIDName  = "traceId"
)

// WithIDs returns a logger whose lines have the id of the request and of the trace that
// their context belongs to, unless they are given them. ids returns "" for none.
func WithIDs(log *slog.Logger, ids func(ctx context.Context) (request, trace string)) *slog.Logger {
	return slog.New(withIDs{log.Handler(), ids})
}

type withIDs struct {
	slog.Handler
	ids func(context.Context) (request, trace string)
}

// Handle implements slog.Handler.
func (h withIDs) Handle(ctx context.Context, r slog.Record) error {
	if has(r, requestIDKey) {
		return h.Handler.Handle(ctx, r)
	}
	request, trace := h.ids(ctx)
	if request == "" {
		return h.Handler.Handle(ctx, r)
	}
	r = r.Clone()
	r.AddAttrs(slog.String(requestIDKey, request))
	if trace != "" {
		r.AddAttrs(slog.String(traceIDName, trace))
	}
	return h.Handler.Handle(ctx, r)
}

// handleRequest implements requestHandler: the line has its ids.
func (h withIDs) handleRequest(ctx context.Context, level slog.Level, ended time.Time, l *RequestLine) error {
	return l.handle(ctx, h.Handler, level, ended)
}

func has(r slog.Record, name string) (found bool) {
	r.Attrs(func(a slog.Attr) bool {
		found = a.Key == name
		return !found
	})
	return found
}

// WithAttrs implements slog.Handler. Who gives a logger an id has said which.
func (h withIDs) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == requestIDKey {
			return h.Handler.WithAttrs(attrs)
		}
	}
	return withIDs{h.Handler.WithAttrs(attrs), h.ids}
}

// WithGroup implements slog.Handler. Within a group the ids would be the group's.
func (h withIDs) WithGroup(name string) slog.Handler { return h.Handler.WithGroup(name) }
