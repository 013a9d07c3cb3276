package statement

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestStatementsOfOneKindAreWrittenAlikeWithoutTheirValues(t *testing.T) {
	for query, want := range map[string]string{
		"SELECT  a,\n\t b FROM x WHERE y = 'it''s' AND z=-1.5e+3": "SELECT a, b FROM x WHERE y = ? AND z=-?",
		"SELECT a FROM x WHERE b IN (?, ?, ?)":                    "SELECT a FROM x WHERE b IN (?, …)",
		"SELECT a FROM x WHERE b IN (?)":                          "SELECT a FROM x WHERE b IN (?)",
		"SELECT a FROM x WHERE b IN ('secret', 12, x'00ff')":      "SELECT a FROM x WHERE b IN (?, …)",
		"INSERT INTO x (a, b) VALUES (?, ?), (?, ?),(?,?)":        "INSERT INTO x (a, b) VALUES (?, …), …",
		"INSERT INTO x VALUES ($1), ($2)":                         "INSERT INTO x VALUES ($1), …",
		"SELECT f($1, $2), coalesce(a, $3) LIMIT $4":              "SELECT f($1, …), coalesce(a, $3) LIMIT $4",
		"SELECT 1 -- secret\nFROM x /* secret */ WHERE y":         "SELECT ? FROM x WHERE y",
		`SELECT "secret", ` + "`b`" + ` FROM x`:                   `SELECT "secret", ` + "`b`" + ` FROM x`, // names
		`SELECT E'a\'secret', $$secret$$, $t$se'c$$ret$t$ FROM x`: "SELECT ?, ?, ? FROM x",
		"SELECT '微服务' || a FROM 表 LIMIT +?":                       "SELECT ? || a FROM 表 LIMIT +?",
		"SELECT a::text, b[1] FROM x WHERE c = :name AND d = ?1":  "SELECT a::text, b[?] FROM x WHERE c = :name AND d = ?1",
		"SELECT 'secret":   "SELECT ?",
		"SELECT /* secret": "SELECT",
		"SELECT $$secret":  "SELECT ?",
		"":                 "",
	} {
		got := Kind(query)
		if got != want {
			t.Errorf("%s\n is of the kind %s\n want          %s", query, got, want)
		}
		if again := Kind(strings.ReplaceAll(got, "…", "?")); strings.Contains(again, "…, …") {
			t.Errorf("%s is shortened to %s", got, again)
		}
	}
}

func FuzzNoTextOfAStatementIsInItsKind(f *testing.F) {
	for _, s := range []string{"SELECT '%s'", "SELECT 1, E'\\'%s', $$%s$$, $a$%s$a$, x'%s' -- %s\n/* %s */", "((?,'%s'),(1))", "$", "'", "E'", "$$", "1e+", "\"", "/*"} {
		f.Add(s, "secret")
	}
	f.Fuzz(func(t *testing.T, before, secret string) {
		const marked = "TopSecretValue"
		for _, quoted := range []string{"'" + marked + "'", "$$" + marked + "$$", "'it''s " + marked + "'"} {
			if open(before) {
				return
			}
			if kind := Kind(before + " " + quoted); strings.Contains(kind, marked) {
				t.Errorf("%q has the kind %q", before+" "+quoted, kind)
			}
		}
		joined := ""
		for token := range Tokens(before) {
			joined += token.Text
		}
		if len(joined) > len(before) {
			t.Errorf("%q has the tokens %q", before, joined)
		}
	})
}

// open reports whether what follows s belongs to its last token, or is read by another rule.
func open(s string) bool {
	last := ""
	for token := range Tokens(s + " ;;mark") {
		last = token.Text
	}
	return last != "mark" || strings.Contains(s, "mark")
}

func TestTheTablesOfAStatementAreFoundByTheirAliases(t *testing.T) {
	for query, want := range map[string]map[string]string{
		"SELECT p.key FROM posts p INDEXED BY x WHERE 1":                            {"p": "posts"},
		"SELECT * FROM posts AS p, users AS u JOIN likes ON likes.post = p.key":     {"p": "posts", "u": "users", "likes": "likes"},
		"DELETE FROM likes WHERE post = ?":                                          {"likes": "likes"},
		"UPDATE posts SET a = ? WHERE b = ?":                                        {"posts": "posts"},
		"INSERT INTO x (a) VALUES (?) ON CONFLICT (a) DO UPDATE SET n = n + 1":      {"x": "x"},
		"SELECT 1 FROM public.posts p CROSS JOIN users LEFT JOIN \"Odd\" o ON true": {"p": "posts", "users": "users", "o": "Odd"},
		"SELECT a FROM (SELECT b FROM x UNION SELECT c FROM y z) q":                 {"x": "x", "z": "y"},
		"SELECT 1": {},
		"FROM":     {},
	} {
		if got := Tables(query); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}

func TestWhatAStatementLooksForIsFound(t *testing.T) {
	columns := []string{"key", "cover", "title", "views", "status"}
	for query, want := range map[string]Wanted{
		"SELECT key FROM posts p WHERE p.cover = ? AND p.views BETWEEN ? AND ? ORDER BY p.title DESC, p.key LIMIT ?": {
			Equal: []string{"cover"}, Range: []string{"views"}, Order: []string{"title", "key"}},
		"SELECT key FROM posts WHERE cover IN (?, ?) AND views > ? AND views < ? AND status IS ?": {
			Equal: []string{"cover", "status"}, Range: []string{"views"}},
		"UPDATE posts SET cover = ?, title = ? WHERE views = ?":             {Equal: []string{"views"}},
		"SELECT q.cover FROM posts p WHERE +p.views = ? AND q.title = ?":    {},
		"SELECT cover FROM posts p WHERE cover <> ? OR views IS NOT NULL":   {},
		"SELECT max(views) FROM posts WHERE length(title) = ?":              {},
		"SELECT key FROM posts p WHERE p.views = ? AND p.views > ?":         {Equal: []string{"views"}},
		"SELECT key FROM posts WHERE (SELECT 1 ORDER BY title) AND key < ?": {Range: []string{"key"}, Order: []string{"title"}},
	} {
		if got := Look(query, "p", columns); cmp.Diff(want, got, cmpopts.EquateEmpty()) != "" {
			t.Errorf("%s: %+v, want %+v", query, got, want)
		}
	}
}

func TestOnlyStatementsThatLookForRowsDo(t *testing.T) {
	for query, want := range map[string]bool{
		"select 1": true, " /* a */ WITH x AS (SELECT 1) SELECT 2": true, "UPDATE x SET y = 1": true, "DELETE FROM x": true,
		"": false, "BEGIN": false, "DROP TABLE x": false, "EXPLAIN SELECT 1": false, "(SELECT 1)": false,
	} {
		if got := Looks(query); got != want {
			t.Errorf("%q: %v", query, got)
		}
	}
}

func TestEveryByteOfAStatementIsInOneTokenOrBetweenTwo(t *testing.T) {
	query := "SELECT p.a<=?1, \"b\" /* c */ FROM x -- d\nWHERE e='f' AND g->h"
	var texts []string
	for token := range Tokens(query) {
		texts = append(texts, token.Text)
	}
	want := []string{"SELECT", "p", ".", "a", "<=", "?1", ",", `"b"`, "FROM", "x", "WHERE", "e", "=", "'f'", "AND", "g", "->", "h"}
	if !slices.Equal(texts, want) {
		t.Errorf("%q", texts)
	}
}
