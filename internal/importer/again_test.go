package importer

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"inkstone/internal/blog"
)

func TestASecondRunChangesNothing(t *testing.T) {
	m := newMemory()
	dir := folder(t, "a.md", "---\ntitle: A\ndate: 2020-01-01\n---\n正文", "b/index.md", "# B\n", "c.md", "---\ndraft: true\n---\nC")
	if rep := mustImport(t, m.options(dir)); rep.Imported != 3 {
		t.Fatalf("%+v", rep)
	}
	before := m.all()
	for _, path := range []string{dir, filepath.Join(dir, "a.md"), filepath.Join(dir, "b", "index.md")} {
		if rep := mustImport(t, m.options(path)); rep.Imported+rep.Updated != 0 || rep.Unchanged == 0 {
			t.Errorf("%s: %+v", path, rep)
		}
	}
	if d := cmp.Diff(before, m.all()); d != "" {
		t.Error(d)
	}
	for i := 1; i < len(before); i++ {
		if before[i-1].Title > before[i].Title {
			t.Error("ids do not ascend in the order of the files")
		}
	}
}

func TestAChangedFileUpdatesItsPost(t *testing.T) {
	m := newMemory()
	dir := folder(t, "a.md", "---\ntitle: A\ndate: 2020-01-01\n---\n正文")
	mustImport(t, m.options(dir))
	before := m.all()[0]
	before.UpdatedAt = before.UpdatedAt.Add(-time.Hour)
	m.byID[before.ID] = before
	writeTo(t, filepath.Join(dir, "a.md"), "---\ntitle: B\ndate: 2020-01-01\n---\n正文")
	dry := m.options(dir)
	dry.DryRun = true
	for _, o := range []Options{dry, m.options(dir)} {
		if rep := mustImport(t, o); rep.Updated != 1 {
			t.Fatalf("%+v", rep)
		}
	}
	after := m.all()
	if len(after) != 1 || after[0].ID != before.ID || after[0].Title != "B" || after[0].Revision != 2 ||
		!after[0].UpdatedAt.After(before.UpdatedAt) || !after[0].CreatedAt.Equal(before.CreatedAt) {
		t.Errorf("%+v", after)
	}
	writeTo(t, filepath.Join(dir, "a.md"), "---\ntitle: 'B'\ndate: 2020-01-01\n---\n正文")
	if rep := mustImport(t, m.options(dir)); rep.Unchanged != 1 {
		t.Errorf("the same post from other bytes: %+v", rep)
	}
}

func TestADryRunWritesNothingAndReportsTheSame(t *testing.T) {
	m := newMemory()
	o := m.options(folder(t, "a.md", "A", "b.md", "", "c.md", "---\ntitle: "+strings.Repeat("题", 120)+"\n---\nC"))
	o.DryRun = true
	dry := mustImport(t, o)
	if len(m.byID)+len(m.noted) != 0 {
		t.Fatal("a dry run wrote")
	}
	o.DryRun = false
	if d := cmp.Diff(dry, mustImport(t, o)); d != "" {
		t.Error(d)
	}
}

func TestAnImportKilledBeforeItsNoteMakesNoTwin(t *testing.T) {
	m := newMemory()
	dir := folder(t, "a.md", "---\ntitle: A\ndate: 2020-01-01\n---\n正文", "copy.md", "---\ntitle: A\ndate: 2020-01-01\n---\n正文", "c.md", "C", "d.md", "C")
	if rep := mustImport(t, m.options(dir)); rep.Imported != 4 {
		t.Fatalf("equal files: %+v", rep)
	}
	clear(m.noted)
	if rep := mustImport(t, m.options(dir)); rep.Imported != 0 || len(m.byID) != 4 {
		t.Errorf("%+v, %d posts", rep, len(m.byID))
	}
	became := map[blog.ID]bool{}
	for _, n := range m.noted {
		became[n.post] = true
	}
	if len(became) != 4 {
		t.Errorf("four files became %d posts", len(became))
	}
}

func TestAFileIsKnownByWhicheverPathItComes(t *testing.T) {
	m := newMemory()
	dir := folder(t, "x.md", "# 根\n", "sub/x.md", "# 子\n正文", "sub/draft.md", "---\ntitle: 草\ndraft: true\n---\n正文",
		"sub/dated.md", "---\ndate: 2020-01-01\n---\n# 日\n", "sub/deep/index.md", "# 深\n")
	if rep := mustImport(t, m.options(dir)); rep.Imported != 5 {
		t.Fatalf("%+v", rep)
	}
	before := m.all()
	moved := filepath.Join(t.TempDir(), "moved")
	unchanged := func(path string) {
		t.Helper()
		if rep := mustImport(t, m.options(path)); rep.Imported+rep.Updated != 0 || rep.Unchanged == 0 {
			t.Errorf("%+v", rep)
		}
	}
	unchanged(filepath.Join(dir, "sub", "x.md"))
	unchanged(filepath.Join(dir, "sub", "draft.md"))
	unchanged(filepath.Join(dir, "sub", "deep", "index.md"))
	unchanged(filepath.Dir(dir))
	t.Chdir(filepath.Join(dir, "sub"))
	unchanged("draft.md")
	unchanged("../x.md")
	if err := errors.Join(os.Mkdir(moved, 0o755), os.Rename(filepath.Join(dir, "sub"), filepath.Join(moved, "other"))); err != nil {
		t.Fatal(err)
	}
	unchanged(moved)
	unchanged(filepath.Join(moved, "other", "dated.md"))
	if d := cmp.Diff(before, m.all()); d != "" {
		t.Error(d)
	}
}

func TestAFileThatChangedAndComesAloneUpdatesItsOwnPost(t *testing.T) {
	m := newMemory()
	dir := folder(t, "x.md", "# 根\n", "sub/x.md", "# 子\n")
	mustImport(t, m.options(dir))
	writeTo(t, filepath.Join(dir, "sub", "x.md"), "# 子\n改过")
	if rep := mustImport(t, m.options(filepath.Join(dir, "sub", "x.md"))); rep.Updated != 1 {
		t.Fatalf("%+v", rep)
	}
	if rep := mustImport(t, m.options(dir)); rep.Unchanged != 2 {
		t.Errorf("%+v", rep)
	}
	if all := m.all(); len(all) != 2 || all[0].Content != "# 子\n改过" || all[1].Content != "# 根\n" {
		t.Errorf("%+v", all)
	}
}

func TestTwoArticlesStayTwo(t *testing.T) {
	m := newMemory()
	dir := folder(t, "a.md", "# 新文章\n待写")
	mustImport(t, m.options(dir))
	for _, other := range []string{"# 新文章\n另写", "# 另一篇\n待写", "---\ntitle: 又一篇\n---\n# 新文章\n待写", "# 新文章\n待写"} { // the last is a copy
		writeTo(t, filepath.Join(dir, "b"+strconv.Itoa(len(m.byID))+".md"), other)
		if rep := mustImport(t, m.options(dir)); rep.Imported != 1 || rep.Updated != 0 {
			t.Errorf("%q: %+v", other, rep)
		}
	}
	for what, head := range map[string]string{"date": "date: 2020-01-01", "title": "title: 再一篇"} {
		other := folder(t, "c-"+what+".md", "---\n"+head+"\n---\n# 新文章\n待写")
		if rep := mustImport(t, m.options(other)); rep.Imported != 1 {
			t.Errorf("of another %s: %+v", what, rep)
		}
	}
	theirs := m.options(folder(t, "d.md", "# 新文章\n待写"))
	theirs.Author = bob
	if rep := mustImport(t, theirs); rep.Imported != 1 {
		t.Errorf("another author's: %+v", rep)
	}
	writeTo(t, filepath.Join(dir, "a.md"), "# 新文章\n写好")
	if rep := mustImport(t, m.options(dir)); rep.Updated != 1 || len(m.byID) != 8 {
		t.Errorf("%+v, %d posts", rep, len(m.byID))
	}
}

func TestAnIDNamesThePost(t *testing.T) {
	m := newMemory()
	id := "65a1b2c3d4e5f60718293a4b"
	text := "---\nid: " + id + "\ntitle: A\n---\n正文"
	if rep := mustImport(t, m.options(folder(t, "a.md", text, "b.md", text))); rep.Imported != 1 || len(rep.Refused) != 1 {
		t.Fatalf("%+v", rep)
	}
	if m.all()[0].ID.String() != id {
		t.Fatal("another id")
	}
	moved := m.options(folder(t, "elsewhere.md", text))
	if rep := mustImport(t, moved); rep.Unchanged != 1 {
		t.Errorf("moved: %+v", rep)
	}
	theirs := m.options(folder(t, "a.md", strings.Replace(text, "title: A", "title: B", 1)))
	theirs.Author = bob
	if rep := mustImport(t, theirs); len(rep.Refused) != 1 {
		t.Errorf("another author's: %+v", rep)
	}
	theirs.AnyAuthor = true
	if rep := mustImport(t, theirs); rep.Updated != 1 || m.all()[0].Author.ID != m.authors[alice] {
		t.Errorf("allowed: %+v", rep)
	}
}
