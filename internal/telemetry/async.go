package telemetry

import (
	"io"
	"sync"
	"time"
)

// Bounds of what waits to be written. A line that finds no room is lost and
// counted: a slow or full disk never holds up a request.
const (
	maxWaitingBytes = 1 << 20
	flushEvery      = 50 * time.Millisecond
	flushAt         = 32 << 10
)

// asyncWriter gathers lines and writes them from a goroutine of its own, many at
// a time.
type asyncWriter struct {
	to   io.Writer
	lost func()

	mu      sync.Mutex
	waiting []byte
	lines   int // in waiting
	closed  bool

	wake chan struct{}
	done chan struct{}
}

func newAsyncWriter(to io.Writer, lost func()) *asyncWriter {
	w := &asyncWriter{to: to, lost: lost, wake: make(chan struct{}, 1), done: make(chan struct{})}
	go w.run()
	return w
}

// Write takes one line; it never blocks on the underlying writer and never fails.
func (w *asyncWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.waiting)+len(line) > maxWaitingBytes {
		w.lost()
		return len(line), nil
	}
	first := len(w.waiting) == 0
	w.waiting = append(w.waiting, line...)
	w.lines++
	if first || len(w.waiting) >= flushAt {
		select {
		case w.wake <- struct{}{}:
		default:
		}
	}
	return len(line), nil
}

func (w *asyncWriter) run() {
	defer close(w.done)
	var spare []byte
	for range w.wake {
		if !w.full() {
			time.Sleep(flushEvery) // more lines of the same moment share the write
		}
		w.mu.Lock()
		out, lines, closed := w.waiting, w.lines, w.closed
		w.waiting, w.lines = spare[:0], 0
		w.mu.Unlock()
		if len(out) > 0 {
			if _, err := w.to.Write(out); err != nil {
				for range lines {
					w.lost()
				}
			}
		}
		spare = out
		if closed {
			return
		}
	}
}

// full reports whether there is no reason to wait for more.
func (w *asyncWriter) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closed || len(w.waiting) >= flushAt
}

// close writes what waits; it gives up after limit, and the lines are lost.
func (w *asyncWriter) close(limit time.Duration) {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	select {
	case w.wake <- struct{}{}:
	default: // a wake-up is pending, and will see that it is closed
	}
	select {
	case <-w.done:
	case <-time.After(limit):
	}
}
