package telemetry

import (
	"context"
	"log/slog"
	"strconv"
	"time"
)

// RequestLine is what the log tells of an answered request. Each request pays for one, and
// at times hardly anything else, so handlers of ours take it as it is, and make the line later. Any
// other handler gets a group without a name, whose attributes are the line's own.
type RequestLine struct {
	RequestID string
	Trace     Trace
	Method    string
	URL       string // as it was sent; it is written without secrets
	Route     string
	Status    int
	Took      time.Duration
	Bytes     int64
	IP        string
	UserAgent string // as URL
	UserID    string // "": it is not known who asked
	Error     string // behind a 5xx; "": none
}

// Log writes the line as one of the moment at which the request ended.
func (l *RequestLine) Log(ctx context.Context, log *slog.Logger, level slog.Level, ended time.Time) {
	_ = l.handle(ctx, log.Handler(), level, ended) // as the Logger does: who would be told
}

// requestHandler is a handler that takes a RequestLine as it is, and does not keep it. A copy for
// each handler in a row would take more stack than all the rest of a request.
type requestHandler interface {
	handleRequest(ctx context.Context, level slog.Level, ended time.Time, l *RequestLine) error
}

func (l *RequestLine) handle(ctx context.Context, h slog.Handler, level slog.Level, ended time.Time) error {
	if h, ok := h.(requestHandler); ok {
		return h.handleRequest(ctx, level, ended, l)
	}
	line := slog.NewRecord(ended, level, requestMessage, 0) // the Logger would look for its caller, at a microsecond a line
	line.AddAttrs(slog.Attr{Value: l.group()})
	return h.Handle(ctx, line)
}

const requestMessage = "request"

func (l *RequestLine) group() slog.Value {
	attrs := []slog.Attr{
		slog.String(requestIDKey, l.RequestID), slog.String(traceIDName, l.Trace.ID()), slog.String("method", l.Method), slog.String("url", withoutSecrets(l.URL)),
		slog.String("route", l.Route), slog.Int("status", l.Status), slog.Float64("durationMs", milliseconds(l.Took)), slog.Int64("bytes", l.Bytes),
		slog.String("ip", l.IP), slog.String("userAgent", withoutSecrets(l.UserAgent)),
	}
	if l.UserID != "" {
		attrs = append(attrs, slog.String("userId", l.UserID))
	}
	if l.Error != "" {
		attrs = append(attrs, slog.String("error", l.Error))
	}
	return slog.GroupValue(attrs...)
}

// appendJSON appends what jsonLines makes of the group.
func (l *RequestLine) appendJSON(b []byte) []byte {
	b = appendField(b, `,"requestId":`, l.RequestID)
	b = l.Trace.appendID(append(b, `,"traceId":"`...))
	b = appendField(b, `","method":`, l.Method)
	b = appendField(b, `,"url":`, withoutSecrets(l.URL))
	b = appendField(b, `,"route":`, l.Route)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(l.Status), 10)
	b = strconv.AppendFloat(append(b, `,"durationMs":`...), milliseconds(l.Took), 'f', -1, 64)
	b = strconv.AppendInt(append(b, `,"bytes":`...), l.Bytes, 10)
	b = appendField(b, `,"ip":`, l.IP)
	b = appendField(b, `,"userAgent":`, withoutSecrets(l.UserAgent))
	if l.UserID != "" {
		b = appendField(b, `,"userId":`, l.UserID)
	}
	if l.Error != "" {
		b = appendField(b, `,"error":`, l.Error)
	}
	return b
}

func appendField(b []byte, name, text string) []byte {
	return appendText(append(b, name...), text)
}

// milliseconds has three decimals at most.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
