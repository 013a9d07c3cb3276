package telemetry

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

func TestAFullLogDiskIsToldOnStandardOutputAndItsEndInTheFile(t *testing.T) {
	dir := enginetest.SmallDisk(t, "1m")
	var console buffer
	l, err := OpenLogs(LogOptions{Console: &console, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	filler := enginetest.FillUp(t, dir)
	now := time.Unix(1_800_000_000, 0)
	until := func(told string) {
		t.Helper()
		enginetest.Within(t, time.Minute, told, func() bool {
			l.Logger.Info(strings.Repeat("a line ", 1000))
			time.Sleep(2 * flushEvery) // longer, and this is done once more
			now = now.Add(time.Minute)
			l.TellLosses(now)
			return strings.Contains(console.String(), told)
		})
	}
	until(toldLost)
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	until(toldAgain)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if out := console.String(); !strings.Contains(out, "no space left on device") || !strings.Contains(out, combinedFile) || strings.Count(out, toldLost) != 1 {
		t.Error(out)
	}
	text, err := os.ReadFile(filepath.Join(dir, combinedFile))
	if err != nil || !strings.Contains(string(text), toldAgain) {
		t.Errorf("the file does not tell that it is well: %v", err)
	}
}
