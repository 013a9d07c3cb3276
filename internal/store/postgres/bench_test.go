package postgres

import (
	"context"
	"math"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"inkstone/internal/blog"
	"inkstone/internal/store/storetest"
)

// benchURL is a database that scripts/bench has filled; the benchmarks only read it.
func benchURL(b *testing.B) string {
	b.Helper()
	url := os.Getenv("BENCH_DB")
	if url == "" {
		b.Skip("BENCH_DB names no database")
	}
	return url
}

func newest() blog.PostFilter {
	return blog.PostFilter{Status: blog.Published, Order: blog.Order{Field: "publishedAt", Desc: true}, Page: blog.Page{Number: 1, Limit: 10}}
}

func somePost(b *testing.B, s *Store) *blog.Post {
	b.Helper()
	l, err := s.Posts().List(b.Context(), newest())
	if err != nil {
		b.Fatal(err)
	}
	return l.Items[5]
}

func BenchmarkGet(b *testing.B) {
	s := openStore(b, benchURL(b), Options{})
	id := somePost(b, s).ID
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	storetest.Measure(b, func() error { _, err := s.Posts().Get(ctx, id); return err })
}

// BenchmarkGetSQL is the SQL of Get alone, by the plainest use of the driver.
func BenchmarkGetSQL(b *testing.B) {
	url := benchURL(b)
	id := somePost(b, openStore(b, url, Options{})).ID
	pool, err := pgxpool.New(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	storetest.Measure(b, func() error {
		rows, err := pool.Query(ctx, getPost, key(id), int64(math.MaxInt64))
		if err != nil {
			return err
		}
		_, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) ([]any, error) { return row.Values() })
		return err
	})
}
