package statement

import "strings"

// mostRead is how many bytes of a statement are read: a batch may have millions.
const mostRead = 16 << 10

// Kind returns what all statements of one kind have in common: the text with one blank between
// its tokens where there was any, without comments and values. A value that stands in the text is
// written ?, a parameter as it is; of a list of values only the first is left, as of a list
// of such lists. A statement of more than 16 KiB is that of its beginning, with … for the rest.
func Kind(query string) string {
	long := len(query) > mostRead
	tokens := withoutValues(query[:min(len(query), mostRead)])
	if long {
		tokens = whole(tokens)
	}
	tokens = shortened(tokens)
	if long && !endsShortened(tokens) {
		tokens = append(tokens, ellipsis)
	}
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 && t.Blank {
			b.WriteByte(' ')
		}
		b.WriteString(t.Text)
	}
	return b.String()
}

// whole leaves out what ends a text that was cut: the last token, of which there may be more, and
// a list of values that has no end, so that it does not matter where in it the text was cut.
func whole(tokens []Token) []Token {
	tokens = tokens[:max(len(tokens)-1, 0)]
	end := len(tokens)
	for end > 0 && (tokens[end-1].value() || tokens[end-1].sign(",")) {
		end--
	}
	if end > 0 && tokens[end-1].sign("(") {
		tokens = tokens[:end-1]
	}
	for len(tokens) > 0 && tokens[len(tokens)-1].sign(",") {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

func endsShortened(tokens []Token) bool {
	return len(tokens) > 0 && tokens[len(tokens)-1] == ellipsis
}

func withoutValues(query string) (tokens []Token) {
	for t := range Tokens(query) {
		if t.Sort == Number || t.Sort == Text {
			t.Sort, t.Text = Parameter, "?"
		}
		tokens = append(tokens, t)
	}
	return tokens
}

// ellipsis stands for the rest of a list.
var ellipsis = Token{Word, "…", true}

// shortened leaves of each list of values the first.
func shortened(tokens []Token) (short []Token) {
	for i := 0; i < len(tokens); i++ {
		end := list(tokens[i:])
		if end == 0 {
			short = append(short, tokens[i])
			continue
		}
		short = append(short, tokens[i], tokens[i+1])
		if end > 3 {
			short = append(short, Token{Sign, ",", false}, ellipsis)
		}
		short = append(short, Token{Sign, ")", false})
		i += end - 1
		more := false
		for i+2 < len(tokens) && tokens[i+1].sign(",") {
			n := list(tokens[i+2:])
			if n == 0 {
				break
			}
			more = true
			i += 1 + n
		}
		if more {
			short = append(short, Token{Sign, ",", false}, ellipsis)
		}
	}
	return short
}

// list returns how many tokens a list of values in brackets has that tokens begin with, or 0.
func list(tokens []Token) int {
	if len(tokens) < 3 || !tokens[0].sign("(") {
		return 0
	}
	for i := 1; i+1 < len(tokens); i += 2 {
		switch next := tokens[i+1]; {
		case !tokens[i].value():
			return 0
		case next.sign(")"):
			return i + 2
		case !next.sign(","):
			return 0
		}
	}
	return 0
}
