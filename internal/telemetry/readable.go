package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/lmittmann/tint"
	"golang.org/x/term"
)

// stackKey is the attribute with the stack of a panic.
const stackKey = "stack"

// readable writes lines for a person: the time of day, colours if there are any, and a
// stack below its line, where it can be read.
type readable struct {
	slog.Handler
	out io.Writer
}

func newReadable(w io.Writer, level slog.Leveler, colors bool) slog.Handler {
	return readable{tint.NewTextHandler(w, &tint.Options{
		Level: level, TimeFormat: "15:04:05.000", NoColor: !colors,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.MessageKey {
				return slog.String(a.Key, OneLine(a.Value.String())) // the only text that tint does not quote
			}
			return masked(a)
		},
	}), w}
}

// colored reports whether colours are seen and wanted (https://no-color.org).
func colored(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Handle implements slog.Handler. What a person reads last is at the end: ids, and a stack.
func (h readable) Handle(ctx context.Context, r slog.Record) error {
	stack := ""
	var ids []slog.Attr
	sorted := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	sort := func(a slog.Attr) bool {
		switch a.Key {
		case stackKey:
			stack = a.Value.String()
		case requestIDKey, traceIDName:
			ids = append(ids, a)
		default:
			sorted.AddAttrs(a)
		}
		return true
	}
	r.Attrs(func(a slog.Attr) bool {
		if a.Key != "" || a.Value.Kind() != slog.KindGroup {
			return sort(a)
		}
		for _, within := range a.Value.Group() {
			sort(within)
		}
		return true
	})
	sorted.AddAttrs(ids...)
	if err := h.Handler.Handle(ctx, sorted); err != nil {
		return err
	}
	for line := range strings.Lines(stack) {
		if _, err := fmt.Fprintf(h.out, "    %s\n", OneLine(strings.ReplaceAll(strings.TrimSuffix(line, "\n"), "\t", "  "))); err != nil {
			return err
		}
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h readable) WithAttrs(attrs []slog.Attr) slog.Handler {
	return readable{h.Handler.WithAttrs(attrs), h.out}
}

// WithGroup implements slog.Handler.
func (h readable) WithGroup(name string) slog.Handler {
	return readable{h.Handler.WithGroup(name), h.out}
}

// OneLine keeps what somebody sent from moving the cursor or looking like another line. What it
// writes instead is an escape of JSON, so JSON on a line stays JSON.
func OneLine(text string) string {
	if strings.IndexFunc(text, hidden) < 0 {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			for _, unit := range utf16.Encode([]rune{r}) { // as JSON has it
				fmt.Fprintf(&b, "\\u%04x", unit)
			}
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden tells what no line may have as it is: controls, separators of lines, and what is
// not seen itself: it turns the direction of the text around it, or makes two texts look alike.
func hidden(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Cf, r)
}
