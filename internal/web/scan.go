package web

import (
	"encoding/json"
	"strconv"
	"strings"

	"inkstone/internal/blog"
)

// Bounds of a JSON body beside its size.
const (
	maxDepth    = 64
	maxKeys     = 1000  // of one object
	maxElements = 10000 // of an array that is bound
)

// member is one key of an object with the raw text of its value.
type member struct {
	key string
	raw []byte
}

// scanner walks JSON text that is known to be valid and finds what json.Valid
// lets pass: deep nesting, doubled keys, lone surrogates, NUL. Members of the
// outermost object are kept; their raw values point into data.
type scanner struct {
	data     []byte
	pos      int
	depth    int
	problems blog.Problems
	top      []member
	deep     bool // the member that is read holds something too deep, and is left out
	err      error
}

// scan walks the whole text; isObject is false if it is no object. Errors:
// CodeInvalidJSON for a lone surrogate, CodeInvalid for what is beyond a bound.
func (s *scanner) scan() (members []member, isObject bool, err error) {
	s.space()
	isObject = s.data[s.pos] == '{'
	s.value("")
	return s.top, isObject, s.err
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) value(name string) {
	switch s.data[s.pos] {
	case '{':
		s.enter(name, s.object)
	case '[':
		s.enter(name, s.array)
	case '"':
		s.text(name)
	default:
		for s.pos < len(s.data) && !strings.ContainsRune(",]} \t\r\n", rune(s.data[s.pos])) {
			s.pos++
		}
	}
}

func (s *scanner) enter(name string, walk func(name string)) {
	if s.depth++; s.depth > maxDepth {
		s.skip(name)
		s.depth--
		return
	}
	s.pos++
	s.space()
	walk(name)
	s.depth--
	if s.err == nil {
		s.pos++
	}
}

// skip steps over an array or object that is nested too deeply, and notes that.
func (s *scanner) skip(name string) {
	s.deep = true
	if n := len(s.problems); n == 0 || s.problems[n-1].Name != name {
		s.problems.Add(name, blog.RuleType)
	}
	for open, quoted := 0, false; s.pos < len(s.data); s.pos++ {
		switch c := s.data[s.pos]; {
		case quoted && c == '\\':
			s.pos++ // what follows is no end of the text
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			open++
		case c == ']' || c == '}':
			if open--; open == 0 {
				s.pos++
				return
			}
		}
	}
}

// stop ends the walk: nothing is left to read.
func (s *scanner) stop(err error) {
	if s.err == nil {
		s.err = err
	}
	s.pos = len(s.data)
}

// next steps over a comma; it reports false at the end of the object or array.
func (s *scanner) next() bool {
	if s.err != nil {
		return false
	}
	s.space()
	if s.data[s.pos] == ',' {
		s.pos++
		s.space()
		return true
	}
	return false
}

func (s *scanner) array(name string) {
	for more := s.data[s.pos] != ']'; more; more = s.next() {
		s.value(name)
	}
}

func (s *scanner) object(name string) {
	var seen keySet
	for more := s.data[s.pos] != '}'; more; more = s.next() {
		key, ok := s.key()
		if !ok {
			return
		}
		full := s.path(name, key)
		if !seen.add(key) {
			s.problems.Add(full, blog.RuleTwice)
		}
		if seen.len() > maxKeys || len(s.problems) > maxKeys {
			s.stop(blog.Fail(blog.CodeInvalid))
			return
		}
		s.space()
		s.pos++ // the colon
		s.space()
		start := s.pos
		if s.depth == 1 {
			s.deep = false
		}
		s.value(full)
		if s.depth == 1 && s.err == nil && !s.deep {
			s.top = append(s.top, member{key, s.data[start:s.pos]})
		}
	}
}

// path names a member as the client is told; below two levels no field exists,
// so what is deeper has the name of what it is in.
func (s *scanner) path(name, key string) string {
	switch s.depth {
	case 1:
		return shorten(key)
	case 2:
		return name + "." + shorten(key)
	}
	return name
}

// shorten keeps a name that a client made up from filling memory and the answer:
// it is told once for each field in it.
func shorten(name string) string {
	const most = 100
	if runes := []rune(name[:min(len(name), 4*most)]); len(runes) > most || len(name) > 4*most {
		return string(runes[:min(len(runes), most)]) + "…"
	}
	return name
}

func (s *scanner) key() (string, bool) {
	start := s.pos
	s.text("")
	if s.err != nil {
		return "", false
	}
	return unquote(s.data[start:s.pos]), true
}

// text walks a string literal and looks at its escapes.
func (s *scanner) text(name string) {
	for s.pos++; s.data[s.pos] != '"'; {
		if s.data[s.pos] != '\\' {
			s.pos++
			continue
		}
		if s.data[s.pos+1] != 'u' {
			s.pos += 2
			continue
		}
		if !s.unicode(name) {
			s.stop(blog.Fail(blog.CodeInvalidJSON))
			return
		}
	}
	s.pos++
}

// unicode walks a \uXXXX escape, or two that make one character; false if it is
// half a character (RFC 8259, section 8.2).
func (s *scanner) unicode(name string) bool {
	u := s.unit(s.pos)
	s.pos += 6
	switch {
	case u == 0 && name != "" && !s.noted(name):
		s.problems.Add(name, blog.RuleText)
	case u >= 0xDC00 && u <= 0xDFFF:
		return false
	case u >= 0xD800 && u <= 0xDBFF:
		if s.data[s.pos] != '\\' || s.data[s.pos+1] != 'u' {
			return false
		}
		low := s.unit(s.pos)
		s.pos += 6
		return low >= 0xDC00 && low <= 0xDFFF
	}
	return true
}

func (s *scanner) unit(at int) uint64 {
	u, _ := strconv.ParseUint(string(s.data[at+2:at+6]), 16, 16) // four hex digits: json.Valid has seen them
	return u
}

func (s *scanner) noted(name string) bool {
	n := len(s.problems)
	return n > 0 && s.problems[n-1] == blog.Field{Name: name, Rule: blog.RuleText}
}

// unquote returns the text of a valid string literal.
func unquote(raw []byte) string {
	for _, c := range raw {
		if c == '\\' {
			var text string
			_ = json.Unmarshal(raw, &text) // valid: json.Valid has seen it
			return text
		}
	}
	return string(raw[1 : len(raw)-1])
}

// keySet holds the keys of one object; most objects are small, so it begins as a list.
type keySet struct {
	few  []string
	many map[string]bool
}

func (k *keySet) len() int { return max(len(k.few), len(k.many)) }

// add reports whether key is new.
func (k *keySet) add(key string) bool {
	const small = 16
	if k.many != nil {
		known := k.many[key]
		k.many[key] = true
		return !known
	}
	for _, have := range k.few {
		if have == key {
			return false
		}
	}
	if k.few = append(k.few, key); len(k.few) > small {
		k.many = make(map[string]bool, 4*small)
		for _, have := range k.few {
			k.many[have] = true
		}
	}
	return true
}
