package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// bulkPosts is how many posts are copied together.
const bulkPosts = 1000

// bulk adds posts to a PostgreSQL database as Create would have made them, but copied into
// the tables, with the index of terms and the counters made when all are there: a million
// posts in minutes instead of hours. Nobody else may use the database meanwhile.
func bulk(ctx context.Context, url string, authors []blog.ID, from, to, bytes int) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := execute(ctx, conn, "SET synchronous_commit = off", "SET maintenance_work_mem = '1GB'", "DROP INDEX IF EXISTS post_terms_terms"); err != nil {
		return err
	}
	for i := from; i < to; i += bulkPosts {
		if err := copyPosts(ctx, conn, authors, i, min(i+bulkPosts, to), bytes); err != nil {
			return err
		}
		if i%100_000 == 0 {
			fmt.Fprintf(os.Stderr, "%s: %d posts\n", time.Now().Format(time.TimeOnly), i)
		}
	}
	return execute(ctx, conn,
		// As in the schema.
		"CREATE INDEX post_terms_terms ON post_terms USING gin (string_to_array(terms, ' ')) WITH (fastupdate = off)",
		"ALTER INDEX post_terms_terms ALTER COLUMN 1 SET STATISTICS 0",
		"TRUNCATE post_counts",
		`INSERT INTO post_counts (status, author, category, tag, n)
			SELECT status, a, c, t, count(*) FROM posts, unnest(ARRAY[author, '']) a, unnest(ARRAY[category, '']) c, unnest(array_append(tags, '')) t GROUP BY 1, 2, 3, 4`,
		"UPDATE generation SET value = value + 1 WHERE stripe = 0",
		"VACUUM ANALYZE") // what the server does by itself some minutes later
}

func execute(ctx context.Context, conn *pgx.Conn, statements ...string) error {
	for _, sql := range statements {
		start := time.Now()
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%w: %s", err, sql)
		}
		if took := time.Since(start); took > 10*time.Second {
			fmt.Fprintf(os.Stderr, "%v: %.60s\n", took.Round(time.Second), sql)
		}
	}
	return nil
}

// copyPosts copies posts from one number to another, in one transaction.
func copyPosts(ctx context.Context, conn *pgx.Conn, authors []blog.ID, from, to, bytes int) error {
	tables := []struct {
		name    pgx.Identifier
		columns []string
		rows    [][]any
	}{
		{name: pgx.Identifier{"posts"}, columns: []string{"id", "status", "author", "category", "title", "published", "created", "updated", "revision", "tags", "cover", "excerpt", "content"}},
		{name: pgx.Identifier{"post_tags"}, columns: []string{"tag", "status", "published", "post", "author", "category"}},
		{name: pgx.Identifier{"post_terms"}, columns: []string{"post", "status", "author", "category", "published", "tags", "title_terms", "terms"}},
		{name: pgx.Identifier{"post_texts"}, columns: []string{"post", "plain"}},
	}
	published := int16(blog.Published.Number())
	for i := from; i < to; i++ {
		p := newPost(i, authors, bytes)
		at := blog.Millis(p.PublishedAt)
		var plain strings.Builder
		terms := strings.Join(blog.Index(&plain, p.Title, p.Content), "")
		id, author := p.ID[:], p.Author.ID[:]
		add := func(table int, values ...any) { tables[table].rows = append(tables[table].rows, values) }
		add(0, id, published, author, p.Category, p.Title, at, at, at, p.Revision, p.Tags, "", "", p.Content)
		for _, tag := range p.Tags {
			add(1, tag, published, at, id, author, p.Category)
		}
		add(2, id, published, author, p.Category, at, p.Tags, " "+blog.Terms(p.Title)+" ", terms)
		add(3, id, plain.String())
	}
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		for _, t := range tables {
			if _, err := tx.CopyFrom(ctx, t.name, t.columns, pgx.CopyFromRows(t.rows)); err != nil {
				return fmt.Errorf("copying into %s: %w", t.name[0], err)
			}
		}
		return nil
	})
}
