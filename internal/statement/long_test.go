package statement

import (
	"fmt"
	"strings"
	"testing"
)

// batch is a statement with so many lists of values.
func batch(n int) string {
	return "INSERT INTO x (a, b) VALUES (?, 'text', 12)" + strings.Repeat(", (?, 'text', 12)", n-1)
}

func TestLongStatementsAreOfKindsOfBoundedSize(t *testing.T) {
	different := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "UPDATE x%d SET a = (1,2) WHERE b = 'secret';\n", i)
		}
		return b.String()
	}
	for name, long := range map[string]func(n int) string{
		"lists":      batch,
		"one list":   func(n int) string { return "SELECT a FROM x WHERE b IN (1" + strings.Repeat(", $1", n) + ") AND c" },
		"one text":   func(n int) string { return "SELECT a FROM x WHERE b = '" + strings.Repeat("secret ", n) + "' AND c" },
		"comment":    func(n int) string { return "SELECT a FROM x /* " + strings.Repeat("secret ", n) + "*/ WHERE b" },
		"statements": different,
		"brackets":   func(n int) string { return strings.Repeat("(1,2)(", n) },
		"one word":   func(n int) string { return strings.Repeat("secret", n) },
	} {
		short, longer := Kind(long(5_000)), Kind(long(500_000))
		if short != longer || len(longer) > 2*mostRead || !strings.HasSuffix(longer, "…") || strings.Contains(longer, "secret") {
			t.Errorf("%s: kinds of %d and %d bytes: %.100q, %.100q", name, len(short), len(longer), short, longer)
		}
	}
	for n := 900; n < 1100; n++ { // all places at which it can be cut
		if kind := Kind(batch(n)); kind != "INSERT INTO x (a, b) VALUES (?, …), …" {
			t.Fatalf("%d lists are of the kind %s", n, kind)
		}
	}
}

func TestAStatementUpToTheBoundIsReadAsAWhole(t *testing.T) {
	const end = " FROM x"
	query := "SELECT a" + strings.Repeat(" ", mostRead-len("SELECT a"+end)) + end
	if kind := Kind(query); kind != "SELECT a FROM x" {
		t.Errorf("%q", kind)
	}
	if kind := Kind(query + " "); kind != "SELECT a FROM …" {
		t.Errorf("%q", kind)
	}
}

// FuzzNoValueShowsWhereAStatementIsCut has the cut fall into each place of a value, and next to it.
func FuzzNoValueShowsWhereAStatementIsCut(f *testing.F) {
	for i := range 24 {
		f.Add("SELECT a FROM x WHERE b = ", uint8(i), " AND c")
	}
	f.Add("INSERT INTO x VALUES (1, 'it''s', $a$b$a$), (?, ", uint8(5), "")
	f.Add("((?,'", uint8(1), "'")
	f.Fuzz(func(t *testing.T, before string, offset uint8, after string) {
		const mark = "ΩΩ77ΩΩ77"
		if open(before+" ") || strings.ContainsAny(before+after, mark) || len(before) > mostRead/2 {
			return
		}
		for _, value := range []string{
			"'" + mark + "'", "'" + mark + "''" + mark + "'", "E'" + mark + `\'` + mark + "'", "$$" + mark + "$$", "$tag$" + mark + "$tag$", "x'77'", "-7.7e+7", "7777777",
			"/*" + mark + "*/", "--" + mark + "\n",
		} {
			blanks := mostRead - len(before) - int(offset)%(len(value)+2)
			query := before + strings.Repeat(" ", blanks) + value + after + strings.Repeat(" ", len(value)+2)
			if kind := Kind(query); strings.ContainsAny(kind, mark) {
				t.Errorf("%q … %q is of the kind %q", before, value, kind)
			}
		}
	})
}
