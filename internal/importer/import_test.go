package importer

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
		{"hexo json without an opening", "a.md", "\"title\": \"标题\",\n\"date\": \"2019/5/24 15:00:00\"\n;;;\n正文\n",
			blog.Post{Title: "标题", Category: "教程", Content: "正文\n"}},
		{"hexo quoted without an opening", "a.md", "\"title\": 标题\n\"date\": 2019/5/24 15:00\n---\n正文\n",
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
		"\"note\": \"this\"\n;;;\n正文\n":       "my post",
		"\"title\": 他说\n正文\n":                 "my post",
		"\"Note\": this\n;;;\n正文\n":           "my post",
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
		"\n\"title\": \"x\",\n\"a\": }\n;;;\n正文":          "第 3 行不是有效的 JSON：",
		"title: x\nb: \"abc\n---\n正文":                     "第 2 行不是有效的 YAML：引号没有闭合",
		"---\ntitle: x\ntags: [go, rust\n---\n正文":         "第 3 行不是有效的 YAML：列表的括号",
		"---\ntitle: x\nTags: [go, rust\na: 1\n---\n正文":   "第 3 行不是有效的 YAML：列表的括号",
		"---\ncategories: [技术, 生活\n---\n正文":               "第 2 行不是有效的 YAML：列表的括号",
		"---\ntags: [C#, C++, #hash]\n---\n正文":            "第 2 行不是有效的 YAML：列表的括号",
		"---\ntags: [a, , b, \"x,y\"]\n---\n正文":           "第 2 行不是有效的 YAML：列表的括号",
		"---\ntags: [译] Go, b\n---\n正文":                   "第 2 行不是有效的 YAML：列表的括号",
		"---\ntag: {a, b\n---\n正文":                        "第 2 行不是有效的 YAML：列表的括号",
		"title: x\ntags: [go, rust\n---\n正文":              "第 2 行不是有效的 YAML：列表的括号",
		"---\ntitle: [译] Go: x\ntags: [go, rust\n---\n正文": "第 3 行不是有效的 YAML：列表的括号",
		";;;\n\"title\": \"x\"\n}\n;;;\n正文":               "JSON：结束之后还有内容",
	} {
		m := newMemory()
		rep := mustImport(t, m.options(folder(t, "a.md", text)))
		if len(rep.Refused) != 1 || !strings.Contains(rep.Refused[0].Text, want) {
			t.Errorf("%q: %+v, want %q", text, rep.Refused, want)
		}
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
		"\"title\":\"x\"\n;;;\ny", "---\ntags: [a,\n b\n---\ny", "\rx",
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
		if !strings.HasSuffix(text, a.content) {
			t.Fatalf("content %q is not the end of %q", a.content, text)
		}
		var p blog.Post
		if err := r.fit(a, &p); err == nil && (p.Title == "" || p.Category != "c" || len(p.Tags) > blog.MaxTags) {
			t.Fatalf("%+v", p)
		}
	})
}
