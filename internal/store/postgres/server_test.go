package postgres

import (
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/enginetest"
	"inkstone/internal/statement"
	"inkstone/internal/store/storetest"
)

// counting counts statements of each kind.
type counting struct {
	mu    sync.Mutex
	calls map[string]int64
}

func (c *counting) note(_ context.Context, query string, _ time.Duration, _ int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[statement.Kind(query)]++
}

func (c *counting) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = map[string]int64{}
}

// counted are what the server has counted of a statement; 0 also if it does not tell.
func counted(t *testing.T, s *Store, kinds ...string) (calls int64) {
	t.Helper()
	counts, err := s.Care().Server(t.Context(), kinds)
	if err != nil || counts == nil {
		t.Fatalf("counts %v: %v", counts, err)
	}
	for _, c := range counts {
		calls += c.Calls
	}
	return calls
}

func TestTheServersCountsAreThoseOfOurStatements(t *testing.T) {
	t.Parallel()
	server := enginetest.PrivatePostgres(t, "shared_preload_libraries=pg_stat_statements")
	c := &counting{calls: map[string]int64{}}
	s := openStore(t, server.URL(), Options{Statement: c.note})
	const asked = "SELECT 1"
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := counted(t, s, asked); n != 0 {
		t.Errorf("without the extension %d", n)
	}
	run(t, server.URL(), "CREATE SCHEMA elsewhere", "CREATE EXTENSION pg_stat_statements SCHEMA elsewhere")

	t.Run("of all that requests ask", func(t *testing.T) {
		fillBySQL(t, s, 200)
		run(t, server.URL(), "SELECT elsewhere.pg_stat_statements_reset()")
		c.reset()
		storetest.Requests(t, s)
		c.mu.Lock()
		ours := c.calls
		c.calls = map[string]int64{}
		c.mu.Unlock()
		var kinds []string
		for kind := range ours {
			kinds = append(kinds, kind)
		}
		counts, err := s.Care().Server(t.Context(), kinds)
		if err != nil {
			t.Fatal(err)
		}
		for kind, n := range ours {
			verb, _, _ := strings.Cut(strings.TrimLeft(kind, "( "), " ")
			got, exact := counts[kind], verb == "SELECT" || verb == "WITH" // others may be in batches, too
			if !exact && verb != "INSERT" && verb != "UPDATE" && verb != "DELETE" || strings.Contains(kind, "; ") {
				continue // what the server does not count by itself, and a batch
			}
			if got.Total <= 0 || got.Calls < n || exact && got.Calls != n {
				t.Errorf("ran %d times, the server says %+v: %s", n, got, kind)
			}
		}
		if len(kinds) < 100 {
			t.Errorf("only %d kinds", len(kinds))
		}
	})

	t.Run("by a role", func(t *testing.T) {
		run(t, server.URL(), "CREATE ROLE reader LOGIN PASSWORD 'example-password'", "GRANT ALL ON ALL TABLES IN SCHEMA public TO reader")
		u, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		u.User = url.UserPassword("reader", "example-password")
		reader := openStore(t, u.String(), Options{})
		if n := counted(t, reader, asked); n != 0 {
			t.Errorf("without rights to the schema: %d", n)
		}
		run(t, server.URL(), "GRANT USAGE ON SCHEMA elsewhere TO reader", "REVOKE SELECT ON elsewhere.pg_stat_statements FROM PUBLIC")
		if n := counted(t, reader, asked); n != 0 {
			t.Errorf("without rights to the view: %d", n)
		}
		run(t, server.URL(), "GRANT SELECT ON elsewhere.pg_stat_statements TO reader", "SELECT elsewhere.pg_stat_statements_reset()")
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := reader.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if n := counted(t, reader, asked); n != 3 {
			t.Errorf("of its own %d, want 3", n)
		}
		run(t, server.URL(), "GRANT pg_read_all_stats TO reader")
		if n := counted(t, reader, asked); n != 4 {
			t.Errorf("of all %d, want 4", n)
		}
	})
}

func TestAnExtensionWithoutItsLibraryTellsNothing(t *testing.T) {
	t.Parallel()
	server := enginetest.PrivatePostgres(t)
	s := openStore(t, server.URL(), Options{})
	run(t, server.URL(), "CREATE EXTENSION pg_stat_statements")
	if n := counted(t, s, "SELECT 1"); n != 0 {
		t.Errorf("%d", n)
	}
}

// As the server writes it where we have values, in lists of any length.
func TestStatementsAreRecognisedWithoutTheirValues(t *testing.T) {
	for ours, theirs := range map[string]string{
		"SELECT a FROM b WHERE c = $1 LIMIT 10":                  "SELECT a FROM b WHERE c = $1 LIMIT $2",
		"SELECT a\n\tFROM b -- note\n WHERE c IN ('x', 'y''z')":  "SELECT a\n FROM b  WHERE c IN ($1, $2)",
		"SELECT a FROM b WHERE c IN (1, 2, 3)":                   "SELECT a FROM b WHERE c IN ($1 /*, ... */)",
		"INSERT INTO b VALUES ($1, true, NULL, 5, $2)":           "INSERT INTO b VALUES ($1, $3, $4, $5, $2)",
		"SELECT a FROM b WHERE c IS NULL AND d = E'x\\'y'::text": "SELECT a FROM b WHERE c IS NULL AND d = $1::text",
	} {
		for _, known := range []string{ours, statement.Kind(ours)} {
			if likeness(known) != likeness(theirs) {
				t.Errorf("%s is %q, %s is %q", known, likeness(known), theirs, likeness(theirs))
			}
		}
	}
	for one, other := range map[string]string{
		"SELECT a FROM b WHERE c = $1":       "SELECT a FROM b WHERE d = $1",
		"SELECT a FROM b WHERE c IN ($1)":    "SELECT a FROM b WHERE c IN ($1, $2)",
		"SELECT a FROM b WHERE c IN ($1, 2)": "SELECT a FROM b WHERE c IN ($1) AND d = 2",
	} {
		if likeness(one) == likeness(other) {
			t.Errorf("both are %q: %s, %s", likeness(one), one, other)
		}
	}
}
