package importer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"inkstone/internal/blog"
)

func TestFrontMatterIsReadAsItIsWritten(t *testing.T) {
	for _, c := range []struct {
		name, file, text string
		want             blog.Post
	}{
		{"hugo yaml", "a.md", "---\ntitle: \"标题\"\ndate: 2019-05-24T15:00:00+08:00\ncategories: \"SOFAStack\"\ntags: [\"Raft\", \"SOFA\"]\ndescription: 摘要\ncover: \"https://x.org/a.png\"\n---\n\n正文\n",
			blog.Post{Title: "标题", Category: "教程", Tags: []string{"Raft", "SOFA", "SOFAStack"}, Excerpt: "摘要", CoverImage: "https://x.org/a.png", Content: "正文\n"}},
		{"hugo toml", "a.md", "+++\ntitle = '标题'\ndate = 2019-05-24T15:00:00+08:00\ntags = ['a']\ncategories = ['技术']\ndraft = false\n+++\n正文\n",
			blog.Post{Title: "标题", Category: "技术", Tags: []string{"a"}, Content: "正文\n"}},
		{"toml local time", "a.md", "+++\ntitle = '标题'\ndate = 2019-05-24 15:00:00\n+++\n正文\n",
			blog.Post{Title: "标题", Category: "教程", Content: "正文\n"}},
		{"hugo json", "a.md", "{\n \"title\": \"标题\", \"date\": \"2019-05-24T07:00:00Z\", \"tags\": [\"a\", 1]\n}\n\n正文\n",
			blog.Post{Title: "标题", Category: "教程", Tags: []string{"a", "1"}, Content: "正文\n"}},
		{"hexo without an opening", "a.md", "title: 标题\ndate: 2019-05-24 15:00:00\ncategories:\n- [技术, 后端]\n- [生活]\ntags:\n- a\n---\n正文\n",
			blog.Post{Title: "标题", Category: "技术", Tags: []string{"a", "后端", "生活"}, Content: "正文\n"}},
		{"hexo json", "a.md", ";;;\n\"title\": \"标题\",\n\"date\": \"2019/05/24 15:00\"\n;;;\n正文\n",
			blog.Post{Title: "标题", Category: "教程", Content: "正文\n"}},
		{"jekyll", "_posts/2019-05-24-a-b.md", "---\nlayout: post\ntags: a, b，c\ndate: 2019-05-24 07:00:00 +0000\n---\n正文\n",
			blog.Post{Title: "a b", Category: "教程", Tags: []string{"a", "b", "c"}, Content: "正文\n"}},
		{"crlf and bom", "a.md", "\ufeff---\r\ntitle: 标题\r\ndate: 2019-05-24 15:00:00\r\ntags:\r\n  - a\r\n---\r\n\r\n一\r\n二\r\n",
			blog.Post{Title: "标题", Category: "教程", Tags: []string{"a"}, Content: "一\r\n二\r\n"}},
		{"what yaml forbids", "a.md", "---\ntitle: [译] Go: 入门\ntags:\n\t- a\ndescription: 它: @是\ndate: 2019年5月24日 15:00\n---\n正文\n",
			blog.Post{Title: "[译] Go: 入门", Category: "教程", Tags: []string{"a"}, Excerpt: "它: @是", Content: "正文\n"}},
		{"scalars as written", "a.md", "---\ntitle: 2024\nTags: [1.10, true, ~]\ndate: '2019-05-24T15:00:00.000'\ntitle: 007\n---\n正文\n",
			blog.Post{Title: "007", Category: "教程", Tags: []string{"1.10", "true"}, Content: "正文\n"}},
		{"theme's cover and mark", "a.md", "---\ntitle: 标题\ndate: 2019-05-24T15:00\ncover:\n  image: //x.org/a.png\n---\n  开头\n文字\n<!--more-->\n其余\n",
			blog.Post{Title: "标题", Category: "教程", Excerpt: "开头 文字", CoverImage: "https://x.org/a.png", Content: "  开头\n文字\n<!--more-->\n其余\n"}},
		{"cover as a link", "a.md", "---\ntitle: 标题\ndate: 2019-05-24T15:00\ncover: \"[https://x.org/a.png](https://x.org/a.png)\"\n---\n正文\n",
			blog.Post{Title: "标题", Category: "教程", CoverImage: "https://x.org/a.png", Content: "正文\n"}},
		{"heading as title", "a.md", "---\ndate: 2019-05-24T15:00:00+08\n---\n```\n# 代码\n```\n## 真标题 ##\n",
			blog.Post{Title: "真标题", Category: "教程", Content: "```\n# 代码\n```\n## 真标题 ##\n"}},
		{"bundle", "my-post/index.md", "---\ndate: 2019-05-24T07:00:00.0Z\nimage: pic.png\n---\n正文\n",
			blog.Post{Title: "my post", Category: "教程", Content: "正文\n"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, _ := only(t, c.file, c.text)
			c.want.Status = blog.Published
			c.want.PublishedAt = time.Date(2019, 5, 24, 7, 0, 0, 0, time.UTC)
			ignore := cmpopts.IgnoreFields(blog.Post{}, "ID", "Author", "CreatedAt", "UpdatedAt", "Revision")
			if d := cmp.Diff(c.want, got, ignore, cmpopts.EquateEmpty()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestATextWithoutFrontMatterIsAllContent(t *testing.T) {
	for text, title := range map[string]string{
		"正文\n":                                "my post",
		"# 标题\n正文":                            "标题",
		"---\n正文\n":                           "my post",
		"---\n一段话\n---\n正文\n":                 "my post",
		"{{< figure >}}\n正文":                  "my post",
		"{not json}\n":                        "my post",
		"注意: 这里\n---\n正文\n":                   "my post",
		"note: this\n---\n正文\n":               "my post",
		"----\ntitle: x\n---\n# 不同长\n":        "不同长",
		"```\n---\ntitle: x\n---\n```\n# 真\n": "真",
	} {
		p, _ := only(t, "2020-01-02-my_post.md", text)
		if p.Content != text || p.Title != title {
			t.Errorf("%q: title %q, content %q", text, p.Title, p.Content)
		}
		if want := time.Date(2020, 1, 1, 16, 0, 0, 0, time.UTC); !p.PublishedAt.Equal(want) {
			t.Errorf("%q: date %v", text, p.PublishedAt)
		}
	}
}

func TestDatesAreReadInAllUsualForms(t *testing.T) {
	want := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range []string{
		"2020-01-02T03:04:05Z", "2020-01-02T11:04:05+08:00", "2020-01-02 11:04:05", "2020-01-02 11:04:05.000",
		"2020-01-02T03:04:05.000Z", "2020/01/02 11:04:05", "2020/1/2 11:4:5", "2020.01.02 11:04:05", "2020-01-02 11:04:05 +0800",
		"2020-01-02 11:04:05 +08:00", "2020-01-02 11:04:05 +8", "2020-01-02 11:04:05 +0800 CST", "2020-01-02T03:04:05 UTC",
		"2020年01月02日 11:04:05", "2020年1月2日11时04分05秒", "2020年1月2日 11点4分5秒", " 2020-01-02t11:04:05 ",
		"2020-01-01 22:04:05 -0500", "Thu, 02 Jan 2020 03:04:05 GMT", "Thu Jan 02 2020 11:04:05 GMT+0800 (中国标准时间)", "2020-01-02 11：04：05",
	} {
		if got, err := parseDate(s, DefaultZone); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	midnight := time.Date(2020, 1, 1, 16, 0, 0, 0, time.UTC)
	for _, s := range []string{"2020-01-02", "2020/1/2", "2020年01月02日", "2020年1月2号", "January 2, 2020", "2 Jan 2020"} {
		if got, err := parseDate(s, DefaultZone); err != nil || !got.Equal(midnight) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	if got, _ := parseDate("2020-01-02", time.UTC); !got.Equal(time.Date(2020, 1, 2, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("the zone is not heeded: %v", got)
	}
	for _, s := range []string{"", "昨天", "2020-13-01", "2020-02-30", "2020-01-02 25:00", "1969-01-01", "2201-01-02", "20200102", "2020-01-02 11:04:05 +99", "0000-00-00"} {
		if got, err := parseDate(s, DefaultZone); err == nil {
			t.Errorf("%q is read as %v", s, got)
		}
	}
}

func TestStatusFollowsDraftPublishedAndFolder(t *testing.T) {
	for text, want := range map[string]blog.Status{
		"title: x":                       blog.Published,
		"draft: true":                    blog.Draft,
		"draft: yes":                     blog.Draft,
		"draft: false\npublished: false": blog.Published,
		"published: false":               blog.Draft,
		"status: archived\ndraft: true":  blog.Archived,
		"status: publish":                blog.Published,
	} {
		p, _ := only(t, "a.md", "---\ndate: 2020-01-02\n"+text+"\n---\n正文\n")
		if p.Status != want || p.PublishedAt.IsZero() != (want != blog.Published) {
			t.Errorf("%q: %s, published %v", text, p.Status, p.PublishedAt)
		}
	}
	dir := folder(t, "_drafts/sub/a.md", "正文\n")
	for _, path := range []string{dir, "_drafts", "_drafts/sub", "_drafts/sub/a.md"} {
		t.Chdir(dir)
		m := newMemory()
		mustImport(t, m.options(path))
		if p := m.all()[0]; p.Status != blog.Draft {
			t.Errorf("by %s: %s", path, p.Status)
		}
		t.Chdir(filepath.Join(dir, "_drafts"))
		if rep := mustImport(t, m.options(".")); rep.Unchanged != 1 {
			t.Errorf("again from its folder: %+v", rep)
		}
	}
}

func TestWhatIsTooLongIsCutAndTold(t *testing.T) {
	var tags []string
	for i := range 23 {
		tags = append(tags, fmt.Sprintf("t%d", i))
	}
	tags[0] = strings.Repeat("标", 60)
	p, rep := only(t, "a.md", "---\ntitle: "+strings.Repeat("题", 120)+"\nexcerpt: "+strings.Repeat("摘", 300)+
		"\ntags: ["+strings.Join(tags, ",")+"]\ncover: ./local.png\n---\n正文\n")
	for what, n := range map[string][2]int{
		"title":   {utf8.RuneCountInString(p.Title), 100},
		"excerpt": {utf8.RuneCountInString(p.Excerpt), 200},
		"tags":    {len(p.Tags), 20},
		"tag":     {utf8.RuneCountInString(p.Tags[0]), 50},
		"notes":   {len(rep.Notes), 5},
		"cover":   {len(p.CoverImage), 0},
	} {
		if n[0] != n[1] {
			t.Errorf("%s: %d, want %d", what, n[0], n[1])
		}
	}
}

func TestABadFileIsRefusedWithItsReasonAndStopsNothing(t *testing.T) {
	m := newMemory()
	dir := folder(t,
		"binary.md", "abc\x00def", "broken.md", "---\ntitle: [a\n b: }\n---\n正文", "date.md", "---\ndate: soon\n---\n正文",
		"empty.md", "", "front.md", "---\ntitle: x\n---\n \n", "gbk.md", "\xc4\xe3\xba\xc3", "good.md", "正文",
		"json.md", "{\"title\": \"x\",}\n正文", "large.md", strings.Repeat("x", maxFile+1), "toml.md", "+++\ntitle = \n+++\n正文",
		"utf16.md", "\xff\xfeh\x00", "nul.md", "---\ntitle: \"a\\0b\"\n---\n正文", "year.md", "---\ndate: 1900-01-01\n---\n正文",
		"bomb.md", "---\na: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ntags: [*d,*d,*d,*d,*d,*d]\ndate: never\n---\n正文",
		"skip/.hidden/a.md", "x", "node_modules/a.md", "x", "._a.md", "x", "_index.md", "x", "a.txt", "x")
	rep := mustImport(t, m.options(dir))
	var refused []string
	for _, r := range rep.Refused {
		refused = append(refused, r.File)
		if r.Text == "" || strings.Contains(r.Text, dir) || strings.Contains(r.Text, string(blog.RuleText)) {
			t.Errorf("%s: %q", r.File, r.Text)
		}
	}
	want := []string{"binary.md", "bomb.md", "broken.md", "date.md", "empty.md", "front.md", "gbk.md", "json.md", "large.md", "nul.md", "toml.md", "utf16.md", "year.md"}
	if !slices.Equal(refused, want) || rep.Imported != 1 {
		t.Errorf("refused %q, imported %d", refused, rep.Imported)
	}
}

func TestARefusalNamesTheLineOfTheFile(t *testing.T) {
	for text, want := range map[string]string{
		"---\ntitle: x\ntags:\n  [a\nb: 1\n---\n正文":       "第 4 行不是有效的 YAML：括号没有闭合，或缺少逗号",
		"---\ntitle: x\nb: \"x\" y\nc: 2\n---\n正文":        "第 3 行不是有效的 YAML：缩进不对",
		"---\ntitle: x\na: 1\n- c\n---\n正文":               "第 4 行不是有效的 YAML：缩进不对",
		"\n\n---\ntitle: x\nb: \"abc\nc: 1\n---\n正文":      "第 5 行不是有效的 YAML：引号没有闭合",
		"---\ntitle: x\nnokey\nb: 2\n---\n正文":             "第 3 行不是有效的 YAML：缺少冒号",
		"---\ntitle: \"a\\qb\"\n---\n正文":                  "第 2 行不是有效的 YAML：双引号中的反斜杠",
		"---\ntitle: x\n y: z\n---\n正文":                   "第 3 行不是有效的 YAML：缩进不对",
		"---\ntitle: Go: x\ny: \"a\\qb\"\n---\n正文":        "第 3 行不是有效的 YAML：双引号中的反斜杠",
		"---\ntitle: x\ntags:\n- *y\n---\n正文":             "front matter 不是有效的 YAML：引用了没有定义的锚点",
		"---\ntitle: a\x01b\n---\n正文":                     "front matter 不是有效的 YAML：含有控制字符",
		"---\ntitle: x\n%y\n---\n正文":                      "第 3 行不是有效的 YAML：found unknown directive name",
		"+++\ntitle = 'x'\nb = \n+++\n正文":                 "第 3 行不是有效的 TOML：",
		"+++\ntitle = 'x'\ntitle = 'y'\n+++\n正文":          "第 3 行不是有效的 TOML：",
		"{\n\"title\": \"x\",\n\"a\": ,\n\"b\": 1\n}\n正文": "第 3 行不是有效的 JSON：",
		"{\n\"title\": \"x\"\n":                           "第 2 行不是有效的 JSON：",
		";;;\n\"title\": \"x\",\n\"a\": }\n;;;\n正文":       "第 3 行不是有效的 JSON：",
		";;;\n\"title\": \"x\"\n}\n;;;\n正文":               "JSON：结束之后还有内容",
	} {
		m := newMemory()
		rep := mustImport(t, m.options(folder(t, "a.md", text)))
		if len(rep.Refused) != 1 || !strings.Contains(rep.Refused[0].Text, want) {
			t.Errorf("%q: %+v, want %q", text, rep.Refused, want)
		}
	}
}

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

func TestLinksThatGoInCirclesDoNoHarm(t *testing.T) {
	dir := folder(t, "a/a.md", "A")
	for link, to := range map[string]string{"a/up": dir, "loop.md": "loop.md", "gone.md": "nowhere.md", "linked.md": "a/a.md"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	m := newMemory()
	if rep := mustImport(t, m.options(dir)); rep.Imported != 2 {
		t.Errorf("%+v", rep)
	}
}

func TestProgressCountsEveryFile(t *testing.T) {
	m := newMemory()
	o := m.options(folder(t, "a.md", "A", "b.md", "", "c.md", "C"))
	var seen []int
	o.Progress = func(done, total int) { seen = append(seen, done*10+total) }
	mustImport(t, o)
	if !slices.Equal(seen, []int{13, 23, 33}) {
		t.Error(seen)
	}
}

func TestAnUnknownAuthorOrFolderIsAnError(t *testing.T) {
	m := newMemory()
	o := m.options(filepath.Join(t.TempDir(), "missing"))
	if _, err := Import(t.Context(), o); err == nil {
		t.Error("a missing folder is imported")
	}
	o.Path, o.Author = t.TempDir(), "nobody@example.com"
	if _, err := Import(t.Context(), o); blog.CodeOf(err) != blog.CodeUserNotFound {
		t.Errorf("nobody's posts are imported: %v", err)
	}
}

func TestAnAuthorIsFoundHoweverTheAddressIsWritten(t *testing.T) {
	m := newMemory()
	o := m.options(folder(t, "a.md", "---\ntitle: 一\n---\n正文"))
	o.Author = " Alice@Example.com "
	if rep := mustImport(t, o); rep.Imported != 1 {
		t.Errorf("imported: %+v", rep)
	}
	o.Path = t.TempDir()
	if rep := mustExport(t, o); rep.Exported != 1 {
		t.Errorf("exported: %+v", rep)
	}
}

// TestRealArticlesComeIn imports the folder that POSTS_DIR names, if it is set.
func TestRealArticlesComeIn(t *testing.T) {
	dir := os.Getenv("POSTS_DIR")
	if dir == "" {
		t.Skip("POSTS_DIR is not set")
	}
	m := newMemory()
	rep := mustImport(t, m.options(dir))
	t.Logf("imported %d, notes %d", rep.Imported, len(rep.Notes))
	for _, n := range rep.Notes {
		t.Logf("%s: %s", n.File, n.Text)
	}
	if len(rep.Refused) != 0 || rep.Imported == 0 {
		t.Errorf("%+v", rep.Refused)
	}
	if rep := mustImport(t, m.options(dir)); rep.Imported+rep.Updated+len(rep.Refused) != 0 {
		t.Errorf("second run: %+v", rep)
	}
}

func FuzzFrontMatterNeverLosesContent(f *testing.F) {
	for _, s := range []string{
		"---\ntitle: x\n---\ny", "+++\ntitle='x'\n+++\ny", "{\"title\":\"x\"}\ny", "title: x\n---\ny", ";;;\n\"a\":1\n;;;\ny",
		"---\na: &a [*a]\n---\n", "---\n<<: *x\n---\n", "---\n? [a]\n: b\n---\ny", "---\ndate: 2020-01-01T00:00:00Z\n---\n\r\n\ty",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := &run{Options: Options{Categories: []string{"c"}, Category: "c"}}
		text, err := decode([]byte(s))
		if err != nil {
			return
		}
		a, err := parse(file{name: "x.md"}, text, DefaultZone)
		if err != nil {
			return
		}
		if !strings.HasSuffix(s, a.content) {
			t.Fatalf("content %q is not the end of %q", a.content, s)
		}
		var p blog.Post
		if err := r.fit(a, &p); err == nil && (p.Title == "" || p.Category != "c" || len(p.Tags) > blog.MaxTags) {
			t.Fatalf("%+v", p)
		}
	})
}
