package main

import (
	"context"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/enginetest"
	"inkstone/internal/store/postgres"
)

// TestBulkMakesWhatCreateMakes compares two databases, with titles and names in place of ids.
func TestBulkMakesWhatCreateMakes(t *testing.T) {
	t.Parallel()
	filled := func(f filling) *pgx.Conn {
		url := enginetest.PostgresClone(t, postgres.SchemaDigest(), func(ctx context.Context, url string) error {
			_, _, err := postgres.Migrate(ctx, url, postgres.Options{})
			return err
		})
		for _, posts := range []int{f.posts / 2, f.posts} { // into an empty database, and into one with posts
			f.posts = posts
			if err := fill(t.Context(), url, f); err != nil {
				t.Fatal(err)
			}
		}
		conn, err := pgx.Connect(t.Context(), url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	copied, created := filled(filling{posts: 150, bytes: 5000, bulk: true}), filled(filling{posts: 150, bytes: 5000})
	for _, query := range []string{
		"SELECT (p.title, p.status, u.username, p.category, views, likes, comments, remarks, published, p.created, p.updated, revision, tags, cover, excerpt, content)::text FROM posts p JOIN users u ON u.id = p.author",
		"SELECT (x.tag, x.status, x.published, p.title, u.username, x.category)::text FROM post_tags x JOIN posts p ON p.id = x.post JOIN users u ON u.id = x.author",
		"SELECT (p.title, x.status, u.username, x.category, x.published, x.tags, title_terms, terms)::text FROM post_terms x JOIN posts p ON p.id = x.post JOIN users u ON u.id = x.author",
		"SELECT (p.title, plain)::text FROM post_texts x JOIN posts p ON p.id = x.post",
		"SELECT (status, username, category, tag, n)::text FROM post_counts LEFT JOIN users u ON u.id = author",
		"SELECT pg_get_indexdef(i.indexrelid) || a.attstattarget FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indexrelid AND a.attnum = 1",
	} {
		want, got := rows(t, created, query), rows(t, copied, query)
		if len(want) < 20 || !slices.Equal(want, got) {
			t.Errorf("%d and %d rows of %s differ", len(want), len(got), query)
		}
	}
}

// rows returns the rows of a query in one column, sorted.
func rows(t *testing.T, conn *pgx.Conn, query string) []string {
	t.Helper()
	found, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}
