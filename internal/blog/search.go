package blog

import (
	"hash"
	"hash/fnv"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Search has one rule for every engine, and no dictionary.
//
// A text is cut into words and runs. A run is an unbroken sequence of Chinese,
// Japanese and Korean characters; a word is an unbroken sequence of other letters,
// marks and digits. Full-width forms of ASCII count as ASCII, and case is folded.
// Everything else separates.
//
// A query finds a post if all its words and runs occur in the title or in the
// content (each in either): a run as a substring, a word as a whole word. So
//
//   - Go finds "go" and "Go语言", not "Golang" or "MongoDB";
//   - C++, C#, F# are words of their own: they find just these, while C finds all three;
//   - v1.4.2 is the words v1, 4 and 2, next to each other in that order, as are other
//     words that one of . - _ / : @ ' joins; k8s is one word;
//   - Ｋ８ｓ, full-width, is k8s;
//   - 微服務 (traditional) and 微服务 (simplified) are different: characters are compared, not meanings;
//   - accents count: é is not e; the text is not normalised (Unicode NFC is expected).
//
// An engine indexes Terms of title and content, and looks for each Phrase of the
// query: its terms at following positions. Runs are indexed as overlapping pairs,
// so that a run of any length is a phrase of pairs; every run ends in its last
// single character, so that pairs of two runs never look adjacent. Of a text with
// more than 200,000 different terms only the part that has so many can be found.

// Bounds of a query; what is beyond them is not looked at. Without them one
// request could ask for any amount of work.
const (
	MaxSearchRunes   = 200
	MaxSearchPhrases = 16
)

// maxTerm bounds one indexed word, in runes; a longer word is cut on both sides alike.
const maxTerm = 64

// maxRun bounds the memory that a run takes while it is cut, in runes. Queries are shorter.
const maxRun = 1024

// maxDifferent bounds the different terms of a text: a million of them, which no
// text has that means anything, would hold up every other write for ten seconds.
// A long article has five thousand, a shelf of ten megabytes less than this.
const maxDifferent = 200_000

// Phrase is a sequence of terms that must occur one after the other.
type Phrase []string

// Query is what a search looks for: every phrase must occur. Sorted by relevance,
// a post's tier is 2 if all phrases occur in its title, 1 if some do, else 0.
type Query struct {
	Text    string // as it was read, folded: the same for the same phrases
	Phrases []Phrase
}

// IsZero reports whether the query looks for nothing, and so finds everything.
func (q Query) IsZero() bool { return len(q.Phrases) == 0 && q.Text == "" }

// Nothing reports whether the client gave a search in which there is nothing to
// look for (only punctuation): it finds no post.
func (q Query) Nothing() bool { return len(q.Phrases) == 0 && q.Text != "" }

// ParseQuery reads what a person typed.
func ParseQuery(s string) Query {
	s = firstRunes(strings.TrimSpace(s), MaxSearchRunes)
	if s == "" {
		return Query{}
	}
	var q Query
	add := func(p Phrase) {
		if len(q.Phrases) < MaxSearchPhrases && !slices.ContainsFunc(q.Phrases, func(o Phrase) bool { return slices.Equal(o, p) }) {
			q.Phrases = append(q.Phrases, p)
		}
	}
	var words Phrase // words so far that a joiner holds together
	scan(s, func(p piece) bool {
		if len(words) > 0 && (!p.joined || p.sign != "") {
			add(words)
			words = nil
		}
		switch {
		case p.run:
			add(runPhrase(p.text))
		case p.sign != "":
			add(Phrase{p.queryTerm()})
		default:
			words = append(words, p.term())
		}
		return true
	})
	if len(words) > 0 {
		add(words)
	}
	q.Text = q.canonical()
	return q
}

func (q Query) canonical() string {
	parts := make([]string, len(q.Phrases))
	for i, p := range q.Phrases {
		parts[i] = strings.Join(p, "\x01")
	}
	slices.Sort(parts)
	return " " + strings.Join(parts, " ")
}

func firstRunes(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}

func runPhrase(run []rune) Phrase {
	if len(run) == 1 {
		return Phrase{string(run)}
	}
	p := make(Phrase, len(run)-1)
	for i := range p {
		p[i] = string(run[i : i+2])
	}
	return p
}

// Terms cuts a text into the terms an engine indexes, separated by blanks, in
// the order of the text: words, pairs of run characters, and the last character
// of each run. Behind them follow, once each, the single characters of runs and
// the words with a sign (c++) that have no place in the sequence; they are only
// ever looked for alone. It ends soon after maxDifferent terms.
func Terms(text string) string {
	c := cutter{known: map[string]bool{}}
	c.out.Grow(3 * len(text))
	if len(text) > maxDifferent { // else it can't have so many
		c.different, c.hash = map[uint64]bool{}, fnv.New64a()
	}
	scan(text, c.cut)
	c.out.WriteString(strings.Join(c.alone, " "))
	return strings.TrimSuffix(c.out.String(), " ")
}

// cutter writes the terms of a text.
type cutter struct {
	out       strings.Builder
	alone     []string // what follows behind the sequence
	known     map[string]bool
	singles   runeSet
	term      []byte
	different map[uint64]bool // the terms of a large text, by hash
	hash      hash.Hash64
}

// cut writes the terms of p and reports whether there may be more.
func (c *cutter) cut(p piece) bool {
	if p.run {
		c.run(p)
	} else {
		c.word(p)
	}
	return len(c.different) < maxDifferent
}

func (c *cutter) word(p piece) {
	c.term = c.term[:0]
	for _, r := range p.text {
		c.term = utf8.AppendRune(c.term, r)
	}
	c.write()
	if p.sign != "" {
		c.later(p.queryTerm())
	}
}

func (c *cutter) run(p piece) {
	for i, r := range p.text {
		c.term = utf8.AppendRune(c.term[:0], r)
		if i+1 < len(p.text) {
			c.term = utf8.AppendRune(c.term, p.text[i+1])
		} else if p.next != 0 {
			c.term = utf8.AppendRune(c.term, p.next)
		}
		c.write()
		if c.singles.add(r) {
			c.later(string(r))
		}
	}
}

func (c *cutter) write() {
	if c.hash != nil {
		c.hash.Reset()
		_, _ = c.hash.Write(c.term)
		c.different[c.hash.Sum64()] = true
	}
	c.term = append(c.term, ' ')
	c.out.Write(c.term)
}

func (c *cutter) later(term string) {
	if !c.known[term] {
		c.known[term] = true
		c.alone = append(c.alone, term)
	}
}

// runeSet is a set of characters.
type runeSet struct {
	plane [1 << 16 / 64]uint64 // a bit for each of the basic plane
	rest  map[rune]bool
}

// add reports whether r is new.
func (s *runeSet) add(r rune) bool {
	if r < 1<<16 {
		word, bit := &s.plane[r/64], uint64(1)<<(r%64)
		was := *word&bit != 0
		*word |= bit
		return !was
	}
	if s.rest == nil {
		s.rest = map[rune]bool{}
	}
	was := s.rest[r]
	s.rest[r] = true
	return !was
}

// Grams cuts a short text (a name, an address) so that any part of it can be
// found by GramPhrase: pairs of characters, and each character alone.
func Grams(text string) string {
	run := []rune(Fold(strings.TrimSpace(text)))
	var out []string
	for i := range run {
		if i+1 < len(run) {
			out = append(out, gram(run[i:i+2]))
		}
	}
	for _, r := range run {
		out = append(out, gram([]rune{r}))
	}
	return strings.Join(out, " ")
}

// GramPhrase returns what finds text as a part of a text cut by Grams; nil for nothing.
func GramPhrase(text string) Phrase {
	run := []rune(firstRunes(Fold(strings.TrimSpace(text)), MaxSearchRunes))
	if len(run) == 0 {
		return nil
	}
	if len(run) == 1 {
		return Phrase{gram(run)}
	}
	p := make(Phrase, len(run)-1)
	for i := range p {
		p[i] = gram(run[i : i+2])
	}
	return p
}

// gram writes characters as hex digits: names hold blanks and signs, which no
// engine's tokenizer is then asked about.
func gram(rs []rune) string {
	const digits = "0123456789abcdef"
	b := []byte{'g'}
	for _, r := range rs {
		for shift := 20; shift >= 0; shift -= 4 {
			b = append(b, digits[(r>>shift)&0xf])
		}
	}
	return string(b)
}

// piece is a word or a run found in a text, of which no more than maxTerm
// characters are told of a word, and a run longer than maxRun comes in parts.
type piece struct {
	text   []rune // folded; valid during the call only
	run    bool
	next   rune   // what the next part of the same run begins with
	sign   string // "+", "++" or "#" right behind a word
	joined bool   // only a joiner stands between this word and the one before
}

func (p piece) term() string { return string(p.text) }

func (p piece) queryTerm() string { return p.term() + p.sign }

const joiners = ".-_/:@'"

type kind int

const (
	separator kind = iota
	wordRune
	runRune
)

// scan calls f for each word and run of s, in order, as long as it wants. A mark belongs to what it
// follows; behind a separator (the variation selector of an emoji) it is one too.
func scan(s string, f func(piece) bool) {
	buf := make([]rune, 0, 64)
	afterWord, gap, joiner := false, 0, false
	for i := 0; i < len(s); {
		r, n := foldedRune(s[i:])
		k := kindOf(r)
		if k == separator {
			gap++
			joiner = gap == 1 && strings.ContainsRune(joiners, r)
			i += n
			continue
		}
		buf = append(buf[:0], r)
		next := rune(0)
		for i += n; i < len(s); i += n {
			r, n = foldedRune(s[i:])
			if same := kindOf(r) == k; same && k == runRune && len(buf) >= maxRun {
				next = r
				break
			} else if !same && !unicode.IsMark(r) {
				break
			}
			if k == runRune || len(buf) < maxTerm {
				buf = append(buf, r)
			}
		}
		p := piece{text: buf, run: k == runRune, next: next}
		if !p.run {
			p.sign = signAt(s[i:])
			p.joined = afterWord && joiner
		}
		if !f(p) {
			return
		}
		afterWord, gap, joiner = !p.run && p.sign == "", 0, false
	}
}

// signAt returns the sign a word ends with, read from what follows the word: a +
// or # that another word follows (a+b) is no sign.
func signAt(rest string) string {
	var sign []rune
	for rest != "" {
		r, n := foldedRune(rest)
		if r != '+' && r != '#' {
			if kindOf(r) == wordRune {
				return ""
			}
			break
		}
		sign = append(sign, r)
		if len(sign) > 2 {
			return ""
		}
		rest = rest[n:]
	}
	switch s := string(sign); s {
	case "+", "++", "#":
		return s
	}
	return ""
}

// foldedRune reads the first rune of s: full-width ASCII as ASCII, without case.
func foldedRune(s string) (rune, int) {
	if c := s[0]; c < utf8.RuneSelf {
		return foldCase(rune(c)), 1
	}
	r, n := utf8.DecodeRuneInString(s)
	if isIdeograph(r) {
		return r, n
	}
	if '\uff01' <= r && r <= '\uff5e' {
		r -= '\uff01' - '!'
	}
	return foldCase(r), n
}

// commonKana are letters of Japanese text that Unicode gives to no script: the
// long-vowel signs, the half-width voicing marks and the closing mark.
const commonKana = "ーｰﾞﾟ〆"

// Most of a Chinese text is these two, so they are told without a look at the
// tables of Unicode.

func isIdeograph(r rune) bool { return '\u4e00' <= r && r <= '\u9fff' }

// isPunctuation tells of general and of CJK punctuation, not of all there is.
func isPunctuation(r rune) bool {
	return '\u2010' <= r && r <= '\u2027' || '\u3000' <= r && r <= '\u3004' || '\u3008' <= r && r <= '\u3020'
}

func kindOf(r rune) kind {
	switch {
	case r < utf8.RuneSelf:
		if 'a' <= r && r <= 'z' || '0' <= r && r <= '9' {
			return wordRune
		}
		return separator
	case isIdeograph(r):
		return runRune
	case isPunctuation(r):
		return separator
	case strings.ContainsRune(commonKana, r),
		unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Bopomofo):
		return runRune
	case unicode.IsLetter(r) || unicode.IsNumber(r):
		return wordRune
	}
	return separator
}
