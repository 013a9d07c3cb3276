package importer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"go.yaml.in/yaml/v3"
)

// maxFrontMatter bounds the part of a file before its text, in bytes: what it is
// parsed to takes a hundred times the memory.
const maxFrontMatter = 1 << 20

const errTooMuch = errRefused("front matter 超过 1 MB")

// maxDepth and maxValues bound what YAML's aliases can make of a short text.
const (
	maxDepth  = 8
	maxValues = 10_000
)

// fields is front matter: lower-case names to values, each a string, a []any or
// a map[string]any of such. Every scalar is kept as it was written, so that a date
// or a title like 2024 means what its field means. Null is absent.
type fields map[string]any

var (
	fence     = regexp.MustCompile(`^(-{3,}|\+{3}|;{3,})[ \t]*\r?\n`)
	blank     = regexp.MustCompile(`^(?:[ \t]*\r?\n)+`)
	bareKey   = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*[ \t]*:([ \t]|\r?\n)`)
	quotedKey = regexp.MustCompile(`^"[A-Za-z_][A-Za-z0-9_-]*"[ \t]*:`)
	// usualKey is how front matter begins, and prose below a ruler does not.
	usualKey = regexp.MustCompile(`^\s*"?(?i:title|date|layout|tags|categories|author|draft|slug)"?[ \t]*[:=：]`)
	// namesPost tells broken front matter without an opening line from prose.
	namesPost = regexp.MustCompile(`(?im)^"?(?:title|date)"?[ \t]*:`)
)

// split separates a text into its front matter and its content. A text without front
// matter is all content. Empty lines may precede the front matter, as in Hugo;
// one between it and the content belongs to neither.
func split(text string) (fields, string, error) {
	above := blank.FindString(text)
	f, content, err := splitTop(text[len(above):], strings.Count(above, "\n")+1)
	if f == nil && err == nil {
		return nil, text, nil
	}
	return f, content, err
}

// splitTop returns nil fields if there is no front matter. line is the number that the
// text's first line has in the file.
func splitTop(text string, line int) (fields, string, error) {
	if m := fence.FindStringSubmatch(text); m != nil {
		return splitFenced(text, m[1], text[len(m[0]):], line+1)
	}
	if strings.HasPrefix(text, "{") {
		return splitJSON(text, line)
	}
	quoted := quotedKey.MatchString(text)
	if quoted {
		if f, content, err := splitBare(text, ";;;", line); f != nil || err != nil {
			return f, content, err
		}
	}
	if quoted || bareKey.MatchString(text) {
		return splitBare(text, "---", line)
	}
	return nil, text, nil
}

func splitFenced(text, mark, rest string, line int) (fields, string, error) {
	block, content, ok := cutLine(rest, mark)
	if !ok && len(mark) == 3 && usualKey.MatchString(rest) {
		return nil, "", errRefused("front matter 没有结尾的 " + mark)
	}
	if !ok {
		return nil, text, nil // it opens with a ruler
	}
	if len(block) > maxFrontMatter && !usualKey.MatchString(block) {
		return nil, text, nil // two rulers far apart
	}
	f, err := parseBlock(mark, block, line)
	if err != nil {
		return nil, "", err
	}
	if f == nil && usualKey.MatchString(block) {
		return nil, "", syntaxFault("YAML", line, "键后应为半角冒号与空格")
	}
	if f == nil {
		return nil, text, nil // prose between two rulers
	}
	return f, skipEmptyLine(content), nil
}

// splitBare reads Hexo's forms without an opening line: YAML, or JSON that ends with
// ";;;". What names neither a title nor a date is prose.
func splitBare(text, mark string, line int) (fields, string, error) {
	block, content, ok := cutLine(text, mark)
	if !ok {
		return nil, text, nil
	}
	f, err := parseBlock(mark, block, line)
	if err != nil && namesPost.MatchString(block) {
		return nil, "", err
	}
	if err != nil || f["title"] == nil && f["date"] == nil {
		return nil, text, nil
	}
	return f, skipEmptyLine(content), nil
}

// parseBlock reads what stands above a mark.
func parseBlock(mark, block string, line int) (fields, error) {
	switch {
	case len(block) > maxFrontMatter:
		return nil, errTooMuch
	case mark[0] == '+':
		return parseTOML(block, line)
	case mark[0] == ';':
		return parseJSON("{"+block+"}", line)
	}
	return parseYAML(block, line)
}

// splitJSON reads Hugo's JSON. "{{" and "{%" begin a template, "{" with anything
// but a key in it is prose.
func splitJSON(text string, line int) (fields, string, error) {
	inner := strings.TrimLeft(text[1:], " \t\r\n")
	if !strings.HasPrefix(inner, `"`) {
		return nil, text, nil
	}
	d := json.NewDecoder(strings.NewReader(text))
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return nil, "", badJSON(text, line, err)
	}
	if len(raw) > maxFrontMatter {
		return nil, "", errTooMuch
	}
	f, err := parseJSON(string(raw), line)
	return f, skipEmptyLine(skipEmptyLine(text[d.InputOffset():])), err
}

// cutLine parts s around the first line that holds only mark; YAML may also end with "...".
func cutLine(s, mark string) (before, after string, found bool) {
	for at := 0; at < len(s); {
		line, next := s[at:], len(s)
		if i := strings.IndexByte(line, '\n'); i >= 0 {
			line, next = line[:i], at+i+1
		}
		line = strings.TrimRight(line, " \t\r")
		if line == mark || line == "..." && mark == "---" {
			return s[:at], s[next:], true
		}
		at = next
	}
	return "", "", false
}

func skipEmptyLine(s string) string {
	if rest, ok := strings.CutPrefix(s, "\r\n"); ok {
		return rest
	}
	return strings.TrimPrefix(s, "\n")
}

// parseYAML, parseTOML and parseJSON read a block that begins in the given line of the
// file. The fields are nil if it is valid but no object.
func parseYAML(block string, line int) (fields, error) {
	var doc yaml.Node
	if yaml.Unmarshal([]byte(block), &doc) != nil {
		mended := mendYAML(block)
		if err := yaml.Unmarshal([]byte(mended), &doc); err != nil {
			return nil, cmp.Or(badList(line, mended), badYAML(line, err))
		}
	}
	if len(doc.Content) == 0 {
		return fields{}, nil
	}
	budget := maxValues
	m, ok := yamlValue(doc.Content[0], 0, &budget).(map[string]any)
	if budget < 0 {
		return nil, errRefused("front matter 的内容过多或嵌套过深")
	}
	if !ok {
		return nil, nil
	}
	return lowered(m), nil
}

var plainLine = regexp.MustCompile(`(?m)^([A-Za-z_][A-Za-z0-9_-]*):[ ]+([^\s"'|>#].*?)[ ]*\r?$`)

// mendYAML mends what people write and YAML forbids: tabs as indentation, and
// plain texts that hold ": " or begin with a sign ("title: [译] Go: 入门"). A list of
// names stays broken: as a text it would be parted into names that nobody wrote.
func mendYAML(block string) string {
	block = strings.ReplaceAll(block, "\t", "  ")
	return plainLine.ReplaceAllStringFunc(block, func(line string) string {
		m := plainLine.FindStringSubmatch(line)
		var n yaml.Node
		if nameList.MatchString(line) || yaml.Unmarshal([]byte(line), &n) == nil {
			return line
		}
		return m[1] + ": '" + strings.ReplaceAll(m[2], "'", "''") + "'"
	})
}

func yamlValue(n *yaml.Node, depth int, budget *int) any {
	*budget--
	if depth > maxDepth {
		*budget = -1
	}
	if *budget < 0 {
		return nil
	}
	switch n.Kind {
	case yaml.AliasNode:
		return yamlValue(n.Alias, depth+1, budget)
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return nil
		}
		return n.Value
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, c := range n.Content {
			list = append(list, yamlValue(c, depth+1, budget))
		}
		return list
	case yaml.MappingNode:
		m, merged := map[string]any{}, []any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			v := yamlValue(n.Content[i+1], depth+1, budget)
			if n.Content[i].Tag == "!!merge" {
				merged = append(merged, v)
				continue
			}
			m[n.Content[i].Value] = v
		}
		inherit(m, merged)
		return m
	}
	return nil
}

// inherit adds what "<<: *defaults" or "<<: [*a, *b]" brings; what m has itself stays, and the first one wins.
func inherit(m map[string]any, from []any) {
	for _, v := range from {
		switch v := v.(type) {
		case []any:
			inherit(m, v)
		case map[string]any:
			for k, e := range v {
				if _, own := m[k]; !own {
					m[k] = e
				}
			}
		}
	}
}

func parseTOML(block string, line int) (fields, error) {
	var m map[string]any
	if err := toml.Unmarshal([]byte(block), &m); err != nil {
		return nil, badTOML(line, err)
	}
	return lowered(plainMap(m)), nil
}

func parseJSON(block string, line int) (fields, error) {
	d := json.NewDecoder(bytes.NewReader([]byte(block)))
	d.UseNumber()
	var m map[string]any
	if err := d.Decode(&m); err != nil {
		return nil, badJSON(block, line, err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, syntaxFault("JSON", line+strings.Count(block[:d.InputOffset()], "\n"), "结束之后还有内容")
	}
	return lowered(plainMap(m)), nil
}

// plain turns what TOML and JSON decode to into the values of fields.
func plain(v any) any {
	switch v := v.(type) {
	case nil, string:
		return v
	case time.Time:
		return v.Format(time.RFC3339Nano)
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
		return v
	case map[string]any:
		return plainMap(v)
	}
	return fmt.Sprint(v)
}

func plainMap(m map[string]any) map[string]any {
	for k, v := range m {
		m[k] = plain(v)
	}
	return m
}

// lowered puts the names into lower case. It takes them in order, so that of "Title"
// and "title" the same one wins each time: the latter.
func lowered(m map[string]any) fields {
	f := make(fields, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if v := m[k]; v != nil {
			f[strings.ToLower(k)] = v
		}
	}
	return f
}
