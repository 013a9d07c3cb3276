package sqlite

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/store/storetest"
	"zombiezen.com/go/sqlite"
)

// allStatements runs every method, with every sort and filter, and returns the statements
// that ran, and the path of the database.
func allStatements(t *testing.T) (statements []string, path string) {
	path = filepath.Join(t.TempDir(), "test.db")
	var mu sync.Mutex
	seen := map[string]bool{}
	s := openAt(t, path, Options{prepared: func(q string) {
		mu.Lock()
		defer mu.Unlock()
		seen[q] = true
	}})
	fill(t, s, 200, 200)
	storetest.Requests(t, s)
	withSparse(t, 0)
	storetest.Requests(t, s)
	withFewHits(t, 1)
	storetest.Requests(t, s)
	for q := range seen {
		verb, _, _ := strings.Cut(strings.TrimSpace(q), " ")
		if slices.Contains([]string{"SELECT", "UPDATE", "DELETE", "INSERT"}, verb) {
			statements = append(statements, q)
		}
	}
	if len(statements) < 100 {
		t.Errorf("only %d statements were seen", len(statements))
	}
	return statements, path
}

// TestNoRequestScansATable asks SQLite how it finds the rows of each statement.
func TestNoRequestScansATable(t *testing.T) {
	statements, path := allStatements(t)
	c, err := openReader(path, hooks{})
	must(t, err)
	defer c.Close()
	for _, q := range statements {
		if line := scanning(t, c, q); line != "" {
			t.Errorf("plan %q of %s", line, q)
		}
	}
	if scanning(t, c, "SELECT key FROM posts WHERE cover = ?") == "" {
		t.Error("a scan is not seen")
	}
}

// TestNoStatementIsPreparedAnewForItsValues: see the package's page.
func TestNoStatementIsPreparedAnewForItsValues(t *testing.T) {
	statements, path := allStatements(t)
	c, err := openConn(path, time.Second, writerCacheKiB)
	must(t, err)
	defer c.Close()
	compiled := 0 // SQLite asks the authorizer while it compiles
	must(t, c.SetAuthorizer(sqlite.AuthorizeFunc(func(sqlite.Action) sqlite.AuthResult {
		compiled++
		return sqlite.AuthResultOK
	})))
	must(t, c.script("BEGIN"))
	run := func(stmt *sqlite.Stmt) {
		for i := range stmt.BindParamCount() {
			stmt.BindInt64(i+1, 2)
		}
		_, _ = stmt.Step() // 2 need not make sense
		_ = stmt.Reset()
	}
	preparedAnew := func(q string) bool {
		stmt, err := c.Prepare(q)
		must(t, err)
		for range 2 {
			run(stmt) // in which FTS5 prepares what it needs itself
		}
		compiled = 0
		run(stmt)
		return compiled > 0
	}
	for _, q := range statements {
		if preparedAnew(q) {
			t.Errorf("prepared anew: %s", q)
		}
	}
	if !preparedAnew("SELECT n FROM post_counts WHERE status = ?") {
		t.Error("what is prepared anew is not seen")
	}
}

// scanning returns the line of a statement's plan that passes a whole table, or "".
func scanning(t *testing.T, c *conn, q string) (line string) {
	t.Helper()
	err := c.each("EXPLAIN QUERY PLAN "+q, func(s *sqlite.Stmt) error {
		if scans(s.ColumnText(3)) {
			line = s.ColumnText(3)
		}
		return nil
	})
	must(t, err)
	return line
}

// scans reports whether a line of a query plan passes all rows of a table. What
// a subquery or an inner query has already narrowed is no table, and a virtual
// table says by its plan ("M": a match, "=": a row) what it was asked.
func scans(line string) bool {
	rest, ok := strings.CutPrefix(line, "SCAN ")
	if !ok {
		return false
	}
	if name, plan, virtual := strings.Cut(rest, " VIRTUAL TABLE INDEX "); virtual {
		return name != "few" && !strings.ContainsAny(plan, "M=") // few are the statement's own argument
	}
	return rest != "f" && rest != "sqlite_master" && rest != "CONSTANT ROW" && !strings.HasPrefix(rest, "(")
}

// TestFewPostsAreNotLookedForAlongAnIndexOfAll: SQLite calls that a search, but it
// passes every post there is.
func TestFewPostsAreNotLookedForAlongAnIndexOfAll(t *testing.T) {
	var walked []string
	s := open(t, Options{Readers: 1, prepared: func(q string) {
		if strings.Contains(q, "INDEXED BY") {
			walked = append(walked, q)
		}
	}})
	authors := fill(t, s, 400, 60)
	for i := range 6 {
		p := newPost(authors[0].ID, "少见")
		p.Tags = []string{"少见", []string{"罕见", "稀有", "绝无"}[i%3]}
		must(t, s.Posts().Create(t.Context(), p))
	}
	for _, status := range []blog.Status{blog.Published, ""} {
		for _, tags := range [][]string{{"罕见"}, {"罕见", "稀有"}, {"少见", "罕见", "稀有", "绝无"}} {
			for _, sort := range blog.PostSorts {
				f := blog.PostFilter{Status: status, Tags: tags, Order: blog.Order{Field: sort}, Page: blog.Page{Number: 1, Limit: 10}}
				l, err := s.Posts().List(t.Context(), f)
				must(t, err)
				if want := 2 * min(len(tags), 3); len(l.Items) != want || l.Total != int64(want) {
					t.Errorf("%q by %s: %d posts of %d, want %d", tags, sort, len(l.Items), l.Total, want)
				}
			}
		}
	}
	withSparse(t, 0)
	p := newPost(addUser(t, s, "another").ID, "殊途")
	p.Category = "别处" // of which no other post has the tag
	must(t, s.Posts().Create(t.Context(), p))
	for range 20 {
		p = newPost(p.Author.ID, "同归")
		p.Category, p.Tags = "别处", []string{"别的"}
		must(t, s.Posts().Create(t.Context(), p))
	}
	for _, sort := range blog.PostSorts {
		f := blog.PostFilter{Status: blog.Published, Category: "别处", Tags: []string{"go"}, Order: blog.Order{Field: sort}, Page: blog.Page{Number: 1, Limit: 10}}
		l, err := s.Posts().List(t.Context(), f)
		must(t, err)
		if len(l.Items) != 1 || l.Items[0].Title != "殊途" {
			t.Errorf("a category and a tag that meet once, by %s: %d posts", sort, len(l.Items))
		}
	}
	for _, q := range walked {
		t.Errorf("few posts were looked for by %s", q)
	}
}
