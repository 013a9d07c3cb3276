package importer

import (
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"inkstone/internal/blog"
)

// article is what a file says, before it is made to fit a post.
type article struct {
	file, digest string

	id                   blog.ID // zero: the file names none
	title, content       string
	excerpt, cover       string
	categories, tags     []string
	status               blog.Status
	published            time.Time // zero: the file does not say
	createdAt, updatedAt time.Time // zero: the file does not say
	notes                []string
}

func (a *article) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

// The names that one thing goes by, the ones Export writes first.
var (
	dateKeys     = []string{"date", "publishdate", "pubdate", "published_at", "created"}
	excerptKeys  = []string{"excerpt", "description", "summary", "subtitle", "abstract"}
	coverKeys    = []string{"coverimage", "cover", "image", "thumbnail", "banner", "featured_image", "featuredimage", "cover_image", "feature_image", "top_img"}
	categoryKeys = []string{"category", "categories"}
	tagKeys      = []string{"tags", "tag"}
)

// parse reads a file's text.
func parse(from file, text string, zone *time.Location) (*article, error) {
	f, content, err := split(text)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(content) == "" {
		return nil, errRefused("没有正文")
	}
	a := &article{file: from.name, content: content}
	a.id, _ = blog.ParseID(f.text("id"))
	a.setStatus(f, from.path)
	a.setTitle(f)
	a.setExcerpt(f)
	a.cover = coverOf(f)
	if jekyll(f, from.name) {
		f.partAtBlanks("tags", "categories")
	}
	a.categories = f.list(categoryKeys)
	a.tags = f.list(tagKeys)
	return a, a.setTimes(f, zone)
}

// jekyll reports whether a file is one of Jekyll's: its posts have a layout and a
// date in their names.
func jekyll(f fields, file string) bool {
	return f.text("layout") != "" && datedName.MatchString(baseName(file))
}

// partAtBlanks makes lists of texts that have blanks and no commas, as Jekyll does;
// to Hexo and Hugo such a text is one name.
func (f fields) partAtBlanks(keys ...string) {
	for _, k := range keys {
		if s := f.text(k); s != "" && !strings.ContainsAny(s, ",，") {
			f[k] = strings.Join(strings.Fields(s), ",")
		}
	}
}

// text returns a scalar field; "" if it is absent or none.
func (f fields) text(key string) string {
	s, _ := f[key].(string)
	return strings.TrimSpace(s)
}

// firstText returns the first of the fields that is a text; ok is true even if that is empty.
func (f fields) firstText(keys []string) (s string, ok bool) {
	for _, k := range keys {
		if s, ok := f[k].(string); ok {
			return strings.TrimSpace(s), true
		}
	}
	return "", false
}

// list returns the texts of all the fields: a text is split at commas, lists in
// lists (Hexo's category paths) are flattened.
func (f fields) list(keys []string) []string {
	var out []string
	for _, k := range keys {
		out = appendTexts(out, f[k], ",，")
	}
	return out
}

// appendTexts splits texts at any of the signs. Inside a list only "," splits, which no
// tag may hold.
func appendTexts(out []string, v any, signs string) []string {
	switch v := v.(type) {
	case string:
		for _, s := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune(signs, r) }) {
			if s = strings.TrimSpace(s); s != "" && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	case []any:
		for _, e := range v {
			out = appendTexts(out, e, ",")
		}
	case map[string]any:
		return appendNames(out, v)
	}
	return out
}

// appendNames takes an object's name. An object without one is what YAML makes of a
// list's "- Go: 入门": it is put together again as it was written.
func appendNames(out []string, m map[string]any) []string {
	if name, ok := fields(m).firstText([]string{"name", "title"}); ok {
		return appendTexts(out, name, ",")
	}
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if s, ok := m[k].(string); ok {
			k += ": " + s
		}
		out = appendTexts(out, k, ",")
	}
	return out
}

// setStatus makes a draft of what the file keeps from the public in a way that posts do
// not know: another status, a password.
func (a *article) setStatus(f fields, path string) {
	a.status = statusOf(path, f)
	said := strings.ToLower(f.text("status"))
	switch {
	case said != "" && said != "publish" && said != "public" && !blog.Status(said).Valid():
		a.note("状态 %q 不是 published、draft 或 archived，存为草稿", cut(said, 20))
		a.status = blog.Draft
	case a.status == blog.Published && f.text("password") != "":
		a.note("文章设有密码，存为草稿")
		a.status = blog.Draft
	}
}

func statusOf(path string, f fields) blog.Status {
	if s := blog.Status(strings.ToLower(f.text("status"))); s.Valid() {
		return s
	}
	draft, said := truth(f.text("draft"))
	if published, ok := truth(f.text("published")); ok && !said {
		draft, said = !published, true
	}
	if draft || !said && strings.Contains(filepath.ToSlash(path), "/_drafts/") {
		return blog.Draft
	}
	return blog.Published
}

func truth(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "true", "yes", "on", "1":
		return true, true
	case "false", "no", "off", "0":
		return false, true
	}
	return false, false
}

// setTitle takes the title, or the first heading, or the file's name.
func (a *article) setTitle(f fields) {
	title := f.text("title")
	if title == "" {
		title = firstHeading(a.content)
	}
	if title == "" {
		title = nameTitle(a.file)
	}
	a.title = a.fit("标题", title, blog.MaxTitle)
	if _, text := f["title"].(string); !text && f["title"] != nil {
		a.note("title 不是文本（以方括号或花括号开头的须用引号括起），标题用 %q", a.title)
	}
}

// fit cuts a text at a character border, and tells.
func (a *article) fit(what, s string, most int) string {
	n := utf8.RuneCountInString(s)
	if n <= most {
		return s
	}
	s = cut(s, most)
	a.note("%s有 %d 个字符，截为 %d 个", what, n, utf8.RuneCountInString(s))
	return s
}

// cut returns the first n code points of s, or as many fewer as it takes to
// leave what a reader sees as one character (a family of emoji, é) whole.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	end, runes := 0, 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		if runes += len(g.Runes()); runes > n {
			break
		}
		_, end = g.Positions()
	}
	if end == 0 {
		return string([]rune(s)[:n]) // one character of more marks than fit
	}
	return strings.TrimSpace(s[:end])
}

var heading = regexp.MustCompile(`^ {0,3}#{1,6}[ \t]+(.*?)[ \t]*#*[ \t]*$`)

// firstHeading returns the text of the first heading that is not inside a code block.
func firstHeading(content string) string {
	code := false
	for line := range strings.Lines(content) {
		line = strings.TrimRight(line, "\r\n")
		if t := strings.TrimSpace(line); strings.HasPrefix(t, "```") || strings.HasPrefix(t, "~~~") {
			code = !code
		}
		if m := heading.FindStringSubmatch(line); m != nil && !code && m[1] != "" {
			return m[1]
		}
	}
	return ""
}

var datedName = regexp.MustCompile(`^(\d{4}-\d{1,2}-\d{1,2})[-_](.+)$`)

// baseName is the file's name without its ending, the folder's for a bundle.
func baseName(file string) string {
	if isIndex(file) && path.Dir(file) != "." {
		return path.Base(path.Dir(file))
	}
	return strings.TrimSuffix(path.Base(file), path.Ext(file))
}

func nameTitle(file string) string {
	name := baseName(file)
	if m := datedName.FindStringSubmatch(name); m != nil {
		name = m[2]
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || unicode.IsControl(r) {
			return ' '
		}
		return r
	}, name))
}

var moreMark = regexp.MustCompile(`<!--\s*more\s*-->`)

// setExcerpt takes the excerpt, or what stands before the mark for it.
func (a *article) setExcerpt(f fields) {
	if s, ok := f.firstText(excerptKeys); ok {
		a.excerpt = a.fit("摘要", s, blog.MaxExcerpt)
		return
	}
	if at := moreMark.FindStringIndex(a.content); at != nil {
		a.excerpt = cut(strings.Join(strings.Fields(a.content[:at[0]]), " "), blog.MaxExcerpt)
	}
}

var link = regexp.MustCompile(`^!?\[.*\]\((\S+)\)$`)

func coverOf(f fields) string {
	for _, k := range coverKeys {
		if s := coverText(f[k]); s != "" {
			return s
		}
	}
	return ""
}

// coverText takes a text, the address of a Markdown link, or as some themes have
// it, the address in an object or the first of a list. "cover: false" is none.
func coverText(v any) string {
	switch of := v.(type) {
	case map[string]any:
		v, _ = fields(of).firstText([]string{"image", "src", "url", "path", "feature"})
	case []any:
		if len(of) > 0 {
			v = of[0]
		}
	}
	s, _ := v.(string)
	s = strings.TrimSpace(s)
	if _, switched := truth(s); switched {
		return ""
	}
	if m := link.FindStringSubmatch(s); m != nil {
		s = m[1]
	}
	if strings.HasPrefix(s, "//") {
		return "https:" + s
	}
	return s
}

// setTimes reads the dates. A post that is not published has only the date of
// publication that Export wrote.
func (a *article) setTimes(f fields, zone *time.Location) error {
	date, err := dateOf(f, dateKeys, zone)
	if err != nil {
		return err
	}
	if m := datedName.FindStringSubmatch(baseName(a.file)); m != nil && date.IsZero() {
		date, _ = parseDate(m[1], zone) // a name that only looks like a date says nothing
	}
	if a.published, err = dateOf(f, []string{"publishedat"}, zone); err != nil {
		return err
	}
	if a.published.IsZero() && a.status == blog.Published {
		a.published = date
	}
	if a.createdAt, err = dateOf(f, []string{"createdat"}, zone); err != nil {
		return err
	}
	a.updatedAt, err = dateOf(f, []string{"updatedat"}, zone)
	return err
}

func dateOf(f fields, keys []string, zone *time.Location) (time.Time, error) {
	for _, k := range keys {
		if _, text := f[k].(string); !text && f[k] != nil { // as "{{ date }}" of a template that was never filled in
			return time.Time{}, errRefused(k + " 不是日期")
		}
	}
	s, ok := f.firstText(keys)
	if !ok || s == "" {
		return time.Time{}, nil
	}
	return parseDate(s, zone)
}
