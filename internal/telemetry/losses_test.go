package telemetry

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

// moody fails as long as it is told to.
type moody struct {
	fails atomic.Bool
	taken atomic.Uint64 // writes
}

func (m *moody) Write(p []byte) (int, error) {
	if m.fails.Load() {
		return 0, io.ErrClosedPipe
	}
	m.taken.Add(1)
	return len(p), nil
}

const (
	toldLost  = `"msg":"log lines are lost"`
	toldAgain = `"msg":"log lines are written again"`
)

// losing is a log whose standard output is moody, and whose time goes on by itself.
type losing struct {
	*Logs
	t       *testing.T
	console *moody
	file    string
	now     time.Time
	lines   uint64
}

func openLosing(t *testing.T, dir string) *losing {
	t.Helper()
	console := &moody{}
	l, err := OpenLogs(LogOptions{Console: console, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return &losing{Logs: l, t: t, console: console, file: filepath.Join(dir, combinedFile), now: time.Unix(1_800_000_000, 0)}
}

func (l *losing) line() {
	l.t.Helper()
	l.Logger.Info("a line")
	l.settle()
}

// settle waits until one line more is written to standard output, or lost there.
func (l *losing) settle() {
	l.t.Helper()
	l.lines++
	enginetest.Within(l.t, time.Minute, "a line is written or lost", func() bool {
		return l.console.taken.Load()+l.outputs[0].lost.Load() == l.lines
	})
}

func (l *losing) minutes(n int) {
	l.t.Helper()
	for range 12 * n {
		l.now = l.now.Add(5 * time.Second)
		if l.TellLosses(l.now); l.losses.told.Equal(l.now) {
			l.settle()
		}
	}
}

func (l *losing) told(lost, again int) {
	l.t.Helper()
	counts := func() (int, int) {
		b, err := os.ReadFile(l.file)
		if err != nil {
			l.t.Fatal(err)
		}
		return strings.Count(string(b), toldLost), strings.Count(string(b), toldAgain)
	}
	enginetest.Within(l.t, time.Minute, "what is told is in the file", func() bool { a, b := counts(); return a >= lost && b >= again })
	if a, b := counts(); a != lost || b != again {
		l.t.Fatalf("told %d and %d times, want %d and %d", a, b, lost, again)
	}
}

func TestWhatStillWorksTellsOnceThatLinesAreLostAndOnceThatTheyAreWrittenAgain(t *testing.T) {
	l := openLosing(t, t.TempDir())
	l.line()
	l.minutes(1)
	l.told(0, 0)
	l.console.fails.Store(true)
	for range 5 {
		l.line()
		l.minutes(1)
	}
	l.minutes(10) // nobody writes: whether it is well is not known
	l.told(1, 0)
	l.console.fails.Store(false)
	l.line()
	l.minutes(2)
	l.told(1, 1)
	l.console.fails.Store(true)
	l.line()
	l.minutes(3)
	l.told(2, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(l.file)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines(t, string(b)) {
		switch line["msg"] {
		case "log lines are lost":
			if line["outputs"] != "standard output" || line["error"] != io.ErrClosedPipe.Error() || line["level"] != "error" {
				t.Errorf("%v", line)
			}
		case "log lines are written again":
			if line["outputs"] != "standard output" || line["lost"] != 6.0 { // and the line that told
				t.Errorf("%v", line)
			}
		}
	}
}

func TestAnOutputThatHangsIsNotSaidToBeWell(t *testing.T) {
	console := stuck{make(chan struct{})}
	dir := t.TempDir()
	logs, err := OpenLogs(LogOptions{Console: console, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	l := &losing{Logs: logs, t: t, file: filepath.Join(dir, combinedFile), now: time.Unix(1_800_000_000, 0)}
	long := strings.Repeat("x", 64<<10)
	for l.outputs[0].lost.Load() == 0 {
		l.Logger.Info(long)
	}
	minutes := func(n int) {
		for range 12 * n {
			l.now = l.now.Add(5 * time.Second)
			l.TellLosses(l.now)
		}
	}
	minutes(10)
	l.told(1, 0)
	close(console.release)
	enginetest.Within(t, time.Minute, "what waited is written", func() bool { return l.outputs[0].written.Load() > 0 })
	minutes(2)
	l.told(1, 1)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestLossesAreNotToldTwiceInAMinute(t *testing.T) {
	l := openLosing(t, t.TempDir())
	for n := range 40 { // it fails and is well again every five seconds
		l.console.fails.Store(n%2 == 0)
		l.line()
		before := l.losses.told
		l.now = l.now.Add(5 * time.Second)
		if l.TellLosses(l.now); !l.losses.told.Equal(before) {
			l.settle()
			if !before.IsZero() && l.losses.told.Sub(before) < time.Minute {
				t.Errorf("told after %v", l.losses.told.Sub(before))
			}
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

func TestThatAllOutputsLoseLinesLosesNoMoreOfThem(t *testing.T) {
	l := openLosing(t, "")
	l.console.fails.Store(true)
	l.line()
	l.minutes(100)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if lost := l.outputs[0].lost.Load(); lost != 2 {
		t.Errorf("%d lines are lost: it tells of its own", lost)
	}
}
