// Package statement reads the text of SQL statements as far as it takes to tell which are of
// one kind, and what they look for in a table. It knows words, values and signs, no grammar: what
// it says is a guess where a statement is unusual, and never a reason to change anything.
package statement

import (
	"iter"
	"strings"
)

// Sort is what a token is.
type Sort int

// The sorts of tokens.
const (
	Word      Sort = iota // a keyword or a name
	Quoted                // a name in quotes
	Parameter             // ?, ?1, $1, :name, @name
	Number
	Text // 'text', E'text', x'00', $$text$$
	Sign // an operator of one or two characters, a bracket, a comma
)

// Token is a piece of a statement.
type Token struct {
	Sort  Sort
	Text  string // as it stands
	Blank bool   // there is a blank or a comment before it
}

// is reports whether t is a keyword, in any case.
func (t Token) is(word string) bool { return t.Sort == Word && strings.EqualFold(t.Text, word) }

func (t Token) sign(text string) bool { return t.Sort == Sign && t.Text == text }

// value reports whether t stands for a value.
func (t Token) value() bool { return t.Sort == Parameter || t.Sort == Number || t.Sort == Text }

// name returns the name that t is, without quotes.
func (t Token) name() (string, bool) {
	switch t.Sort {
	case Word:
		return t.Text, true
	case Quoted:
		return strings.Trim(t.Text, "\"`"), true
	}
	return "", false
}

// Tokens returns the tokens of a statement; blanks and comments are left out. A text or a
// comment without an end goes to the end of the statement.
func Tokens(query string) iter.Seq[Token] {
	return func(yield func(Token) bool) {
		blank := false
		for rest := query; rest != ""; {
			sort, n := next(rest)
			if sort != skipped && !yield(Token{sort, rest[:n], blank}) {
				return
			}
			blank = sort == skipped
			rest = rest[n:]
		}
	}
}

// skipped is what is no token.
const skipped Sort = -1

// next returns what s begins with, and how many bytes of it that is, at least one.
func next(s string) (Sort, int) {
	c := s[0]
	switch {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
		return skipped, 1
	case strings.HasPrefix(s, "--"):
		return skipped, until(s, 2, "\n")
	case strings.HasPrefix(s, "/*"):
		return skipped, until(s, 2, "*/")
	case c == '\'':
		return Text, quoted(s, 0, false)
	case len(s) > 1 && s[1] == '\'' && strings.ContainsRune("eExXbBnN", rune(c)):
		return Text, quoted(s, 1, c == 'e' || c == 'E')
	case c == '"' || c == '`':
		return Quoted, quoted(s, 0, false)
	case c == '$':
		return dollar(s)
	case c == '?' || (c == ':' || c == '@') && len(s) > 1 && letter(s[1]):
		return Parameter, 1 + word(s[1:])
	case digit(c) || c == '.' && len(s) > 1 && digit(s[1]):
		return Number, number(s)
	case letter(c):
		return Word, word(s)
	}
	for _, two := range []string{"<=", ">=", "<>", "!=", "==", "||", "->", "::"} {
		if strings.HasPrefix(s, two) {
			return Sign, 2
		}
	}
	return Sign, 1
}

// until returns where end ends, looked for from a place on.
func until(s string, from int, end string) int {
	if i := strings.Index(s[from:], end); i >= 0 {
		return from + i + len(end)
	}
	return len(s)
}

// quoted returns where a text ends that is quoted by the character at open. A quote inside is
// written twice or, where that is an escape, after a backslash.
func quoted(s string, open int, backslash bool) int {
	for i := open + 1; i < len(s); i++ {
		switch {
		case backslash && s[i] == '\\':
			i++
		case s[i] != s[open]:
		case i+1 < len(s) && s[i+1] == s[open]:
			i++
		default:
			return i + 1
		}
	}
	return len(s)
}

// dollar reads $1 or the text between two $tag$.
func dollar(s string) (Sort, int) {
	n := 1 + word(s[1:])
	if n == len(s) || s[n] != '$' || n > 1 && digit(s[1]) {
		return Parameter, n
	}
	return Text, until(s, n+1, s[:n+1])
}

func number(s string) int {
	n := 0
	for n < len(s) && (digit(s[n]) || letter(s[n]) || s[n] == '.' || (s[n] == '+' || s[n] == '-') && n > 0 && (s[n-1] == 'e' || s[n-1] == 'E')) {
		n++
	}
	return n
}

func word(s string) int {
	n := 0
	for n < len(s) && (letter(s[n]) || digit(s[n])) {
		n++
	}
	return n
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func letter(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}
