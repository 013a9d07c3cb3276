package blog

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxTerm bounds a word, in runes. Longer ones are cut, in texts and in queries
// alike, so that they still find each other.
const maxTerm = 64

// maxRun bounds the memory that a run takes while it is cut, in runes. Queries are shorter.
const maxRun = 1024

// piece is a word or a run found in a text. Of a word it holds the first maxTerm
// characters; a run longer than maxRun comes as several pieces.
type piece struct {
	text   []rune // folded; valid during the call only
	run    bool
	next   rune   // first rune of the run's next piece; 0 in the last one
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

// scan calls f for each word and run of s, in order, until f returns false. A mark
// belongs to the word or run that it follows; after a separator (as the variation
// selector of an emoji) it is a separator too.
func scan(s string, f func(piece) bool) {
	buf := make([]rune, 0, 64)
	afterWord, gap, joiner := false, 0, false
	next := rune(0) // what the run that is being told goes on with
	for i := 0; i < len(s); {
		r, n := foldedRune(s[i:])
		k := kindOf(r)
		if next != 0 { // maybe a mark, which is of no kind
			k = runRune
		}
		if k == separator {
			gap++
			joiner = gap == 1 && strings.ContainsRune(joiners, r)
			i += n
			continue
		}
		buf = append(buf[:0], r)
		next = 0
		for i += n; i < len(s); i += n {
			r, n = foldedRune(s[i:])
			if kindOf(r) != k && !unicode.IsMark(r) {
				break
			}
			if k == runRune && len(buf) >= maxRun {
				next = r
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

// These two make up most of a Chinese text: they are recognised without a search in
// Unicode's tables, which is slow.

func isIdeograph(r rune) bool { return '\u4e00' <= r && r <= '\u9fff' }

// isPunctuation knows the common general and CJK punctuation, not all there is.
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
