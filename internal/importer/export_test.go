package importer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"inkstone/internal/blog"
)

func mustExport(t testing.TB, o Options) Report {
	t.Helper()
	rep, err := Export(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// anyPost draws a post that the rules allow, with what is hard on front matter.
func anyPost(author blog.ID) *rapid.Generator[blog.Post] {
	hard := rapid.SampledFrom([]string{"---", "\n", "\r\n", "\t", "\"", "'", ": ", "#", "{{", "图", "\u2028", "\u0085", "\ufeff", "\U000e0001", "\x7f", "\x01",
		" ", "\\", "+++", "...", "null", "~", "2020-01-01", "!!str", "%", "@", "`", "|", ">", "<!--more-->", "# x"})
	text := rapid.Map(rapid.SliceOfN(rapid.OneOf(hard, rapid.StringN(0, 8, -1)), 0, 8), func(ss []string) string { return strings.Join(ss, "") })
	fitting := func(most int) *rapid.Generator[string] {
		return rapid.Map(text, func(s string) string {
			return cut(strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", "")), most)
		})
	}
	whole := func(most int) *rapid.Generator[string] {
		return fitting(most).Filter(func(s string) bool { return s != "" })
	}
	moment := rapid.Map(rapid.Int64Range(0, 7e12), func(ms int64) time.Time { return time.UnixMilli(ms).UTC() })
	return rapid.Custom(func(t *rapid.T) blog.Post {
		p := blog.Post{
			ID: blog.ID(rapid.SliceOfN(rapid.Byte(), 12, 12).Draw(t, "id")), Author: blog.Author{ID: author},
			CreatedAt: moment.Draw(t, "created"), UpdatedAt: moment.Draw(t, "updated"), Revision: 1,
		}
		title, content, excerpt := whole(blog.MaxTitle).Draw(t, "title"), whole(1000).Draw(t, "content"), fitting(blog.MaxExcerpt).Draw(t, "excerpt")
		content = rapid.SampledFrom([]string{"", "\n", "\r\n", " ", "---\n", "\n\n"}).Draw(t, "head") + content + rapid.SampledFrom([]string{"", "\n", " \r\n\n"}).Draw(t, "tail")
		category := rapid.SampledFrom([]string{"技术", "教程"}).Draw(t, "category")
		cover := rapid.SampledFrom([]string{"", "https://x.org/a.png?b=c#d", "/uploads/image/a.png"}).Draw(t, "cover")
		tags := rapid.SliceOfN(rapid.Map(whole(blog.MaxTag), func(s string) string { return strings.ReplaceAll(s, ",", "，") }), 0, 20).Draw(t, "tags")
		status := rapid.SampledFrom([]blog.Status{blog.Draft, blog.Published, blog.Archived}).Draw(t, "status")
		if rapid.Bool().Draw(t, "was published") || status == blog.Published {
			p.PublishedAt = moment.Draw(t, "published")
		}
		in := blog.PostInput{Title: &title, Content: &content, Excerpt: &excerpt, Category: &category, CoverImage: &cover, Tags: &tags, Status: &status}
		if err := in.Apply(&p, []string{"技术", "教程"}, p.CreatedAt); err != nil {
			t.Fatalf("the test makes a post that is not allowed: %v", err)
		}
		return p
	})
}

func TestAnImportOfAnExportChangesNothing(t *testing.T) {
	base := t.TempDir()
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		m := newMemory()
		p := anyPost(m.authors[alice]).Draw(rt, "post")
		if p.ID.IsZero() {
			rt.Skip("the zero id is nobody's")
		}
		m.byID[p.ID] = p
		n++
		dir := filepath.Join(base, fmt.Sprint(n))
		mustExport(t, m.options(dir))
		if rep := mustImport(t, m.options(dir)); rep.Unchanged != 1 {
			rt.Fatalf("into the same store: %+v", rep)
		}
		if d := cmp.Diff(p, m.byID[p.ID]); d != "" {
			rt.Fatal(d)
		}
		clear(m.byID)
		if rep := mustImport(t, m.options(dir)); rep.Imported != 1 || len(rep.Notes) != 0 {
			rt.Fatalf("into an empty store: %+v", rep)
		}
		if d := cmp.Diff(p, m.byID[p.ID], cmpopts.EquateEmpty()); d != "" {
			rt.Fatal(d)
		}
	})
}

func TestEveryPostIsExportedOnceAndAgain(t *testing.T) {
	m := newMemory()
	var files []string
	for i := range 250 {
		files = append(files, fmt.Sprintf("%03d.md", i), fmt.Sprintf("---\ndraft: %t\n---\n正文 %d", i%2 == 0, i))
	}
	mustImport(t, m.options(folder(t, files...)))
	before := m.all()
	dir := filepath.Join(t.TempDir(), "new", "folder")
	for range 2 {
		if rep := mustExport(t, m.options(dir)); rep.Exported != 250 {
			t.Fatalf("%+v", rep)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 250 {
		t.Fatalf("%d files, %v", len(left), err)
	}
	if rep := mustImport(t, m.options(dir)); rep.Unchanged != 250 {
		t.Errorf("%+v", rep)
	}
	if d := cmp.Diff(before, m.all()); d != "" {
		t.Error(d)
	}
	theirs := m.options(t.TempDir())
	theirs.Author = bob
	if rep := mustExport(t, theirs); rep.Exported != 0 {
		t.Errorf("another author's: %+v", rep)
	}
}

func TestFilesOfAnEarlierExportAreToldAndLeft(t *testing.T) {
	m := newMemory()
	mustImport(t, m.options(folder(t, "a.md", "A", "b.md", "B", "c.md", "C")))
	dir := folder(t, "notes.md", "x", "2024-01-02-title.md", "x", "2024-01-02-"+strings.Repeat("a", 24)+".md/x", "a folder")
	if rep := mustExport(t, m.options(dir)); rep.Exported != 3 || len(rep.Left) != 0 {
		t.Fatalf("%+v", rep)
	}
	var want []string
	for _, p := range m.all()[1:] {
		want = append(want, fileName(&p))
		delete(m.byID, p.ID)
	}
	rep := mustExport(t, m.options(dir))
	if rep.Exported != 1 || !slices.Equal(rep.Left, want) {
		t.Errorf("%+v, want %q", rep, want)
	}
	for _, name := range want {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func TestPostsTooLargeToBeInMemoryTogetherAreExportedWhole(t *testing.T) {
	m := newMemory()
	text := strings.Repeat("砚台", maxText/12)
	var files []string
	for i := range 3 {
		files = append(files, fmt.Sprint(i, ".md"), fmt.Sprintf("# 大 %d\n\n%s", i, text))
	}
	mustImport(t, m.options(folder(t, files...)))
	dir := t.TempDir()
	if rep := mustExport(t, m.options(dir)); rep.Exported != 3 {
		t.Fatalf("%+v", rep)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.md"))
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		if b, err := os.ReadFile(name); err != nil || !strings.Contains(string(b), text) {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
	}
}
