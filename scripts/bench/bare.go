package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"inkstone/internal/blog"
)

// bare serves BARE_BYTES bytes of JSON from memory with net/http and nothing
// else: what any Go server costs. With BARE_DB it first reads the post that the
// path ends in from that file, and throws it away: what its SQL alone costs.
func bare() error {
	n, err := strconv.Atoi(os.Getenv("BARE_BYTES"))
	if err != nil {
		return err
	}
	body := make([]byte, n)
	for i := range body {
		body[i] = 'x'
	}
	read := func(context.Context, string) error { return nil }
	if url := os.Getenv("BARE_DB"); url != "" {
		if read, err = reader(url); err != nil {
			return fmt.Errorf("opening the database: %w", err)
		}
	}
	return http.ListenAndServe(os.Getenv("HOST")+":"+os.Getenv("PORT"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := read(r.Context(), path.Base(r.URL.Path)); err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(n))
		_, _ = w.Write(body)
	}))
}

// reader reads a post by the plainest use of a database's driver.
func reader(url string) (func(context.Context, string) error, error) {
	file, isSQLite := strings.CutPrefix(url, "sqlite:")
	if !isSQLite {
		pool, err := pgxpool.New(context.Background(), url)
		return func(ctx context.Context, id string) error { return readPostgres(ctx, pool, id) }, err
	}
	pool, err := sqlitex.NewPool(file, sqlitex.PoolOptions{PoolSize: 4, Flags: sqlite.OpenReadWrite})
	return func(ctx context.Context, id string) error { return readPost(ctx, pool, id) }, err
}

func readPostgres(ctx context.Context, pool *pgxpool.Pool, hex string) error {
	id, ok := blog.ParseID(hex)
	if !ok { // it is asked whether it has started
		return nil
	}
	rows, err := pool.Query(ctx, `SELECT p.id, p.status, p.category, p.title, p.views, p.likes, p.comments, p.published, p.created, p.updated,
		p.revision, p.tags, p.cover, p.excerpt, p.content, u.id, u.username, u.avatar, u.first_name, u.last_name, u.bio, u.website, u.location
		FROM posts p JOIN users u ON u.id = p.author WHERE p.id = $1`, id[:])
	if err != nil {
		return err
	}
	_, err = pgx.CollectExactlyOneRow(rows, func(row pgx.CollectableRow) (values []any, err error) { return row.Values() })
	return err
}

func readPost(ctx context.Context, pool *sqlitex.Pool, hex string) error {
	id, ok := blog.ParseID(hex)
	if !ok { // it is asked whether it has started
		return nil
	}
	c, err := pool.Take(ctx)
	if err != nil {
		return err
	}
	defer pool.Put(c)
	s, err := c.Prepare(`SELECT p.id, p.status, p.category, p.title, p.views, p.likes, p.comments, p.published, p.created, p.updated,
		p.revision, p.tags, p.cover, p.excerpt, p.content, u.id, u.username, u.avatar, u.first_name, u.last_name, u.bio, u.website, u.location
		FROM posts p CROSS JOIN users u ON u.key = p.author WHERE p.id = ?`)
	if err != nil {
		return err
	}
	s.BindBytes(1, id[:])
	if found, err := s.Step(); err != nil || !found {
		return fmt.Errorf("reading post %s: %w", hex, err)
	}
	for i := range s.ColumnCount() {
		if s.ColumnType(i) == sqlite.TypeText {
			_ = s.ColumnText(i)
		} else {
			_ = s.ColumnInt64(i)
		}
	}
	return s.Reset()
}
