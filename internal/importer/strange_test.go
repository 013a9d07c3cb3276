package importer

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
)

func TestStrangeFrontMatterIsStillRead(t *testing.T) {
	for _, c := range []struct{ name, text, title, content string }{
		{"cr alone", "---\rtitle: 标题\r---\r正文\r第二行\r", "标题", "正文\n第二行\n"},
		{"empty lines above", "\n \r\n---\ntitle: 标题\n---\n正文\n", "标题", "正文\n"},
		{"empty lines above toml", "\n+++\ntitle = '标题'\n+++\n正文\n", "标题", "正文\n"},
		{"no fields", "---\n---\n# 标题\n", "标题", "# 标题\n"},
		{"merged", "---\nbase: &b\n  title: 标题\n<<: *b\n---\n正文\n", "标题", "正文\n"},
		{"merged, its own first", "---\nbase: &b {title: 别的}\nmore: &m {title: 更多}\n<<: [*m, *b]\ntitle: 标题\n---\n正文\n", "标题", "正文\n"},
		{"merged, the first of two", "---\nbase: &b {title: 别的}\nmore: &m {title: 标题}\n<<: [*m, *b]\n---\n正文\n", "标题", "正文\n"},
		{"both cases", "---\nTITLE: a\nTitle: b\ntitle: 标题\ntiTle: c\n---\n正文\n", "标题", "正文\n"},
		{"rulers and code below", "---\ntitle: 标题\n---\n前\n```yaml\n---\ntitle: 假\n---\n```\n---\n后\n", "标题", "前\n```yaml\n---\ntitle: 假\n---\n```\n---\n后\n"},
	} {
		p, _ := only(t, "a.md", c.text)
		if p.Title != c.title || p.Content != c.content {
			t.Errorf("%s: title %q, content %q", c.name, p.Title, p.Content)
		}
	}
}

func TestFrontMatterThatNeverEndsIsRefused(t *testing.T) {
	for _, text := range []string{
		"---\ntitle: x\ndate: 2021-03-04\n\n正文\n", "---\r\nDate: 2021-03-04\r\n正文\r\n", "+++\ntitle = \"x\"\n\n正文\n", "\n---\n\ntags:\n- a\n正文\n",
		";;;\n\"title\": \"x\"\n正文\n",
	} {
		rep := mustImport(t, newMemory().options(folder(t, "a.md", text)))
		if len(rep.Refused) != 1 || !strings.Contains(rep.Refused[0].Text, "没有结尾的 "+strings.TrimSpace(text)[:3]) {
			t.Errorf("%q: %+v", text, rep)
		}
	}
	for _, text := range []string{"---\n正文\n", "---\nnote: this\n", "+++\n正文\n", "\n\n正文\n", "---\ntitles: 复数\n"} {
		if p, _ := only(t, "a.md", text); p.Content != text {
			t.Errorf("%q became %q", text, p.Content)
		}
	}
}

func TestFrontMatterMayBeLongUpToALimit(t *testing.T) {
	forms := map[string]string{
		"yaml": "---\ntitle: x\ndescription: %s\n---\n正文\n", "toml": "+++\ntitle = 'x'\ndescription = '%s'\n+++\n正文\n",
		"json": "{\"title\": \"x\", \"description\": \"%s\"}\n正文\n", "hexo": "title: x\ndescription: %s\n---\n正文\n",
		"hexo json": "\"title\": \"x\",\n\"description\": \"%s\"\n;;;\n正文\n",
	}
	for name, form := range forms {
		p, rep := only(t, "a.md", fmt.Sprintf(form, strings.Repeat("摘", 100<<10)))
		if p.Title != "x" || p.Content != "正文\n" || len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0].Text, "摘要有 102400 个字符") {
			t.Errorf("%s: title %q, %d bytes, %.200v", name, p.Title, len(p.Content), rep.Notes)
		}
		rep = mustImport(t, newMemory().options(folder(t, "a.md", fmt.Sprintf(form, strings.Repeat("x", maxFrontMatter)))))
		if len(rep.Refused) != 1 || rep.Refused[0].Text != "front matter 超过 1 MB" {
			t.Errorf("%s, too long: %.200v", name, rep)
		}
	}
	prose := "---\n" + strings.Repeat("一段话: 没有: 尽头\n", maxFrontMatter/20) + "---\n"
	if p, _ := only(t, "a.md", prose); p.Content != prose {
		t.Error("prose between rulers far apart is not kept")
	}
}

func TestTagsAreTakenInEveryShape(t *testing.T) {
	for yaml, want := range map[string][]string{
		"tags:":      {},
		"tags: ''":   {},
		"tags: 2021": {"2021"},
		"tags: [1, 2.50, true, 2021-03-04, null, ]": {"1", "2.50", "true", "2021-03-04"},
		"tags: 'a, b,, c , a'":                      {"a", "b", "c"},
		"tags: a，b":                                 {"a", "b"},
		"tags: [[a, b], [a, c]]":                    {"a", "b", "c"},
		"tags:\n- Go: 入门\n- C:\n- d":                {"Go: 入门", "C", "d"},
		"tags:\n- name: a\n  slug: x\n- title: b":   {"a", "b"},
		"x: &x [a]\ntags: *x":                       {"a"},
		"tag: a\ntags: [b]\ncategories: 教程":         {"b", "a"},
		"categories:\n- [前端, Vue]\n- 后端":            {"前端", "Vue", "后端"},
		"tags: [C#, C++, '#hash']":                  {"C#", "C++", "#hash"},
		"title: a: b\ntags: [a,\n  b]":              {"a", "b"},
		"tags: [\"a\\n\", \" \", \"b,c\"]":          {"a", "b", "c"},
	} {
		if p, _ := only(t, "a.md", "---\n"+yaml+"\n---\n正文\n"); !slices.Equal(p.Tags, want) {
			t.Errorf("%s: %q", yaml, p.Tags)
		}
	}
	p, _ := only(t, "a.md", "+++\ntags = [1, 2.5, true, 2021-03-04, 2021-03-04T05:06:07, [\"b\"]]\n+++\n正文\n")
	if want := []string{"1", "2.5", "true", "2021-03-04", "2021-03-04T05:06:07", "b"}; !slices.Equal(p.Tags, want) {
		t.Errorf("TOML: %q", p.Tags)
	}
	p, _ = only(t, "a.md", "{\"tags\": [1, 2.50, true, null, [\"b\"], {\"name\": \"c\"}]}\n正文\n")
	if want := []string{"1", "2.50", "true", "b", "c"}; !slices.Equal(p.Tags, want) {
		t.Errorf("JSON: %q", p.Tags)
	}
}

func TestAZoneByNameIsReadOnlyIfItIsKnown(t *testing.T) {
	want := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, s := range []string{"2020-01-02 11:04:05 CST", "Thu, 02 Jan 2020 11:04:05 CST", "Thu Jan  2 11:04:05 CST 2020", "Thu Jan  2 03:04:05 UTC 2020", "Thu, 02 Jan 2020 03:04:05 +0000"} {
		if got, err := parseDate(s, DefaultZone); err != nil || !got.Equal(want) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"2020-01-02 11:04:05 EST", "Thu, 02 Jan 2020 11:04:05 EST", "Thu Jan  2 11:04:05 JST 2020"} {
		if got, err := parseDate(s, DefaultZone); err == nil {
			t.Errorf("%q is read as %v", s, got)
		}
	}
}

func TestWhatAFileKeepsFromThePublicIsNotPublished(t *testing.T) {
	for text, told := range map[string]string{
		"status: private":                  "private",
		"status: pending\npublished: true": "pending",
		"password: 1234":                   "密码",
		"status: published\npassword: abc": "密码",
	} {
		p, rep := only(t, "a.md", "---\ndate: 2020-01-02\n"+text+"\n---\n正文\n")
		if p.Status != blog.Draft || !p.PublishedAt.IsZero() || len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0].Text, told) {
			t.Errorf("%q: %s, published %v, %+v", text, p.Status, p.PublishedAt, rep.Notes)
		}
	}
	for text, want := range map[string]blog.Status{
		"status: public": blog.Published, "password: ''": blog.Published, "status: Archived": blog.Archived, "draft: true\npassword: x": blog.Draft,
	} {
		if p, rep := only(t, "a.md", "---\n"+text+"\n---\n正文\n"); p.Status != want || len(rep.Notes) != 0 {
			t.Errorf("%q: %s, %+v", text, p.Status, rep.Notes)
		}
	}
}

func TestACutLeavesWhatIsSeenAsOneCharacterWhole(t *testing.T) {
	const family = "👨\u200d👩\u200d👧\u200d👦" // seven code points
	for _, c := range []struct {
		s    string
		n    int
		want string
	}{
		{"一二三", 3, "一二三"},
		{"一二三", 2, "一二"},
		{"一" + family + "二", 7, "一"},
		{"一" + family + "二", 8, "一" + family},
		{"e\u0301e\u0301", 3, "e\u0301"},
		{"🇨🇳🇨🇳", 3, "🇨🇳"},
		{"一 二", 2, "一"},
		{"e" + strings.Repeat("\u0301", 9), 5, "e" + strings.Repeat("\u0301", 4)},
	} {
		if got := cut(c.s, c.n); got != c.want {
			t.Errorf("%q to %d: %q, want %q", c.s, c.n, got, c.want)
		}
	}
	p, rep := only(t, "a.md", "---\ntitle: "+strings.Repeat("字", blog.MaxTitle-1)+family+"\n---\n正文\n")
	if p.Title != strings.Repeat("字", blog.MaxTitle-1) || len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0].Text, "截为 99 个") {
		t.Errorf("%q, %+v", p.Title, rep.Notes)
	}
}

func TestTheCoverIsTheFirstThatIsAnAddress(t *testing.T) {
	for text, want := range map[string]string{
		"cover: false\nthumbnail: https://x.org/a.png":      "https://x.org/a.png",
		"cover:\nimage: https://x.org/a.png":                "https://x.org/a.png",
		"cover: [https://x.org/a.png, https://x.org/b.png]": "https://x.org/a.png",
		"cover: []":   "",
		"cover: true": "",
		"coverImage: https://x.org/a.png\nthumbnail: https://x.org/b.png":   "https://x.org/a.png",
		"cover: {alt: x, src: https://x.org/a.png}\nbanner: http://x.org/b": "https://x.org/a.png",
	} {
		if p, rep := only(t, "a.md", "---\n"+text+"\n---\n正文\n"); p.CoverImage != want || len(rep.Notes) != 0 {
			t.Errorf("%q: %q, %+v", text, p.CoverImage, rep.Notes)
		}
	}
}

func TestAnotherFileOfTheSameNameIsToldBeforeItReplacesAPost(t *testing.T) {
	m := newMemory()
	mustImport(t, m.options(folder(t, "hello-world.md", "# 旧站\n")))
	o := m.options(folder(t, "hello-world.md", "# 新站\n"))
	for _, o.DryRun = range []bool{true, false} {
		rep := mustImport(t, o)
		if rep.Updated != 1 || len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0].Text, "旧站") {
			t.Errorf("dry %t: %+v", o.DryRun, rep)
		}
	}
	if rep := mustImport(t, o); rep.Unchanged != 1 || len(rep.Notes) != 0 {
		t.Errorf("again: %+v", rep)
	}
}

func TestALinkThatLeadsNowhereIsTold(t *testing.T) {
	dir := folder(t, "a.md", "A", "sub/b.md", "B")
	for link, to := range map[string]string{"gone.md": "nowhere.md", "loop.md": "loop.md", "folder.md": "sub", ".#lock.md": "me@host"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	rep := mustImport(t, newMemory().options(dir))
	var told []string
	for _, r := range rep.Refused {
		told = append(told, r.File)
	}
	if rep.Imported != 2 || !slices.Equal(told, []string{"gone.md", "loop.md"}) {
		t.Errorf("%+v", rep)
	}
}

func TestALinkOutOfTheFolderIsToldAndNotPublished(t *testing.T) {
	base := folder(t, "secret.md", "secret", "posts/a.md", "A", "posts-b/b.md", "B", "posts/sub/c.md", "C")
	dir := filepath.Join(base, "posts")
	for link, to := range map[string]string{
		"absolute.md": filepath.Join(base, "secret.md"), "chain.md": "relative.md", "relative.md": "../secret.md",
		"beside.md": "../posts-b/b.md", "folder.md": "..", "inside.md": "sub/c.md", "sub/up.md": "../a.md",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skip(err)
		}
	}
	if err := os.Symlink("posts", filepath.Join(base, "linked")); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(base, "linked")} {
		rep := mustImport(t, newMemory().options(path))
		var told []string
		for _, r := range rep.Refused {
			told = append(told, r.File+r.Text)
		}
		const why = "链接指向文件夹之外"
		if rep.Imported != 4 || !slices.Equal(told, []string{"absolute.md" + why, "beside.md" + why, "chain.md" + why, "relative.md" + why}) {
			t.Errorf("%s: %+v", path, rep)
		}
	}
	if rep := mustImport(t, newMemory().options(filepath.Join(dir, "relative.md"))); rep.Imported != 1 {
		t.Errorf("named itself: %+v", rep)
	}
}

func TestOnlyAFileOrAFolderCanBeImported(t *testing.T) {
	dir := folder(t, "a.md", "A")
	socket := filepath.Join(dir, "b.md")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Skip(err)
	}
	defer l.Close()
	if _, err := Import(t.Context(), newMemory().options(socket)); err == nil || !strings.Contains(err.Error(), "不是文件") {
		t.Errorf("a socket: %v", err)
	}
	if rep := mustImport(t, newMemory().options(dir)); rep.Imported != 1 || len(rep.Refused) != 0 {
		t.Errorf("a folder with a socket in it: %+v", rep)
	}
}

func TestACategoryGoesBeforeATagTooMany(t *testing.T) {
	a := &article{}
	for i := range blog.MaxTags + 5 {
		a.tags = append(a.tags, fmt.Sprint("t", i))
	}
	tags := a.fitTags([]string{"架构"})
	if len(tags) != blog.MaxTags || tags[blog.MaxTags-1] != "架构" || tags[blog.MaxTags-2] != fmt.Sprint("t", blog.MaxTags-2) {
		t.Errorf("%d tags: %q", len(tags), tags)
	}
}

func TestAnAuthorsSlipIsRefusedOrTold(t *testing.T) {
	for text, why := range map[string]string{
		"title：标题\ndate：2020-01-01":            "第 2 行不是有效的 YAML：键后应为半角冒号",
		"title: > 大于":                          "须用引号括起",
		"title: {{ title }}\ndate: {{ date }}": "date 不是日期",
	} {
		rep := mustImport(t, newMemory().options(folder(t, "a.md", "---\n"+text+"\n---\n正文\n")))
		if len(rep.Refused) != 1 || !strings.Contains(rep.Refused[0].Text, why) {
			t.Errorf("%q: %+v", text, rep)
		}
	}
	for _, title := range []string{"[译]", "{a: b}"} {
		p, rep := only(t, "a.md", "---\ntitle: "+title+"\n---\n正文\n")
		if p.Title != "a" || len(rep.Notes) != 1 || !strings.Contains(rep.Notes[0].Text, "title 不是文本") {
			t.Errorf("%s: %q, %+v", title, p.Title, rep)
		}
	}
}

func TestJekyllPartsTagsAndCategoriesAtBlanks(t *testing.T) {
	for _, c := range []struct {
		file, text, category string
		tags                 []string
	}{
		{"2020-01-02-a.md", "layout: post\ntags: Go 入门\ncategories: 前端 技术", "技术", []string{"Go", "入门", "前端"}},
		{"2020-01-02-a.md", "layout: post\ntags: Spring Boot, Go", "教程", []string{"Spring Boot", "Go"}},
		{"2020-01-02-a.md", "layout: post\ntags: [Spring Boot]\ncategory: 生活", "生活", []string{"Spring Boot"}},
		{"2020-01-02-a.md", "tags: Spring Boot", "教程", []string{"Spring Boot"}},
		{"a.md", "layout: post\ntags: Spring Boot", "教程", []string{"Spring Boot"}},
	} {
		if p, _ := only(t, c.file, "---\n"+c.text+"\n---\n正文\n"); p.Category != c.category || !slices.Equal(p.Tags, c.tags) {
			t.Errorf("%s, %q: %s %q", c.file, c.text, p.Category, p.Tags)
		}
	}
}
