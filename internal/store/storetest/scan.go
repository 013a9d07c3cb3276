package storetest

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// This file is search as its documentation in blog/search.go words it, done by
// scanning the whole text. It shares no code with the terms that engines index.

const (
	runClass  = `\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}ーｰﾞﾟ〆`
	wordClass = `\p{L}\p{N}`
)

var (
	runs       = regexp.MustCompile(`^[` + runClass + `][` + runClass + `\p{M}]*`)
	word       = regexp.MustCompile(`^[` + wordClass + `]`)
	mark       = regexp.MustCompile(`^\p{M}`)
	signs      = regexp.MustCompile(`^[+#]+`)
	joinedNext = regexp.MustCompile(`^[.\-_/:@'][` + wordClass + `]`)
)

// token is a word with its sign, a run, or something that separates.
type token struct {
	word, run, sign string
	joins           bool // one joiner stands between this word and what follows
}

// plain folds case and full-width forms, character by character.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if '！' <= r && r <= '～' {
			r = r - '！' + '!'
		}
		return unicode.ToLower(unicode.ToUpper(r))
	}, s)
}

// tokens cuts a text into its words and runs.
func tokens(text string) []token {
	var out []token
	for rest := plain(text); rest != ""; {
		if run := runs.FindString(rest); run != "" {
			out = append(out, token{run: run})
			rest = rest[len(run):]
			continue
		}
		w := leadingWord(rest)
		if w == "" {
			rest = rest[len(firstRune(rest)):]
			continue
		}
		rest = rest[len(w):]
		t := token{word: w, sign: signs.FindString(rest), joins: joinedNext.MatchString(rest) && !runs.MatchString(rest[1:])}
		if after := rest[len(t.sign):]; !slices.Contains([]string{"+", "++", "#"}, t.sign) || leadingWord(after) != "" {
			t.sign = ""
		}
		out = append(out, t)
	}
	return out
}

func leadingWord(s string) string {
	n := 0
	for n < len(s) && (word.MatchString(s[n:]) || n > 0 && mark.MatchString(s[n:])) && !runs.MatchString(s[n:]) {
		n += len(firstRune(s[n:]))
	}
	return s[:n]
}

func firstRune(s string) string {
	for i := range s {
		if i > 0 {
			return s[:i]
		}
	}
	return s
}

// wanted cuts a query into what must occur: a run, a word with a sign, or words in a row.
func wanted(query string) [][]token {
	var out [][]token
	joined := false
	for _, t := range tokens(query) {
		if joined && t.word != "" && t.sign == "" {
			out[len(out)-1] = append(out[len(out)-1], t)
		} else {
			out = append(out, []token{t})
		}
		joined = t.joins && t.sign == ""
	}
	return out
}

// occurs reports whether the text holds what one part of a query wants.
func occurs(text string, want []token) bool {
	have := tokens(text)
	if run := want[0].run; run != "" {
		return slices.ContainsFunc(have, func(t token) bool { return strings.Contains(t.run, run) })
	}
	for i := range have {
		if len(have)-i >= len(want) && wordsMatch(have[i:], want) {
			return true
		}
	}
	return false
}

func wordsMatch(have, want []token) bool {
	for i, t := range want {
		if have[i].word != t.word || t.sign != "" && have[i].sign != t.sign {
			return false
		}
	}
	return true
}

// found reports whether a query finds a post, and the tier of the hit.
func found(title, content, query string) (tier int, ok bool) {
	parts, inTitle := wanted(query), 0
	for _, part := range parts {
		switch {
		case occurs(title, part):
			inTitle++
		case !occurs(content, part):
			return 0, false
		}
	}
	switch {
	case len(parts) == 0:
		return 0, false
	case inTitle == len(parts):
		return 2, true
	case inTitle > 0:
		return 1, true
	}
	return 0, true
}
