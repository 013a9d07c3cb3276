package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

// TestTextsOfArticlesStandInTheirRows, not packed and not in pieces elsewhere: a search for a
// phrase may have to look into very many of them.
func TestTextsOfArticlesStandInTheirRows(t *testing.T) {
	t.Parallel()
	s := openStore(t, newDatabase(t), Options{})
	author := newAuthor(t, s)
	elsewhere := func(content string) (packed bool, pieces int64) {
		p := newPost(author, "title")
		p.Content = content
		if err := s.Posts().Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		var held, size int64
		err := s.pool.QueryRow(t.Context(), "SELECT pg_column_size(plain), octet_length(plain), pg_relation_size(reltoastrelid) FROM post_texts, pg_class WHERE post = $1 AND oid = 'post_texts'::regclass", key(p.ID)).
			Scan(&held, &size, &pieces)
		if err != nil {
			t.Fatal(err)
		}
		return held < size, pieces
	}
	article := strings.Repeat("研墨须轻, ", 3<<10/14)
	if packed, pieces := elsewhere(article); packed || pieces > 0 {
		t.Errorf("a text of 3 KB: packed %v, %d bytes in pieces", packed, pieces)
	}
	if packed, pieces := elsewhere(strings.Repeat(article, 2)); !packed || pieces > 0 {
		t.Errorf("a text of 6 KB: packed %v, %d bytes in pieces", packed, pieces)
	}
}

// TestPostsOfTheFirstSchemaAreFound by phrases when it has become the newest one.
func TestPostsOfTheFirstSchemaAreFound(t *testing.T) {
	t.Parallel()
	url := enginetest.Postgres(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	first, err := migrations.ReadFile("migrations/0001_initial.sql")
	if err != nil {
		t.Fatal(err)
	}
	id := blog.NewID(time.Now())
	title, content := "墨", strings.Repeat("宿墨不可用. ", 500)
	var plain strings.Builder
	terms := strings.Join(blog.Index(&plain, title, content), "")
	batch := &pgx.Batch{}
	batch.Queue("INSERT INTO inkstone_schema (version, applied) VALUES (1, now())")
	batch.Queue("INSERT INTO users (id, username, folded, email, password_hash, role, active, avatar, first_name, last_name, bio, website, location, last_login, created, updated, token_version, tokens_from, grams) "+
		"VALUES ($1, 'a', 'a', 'a@example.com', 'x', 'user', true, '', '', '', '', '', '', 0, 1, 1, 0, 0, $2)", key(id), blog.Grams("a")+" | "+blog.Grams("a@example.com"))
	batch.Queue("UPDATE user_counts SET n = 1 WHERE role = 'user' AND active")
	batch.Queue("INSERT INTO posts (id, status, author, category, title, published, created, updated, revision, tags, cover, excerpt, content) VALUES ($1, 2, $1, '类', $2, 1, 1, 1, 1, '{}', '', '', $3)", key(id), title, content)
	batch.Queue("INSERT INTO post_terms VALUES ($1, 2, $1, '类', 1, '{}', $2, $3, $4)", key(id), " "+blog.Terms(title)+" ", terms, plain.String())
	batch.Queue("INSERT INTO post_counts SELECT 2, a, c, '', 1 FROM unnest(ARRAY[$1, ''::bytea]) a, unnest(ARRAY['类', '']) c", key(id))
	if _, err := conn.PgConn().Exec(t.Context(), string(first)).ReadAll(); err != nil {
		t.Fatal(err)
	}
	if err := conn.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, url, Options{})
	f := blog.PostFilter{Search: blog.ParseQuery("宿墨不可"), Order: blog.Order{Field: "publishedAt"}, Page: blog.Page{Number: 1, Limit: 1}}
	if l, err := s.Posts().List(t.Context(), f); err != nil || l.Total != 1 || l.Items[0].Title != title {
		t.Errorf("%d posts, %v", l.Total, err)
	}
	checkConsistent(t, s)
	var pending int
	err = conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_class JOIN pg_am ON pg_am.oid = relam WHERE amname = 'gin' AND reloptions IS DISTINCT FROM '{fastupdate=off}'").Scan(&pending)
	if err != nil || pending > 0 {
		t.Errorf("%d indexes have a list of pending terms, %v", pending, err)
	}
}

// TestASearchThatLooksIntoManyTextsIsShared by processes of the server; another one is not.
func TestASearchThatLooksIntoManyTextsIsShared(t *testing.T) {
	t.Parallel()
	r := &recorder{seen: map[string][]any{}}
	s := openStore(t, newDatabase(t), Options{tracer: r})
	fillBySQL(t, s, 2*manyTexts)
	for text, want := range map[string]struct {
		total  int64
		shared bool
	}{"content.w2": {2, false}, "title.content": {0, true}, "缓存 title.content": {0, false}, "content": {2 * manyTexts, false}} {
		r.mu.Lock()
		r.seen = map[string][]any{}
		r.mu.Unlock()
		f := blog.PostFilter{Search: blog.ParseQuery(text), Order: blog.Order{Field: "publishedAt"}, Page: blog.Page{Number: 1, Limit: 1}}
		l, err := s.Posts().List(t.Context(), f)
		if err != nil || l.Total != want.total {
			t.Errorf("%s: %d posts, want %d: %v", text, l.Total, want.total, err)
		}
		if _, isShared := r.seen[shared]; isShared != want.shared {
			t.Errorf("%s: shared %v", text, isShared)
		}
	}
	f := blog.PostFilter{Search: blog.ParseQuery("title.content"), Order: blog.Order{Field: "publishedAt"}, Page: blog.Page{Number: 1, Limit: 1}}
	sel, _ := resolve(f)
	q := sel.statement()
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), shared); err != nil {
		t.Fatal(err)
	}
	rows, err := tx.Query(t.Context(), "EXPLAIN "+q.String(), append([]any{pgx.QueryExecModeExec}, q.args...)...)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil || !strings.Contains(strings.Join(plan, "\n"), "Workers Planned") {
		t.Errorf("%v: no workers by %s", err, strings.Join(plan, "\n"))
	}
}
