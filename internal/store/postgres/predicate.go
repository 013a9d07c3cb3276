package postgres

import (
	"slices"
	"strings"

	"inkstone/internal/statement"
)

// reader reads conditions as PostgreSQL writes them in a plan: what belongs together is in
// parentheses, and each column has the alias of its table before it. It looks for those that an
// index of one table can answer; what it does not know it takes for one that none can.
//
// Source: src/backend/utils/adt/ruleutils.c of PostgreSQL
type reader struct {
	alias string
	known func(column string) bool
}

// piece is a token, and in how many parentheses it stands.
type piece struct {
	statement.Token
	depth int
}

func pieces(text string) (all []piece) {
	depth := 0
	for t := range statement.Tokens(text) {
		if t.Text == ")" || t.Text == "]" {
			depth--
		}
		all = append(all, piece{t, depth})
		if t.Text == "(" || t.Text == "[" {
			depth++
		}
	}
	return all
}

// is tells whether p is a word of the language, or a sign.
func (p piece) is(word string) bool {
	return (p.Sort == statement.Word || p.Sort == statement.Sign) && strings.EqualFold(p.Text, word)
}

// name returns the name that p is, as the catalog has it; "" if it is none.
func (p piece) name() string {
	switch p.Sort {
	case statement.Word:
		return p.Text
	case statement.Quoted:
		return strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(p.Text, `"`), `"`), `""`, `"`)
	}
	return ""
}

// filter returns the columns that must have a value, and those that must lie in a range.
func (r reader) filter(text string) (equal, ranged []string) {
	for _, clause := range conjuncts(pieces(text)) {
		column, exact := r.clause(clause)
		switch {
		case column == "":
		case exact && !slices.Contains(equal, column):
			equal = append(equal, column)
		case !exact && !slices.Contains(ranged, column):
			ranged = append(ranged, column)
		}
	}
	return equal, slices.DeleteFunc(ranged, func(c string) bool { return slices.Contains(equal, c) })
}

// order returns the columns by which keys sort, if they are all of the table and go in one
// direction: an index is read forwards or backwards.
func (r reader) order(keys []string) (columns []string) {
	downwards := 0
	for _, key := range keys {
		p := pieces(key)
		if n := len(p); n > 0 && p[n-1].is("DESC") {
			p = p[:n-1]
			downwards++
		}
		columns = append(columns, r.column(p))
	}
	if slices.Contains(columns, "") || downwards != 0 && downwards != len(keys) {
		return nil
	}
	return columns
}

// clause returns the column that a condition is about, and whether it must have a value.
func (r reader) clause(p []piece) (column string, exact bool) {
	if len(p) > 1 && p[0].is("NOT") {
		return r.column(bare(p[1:])), true // one that is true or false
	}
	if n := len(p); n > 2 && p[n-2].is("IS") && p[n-1].is("NULL") {
		return r.column(bare(p[:n-2])), true
	}
	at := slices.IndexFunc(p, func(p piece) bool { return p.depth == 0 && isOperator(p) })
	if at < 0 {
		return r.column(p), true
	}
	op := p[at].Text
	if comparisons[op] == "" || at+1 < len(p) && isOperator(p[at+1]) { // as <@ is read
		return "", false
	}
	left, right := bare(p[:at]), bare(p[at+1:])
	if column := r.compared(left, op, right); column != "" {
		return column, op == "="
	}
	return r.compared(right, comparisons[op], left), op == "="
}

// isOperator tells whether a sign is, or belongs to, an operator.
func isOperator(p piece) bool {
	return p.Sort == statement.Sign && p.Text != "::" && strings.Trim(p.Text, "+-*/<>=~!@#%^&|`?") == ""
}

// comparisons are those that an index answers, and how each is called from the other side.
var comparisons = map[string]string{"=": "=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}

// compared returns the column that is compared with what does not depend on its row.
func (r reader) compared(side []piece, op string, other []piece) string {
	if len(other) == 0 || r.mentioned(other) || slices.ContainsFunc(other, func(p piece) bool { return p.is("COLLATE") }) {
		return ""
	}
	if other[0].is("ALL") || other[0].is("ANY") && op != "=" {
		return ""
	}
	if len(side) > 2 && side[0].is("ROW") && op != "=" { // the first of its columns decides
		if end := slices.IndexFunc(side, func(p piece) bool { return p.is(",") && p.depth == 1 }); end > 0 {
			side = side[2:end]
		}
	}
	return r.column(side)
}

// column returns the column that is all of p, or "".
func (r reader) column(p []piece) string {
	if len(p) != 3 || p[0].name() != r.alias || !p[1].is(".") || !r.known(p[2].name()) {
		return ""
	}
	return p[2].name()
}

// mentioned tells whether something of the table is in p.
func (r reader) mentioned(p []piece) bool {
	for i := 1; i < len(p); i++ {
		if p[i].is(".") && p[i-1].name() == r.alias {
			return true
		}
	}
	return false
}

// conjuncts are the conditions that must all hold.
func conjuncts(p []piece) (all [][]piece) {
	p = bare(p)
	start := 0
	for i := range p {
		switch {
		case p[i].depth > 0:
		case p[i].is("OR"):
			return nil
		case p[i].is("AND"):
			all = append(all, conjuncts(p[start:i])...)
			start = i + 1
		}
	}
	if start == 0 {
		return [][]piece{p}
	}
	return append(all, conjuncts(p[start:])...)
}

// bare is p without parentheses around all of it, with depths that begin at 0.
func bare(p []piece) []piece {
	for len(p) > 1 && p[0].is("(") && closing(p) == len(p)-1 {
		p = p[1 : len(p)-1]
	}
	p = slices.Clone(p)
	for i := len(p) - 1; i >= 0; i-- {
		p[i].depth -= p[0].depth
	}
	return p
}

// closing is where the parenthesis ends that p begins with.
func closing(p []piece) int {
	return 1 + slices.IndexFunc(p[1:], func(end piece) bool { return end.is(")") && end.depth == p[0].depth })
}
