package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

func indexesByName(t *testing.T, s *Store) (blog.IndexUse, map[string]blog.TableIndex) {
	t.Helper()
	use, err := s.Care().Indexes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]blog.TableIndex{}
	for _, x := range use.Indexes {
		byName[x.Name] = x
	}
	return use, byName
}

func TestIndexesAreToldWithWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	s := openStore(t, url, Options{})
	run(t, url, "CREATE SCHEMA other", "CREATE TABLE other.theirs (id int PRIMARY KEY)",
		`CREATE TABLE "A ""b" (x int, "Y z" text, r int4range, EXCLUDE USING gist (r WITH &&))`, `CREATE INDEX "odd ""index" ON "A ""b" (lower("Y z"), "Y z" DESC, x) INCLUDE (r) WHERE x > 1`)
	use, byName := indexesByName(t, s)
	for _, want := range []blog.TableIndex{
		{Name: "posts_pkey", Table: "posts", Columns: []string{"id"}, Unique: true},
		{Name: "posts_author", Table: "posts", Columns: []string{"status", "author", "published", "id"}},
		{Name: "posts_user", Table: "posts", Columns: []string{"author"}, Referred: true},
		{Name: "likes_pkey", Table: "likes", Columns: []string{"post", "member"}, Unique: true, Referred: true},
		{Name: "likes_member", Table: "likes", Columns: []string{"member", "post"}, Referred: true},
		{Name: "users_email_key", Table: "users", Columns: []string{"email"}, Unique: true},
		{Name: "users_grams", Table: "users", Columns: []string{"string_to_array(grams, ' '::text)"}},
		{Name: `A "b_r_excl`, Table: `A "b`, Columns: []string{"r"}, Unique: true},
		{Name: `odd "index`, Table: `A "b`, Columns: []string{`lower("Y z")`, "Y z", "x"}},
	} {
		got := byName[want.Name]
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(blog.TableIndex{}, "Bytes", "Uses", "LastUsed")); diff != "" {
			t.Error(diff)
		}
		if got.Bytes <= 0 {
			t.Errorf("%s has %d bytes", want.Name, got.Bytes)
		}
	}
	if _, ok := byName["theirs_pkey"]; ok || slices.ContainsFunc(use.Tables, func(t blog.Table) bool { return t.Name == "theirs" }) {
		t.Error("a table of another schema is told")
	}
	if use.Since.IsZero() || use.Since.After(time.Now().Add(time.Minute)) {
		t.Errorf("since %v", use.Since)
	}
}

// Who alters a table, or waits for that, keeps others from looking at it.
func TestOfATableThatIsLockedLessIsKnownAndAllElseIsTold(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	s := openStore(t, url, Options{})
	fillBySQL(t, s, 100)
	whole, _ := indexesByName(t, s)
	for _, lock := range []string{"LOCK TABLE users", "REINDEX TABLE users"} {
		release := elsewhere(t, url, lock)
		use, byName := indexesByName(t, s)
		if len(use.Tables) != len(whole.Tables) || len(use.Indexes) != len(whole.Indexes) {
			t.Errorf("%s: %d tables and %d indexes", lock, len(use.Tables), len(use.Indexes))
		}
		for _, table := range use.Tables {
			if (table.Bytes < 0) != (table.Name == "users") || table.Name == "users" && table.Rows < 1 {
				t.Errorf("%s: %+v", lock, table)
			}
		}
		if x := byName["posts_title"]; x.Bytes <= 0 {
			t.Errorf("%s: %+v", lock, x)
		}
		if x := byName["users_grams"]; lock == "LOCK TABLE users" && !slices.Equal(x.Columns, []string{"(expression)"}) {
			t.Errorf("%s: %+v", lock, x)
		}
		release()
	}
}

func TestTablesAreToldWithTheirScans(t *testing.T) {
	t.Parallel()
	for name, opt := range map[string]Options{"direct": {}, "pooled": {Pooled: true}} {
		url := newDatabase(t)
		if opt.Pooled {
			url = enginetest.PgBouncer(t, url)
		}
		s := openStore(t, url, opt)
		table := func() (found blog.Table) {
			use, _ := indexesByName(t, s)
			for _, t := range use.Tables {
				if t.Name == "posts" {
					found = t
				}
			}
			return found
		}
		if got := table(); got.Rows != -1 || got.Scans != 0 {
			t.Errorf("%s: a new table: %+v", name, got)
		}
		fillBySQL(t, s, 1000)
		before := table()
		if before.Rows != 1000 || before.Bytes < 1000*600 {
			t.Errorf("%s: %+v", name, before)
		}
		for range 3 {
			run(t, url, "SELECT FROM posts WHERE cover = 'x'") // on a connection that tells of it when it ends
		}
		enginetest.Within(t, time.Minute, "the scans are counted", func() bool { return table().Scans >= before.Scans+3 })
	}
}

func TestUsesAreCountedSinceTheyWereReset(t *testing.T) {
	t.Parallel()
	server := enginetest.PrivatePostgres(t)
	s := openStore(t, server.URL(), Options{})
	use, _ := indexesByName(t, s)
	var started time.Time
	var version int
	err := onConnection(t, server.URL(), func(c *pgx.Conn) error {
		return c.QueryRow(t.Context(), "SELECT pg_postmaster_start_time(), current_setting('server_version_num')::int").Scan(&started, &version)
	})
	if err != nil || use.Since.Before(started.Add(-time.Second)) {
		t.Errorf("since %v, the server started %v: %v", use.Since, started, err)
	}
	newAuthor(t, s)
	const uses = 20 // the store's own ones are fewer, and may be told of after the reset
	run(t, server.URL(), "SET enable_seqscan = off", "DO $$ BEGIN FOR i IN 1..20 LOOP PERFORM FROM users WHERE email = 'x'; END LOOP; END $$")
	enginetest.Within(t, time.Minute, "uses are counted", func() bool { _, byName := indexesByName(t, s); return byName["users_email_key"].Uses >= uses })
	_, byName := indexesByName(t, s)
	if at := byName["users_email_key"].LastUsed; at.IsZero() != (version < 160000) || !at.IsZero() && at.Before(started.Add(-time.Second)) {
		t.Errorf("server %d: last used %v, it started %v", version, at, started)
	}
	run(t, server.URL(), "SELECT pg_stat_reset()")
	enginetest.Within(t, time.Minute, "they are counted anew", func() bool {
		later, byName := indexesByName(t, s)
		return later.Since.After(use.Since) && byName["users_email_key"].Uses < uses
	})
}

func TestTablesOfExtensionsAreNotOurs(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	s := openStore(t, url, Options{})
	run(t, url, "CREATE TABLE theirs (id int PRIMARY KEY)")
	if _, byName := indexesByName(t, s); byName["theirs_pkey"].Table != "theirs" {
		t.Error("a table of the schema is not told")
	}
	run(t, url, "CREATE EXTENSION pgcrypto", "ALTER EXTENSION pgcrypto ADD TABLE theirs")
	if _, byName := indexesByName(t, s); byName["theirs_pkey"].Table != "" {
		t.Error("a table of an extension is told")
	}
	run(t, url, "ALTER EXTENSION pgcrypto DROP TABLE theirs")
}
