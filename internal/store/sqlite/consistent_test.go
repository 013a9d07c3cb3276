package sqlite

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"zombiezen.com/go/sqlite"
)

// derived names queries that answer a key and a number each: what is kept about
// the posts, and the same counted from the rows it is derived from.
var derived = []struct{ name, kept, counted string }{
	{"tags", "SELECT tag || ' ' || status || ' ' || rank, post FROM post_tags",
		"SELECT t.value || ' ' || p.status || ' ' || p.rank, p.key FROM posts p, json_each(p.tags) t"},
	{"counters", "SELECT status || ' ' || author || ' ' || category || ' ' || tag, n FROM post_counts",
		`SELECT p.status || ' ' || a.author || ' ' || c.category || ' ' || t.tag, count(*) FROM posts p
		JOIN (SELECT key AS post, author FROM posts UNION ALL SELECT key, 0 FROM posts) a ON a.post = p.key
		JOIN (SELECT key AS post, category FROM posts UNION ALL SELECT key, '' FROM posts) c ON c.post = p.key
		JOIN (SELECT p.key AS post, t.value AS tag FROM posts p, json_each(p.tags) t UNION ALL SELECT key, '' FROM posts) t ON t.post = p.key
		GROUP BY p.status, a.author, c.category, t.tag`},
	{"views", "SELECT status, views FROM post_sums WHERE views > 0", "SELECT status, sum(views) FROM posts GROUP BY status HAVING sum(views) > 0"},
	{"sums of likes", "SELECT status, likes FROM post_sums WHERE likes > 0", "SELECT status, sum(likes) FROM posts GROUP BY status HAVING sum(likes) > 0"},
	{"likes", "SELECT key, likes FROM posts WHERE likes > 0", "SELECT post, count(*) FROM likes GROUP BY post"},
	{"living comments", "SELECT key, comments FROM posts WHERE comments > 0", "SELECT post, count(*) FROM comments WHERE NOT deleted GROUP BY post"},
	{"comments", "SELECT key, remarks FROM posts WHERE remarks > 0", "SELECT post, count(*) FROM comments GROUP BY post"},
	{"users", "SELECT role || ' ' || active, n FROM user_counts WHERE n > 0", "SELECT role || ' ' || active, count(*) FROM users GROUP BY role, active"},
	{"quotas", "SELECT key, upload_bytes FROM users WHERE uploads > 0", "SELECT owner, sum(size) FROM uploads WHERE owner IS NOT NULL GROUP BY owner"},
	{"searchable posts", "SELECT rowid, 1 FROM posts_fts", "SELECT rank, 1 FROM posts"},
	{"searchable users", "SELECT rowid, 1 FROM users_fts", "SELECT key, 1 FROM users"},
}

// checkConsistent holds all that the file keeps about rows to the rows themselves.
func checkConsistent(t testing.TB, s *Store) {
	t.Helper()
	must(t, s.view(context.Background(), "test", readLimit, func(c *conn) error {
		for _, d := range derived {
			kept, err := numbers(c, d.kept)
			if err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			counted, err := numbers(c, d.counted)
			if err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			if !maps.Equal(kept, counted) {
				t.Errorf("%s: kept %v, counted %v", d.name, kept, counted)
			}
		}
		return checkFacets(t, c)
	}))
}

func numbers(c *conn, query string) (map[string]int64, error) {
	all := map[string]int64{}
	err := c.each(query, func(s *sqlite.Stmt) error { all[s.ColumnText(0)] = s.ColumnInt64(1); return nil })
	return all, err
}

// checkFacets asks the full-text index for each facet of the posts.
func checkFacets(t testing.TB, c *conn) error {
	t.Helper()
	wanted := map[string]int64{}
	err := c.each("SELECT status, author, category, tag, n FROM post_counts", func(s *sqlite.Stmt) error {
		sel := selection{status: s.ColumnInt(0), author: s.ColumnInt64(1), category: s.ColumnText(2)}
		if tag := s.ColumnText(3); tag != "" {
			sel.tags = []string{tag}
		}
		wanted[sel.facets()] = s.ColumnInt64(4)
		return nil
	})
	if err != nil {
		return err
	}
	for match, want := range wanted {
		n, err := c.number("SELECT count(*) FROM posts_fts WHERE posts_fts MATCH ?", match)
		if err != nil {
			return err
		}
		if n != want {
			t.Errorf("the index finds %d posts for %s, want %d", n, match, want)
		}
	}
	return nil
}
