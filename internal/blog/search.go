package blog

import (
	"slices"
	"strings"
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
// single character, so that pairs of two runs never look adjacent. A text with more
// than 200,000 different terms is indexed only up to the place where it has so many.

// Bounds of a query, in characters and in phrases; the rest is ignored. Without them
// one request could ask for any amount of work.
const (
	MaxSearchRunes   = 200
	MaxSearchPhrases = 16
)

// Phrase is a sequence of terms that must occur one after the other.
type Phrase []string

// Query is what a search looks for: every phrase must occur. Sorted by relevance,
// a post's tier is 2 if all phrases occur in its title, 1 if some do, else 0.
type Query struct {
	Text    string // spells the phrases: equal for equal ones, in whatever order
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
	return pairs(run, func(term []rune) string { return string(term) })
}

// pairs returns the terms of a run in their order, written by spell: each pair of
// neighbouring characters, or the only character.
func pairs(run []rune, spell func([]rune) string) Phrase {
	if len(run) == 1 {
		return Phrase{spell(run)}
	}
	p := make(Phrase, len(run)-1)
	for i := range p {
		p[i] = spell(run[i : i+2])
	}
	return p
}
