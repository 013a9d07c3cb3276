package backup

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/store"
)

func TestASiteComesBackWithItsImages(t *testing.T) {
	s := newSite(t, 12)
	file, wrote := s.backup()
	if wrote.Images != 12 || wrote.Counts["users"] != 1 || wrote.Counts["uploads"] != 12 || len(wrote.Gone)+len(wrote.Missing) > 0 {
		t.Errorf("%+v", wrote)
	}
	if info, err := os.Stat(file); err != nil || info.Size() != wrote.Bytes || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: %d bytes were reported", info, err, wrote.Bytes)
	}
	to := place{t.TempDir()}
	read, err := Restore(t.Context(), file, to.target(t), nil)
	must(t, err)
	if read.Images != 12 || read.Bytes != wrote.Bytes {
		t.Errorf("%+v", read)
	}
	back := &testSite{t: t, dir: to.dir}
	for _, u := range s.rows {
		if got, err := os.ReadFile(back.file(u)); !bytes.Equal(got, contentOf(u)) {
			t.Errorf("%s: %d bytes, %v", u.Filename, len(got), err)
		}
	}
	db := back.open()
	defer db.Close()
	for _, u := range s.rows {
		if got, err := db.Uploads().Get(t.Context(), u.Filename); got != u {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

func TestAnArchiveIsAPlainTarWithADatabaseInIt(t *testing.T) {
	s := newSite(t, 1)
	file, _ := s.backup()
	f, err := os.Open(file)
	must(t, err)
	defer f.Close()
	var entries []string
	for r := tar.NewReader(f); ; {
		head, err := r.Next()
		if err == io.EOF {
			break
		}
		must(t, err)
		entries = append(entries, head.Name)
	}
	want := []string{"manifest.json", "inkstone.db", "uploads/image/" + s.rows[0].Filename, "SHA256"}
	if !slices.Equal(entries, want) {
		t.Errorf("%q, want %q", entries, want)
	}
}

func TestADatabaseOfManyGigabytesFitsIntoAnEntry(t *testing.T) {
	a, err := createArchive(filepath.Join(t.TempDir(), "a"), func(int) {})
	must(t, err)
	defer a.close()
	must(t, a.begin(databaseName, 15<<30, time.Now()))
	must(t, a.buf.Flush())
	f, err := os.Open(a.file.Name())
	must(t, err)
	defer f.Close()
	if head, err := tar.NewReader(f).Next(); err != nil || head.Size != 15<<30 {
		t.Errorf("%+v, %v", head, err)
	}
}

func TestBadNamesForAnArchiveAreRefused(t *testing.T) {
	s := newSite(t, 0)
	dir := t.TempDir()
	taken := filepath.Join(dir, "taken")
	must(t, os.WriteFile(taken, nil, 0o600))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "link")))
	for name, saying := range map[string]string{
		dir:                           "是文件夹，请给出文件名",
		taken:                         "已存在",
		filepath.Join(dir, "link"):    "已存在",
		filepath.Join(dir, "no/a"):    "请先创建它",
		filepath.Join(taken, "a"):     "taken",
		filepath.Join(dir, "x", ".."): "是文件夹",
	} {
		_, err := Write(t.Context(), name, s.site(), nil)
		fails(t, err, saying)
	}
	if left := names(t, dir); !slices.Equal(left, []string{"link", "taken"}) {
		t.Errorf("%q", left)
	}
}

// failing fails a database at a moment.
type failing struct {
	Database
	cancel context.CancelFunc
	err    error
}

func (f failing) Write(ctx context.Context, w io.Writer) error {
	if f.cancel != nil {
		f.cancel()
		return f.Database.Write(ctx, w)
	}
	_, _ = w.Write(make([]byte, 4096))
	return f.err
}

func TestWhatFailsOrIsInterruptedLeavesNothing(t *testing.T) {
	s := newSite(t, 2)
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	broken := errors.New("broken")
	for _, how := range []failing{{err: broken}, {cancel: cancel, err: context.Canceled}} {
		site := s.site()
		site.Open = func(ctx context.Context, _ string) (Database, error) {
			p, err := store.OpenPages(ctx, s.path())
			how.Database = p
			return how, err
		}
		if _, err := Write(ctx, filepath.Join(dir, "site.tar"), site, nil); !errors.Is(err, how.err) {
			t.Errorf("%v", err)
		}
		if left := names(t, dir); len(left) > 0 {
			t.Errorf("%q was left behind", left)
		}
	}
}

func TestADamagedDatabaseIsNotBackedUp(t *testing.T) {
	s := newSite(t, 0)
	f, err := os.OpenFile(s.path(), os.O_RDWR, 0)
	must(t, err)
	_, err = f.WriteAt(bytes.Repeat([]byte{0xff}, 512), 10*4096)
	must(t, errors.Join(err, f.Close()))
	dir := t.TempDir()
	if _, err := Write(t.Context(), filepath.Join(dir, "site.tar"), s.site(), nil); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("%v", err)
	}
	if left := names(t, dir); len(left) > 0 {
		t.Errorf("%q was left behind", left)
	}
}

// between does something when the database is written and no image is read yet.
type between struct {
	Images
	do func()
}

func (b *between) Open(ctx context.Context, u blog.Upload) (io.ReadCloser, error) {
	if b.do != nil {
		b.do()
		b.do = nil
	}
	return b.Images.Open(ctx, u)
}

func TestImagesThatGoMeanwhileAreLeftOutAndTold(t *testing.T) {
	s := newSite(t, 5)
	db := s.open()
	defer db.Close()
	site := s.site()
	site.Images = &between{s.images, func() {
		must(t, os.Remove(s.file(s.rows[1])))
		must(t, db.Uploads().Delete(t.Context(), s.rows[1].Filename)) // deleted
		must(t, os.Rename(s.file(s.rows[2]), s.file(s.rows[2])+"-"))  // not in place yet
		time.AfterFunc(2*imagePause, func() { _ = os.Rename(s.file(s.rows[2])+"-", s.file(s.rows[2])) })
		must(t, os.Remove(s.file(s.rows[3])))       // lost
		must(t, os.Truncate(s.file(s.rows[4]), 10)) // damaged
	}}
	file := filepath.Join(t.TempDir(), "site.tar")
	r, err := Write(t.Context(), file, site, nil)
	must(t, err)
	slices.Sort(r.Missing)
	if r.Images != 2 || !slices.Equal(r.Gone, []string{s.rows[1].Filename}) || !slices.Equal(r.Missing, []string{s.rows[3].Filename, s.rows[4].Filename}) {
		t.Errorf("%d images, gone %q, missing %q", r.Images, r.Gone, r.Missing)
	}
	to := place{t.TempDir()}
	back, err := Restore(t.Context(), file, to.target(t), nil)
	must(t, err)
	if back.Images != 2 || back.Counts["uploads"] != 5 {
		t.Errorf("%+v", back)
	}
}

func TestAnotherRestoreCompletesOneThatWasCutOff(t *testing.T) {
	s := newSite(t, 12)
	file, _ := s.backup()
	to := place{t.TempDir()}
	cut := to.target(t)
	cut.Install = func(context.Context, string, string) error { return context.Canceled }
	if _, err := Restore(t.Context(), file, cut, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	must(t, os.Remove((&testSite{dir: to.dir}).file(s.rows[7])))
	for _, name := range names(t, to.dir) {
		if !strings.HasPrefix(name, "uploads") {
			t.Errorf("%s was left behind", name)
		}
	}
	r, err := Restore(t.Context(), file, to.target(t), nil)
	must(t, err)
	if all := names(t, to.dir); r.Images != 12 || len(all) != 13 {
		t.Errorf("%d images, %q", r.Images, all)
	}
}

func TestWorkspacesOfTheDeadAreRemovedAndOfTheLivingNot(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "inkstone-1.partial")
	must(t, os.MkdirAll(filepath.Join(dead, "more"), 0o700))
	for _, name := range []string{"lock", "archive.tar", "more/a"} {
		must(t, os.WriteFile(filepath.Join(dead, name), nil, 0o600))
	}
	must(t, os.WriteFile(filepath.Join(dir, "inkstone-2.partial"), nil, 0o600)) // a file, somebody else's
	living, err := openWorkspace(dir)
	must(t, err)
	must(t, os.WriteFile(living.at("archive.tar"), nil, 0o600))
	next, err := openWorkspace(dir)
	must(t, err)
	next.close()
	if _, err := os.Stat(living.at("archive.tar")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dead); err == nil {
		t.Error("what the dead left is there still")
	}
	living.close()
	if left := names(t, dir); !slices.Equal(left, []string{"inkstone-2.partial"}) {
		t.Errorf("%q", left)
	}
}

func TestProgressEnds(t *testing.T) {
	s := newSite(t, 3)
	var told [][2]int64
	note := func(done, total int64) { told = append(told, [2]int64{done, total}) }
	file := filepath.Join(t.TempDir(), "site.tar")
	_, err := Write(t.Context(), file, s.site(), note)
	must(t, err)
	if last := told[len(told)-1]; last[0] != last[1] || len(told) < 2 {
		t.Errorf("%v", told)
	}
	told = nil
	_, err = Restore(t.Context(), file, place{t.TempDir()}.target(t), note)
	must(t, err)
	if last := told[len(told)-1]; last[0] != last[1] || len(told) < 2 {
		t.Errorf("%v", told)
	}
}

func TestPlaceReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	file, name := filepath.Join(dir, "file"), filepath.Join(dir, "name")
	for _, taken := range []func() error{
		func() error { return os.WriteFile(name, []byte("there"), 0o600) },
		func() error { return os.Symlink("nowhere", name) },
		func() error { return os.Mkdir(name, 0o700) },
	} {
		must(t, os.WriteFile(file, []byte("new"), 0o600))
		must(t, taken())
		before, err := os.Lstat(name)
		must(t, err)
		if err := Place(file, name); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%v", err)
		}
		after, err := os.Lstat(name)
		if must(t, err); !os.SameFile(before, after) {
			t.Error("what was there was replaced")
		}
		must(t, os.Remove(name))
	}
	must(t, Place(file, name))
	if got, err := os.ReadFile(name); string(got) != "new" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestOfTwoBackupsIntoOneFileOneIsMade(t *testing.T) {
	s := newSite(t, 3)
	file := filepath.Join(t.TempDir(), "site.tar")
	errs := make(chan error, 4)
	for range cap(errs) {
		go func() {
			_, err := Write(t.Context(), file, s.site(), nil)
			errs <- err
		}()
	}
	made := 0
	for range cap(errs) {
		switch err := <-errs; {
		case err == nil:
			made++
		case !strings.Contains(err.Error(), "已存在"):
			t.Error(err)
		}
	}
	if left := names(t, filepath.Dir(file)); made != 1 || !slices.Equal(left, []string{"site.tar"}) {
		t.Errorf("%d made, %q", made, left)
	}
	_, err := Restore(t.Context(), file, place{t.TempDir()}.target(t), nil)
	must(t, err)
}
