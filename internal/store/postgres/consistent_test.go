package postgres

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// derived names queries that answer a key and a number each: what is kept about
// the rows, and the same counted from them.
var derived = []struct{ name, kept, counted string }{
	{"tags", "SELECT (tag, status, published, post, author, category)::text, 1 FROM post_tags",
		"SELECT (tag, status, published, id, author, category)::text, 1 FROM posts, unnest(tags) tag"},
	{"searchable posts", "SELECT (post, status, author, category, published, tags)::text, 1 FROM post_terms",
		"SELECT (id, status, author, category, published, tags)::text, 1 FROM posts"},
	{"counters", "SELECT (status, author, category, tag)::text, n FROM post_counts",
		`SELECT (status, a, c, t)::text, count(*) FROM posts, unnest(ARRAY[author, '']) a, unnest(ARRAY[category, '']) c, unnest(array_append(tags, '')) t
		GROUP BY status, a, c, t`},
	{"views", "SELECT status::text, views FROM post_sums WHERE views <> 0",
		"SELECT status::text, sum(views)::bigint FROM posts GROUP BY status HAVING sum(views) <> 0"},
	{"sums of likes", "SELECT status::text, likes FROM post_sums WHERE likes <> 0",
		"SELECT status::text, sum(likes)::bigint FROM posts GROUP BY status HAVING sum(likes) <> 0"},
	{"likes", "SELECT id::text, likes FROM posts WHERE likes <> 0", "SELECT post::text, count(*) FROM likes GROUP BY post"},
	{"living comments", "SELECT id::text, comments FROM posts WHERE comments <> 0", "SELECT post::text, count(*) FROM comments WHERE NOT deleted GROUP BY post"},
	{"comments", "SELECT id::text, remarks FROM posts WHERE remarks <> 0", "SELECT post::text, count(*) FROM comments GROUP BY post"},
	{"shells with replies", "SELECT id::text, 1 FROM comments WHERE deleted",
		"SELECT id::text, 1 FROM comments c WHERE deleted AND author IS NULL AND content = '' AND EXISTS (SELECT FROM comments reply WHERE reply.parent = c.id)"},
	{"users", "SELECT (role, active)::text, n FROM user_counts WHERE n <> 0", "SELECT (role, active)::text, count(*) FROM users GROUP BY role, active"},
	{"uploads", "SELECT id::text, uploads FROM users WHERE uploads <> 0", "SELECT owner::text, count(*) FROM uploads WHERE owner IS NOT NULL GROUP BY owner"},
	{"quotas", "SELECT id::text, upload_bytes FROM users WHERE uploads <> 0", "SELECT owner::text, sum(size)::bigint FROM uploads WHERE owner IS NOT NULL GROUP BY owner"},
}

// checkConsistent holds all that the database keeps about rows to the rows themselves.
func checkConsistent(t testing.TB, s *Store) {
	t.Helper()
	err := s.view(context.Background(), "test", func(ctx context.Context, q querier) error {
		if err := unbound(ctx, q, "idle_in_transaction_session_timeout"); err != nil { // it is slow with the race detector
			return err
		}
		for _, d := range derived {
			kept, err := numbers(ctx, q, d.kept)
			if err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			counted, err := numbers(ctx, q, d.counted)
			if err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
			if !maps.Equal(kept, counted) {
				t.Errorf("%s: kept %v, counted %v", d.name, kept, counted)
			}
		}
		return checkSearchable(ctx, t, q)
	})
	if err != nil {
		t.Error(err)
	}
}

func numbers(ctx context.Context, q querier, query string) (map[string]int64, error) {
	all := map[string]int64{}
	err := each(ctx, q, query, nil, func(r pgx.Rows) error {
		var key string
		var n int64
		err := r.Scan(&key, &n)
		all[key] += n
		return err
	})
	return all, err
}

// checkSearchable holds what searches read to the texts that it is made of.
func checkSearchable(ctx context.Context, t testing.TB, q querier) error {
	t.Helper()
	err := each(ctx, q, "SELECT username, folded, email, grams FROM users", nil, func(r pgx.Rows) error {
		var name, folded, email, grams string
		err := r.Scan(&name, &folded, &email, &grams)
		if folded != blog.Fold(name) || grams != blog.Grams(name)+" | "+blog.Grams(email) {
			t.Errorf("%s with %s is found by %s and %s", name, email, folded, grams)
		}
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, q, "SELECT p.title, p.content, x.title_terms, x.terms, y.plain FROM posts p LEFT JOIN post_terms x ON x.post = p.id LEFT JOIN post_texts y ON y.post = p.id", nil,
		func(r pgx.Rows) error {
			var title, content, titleTerms, terms, plain string
			err := r.Scan(&title, &content, intoText{&titleTerms}, intoText{&terms}, intoText{&plain})
			var want strings.Builder
			list := strings.Join(blog.Index(&want, title, content), "")
			if titleTerms != " "+blog.Terms(title)+" " || terms != list || plain != want.String() {
				t.Errorf("%.100q with %.100q is found by %.100q, %.100q and %.100q", title, content, titleTerms, terms, plain)
			}
			return err
		})
}
