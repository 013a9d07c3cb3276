package sqlite

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"inkstone/internal/admin"
	"inkstone/internal/blog"
)

// strange is a store whose database has what SQLite does not know here, as another program with modules,
// functions and collations of its own may have left it.
func strange(t *testing.T) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	s, err := Open(t.Context(), path, Options{})
	must(t, err)
	fill(t, s, 20, 20)
	must(t, s.Close())
	c, err := openConn(path, time.Second, writerCacheKiB)
	must(t, err)
	must(t, c.script(`CREATE TABLE sorted (a TEXT PRIMARY KEY, b TEXT) WITHOUT ROWID; CREATE INDEX sorted_b ON sorted (b);
		CREATE TABLE worked (a TEXT, b TEXT, c TEXT); CREATE INDEX worked_b ON worked (b);
		CREATE TABLE moved (a TEXT, b TEXT); CREATE VIEW seen AS SELECT a FROM moved;
		INSERT INTO sorted VALUES ('a', 'b'); INSERT INTO worked VALUES ('a', 'b', 'c'); INSERT INTO moved VALUES ('a', 'b');
		ANALYZE`))
	must(t, c.script(`PRAGMA writable_schema = ON;
		UPDATE sqlite_schema SET sql = 'CREATE TABLE sorted (a TEXT COLLATE nowhere PRIMARY KEY, b TEXT COLLATE nowhere) WITHOUT ROWID' WHERE name = 'sorted';
		UPDATE sqlite_schema SET sql = 'CREATE TABLE worked (a TEXT, b TEXT, c TEXT AS (nowhere(a)))' WHERE name = 'worked';
		UPDATE sqlite_schema SET sql = 'CREATE INDEX worked_b ON worked (nowhere(b))' WHERE name = 'worked_b';
		UPDATE sqlite_schema SET sql = 'CREATE VIEW seen AS SELECT nowhere(a) FROM moved' WHERE name = 'seen';
		INSERT INTO sqlite_schema (type, name, tbl_name, rootpage, sql) VALUES ('table', 'elsewhere', 'elsewhere', 0, 'CREATE VIRTUAL TABLE elsewhere USING nowhere(a)')`))
	must(t, c.Close())
	return openAt(t, path, Options{})
}

func TestWhatSQLiteDoesNotKnowHereIsUnknownAndAllElseIsTold(t *testing.T) {
	s := strange(t)
	all, err := s.Care().Indexes(t.Context())
	must(t, err)
	known := 0
	for _, table := range all.Tables {
		if table.Bytes <= 0 {
			t.Errorf("%+v", table)
		}
		if want, asked := map[string]int64{"posts": 20, "moved": 1, "sorted": -1}[table.Name]; asked {
			known++
			if table.Rows != want {
				t.Errorf("%s has %d rows, want %d", table.Name, table.Rows, want)
			}
		}
	}
	if known != 3 || len(all.Indexes) < 10 || indexNamed(t, s, "sorted_b").Bytes <= 0 {
		t.Errorf("%+v", all)
	}
}

func TestWhatCannotBeTriedHasNoSuggestionAndAllElseHas(t *testing.T) {
	s := strange(t)
	var noted []blog.SlowStatement
	for query, want := range map[string][]string{
		"SELECT key FROM posts WHERE cover = ?":        {"cover"},
		"SELECT b FROM moved WHERE b = ?":              {"b"},
		"SELECT count(*) FROM sorted WHERE b IS NULL":  nil,
		"SELECT count(*) FROM worked WHERE a = ?":      nil,
		"SELECT a FROM elsewhere WHERE a = ?":          nil,
		"SELECT count(*) FROM seen":                    nil,
		"SELECT nowhere(key) FROM posts WHERE key = ?": nil,
	} {
		noted = append(noted, blog.SlowStatement{Statement: query, Sample: query, Hour: time.Now().UTC().Truncate(time.Hour), Count: 1, Total: time.Second, Last: time.Now()})
		p, err := s.Care().Plan(t.Context(), query)
		if err != nil && blog.CodeOf(err) != blog.CodeInvalid {
			t.Errorf("%s: %v", query, err)
		}
		var columns []string
		if len(p.Scans) > 0 {
			columns = p.Scans[0].Index()
		}
		if !slices.Equal(columns, want) {
			t.Errorf("%s: %v %+v, want %v", query, err, p, want)
		}
	}
	must(t, s.Care().Note(t.Context(), noted, time.Time{}))
	r, err := admin.New(admin.Options{Care: s.Care(), Window: time.Hour, Now: time.Now}).Indexes(t.Context())
	if err != nil || !slices.ContainsFunc(r.FullScans, func(f admin.FullScan) bool { return strings.Contains(f.Statement, "cover") }) {
		t.Errorf("%+v, %v", r.FullScans, err)
	}
}
