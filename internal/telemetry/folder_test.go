package telemetry

import (
	"io"
	"os"
	"path/filepath"
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
	if all != 202 {
		t.Errorf("%d lines of 202", all)
	}
}
