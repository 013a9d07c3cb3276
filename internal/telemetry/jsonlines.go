package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"sync"
	"time"
	"unicode/utf8"
)

// timestamp is how the original writes a time.
const timestamp = "2006-01-02T15:04:05.000Z07:00"

// jsonLines writes a line of JSON for each record, with the original's names. What is in a group
// has the group's name and a dot before its own.
type jsonLines struct {
	to     *lineWriter
	level  slog.Leveler
	first  []byte // attributes that each line has, encoded
	groups string // ends in a dot, if there are any
}

func newJSONLines(to *lineWriter, level slog.Leveler) slog.Handler {
	return (&jsonLines{to: to, level: level}).WithAttrs([]slog.Attr{slog.String("service", "inkstone")})
}

var lineBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 1<<10); return &b }}

// Enabled implements slog.Handler.
func (h *jsonLines) Enabled(_ context.Context, level slog.Level) bool {
	return level >= h.level.Level()
}

// Handle implements slog.Handler. The line is written at once, behind those of requests that wait.
func (h *jsonLines) Handle(_ context.Context, r slog.Record) error {
	buffer := lineBuffers.Get().(*[]byte)
	defer lineBuffers.Put(buffer)
	b := appendHead((*buffer)[:0], r.Time, r.Level, r.Message, h.first)
	r.Attrs(func(a slog.Attr) bool {
		b = appendAttr(b, h.groups, a)
		return true
	})
	*buffer = append(b, '}', '\n')
	return h.to.write(*buffer)
}

// handleRequest implements requestHandler. Nobody logs requests in a group; if somebody does, they
// are not in it.
func (h *jsonLines) handleRequest(_ context.Context, level slog.Level, ended time.Time, l *RequestLine) error {
	h.to.hold(l, ended, level, h.first)
	return nil
}

// appendHead appends what each line begins with; first are encoded attributes.
func appendHead(b []byte, at time.Time, level slog.Level, message string, first []byte) []byte {
	b = append(b, `{"timestamp":"`...)
	b = appendTimestamp(b, at)
	b = append(b, `","level":"`...)
	b = append(b, levelName(level)...)
	b = append(b, `","msg":`...)
	b = appendText(b, message)
	return append(b, first...)
}

// appendTimestamp is AppendFormat with timestamp, by way of the layout that package time is quick at.
func appendTimestamp(b []byte, t time.Time) []byte {
	t = t.UTC()
	b = t.AppendFormat(b, time.RFC3339)
	ms := t.Nanosecond() / int(time.Millisecond)
	return append(b[:len(b)-1], '.', byte('0'+ms/100), byte('0'+ms/10%10), byte('0'+ms%10), 'Z')
}

// WithAttrs implements slog.Handler.
func (h *jsonLines) WithAttrs(attrs []slog.Attr) slog.Handler {
	n := *h
	n.first = append([]byte(nil), h.first...)
	for _, a := range attrs {
		n.first = appendAttr(n.first, h.groups, a)
	}
	return &n
}

// WithGroup implements slog.Handler.
func (h *jsonLines) WithGroup(name string) slog.Handler {
	n := *h
	if name != "" {
		n.groups += name + "."
	}
	return &n
}

// appendAttr leaves out an empty attribute, as slog wants it.
func appendAttr(b []byte, groups string, a slog.Attr) []byte {
	if a.Key == "" && a.Equal(slog.Attr{}) {
		return b
	}
	a = masked(a)
	v := a.Value.Resolve()
	if v.Kind() == slog.KindGroup {
		if a.Key != "" {
			groups += a.Key + "."
		}
		for _, within := range v.Group() {
			b = appendAttr(b, groups, within)
		}
		return b
	}
	b = append(b, ',')
	if groups == "" {
		b = appendText(b, a.Key)
	} else {
		b = appendText(b, groups+a.Key)
	}
	return appendValue(append(b, ':'), v)
}

func appendValue(b []byte, v slog.Value) []byte {
	switch v.Kind() {
	case slog.KindString:
		return appendText(b, v.String())
	case slog.KindInt64:
		return strconv.AppendInt(b, v.Int64(), 10)
	case slog.KindUint64:
		return strconv.AppendUint(b, v.Uint64(), 10)
	case slog.KindBool:
		return strconv.AppendBool(b, v.Bool())
	case slog.KindFloat64:
		if f := v.Float64(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(b, f, 'f', -1, 64)
		}
		return appendText(b, v.String())
	case slog.KindDuration:
		return appendText(b, v.Duration().String())
	case slog.KindTime:
		return appendText(b, v.Time().UTC().Format(timestamp))
	}
	return appendAny(b, v.Any())
}

// appendAny survives a method that a nil does not have: a line must not end a request.
func appendAny(b []byte, v any) (line []byte) {
	defer func() {
		if cause := recover(); cause != nil {
			line = appendText(b, fmt.Sprintf("!PANIC: %v", cause))
		}
	}()
	switch v := v.(type) {
	case error:
		return appendText(b, v.Error())
	case time.Time:
		return appendText(b, v.UTC().Format(timestamp))
	case fmt.Stringer:
		return appendText(b, v.String())
	}
	text, err := marshal(v)
	if err != nil {
		return appendText(b, fmt.Sprintf("%+v", v))
	}
	return append(b, OneLine(text)...)
}

// appendText quotes a text. Most are plain and are not looked at twice; the rest is left
// to encoding/json, and what that leaves as it is but hides in a line is escaped, too.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c >= utf8.RuneSelf-1 || c == '"' || c == '\\' {
			quoted, _ := marshal(text) // of a string it never fails
			return append(b, OneLine(quoted)...)
		}
	}
	b = append(append(b, '"'), text...)
	return append(b, '"')
}

// marshal is json.Marshal but for <, > and &, which mean nothing here.
func marshal(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", err
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), nil
}
