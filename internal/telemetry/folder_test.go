package telemetry

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Instances that are started in one folder have one LOG_DIR.
func TestLogsInOneFolderLoseNoLine(t *testing.T) {
	dir := t.TempDir()
	open := func() *Logs {
		l, err := OpenLogs(LogOptions{Console: io.Discard, Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	shut := func(l *Logs) {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	one, two := open(), open()
	for range 100 {
		one.Logger.Info("a line")
		two.Logger.Info("a longer line of another process")
	}
	shut(one)
	again := open() // while the other one still writes
	again.Logger.Info("the first of its successor")
	two.Logger.Info("the last")
	shut(again)
	shut(two)
	files, err := filepath.Glob(filepath.Join(dir, "*", combinedFile))
	if err != nil {
		t.Fatal(err)
	}
	all := 0
	for _, path := range append(files, filepath.Join(dir, combinedFile)) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all += len(lines(t, string(text)))
	}
	if want := 202 + 1; all != want { // and that of the second one about its folder
		t.Errorf("%d lines of %d", all, want)
	}
}

func TestASecondProcessStartsThoughItCanHaveNoFolder(t *testing.T) {
	dir := t.TempDir()
	first, err := OpenLogs(LogOptions{Console: io.Discard, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	if err := os.WriteFile(filepath.Join(dir, "2"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var console bytes.Buffer
	second, err := OpenLogs(LogOptions{Console: &console, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	second.Logger.Info("a line")
	if err := second.Close(); err != nil || !strings.Contains(console.String(), "a line") {
		t.Errorf("%v, %s", err, &console)
	}
}
