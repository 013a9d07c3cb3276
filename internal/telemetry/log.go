package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/DeRuina/timberjack"
)

// The files in LOG_DIR, as in the original: five of 5 MB each, the one that is written among them.
const (
	combinedFile = "combined.log"
	errorFile    = "error.log"
	maxFileMB    = 5
	maxFiles     = 5
	fileMode     = 0o640
)

// LogOptions says where log lines go.
type LogOptions struct {
	Console io.Writer // JSON lines, or readable text if Readable
	Dir     string    // folder of the files; "" for none
	Level   slog.Level
	// Readable is for a person who develops; coloured if Console is a terminal.
	Readable bool
	Lost     func() // called for each line that could not be written; may be nil
}

// Logs is the program's logger and what it writes to.
type Logs struct {
	Logger *slog.Logger
	Level  *slog.LevelVar

	makers  []*lineWriter
	writers []*asyncWriter
	outputs []*output
	files   []io.Closer
	losses  losses
}

// OpenLogs makes the logger. A folder that cannot be made is an error; one that
// fails later only loses lines.
func OpenLogs(o LogOptions) (*Logs, error) {
	dir, lock, err := ownFolder(o.Dir)
	if err != nil {
		return nil, err
	}
	l := &Logs{Level: &slog.LevelVar{}}
	l.Level.Set(o.Level)
	lost := o.Lost
	if lost == nil {
		lost = func() {}
	}
	console := l.async("standard output", o.Console, lost)
	readable := func() slog.Handler { return newReadable(console, l.Level, colored(o.Console)) }
	switch {
	case dir == "" && o.Readable:
		l.Logger = slog.New(readable())
		return l, nil
	case dir == "":
		l.Logger = slog.New(newJSONLines(l.lines(console), l.Level))
		return l, nil
	}
	combined := l.file(filepath.Join(dir, combinedFile), lost)
	handlers := fanout{newJSONLines(l.lines(l.file(filepath.Join(dir, errorFile), lost)), slog.LevelError)}
	l.files = append(l.files, lock)
	if o.Readable {
		handlers = append(handlers, readable(), newJSONLines(l.lines(combined), l.Level))
	} else {
		// One encoding of each line for both: it is the dearest part of a request's log.
		handlers = append(handlers, newJSONLines(l.lines(io.MultiWriter(console, combined)), l.Level))
	}
	l.Logger = slog.New(handlers)
	if dir != o.Dir {
		l.Logger.Info("another process writes into LOG_DIR", "folder", dir)
	}
	return l, nil
}

func (l *Logs) file(path string, lost func()) io.Writer {
	if f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, fileMode); err == nil {
		_ = f.Close() // it is there for whoever looks, be there an error to write or not
	}
	f := &timberjack.Logger{Filename: path, MaxSize: maxFileMB, MaxBackups: maxFiles - 1, FileMode: fileMode}
	l.files = append(l.files, f)
	return l.async(filepath.Base(path), f, lost)
}

func (l *Logs) lines(to io.Writer) *lineWriter {
	w := newLineWriter(to)
	l.makers = append(l.makers, w)
	return w
}

func (l *Logs) async(name string, w io.Writer, lost func()) io.Writer {
	o := &output{Writer: w, name: name}
	a := newAsyncWriter(o, func() { o.lost.Add(1); lost() })
	l.writers, l.outputs = append(l.writers, a), append(l.outputs, o)
	return a
}

// Close writes what waits, for at most a second each, and closes the files.
func (l *Logs) Close() error {
	for _, w := range l.makers {
		w.flush()
	}
	for _, w := range l.writers {
		w.close(time.Second)
	}
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// masked hides what must never be logged, should somebody log it by its name.
func masked(a slog.Attr) slog.Attr {
	switch a.Key {
	case "password", "token", "secret", "authorization", "Authorization", "cookie", "Cookie":
		return slog.String(a.Key, "***")
	}
	return a
}

func levelName(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "error"
	case l >= slog.LevelWarn:
		return "warn"
	case l >= slog.LevelInfo:
		return "info"
	}
	return "debug"
}

// fanout hands each record to several handlers.
type fanout []slog.Handler

func (f fanout) Enabled(ctx context.Context, level slog.Level) bool {
	for _, h := range f {
		if h.Enabled(ctx, level) {
			return true
		}
	}
	return false
}

func (f fanout) Handle(ctx context.Context, r slog.Record) (err error) {
	for _, h := range f {
		if h.Enabled(ctx, r.Level) {
			err = errors.Join(err, h.Handle(ctx, r))
		}
	}
	return err
}

// handleRequest implements requestHandler.
func (f fanout) handleRequest(ctx context.Context, level slog.Level, ended time.Time, l *RequestLine) (err error) {
	for _, h := range f {
		if h.Enabled(ctx, level) {
			err = errors.Join(err, l.handle(ctx, h, level, ended))
		}
	}
	return err
}

func (f fanout) WithAttrs(attrs []slog.Attr) slog.Handler {
	return f.each(func(h slog.Handler) slog.Handler { return h.WithAttrs(attrs) })
}

func (f fanout) WithGroup(name string) slog.Handler {
	return f.each(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (f fanout) each(change func(slog.Handler) slog.Handler) slog.Handler {
	out := make(fanout, len(f))
	for i, h := range f {
		out[i] = change(h)
	}
	return out
}
