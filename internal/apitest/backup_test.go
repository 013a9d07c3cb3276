package apitest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
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
			for round := range rounds(t, "INKSTONE_BACKUP_ROUNDS", 2) {
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

// A backup that is killed leaves no file of its name, or one that is whole, if it was at its
// end; the next one into that folder removes what the dead left.
func TestAKilledBackupLeavesNoHalfArchive(t *testing.T) {
	s, dir := usual(), t.TempDir()
	p := launch(t, dir, s)
	at := newSite(t, &instance{url: p.url})
	u := at.User()
	for range 200 {
		u.Write("published", object{"content": repeat("很长的内容", 2000)})
	}
	folder := t.TempDir()
	archive := filepath.Join(folder, "site.tar")
	killed, left := 0, 0
	for round := range 8 {
		cmd := commandOf(t, dir, s, "backup", archive)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		awaitWorkspace(t, folder)
		time.Sleep(time.Duration(round) * 20 * time.Millisecond)
		_ = cmd.Process.Kill()
		err := cmd.Wait()
		if _, there := os.Stat(archive); there == nil { // it was faster
			wantWhole(t, archive)
			must(t, os.Remove(archive))
			continue
		}
		if err == nil {
			t.Fatal("a backup that ended well has left no archive")
		}
		killed++
		left = max(left, len(entriesOf(t, folder)))
	}
	if killed == 0 || left == 0 {
		t.Errorf("%d backups killed, %d left something: nothing was proved", killed, left)
	}
	if out, err := command(t, dir, s, "backup", archive); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if all := entriesOf(t, folder); len(all) != 1 {
		t.Errorf("%q is left beside the archive", all)
	}
	wantWhole(t, archive)
}

func wantWhole(t *testing.T, archive string) {
	t.Helper()
	if out, err := command(t, t.TempDir(), settings{}, "restore", archive); err != nil || !strings.Contains(out, "文章 200 篇") {
		t.Errorf("%v: %s", err, out)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// awaitWorkspace waits until a backup is at work.
func awaitWorkspace(t *testing.T, folder string) {
	t.Helper()
	before := strings.Join(entriesOf(t, folder), " ")
	for end := time.Now().Add(20 * time.Second); strings.Join(entriesOf(t, folder), " ") == before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no backup begins")
		}
	}
}

func entriesOf(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Who stops a backup or a restore gets a word and nothing else.
func TestAStoppedBackupOrRestoreLeavesNothing(t *testing.T) {
	s, dir := usual(), t.TempDir()
	at := newSite(t, &instance{url: launch(t, dir, s).url})
	u := at.User()
	for range 200 {
		u.Write("published", object{"content": repeat("很长的内容", 2000)})
	}
	archive := filepath.Join(t.TempDir(), "whole.tar")
	if out, err := command(t, dir, s, "backup", archive); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	stopped := 0
	for round := range 10 {
		folder := t.TempDir()
		for _, cmd := range []*exec.Cmd{
			commandOf(t, dir, s, "backup", filepath.Join(folder, "site.tar")),
			commandOf(t, folder, settings{}, "restore", archive),
		} {
			var out strings.Builder
			cmd.Stdout, cmd.Stderr = &out, &out
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			awaitWorkspace(t, folder)
			time.Sleep(time.Duration(round) * 10 * time.Millisecond)
			_ = cmd.Process.Signal(syscall.SIGTERM)
			if err := cmd.Wait(); err == nil {
				_ = os.RemoveAll(filepath.Join(folder, "site.tar")) // it was faster
				continue
			}
			stopped++
			if code, said := cmd.ProcessState.ExitCode(), out.String(); code != 1 || said != "错误：已中断\n" {
				t.Errorf("exit code %d: %s", code, said)
			}
			if left := entriesOf(t, folder); len(left) > 0 {
				t.Errorf("%q is left", left)
			}
		}
	}
	if stopped == 0 {
		t.Error("none was stopped: nothing was proved")
	}
}

// Images go from a folder into a bucket and back by a backup.
func TestImagesMoveBetweenAFolderAndABucketByABackup(t *testing.T) {
	bucket := inBucket(t)
	dir, s := t.TempDir(), usual()
	p := launch(t, dir, s)
	u := newSite(t, &instance{url: p.url}).User()
	kept := map[string][]byte{}
	for i := range 12 {
		content := sized(20000 + i)
		kept[u.Upload("/api/upload/single", file{"image", "a.png", "image/png", content}).Expect(200).Str("file.url")] = content
	}
	for _, place := range []settings{bucket, {}} {
		archive := filepath.Join(t.TempDir(), "site.tar")
		if out, err := command(t, dir, s, "backup", "--uploads", archive); err != nil || !strings.Contains(out, "图片 12 个") {
			t.Fatalf("%v: %s", err, out)
		}
		s, dir = usual(), t.TempDir()
		for name, value := range place {
			s[name] = value
		}
		for range 2 { // as if the first had been cut off at its end
			if out, err := command(t, dir, s, "restore", archive); err != nil || !strings.Contains(out, "图片 12 个") {
				t.Fatalf("%v: %s", err, out)
			}
			if err := os.Rename(filepath.Join(dir, "inkstone.db"), filepath.Join(dir, "aside")); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Rename(filepath.Join(dir, "aside"), filepath.Join(dir, "inkstone.db")); err != nil {
			t.Fatal(err)
		}
		there := launch(t, dir, s)
		for url, content := range kept {
			reader := &client{t: t, url: there.url}
			if a := reader.Get(url).Expect(200); string(a.Body) != string(content) {
				t.Errorf("%s has %d other bytes", url, len(a.Body))
			}
		}
		if err := there.Stop(); err != nil {
			t.Error(err)
		}
	}
}
