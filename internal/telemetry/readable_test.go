package telemetry

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"inkstone/internal/enginetest"
)

// hostile is what a client may send to look like something else in a log.
const hostile = "a\r\n{\"level\":\"info\"}\x1b[2K\u0085b\u009b31m\u2028c\u202e\u2066\u200b\ufeff\u00ad\U000e0041\x7f\x00d"

func TestNoTextOfAClientMovesTheCursorOrEndsALine(t *testing.T) {
	for name, readable := range map[string]bool{"json": false, "readable": true} {
		t.Run(name, func(t *testing.T) {
			var out buffer
			l, err := OpenLogs(LogOptions{Console: &out, Readable: readable})
			if err != nil {
				t.Fatal(err)
			}
			l.Logger.Info("net/http: "+hostile, "userAgent", hostile, "error", io.ErrUnexpectedEOF)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			line, end := strings.CutSuffix(out.String(), "\n")
			if !end || strings.IndexFunc(line, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl) }) >= 0 {
				t.Errorf("line %q", out.String())
			}
			if readable {
				return
			}
			var got map[string]any
			if err := json.Unmarshal([]byte(line), &got); err != nil || got["userAgent"] != hostile {
				t.Errorf("%v %q", err, got["userAgent"])
			}
		})
	}
}

func TestAPersonSeesLevelsInColourAndStacksBelowTheirLine(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newReadable(&out, slog.LevelInfo, true)).With("part", "x")
	log.Error("panic", "requestId", "abc", stackKey, "goroutine 1:\nmain.main()\n\t/a/main.go:7\n")
	log.Debug("hidden")
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 4 || !strings.Contains(lines[0], "\x1b[91mERR") || !strings.Contains(lines[0], "abc") || lines[1] != "    goroutine 1:" || lines[3] != "      /a/main.go:7" {
		t.Errorf("%q", lines)
	}
	if strings.Contains(lines[0], "goroutine") {
		t.Error("the stack is in the line, too")
	}
}

func TestAFileIsNoTerminal(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if colored(f) || colored(&bytes.Buffer{}) {
		t.Error("coloured")
	}
}

func TestSecretsThatAreLoggedByNameAreMasked(t *testing.T) {
	for name, readable := range map[string]bool{"json": false, "readable": true} {
		var out buffer
		l, err := OpenLogs(LogOptions{Console: &out, Readable: readable})
		if err != nil {
			t.Fatal(err)
		}
		l.Logger.With("token", "s3cret").Info("x", "password", "s3cret", "Authorization", "s3cret", "cookie", "s3cret", "secret", []string{"s3cret"})
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "s3cret") || strings.Count(out.String(), "***") != 5 {
			t.Errorf("%s: %s", name, out.String())
		}
	}
}

// As in the original: five files of 5 MB of each kind.
func TestLogsTakeNoMoreThanFiveFilesOfFiveMegabytes(t *testing.T) {
	dir := t.TempDir()
	l, err := OpenLogs(LogOptions{Console: io.Discard, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("x", 256<<10)
	for range 40 << 20 / len(text) {
		l.Logger.Info(text)
		waitUntilTaken(t, l)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "combined*.log"))
	if err != nil || len(files) != 5 {
		t.Errorf("%d files: %v %v", len(files), files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil || len(b) > maxFileMB<<20 {
			t.Errorf("%s has %d bytes (%v)", name, len(b), err)
		}
		lines(t, string(b)) // each is whole
	}
}

// waitUntilTaken waits until nothing waits to be written.
func waitUntilTaken(t *testing.T, l *Logs) {
	t.Helper()
	for _, w := range l.writers {
		enginetest.Within(t, 20*time.Second, "lines are written", func() bool { return w.pending() == 0 })
	}
}

func (w *asyncWriter) pending() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting)
}
