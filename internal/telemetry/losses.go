package telemetry

import (
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// tellLossesEvery is the least time between two lines about lines that are lost.
const tellLossesEvery = time.Minute

// output is what lines are written to, and how that goes.
type output struct {
	io.Writer
	name    string
	lost    atomic.Uint64         // lines
	written atomic.Uint64         // times that went well
	failure atomic.Pointer[error] // of the last write; nil: it went well
	seen    uint64                // of lost, when TellLosses last looked
	since   uint64                // of written, when it last saw that lines were lost
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	n, err := o.Writer.Write(p)
	if err != nil {
		o.failure.Store(&err)
		return n, err
	}
	o.failure.Store(nil)
	o.written.Add(1)
	return n, nil
}

// well reports whether something has been written since lines were lost. One that hangs fails never.
func (o *output) well() bool { return o.failure.Load() == nil && o.written.Load() > o.since }

// losses is a time in which lines are lost: it has outputs until it is over.
type losses struct {
	outputs []*output // that lost lines when it began
	lost    uint64
	told    time.Time // when its beginning, or the end of the one before, was told
}

// TellLosses says in the log that lines are lost, once, and once that they are written again:
// what still works shows it. Call it every few seconds, from one goroutine. It looks at what
// was lost and is not called for a loss, for its own line may be the next.
func (l *Logs) TellLosses(now time.Time) {
	is := &l.losses
	if now.Sub(is.told) < tellLossesEvery {
		return
	}
	var losing []*output
	for _, o := range l.outputs {
		if lost := o.lost.Load(); lost > o.seen {
			losing = append(losing, o)
			is.lost += lost - o.seen
			o.seen, o.since = lost, o.written.Load()
		}
	}
	switch {
	case len(losing) > 0 && len(is.outputs) == 0:
		is.outputs, is.told = losing, now
		l.Logger.Error("log lines are lost", "outputs", names(losing), "error", why(losing))
	case len(losing) == 0 && slices.ContainsFunc(is.outputs, (*output).well):
		l.Logger.Warn("log lines are written again", "outputs", names(is.outputs), "lost", is.lost)
		*is = losses{told: now}
	}
}

func names(outputs []*output) string {
	var all []string
	for _, o := range outputs {
		all = append(all, o.name)
	}
	return strings.Join(all, ", ")
}

func why(outputs []*output) string {
	for _, o := range outputs {
		if err := o.failure.Load(); err != nil {
			return (*err).Error()
		}
	}
	return "more lines than could be written in time"
}
