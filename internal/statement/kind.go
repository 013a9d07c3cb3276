package statement

import "strings"

// Kind returns what all statements of one kind have in common: the text with one blank between
// its tokens where there was any, without comments and values. A value that stands in the text is
// written ?, a parameter as it is; of a list of values only the first is left, as of a list
// of such lists.
func Kind(query string) string {
	tokens := shortened(withoutValues(query))
	var b strings.Builder
	for i, t := range tokens {
		if i > 0 && t.Blank {
			b.WriteByte(' ')
		}
		b.WriteString(t.Text)
	}
	return b.String()
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
