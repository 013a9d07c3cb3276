package backup

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"inkstone/internal/store"
)

// refused restores a file that is no good, and nothing may come of it.
func refused(t *testing.T, file, saying string) {
	t.Helper()
	to := place{t.TempDir()}
	_, err := Restore(t.Context(), file, to.target(t), nil)
	fails(t, err, saying)
	if left := names(t, to.dir); len(left) > 0 {
		t.Errorf("%q was left behind", left)
	}
}

func TestNoChangedBitPasses(t *testing.T) {
	s := newSite(t, 2)
	file, _ := s.backup()
	whole, err := os.ReadFile(file)
	must(t, err)
	places := []int{0, 512, 600, 1024, len(whole) - 1, len(whole) - tailSize, len(whole) - tailSize - 1}
	for range 60 {
		places = append(places, rand.IntN(len(whole)))
	}
	for range 60 {
		places = append(places, len(whole)-1-rand.IntN(2*tailSize))
	}
	changed := filepath.Join(t.TempDir(), "changed.tar")
	for _, at := range places {
		b := bytes.Clone(whole)
		b[at] ^= 1 << rand.IntN(8)
		must(t, os.WriteFile(changed, b, 0o600))
		refused(t, changed, changed)
	}
}

func TestWhatIsCutOffOrLongerIsRefused(t *testing.T) {
	s := newSite(t, 2)
	file, _ := s.backup()
	whole, err := os.ReadFile(file)
	must(t, err)
	cut := filepath.Join(t.TempDir(), "cut.tar")
	for _, n := range []int{1024, 1025, 4096, len(whole) / 2, len(whole) - tailSize, len(whole) - 1024, len(whole) - 1} {
		must(t, os.WriteFile(cut, whole[:n], 0o600))
		refused(t, cut, "已损坏或不完整")
	}
	must(t, os.WriteFile(cut, append(whole, make([]byte, 512)...), 0o600))
	refused(t, cut, "已损坏或不完整")
	for _, n := range []int{0, 1, 511, 513} {
		must(t, os.WriteFile(cut, whole[:n], 0o600))
		refused(t, cut, "不是 inkstone 的备份，或已损坏")
	}
}

func TestWhatIsNoArchiveIsRefused(t *testing.T) {
	s := newSite(t, 0)
	refused(t, s.path(), "不是 inkstone 的备份")
	refused(t, s.dir, "是文件夹")
	refused(t, filepath.Join(s.dir, "missing"), "没有这个文件")
	refused(t, "", "没有这个文件")
	_, err := Write(t.Context(), "", s.site(), nil)
	fails(t, err, "文件名为空")
}

// forge writes an archive with a manifest and an entry of its own.
func forge(t *testing.T, m Manifest, entries ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "forged.tar")
	a, err := createArchive(file, func(int) {})
	must(t, err)
	text, err := m.encode()
	must(t, err)
	must(t, a.add(manifestName, text, time.Now()))
	for _, name := range entries {
		must(t, a.add(name, []byte("no database"), time.Now()))
	}
	must(t, errors.Join(a.finish(), a.close()))
	return file
}

func TestAnArchiveOfANewerVersionIsRefused(t *testing.T) {
	schema, err := store.NewestSchema()
	must(t, err)
	for _, m := range []Manifest{{Format: format + 1, Program: "v9"}, {Format: format, Schema: schema + 1, Program: "v9"}} {
		refused(t, forge(t, m, databaseName), "由更新版本的 inkstone（v9）写成，请安装那个版本")
	}
}

func TestASoundArchiveWithStrangeContentIsRefused(t *testing.T) {
	m := Manifest{Format: format, Schema: 1}
	refused(t, forge(t, m, "../../etc/passwd"), "意外的内容")
	refused(t, forge(t, m, uploadsName+"image/x.png"), "意外的内容")
	refused(t, forge(t, m, databaseName), "")
	refused(t, forge(t, m), "没有数据库")
}

// rewrite archives what is in a file anew, with another manifest or database, as nobody does
// who means well.
func rewrite(t *testing.T, file string, manifest func(*Manifest), database func([]byte)) string {
	t.Helper()
	r, err := openArchive(file)
	must(t, err)
	defer r.close()
	m := r.Manifest
	manifest(&m)
	text, err := m.encode()
	must(t, err)
	forged := filepath.Join(t.TempDir(), "forged.tar")
	a, err := createArchive(forged, func(int) {})
	must(t, err)
	must(t, a.add(manifestName, text, time.Now()))
	add := func(name string, content io.Reader, change func([]byte)) error {
		b, err := io.ReadAll(content)
		change(b)
		return errors.Join(err, a.add(name, b, time.Now()))
	}
	must(t, r.each(t.Context(),
		func(content io.Reader) error { return add(databaseName, content, database) },
		func(field, name string, content io.Reader) error {
			return add(uploadsName+field+"/"+name, content, func([]byte) {})
		}))
	must(t, errors.Join(a.finish(), a.close()))
	return forged
}

func TestAnArchiveThatIsNotWhatItSaysIsRefused(t *testing.T) {
	s := newSite(t, 2)
	file, _ := s.backup()
	asItIs := func([]byte) {}
	refused(t, rewrite(t, file, func(m *Manifest) { m.Uploads = false }, asItIs), "清单上没有的图片")
	refused(t, rewrite(t, file, func(m *Manifest) { m.Counts["posts"]++ }, asItIs), "清单却是")
	damaged := rewrite(t, file, func(*Manifest) {}, func(b []byte) { copy(b[len(b)/2:], bytes.Repeat([]byte{0xff}, 4096)) })
	refused(t, damaged, damaged+" 中的数据库无法读取，没有恢复任何内容")
}

func TestNothingIsOverwritten(t *testing.T) {
	s := newSite(t, 2)
	file, _ := s.backup()
	before, err := os.ReadFile(file)
	must(t, err)
	_, err = Write(t.Context(), file, s.site(), nil)
	fails(t, err, "已存在，不会覆盖")
	if after, err := os.ReadFile(file); err != nil || !bytes.Equal(before, after) {
		t.Error("an archive was overwritten")
	}
	if _, err := Restore(t.Context(), file, place{s.dir}.target(t), nil); err == nil {
		t.Error("a database was overwritten")
	}
	for _, suffix := range []string{"-wal", "-shm", "-journal"} {
		to := place{t.TempDir()}
		must(t, os.WriteFile(filepath.Join(to.dir, "inkstone.db"+suffix), nil, 0o600))
		if _, err := Restore(t.Context(), file, to.target(t), nil); err == nil {
			t.Errorf("restored beside a %s file", suffix)
		}
	}
	to := place{t.TempDir()}
	other := (&testSite{dir: to.dir}).file(s.rows[0])
	must(t, os.MkdirAll(filepath.Dir(other), 0o700))
	must(t, os.WriteFile(other, []byte("another image"), 0o600))
	_, err = Restore(t.Context(), file, to.target(t), nil)
	fails(t, err, "内容不同的图片，不会覆盖")
	if got, err := os.ReadFile(other); string(got) != "another image" || store.Vacant(filepath.Join(to.dir, "inkstone.db")) != nil {
		t.Errorf("%q, %v", got, err)
	}
}
