package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Bounds of the lines of requests that are held back.
const (
	heldBack     = 64 // are written at once
	mostHeldBack = 1024
	holdBackFor  = 50 * time.Millisecond
)

// lineWriter writes lines of JSON in the order in which they come. Those of requests it holds back
// for a moment, to make many at a time: what sends an answer drives what makes a line out of the
// processor's caches, and then it takes several times as long. They are made on a goroutine apart,
// for the stack that takes would stay with the connection of whoever made them; from mostHeldBack on
// whoever brings one makes them, or waits for who does.
type lineWriter struct {
	to io.Writer

	writing sync.Mutex // held to write; before mu
	mu      sync.Mutex
	waiting []requestEntry
	spare   []requestEntry // room for the next ones; whoever is writing has it
	late    *time.Timer    // writes what waits
}

// requestEntry is a line of a request that is not made yet.
type requestEntry struct {
	RequestLine
	ended time.Time
	level slog.Level
	first []byte
}

func newLineWriter(to io.Writer) *lineWriter {
	w := &lineWriter{to: to}
	w.late = time.AfterFunc(holdBackFor, w.flush)
	return w
}

// hold takes a line of a request.
func (w *lineWriter) hold(l *RequestLine, ended time.Time, level slog.Level, first []byte) {
	w.mu.Lock()
	n := len(w.waiting) + 1
	w.waiting = slices.Grow(w.waiting, 1)[:n]
	e := &w.waiting[n-1]
	e.RequestLine, e.ended, e.level, e.first = *l, ended, level, first
	w.mu.Unlock()
	switch {
	case n == 1:
		w.late.Reset(holdBackFor)
	case n == heldBack:
		w.late.Reset(0)
	case n >= mostHeldBack:
		w.flush()
	}
}

// flush writes what waits.
func (w *lineWriter) flush() {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.writeWaiting()
}

// write writes a line behind what waits.
func (w *lineWriter) write(line []byte) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	w.writeWaiting()
	_, err := w.to.Write(line)
	return err
}

// writeWaiting writes each line by itself: who counts what is lost counts lines.
func (w *lineWriter) writeWaiting() {
	w.mu.Lock()
	waiting := w.waiting
	w.waiting = w.spare[:0]
	w.mu.Unlock()
	buffer := lineBuffers.Get().(*[]byte)
	defer lineBuffers.Put(buffer)
	for i := range waiting {
		*buffer = waiting[i].appendLine((*buffer)[:0])
		_, _ = w.to.Write(*buffer) // it counts what is lost
	}
	clear(waiting)
	w.spare = waiting
}

// appendLine survives a mistake of ours: here nobody else would, for the goroutine is no request's.
func (e *requestEntry) appendLine(b []byte) (line []byte) {
	defer func() {
		if cause := recover(); cause != nil {
			line = append(appendField(appendHead(b[:0], e.ended, slog.LevelError, fmt.Sprintf("!PANIC: %v", cause), e.first), `,"requestId":`, e.RequestID), '}', '\n')
		}
	}()
	return append(e.appendJSON(appendHead(b, e.ended, e.level, requestMessage, e.first)), '}', '\n')
}
