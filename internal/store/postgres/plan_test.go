package postgres

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

// planFor returns the plan of a statement that must have one.
func planFor(t *testing.T, s *Store, sample string) blog.Plan {
	t.Helper()
	p, err := s.Care().Plan(t.Context(), sample)
	if err != nil {
		t.Fatalf("%v: %s", err, sample)
	}
	if len(p.Lines) == 0 || !strings.Contains(p.Lines[0], "cost=") {
		t.Errorf("lines %q: %s", p.Lines, sample)
	}
	return p
}

func TestAPlanSaysWhatIsReadInFullAndWhatIsLookedForInIt(t *testing.T) {
	t.Parallel()
	s := openStore(t, newDatabase(t), Options{})
	if _, err := s.pool.Exec(t.Context(), `CREATE TABLE "Odd ""table" (id bigint, "select" text, "Größe" bigint, flag boolean, "a(b" text)`); err != nil {
		t.Fatal(err)
	}
	for sql, want := range map[string]blog.Scan{
		"SELECT id FROM posts WHERE cover = $1":                                              {Table: "posts", Equal: []string{"cover"}},
		"SELECT id FROM posts WHERE $1 = cover":                                              {Table: "posts", Equal: []string{"cover"}},
		"SELECT id FROM posts p WHERE p.cover = $1 AND excerpt > $2 AND excerpt <= $3":       {Table: "posts", Equal: []string{"cover"}, Range: []string{"excerpt"}},
		"SELECT id FROM posts p WHERE $1 < p.excerpt AND p.cover = ANY ($2)":                 {Table: "posts", Equal: []string{"cover"}, Range: []string{"excerpt"}},
		"SELECT id FROM posts WHERE cover IN ('a b', 'c = d', 'AND')":                        {Table: "posts", Equal: []string{"cover"}},
		"SELECT id FROM posts WHERE revision BETWEEN $1 AND $2":                              {Table: "posts", Range: []string{"revision"}},
		"SELECT id FROM posts WHERE cover = 'it''s (cover) OR \"not\"\n' AND revision = $1":  {Table: "posts", Equal: []string{"cover", "revision"}},
		"SELECT id FROM posts WHERE cover = $1 OR excerpt = $2":                              {Table: "posts"},
		"SELECT id FROM posts WHERE (cover = $1 OR excerpt = $2) AND revision = $3":          {Table: "posts", Equal: []string{"revision"}},
		"SELECT id FROM posts WHERE cover <> $1 AND excerpt LIKE $2 AND lower(content) = $3": {Table: "posts"},
		"SELECT id FROM posts WHERE cover = excerpt AND revision > views":                    {Table: "posts"},
		"SELECT id FROM posts WHERE tags @> $1 AND tags <@ $2":                               {Table: "posts"},
		"SELECT id FROM posts WHERE cover < ANY ($1) AND excerpt = ALL ($2)":                 {Table: "posts"},
		"SELECT id FROM posts WHERE (revision, id) < ($1, $2)":                               {Table: "posts", Range: []string{"revision"}},
		"SELECT id FROM posts WHERE revision + 1 = $1":                                       {Table: "posts"},
		"SELECT id FROM posts WHERE cover = $1 ORDER BY revision DESC, id DESC LIMIT $2":     {Table: "posts", Equal: []string{"cover"}, Order: []string{"revision", "id"}},
		"SELECT id FROM posts WHERE cover = $1 ORDER BY revision DESC, id LIMIT $2":          {Table: "posts", Equal: []string{"cover"}},
		"SELECT id FROM posts WHERE cover = $1 ORDER BY lower(excerpt)":                      {Table: "posts", Equal: []string{"cover"}},
		"SELECT count(*) FROM posts WHERE cover = $1 GROUP BY revision ORDER BY count(*)":    {Table: "posts", Equal: []string{"cover"}, Order: []string{"revision"}},
		"SELECT id FROM comments WHERE NOT deleted AND content = $1":                         {Table: "comments", Equal: []string{"content", "deleted"}},
		"UPDATE posts SET views = views + 1 WHERE cover = $1":                                {Table: "posts", Equal: []string{"cover"}},
		"DELETE FROM posts WHERE excerpt >= $1 RETURNING id":                                 {Table: "posts", Range: []string{"excerpt"}},
		`SELECT id FROM "Odd ""table" "x.y" WHERE "x.y"."select" = $1 AND "Größe" > 5 AND flag AND "a(b" = 'f(x'`: {
			Table: `Odd "table`, Equal: []string{"a(b", "flag", "select"}, Range: []string{"Größe"}},
		`SELECT id FROM "Odd ""table" WHERE "select" IS NULL AND "Größe" IS NOT NULL`: {Table: `Odd "table`, Equal: []string{"select"}},
	} {
		p := planFor(t, s, sql)
		for i := range p.Scans {
			slices.Sort(p.Scans[i].Equal) // the planner has them in an order of its own
		}
		if diff := cmp.Diff([]blog.Scan{want}, p.Scans); diff != "" {
			t.Errorf("%s: %s\n%s", sql, diff, strings.Join(p.Lines, "\n"))
		}
	}
}

func TestAPlanOfSeveralTablesHasWhatIsLookedForInEach(t *testing.T) {
	t.Parallel()
	s := openStore(t, newDatabase(t), Options{})
	fillBySQL(t, s, 2000)
	p := planFor(t, s, `SELECT p.title FROM posts p JOIN users u ON u.id = p.author
		WHERE p.cover = $1 AND p.author = $2 AND EXISTS (SELECT FROM comments c WHERE c.content = p.excerpt AND c.updated > $3) ORDER BY p.revision`)
	tables := map[string]blog.Scan{}
	for _, scan := range p.Scans {
		tables[scan.Table] = scan
	}
	if c := tables["comments"]; !slices.Equal(c.Range, []string{"updated"}) {
		t.Errorf("comments: %+v\n%s", c, strings.Join(p.Lines, "\n"))
	}
	if !slices.Contains(p.Indexes, "posts_author") && !slices.Contains(p.Indexes, "posts_user") {
		t.Errorf("indexes %v\n%s", p.Indexes, strings.Join(p.Lines, "\n"))
	}
	if p := planFor(t, s, "SELECT id FROM posts WHERE id = $1"); len(p.Scans) != 0 || !slices.Equal(p.Indexes, []string{"posts_pkey"}) {
		t.Errorf("by the key: %+v", p)
	}
	if p := planFor(t, s, "SELECT relname FROM pg_class WHERE relpages = $1"); len(p.Scans) != 0 {
		t.Errorf("a table of the server's: %+v", p)
	}
}

func TestWhatHasNoPlanIsInvalidAndNothingIsDone(t *testing.T) {
	t.Parallel()
	s := openStore(t, newDatabase(t), Options{})
	for _, sql := range []string{
		"", " ", "-- nothing", "commit", "begin isolation level read committed read write", "CREATE TABLE made (a int)", "DROP TABLE posts", "nonsense",
		"SELECT 1; DROP TABLE likes", "SELECT 1; SELECT 2", "SELECT id FROM nowhere", "SELECT nobody FROM posts", "SELECT 1/0",
		"EXPLAIN ANALYZE DELETE FROM sources", "SELECT '\x00'", "SELECT '\xff'", "SELECT 'open", "COPY posts TO STDOUT", "VACUUM", "SELECT $1 + $2 FROM posts WHERE id = $0",
		"INSERT INTO sources DEFAULT VALUES; COMMIT; DROP TABLE sources", "EXECUTE x", "FETCH 200 FROM cursor",
	} {
		_, err := s.Care().Plan(t.Context(), sql)
		wantCode(t, sql, err, blog.CodeInvalid)
	}
	var made, prepared int
	if err := s.pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_class WHERE relname = 'made'").Scan(&made); err != nil || made != 0 {
		t.Errorf("%d tables were made: %v", made, err)
	}
	if err := s.pool.QueryRow(t.Context(), "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'inkstone%'").Scan(&prepared); err != nil || prepared != 0 {
		t.Errorf("%d statements stay prepared: %v", prepared, err)
	}
	if _, err := s.pool.Exec(t.Context(), "SELECT FROM likes, sources, posts"); err != nil {
		t.Error(err)
	}
}

func TestWhatIsExplainedIsNotRun(t *testing.T) {
	t.Parallel()
	explained := func(t *testing.T, s *Store) {
		if _, err := s.pool.Exec(t.Context(), "CREATE SEQUENCE drawn"); err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{
			"INSERT INTO copying (one, source) VALUES (1, $1)", "UPDATE generation SET value = value + 1", "DELETE FROM generation",
			"WITH gone AS (DELETE FROM post_sums RETURNING status) SELECT count(*) FROM gone", "SELECT nextval('drawn')", "SELECT pg_sleep(60)", "SELECT 1 INTO made",
		} {
			planFor(t, s, sql)
		}
		var sums, stripes, copies int
		var value int64
		var called, made bool
		if err := s.pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM post_sums), (SELECT count(*) FROM generation), (SELECT count(*) FROM copying),
			(SELECT sum(value)::bigint FROM generation), (SELECT is_called FROM drawn), to_regclass('made') IS NOT NULL`).Scan(&sums, &stripes, &copies, &value, &called, &made); err != nil {
			t.Fatal(err)
		}
		if sums != 3 || stripes != 16 || copies != 0 || value != 1 || called || made {
			t.Errorf("%d sums, %d stripes, %d copies, generation %d, a number drawn: %v, a table made: %v", sums, stripes, copies, value, called, made)
		}
	}
	t.Run("at the server", func(t *testing.T) { explained(t, openStore(t, newDatabase(t), Options{})) })
	t.Run("through PgBouncer", func(t *testing.T) {
		explained(t, openStore(t, enginetest.PgBouncer(t, newDatabase(t)), Options{Pooled: true}))
	})
}

// Through a pooler two clients have one connection by turns.
func TestPlansLeaveNothingOnAConnection(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	for name, s := range map[string]*Store{
		"direct":  openStore(t, url, Options{MaxConns: 1}),
		"pooled":  openStore(t, enginetest.PgBouncer(t, url), Options{Pooled: true, MaxConns: 1}),
		"session": openStore(t, enginetest.PgBouncerSession(t, url), Options{MaxConns: 1}),
	} {
		for range 3 {
			planFor(t, s, "SELECT id FROM posts WHERE cover = $1 AND revision = $2")
			_, err := s.Care().Plan(t.Context(), "SELECT 1/0") // which fails when it is explained
			wantCode(t, name, err, blog.CodeInvalid)
		}
		var left int
		var mode string
		if err := s.pool.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'inkstone%'), current_setting('plan_cache_mode')").Scan(&left, &mode); err != nil || left != 0 || mode != "auto" {
			t.Errorf("%s: %d prepared, mode %s: %v", name, left, mode, err)
		}
	}
}

// Who plans needs a lock of the table, if a weak one.
func TestAPlanDoesNotWaitForWhoHasLockedATable(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	s := openStore(t, url, Options{StatementTimeout: time.Minute, MaxConns: 1})
	release := elsewhere(t, url, "LOCK TABLE posts")
	start := time.Now()
	_, err := s.Care().Plan(t.Context(), "SELECT id FROM posts WHERE cover = $1")
	wantCode(t, "plan", err, blog.CodeUnavailable)
	if took := time.Since(start); took > lookLock+lateness {
		t.Errorf("it took %v", took)
	}
	planFor(t, s, "SELECT id FROM users WHERE email = $1")
	release()
	planFor(t, s, "SELECT id FROM posts WHERE cover = $1")
}

func TestAPlanIsMadeWhereNothingCanBeWritten(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	give(t, url, "default_transaction_read_only = on")
	s := openStore(t, url, Options{})
	planFor(t, s, "DELETE FROM posts WHERE cover = $1")
}
