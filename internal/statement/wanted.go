package statement

import (
	"slices"
	"strings"
)

// Looks reports whether a statement is one that can look for rows: DROP has a plan, too.
func Looks(query string) bool {
	for t := range Tokens(query) {
		return slices.ContainsFunc([]string{"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "REPLACE"}, t.is)
	}
	return false
}

// Tables returns the tables that a statement names, by the names that it gives them: FROM posts p
// is p → posts, FROM posts is posts → posts. What is no table, as a function, may be among them.
func Tables(query string) map[string]string {
	tables := map[string]string{}
	tokens := slices.Collect(Tokens(query))
	for i := 0; i < len(tokens); i++ {
		if !opensTables(tokens, i) {
			continue
		}
		for i = i + 1; i < len(tokens); i++ {
			i = table(tokens, i, tables)
			if i >= len(tokens) || !tokens[i].sign(",") {
				i--
				break
			}
		}
	}
	return tables
}

func opensTables(tokens []Token, i int) bool {
	t := tokens[i]
	return t.is("FROM") || t.is("JOIN") || t.is("INTO") || t.is("UPDATE") && i == 0
}

// table reads a table with its alias, and returns the place behind it.
func table(tokens []Token, i int, tables map[string]string) int {
	if i >= len(tokens) {
		return i
	}
	name, ok := tokens[i].name()
	if !ok {
		return i
	}
	for i+2 < len(tokens) && tokens[i+1].sign(".") { // of a schema
		i += 2
		name, _ = tokens[i].name()
	}
	alias := name
	i++
	if i < len(tokens) && tokens[i].is("AS") {
		i++
	}
	if i < len(tokens) {
		if other, ok := tokens[i].name(); ok && !follows(other) {
			alias = other
			i++
		}
	}
	tables[alias] = name
	return i
}

// follows reports whether a word can stand behind a table and is no alias.
func follows(word string) bool {
	switch strings.ToUpper(word) {
	case "WHERE", "JOIN", "CROSS", "LEFT", "RIGHT", "FULL", "INNER", "OUTER", "NATURAL", "ON", "USING", "GROUP", "ORDER", "LIMIT", "OFFSET", "UNION",
		"EXCEPT", "INTERSECT", "INDEXED", "NOT", "SET", "HAVING", "WINDOW", "FETCH", "FOR", "RETURNING", "VALUES", "SELECT", "DEFAULT", "LATERAL", "TABLESAMPLE":
		return true
	}
	return false
}

// Wanted is what a statement looks for in a table, each column once: those that must equal
// something, those that must lie in a range, and those that it is ordered by.
type Wanted struct{ Equal, Range, Order []string }

// Look returns what a statement looks for in a table that it calls alias, and that has these columns.
// A column without a table is that one's if it has it. All parts of a statement are read as one:
// what a sub-query or another arm of a union looks for is among it.
func Look(query, alias string, columns []string) (w Wanted) {
	tokens := slices.Collect(Tokens(query))
	ordering, setting := false, false
	for i := 0; i < len(tokens); i++ {
		switch t := tokens[i]; {
		case t.is("ORDER") && i+1 < len(tokens) && tokens[i+1].is("BY"):
			ordering = true
			i++
			continue
		case t.is("SET"):
			setting = true
		case t.is("WHERE") || t.is("FROM") || t.is("RETURNING"):
			ordering, setting = false, false
		case t.is("LIMIT") || t.sign(")") || t.is("UNION"):
			ordering = false
		}
		column, n := columnAt(tokens[i:], alias, columns)
		if n == 0 {
			continue
		}
		at := i
		i += n - 1
		switch {
		case column == "": // another table's
		case ordering:
			w.Order = add(w.Order, column)
		case setting || at > 0 && tokens[at-1].sign("+"):
			// It gets a value, or a sign keeps it from an index.
		default:
			w.compare(column, tokens[i+1:])
		}
	}
	w.Range = slices.DeleteFunc(w.Range, func(c string) bool { return slices.Contains(w.Equal, c) })
	return w
}

// columnAt returns the column that tokens begin with, "" if it is another table's, and how many of
// them name it, or 0.
func columnAt(tokens []Token, alias string, columns []string) (column string, n int) {
	name, ok := tokens[0].name()
	if !ok {
		return "", 0
	}
	if len(tokens) > 2 && tokens[1].sign(".") {
		column, _ = tokens[2].name()
		if name != alias || !slices.Contains(columns, column) {
			return "", 3
		}
		return column, 3
	}
	if !slices.Contains(columns, name) || len(tokens) > 1 && (tokens[1].sign("(") || tokens[1].sign(".")) {
		return "", 0
	}
	return name, 1
}

// compare notes what follows a column.
func (w *Wanted) compare(column string, rest []Token) {
	if len(rest) == 0 {
		return
	}
	switch t := rest[0]; {
	case t.sign("=") || t.sign("==") || t.is("IN") || t.is("IS") && !(len(rest) > 1 && rest[1].is("NOT")):
		w.Equal = add(w.Equal, column)
	case t.sign("<") || t.sign(">") || t.sign("<=") || t.sign(">=") || t.is("BETWEEN"):
		w.Range = add(w.Range, column)
	}
}

func add(columns []string, c string) []string {
	if slices.Contains(columns, c) {
		return columns
	}
	return append(columns, c)
}
