package apitest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

// command runs a command of the real program to its end.
func command(t testing.TB, dir string, s settings, args ...string) (out string, err error) {
	t.Helper()
	cmd := commandOf(t, dir, s, args...)
	b, err := cmd.CombinedOutput()
	return string(b), err
}

func commandOf(t testing.TB, dir string, s settings, args ...string) *exec.Cmd {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DATA_DIR="+dir)
	for name, value := range s {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// engines name the databases that a site can be on: the settings of a new, empty one.
var engines = map[string]func(t *testing.T) settings{
	"sqlite":   func(*testing.T) settings { return usual() },
	"postgres": onEmptyPostgres,
}

func onEmptyPostgres(t *testing.T) settings {
	s := usual()
	s["DATABASE_URL"] = enginetest.Postgres(t)
	return s
}

// A backup that is made while others write is one state of the site: what was
// acknowledged before it began is there, and of what came later each writer's part ends
// somewhere, with nothing before that missing. The images are there too. Restored on any
// engine it is that state again, and the site goes on. Figures of a release come from 10
// rounds.
func TestABackupUnderLoadIsOneStateOfTheSite(t *testing.T) {
	for from, site := range engines {
		t.Run("from "+from, func(t *testing.T) {
			s, dir := site(t), t.TempDir()
			p := launch(t, dir, s)
			c := newCrash(t, dir, p.url, 8)
			all := newChronicles(c)
			for round := range rounds(t, "INKSTONE_BACKUP_ROUNDS", 3) {
				archive := filepath.Join(t.TempDir(), "site.tar")
				began := backupUnderLoad(t, all, func() (string, error) { return command(t, dir, s, "backup", "--uploads", archive) })
				for to, engine := range engines {
					t.Run(fmt.Sprintf("%d to %s", round, to), func(t *testing.T) {
						verifyRestored(t, archive, engine(t), all, began, c.shared)
					})
				}
			}
		})
	}
}

// backupUnderLoad returns how many writes each had acknowledged when the backup began.
func backupUnderLoad(t *testing.T, all []*chronicle, backup func() (string, error)) (began []int) {
	t.Helper()
	stop := make(chan struct{})
	var writing sync.WaitGroup
	for _, h := range all {
		writing.Go(func() { h.writeUntil(stop) })
	}
	time.Sleep(500 * time.Millisecond)
	for _, h := range all {
		began = append(began, int(h.last.Load()))
	}
	out, err := backup()
	meanwhile := 0
	for i, h := range all {
		meanwhile += int(h.last.Load()) - began[i]
	}
	close(stop)
	writing.Wait()
	t.Logf("%d writes acknowledged during the backup", meanwhile)
	if meanwhile == 0 {
		t.Error("nobody wrote: nothing was proved")
	}
	if err != nil || !strings.Contains(out, "已备份到") {
		t.Fatalf("%v: %s", err, out)
	}
	return began
}

func verifyRestored(t *testing.T, archive string, s settings, all []*chronicle, began []int, shared string) {
	t.Helper()
	dir := t.TempDir()
	if out, err := command(t, dir, s, "restore", archive); err != nil || !strings.Contains(out, "已恢复") {
		t.Fatalf("%v: %s", err, out)
	}
	p := launch(t, dir, s)
	for i, h := range all {
		if !h.shows(t, p.url, shared, began[i]) {
			t.Errorf("writer %d: what is restored was never so since the backup began", i)
		}
		h.checkUploads(t, p.url)
		copied := *h.writer
		copied.client = h.As(t)
		copied.url = p.url
		copied.Write("published", nil)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if s["DATABASE_URL"] == "" {
		auditDatabase(t, filepath.Join(dir, "inkstone.db"))
	}
}
