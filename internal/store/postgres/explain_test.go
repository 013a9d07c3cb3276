package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/enginetest"
	"inkstone/internal/store/storetest"
)

// recorder keeps a statement of each kind, with the arguments it came with first.
type recorder struct {
	mu   sync.Mutex
	seen map[string][]any
}

func (r *recorder) note(sql string, args []any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.seen[sql]; !known && r.seen != nil {
		r.seen[sql] = args
	}
}

func (r *recorder) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	r.note(q.SQL, q.Args)
	return ctx
}

func (r *recorder) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (r *recorder) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	for _, q := range b.Batch.QueuedQueries {
		r.note(q.SQL, q.Arguments)
	}
	return ctx
}

func (r *recorder) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (r *recorder) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// growing are the tables that grow with the site. None may be scanned.
var growing = []string{"users", "posts", "post_tags", "post_terms", "post_texts", "post_counts", "likes", "comments", "uploads", "sources", "revoked"}

// TestNoRequestScansATable asks PostgreSQL how it finds the rows of each statement in a
// database of 100,000 posts.
func TestNoRequestScansATable(t *testing.T) {
	t.Parallel()
	if enginetest.Raced {
		t.Skip("the plans are PostgreSQL's: go test without -race runs this")
	}
	r := &recorder{}
	s := openStore(t, newDatabase(t), Options{tracer: r, StatementTimeout: time.Minute})
	fillBySQL(t, s, 100_000)
	r.mu.Lock()
	r.seen = map[string][]any{}
	r.mu.Unlock()
	storetest.Requests(t, s)
	statements := 0
	for sql, args := range r.seen {
		verb, _, _ := strings.Cut(strings.TrimLeft(sql, "( \n\t"), " ")
		if !slices.Contains([]string{"SELECT", "WITH", "INSERT", "UPDATE", "DELETE"}, verb) {
			continue
		}
		statements++
		if node := scanned(t, s, sql, args); node != "" {
			t.Errorf("%s is scanned by %s %v", node, sql, args)
		}
		if node := scannedForAll(t, s, sql, args); node != "" {
			t.Errorf("%s is scanned for average values by %s", node, sql)
		}
	}
	if statements < 300 {
		t.Errorf("only %d statements were seen", statements)
	}
	if scanned(t, s, "SELECT id FROM posts WHERE cover = $1", []any{"x"}) == "" {
		t.Error("a scan is not seen")
	}
}

// plan is a node of PostgreSQL's plan, as far as it is looked at.
type plan struct {
	Kind     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Plans    []plan
}

// scannedForAll is scanned for the plan that PostgreSQL makes for all values of a statement, if it
// may have one: it is prepared.
func scannedForAll(t *testing.T, s *Store, sql string, args []any) (node string) {
	t.Helper()
	if len(args) == 0 || args[0] == pgx.QueryExecModeExec {
		return ""
	}
	err := pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(t.Context(), alone); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), "PREPARE average AS "+sql); err != nil {
			return err
		}
		var text string
		err := tx.QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) EXECUTE average(NULL"+strings.Repeat(", NULL", len(args)-1)+")", pgx.QueryExecModeSimpleProtocol).Scan(&text)
		if err != nil {
			return err
		}
		node, err = scannedBy(text)
		_, gone := tx.Exec(t.Context(), "DEALLOCATE average")
		return errors.Join(err, gone)
	})
	if err != nil {
		t.Fatalf("%v: %s", err, sql)
	}
	return node
}

// scanned returns the large table that a statement's plan passes as a whole, or "".
func scanned(t *testing.T, s *Store, sql string, args []any) string {
	t.Helper()
	var text string
	if err := s.pool.QueryRow(t.Context(), "EXPLAIN (FORMAT JSON) "+sql, args...).Scan(&text); err != nil {
		t.Fatalf("%v: %s", err, sql)
	}
	node, err := scannedBy(text)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

func scannedBy(text string) (node string, err error) {
	var plans []struct{ Plan plan }
	if err := json.Unmarshal([]byte(text), &plans); err != nil {
		return "", err
	}
	return plans[0].Plan.scanned(), nil
}

func (p plan) scanned() string {
	if strings.HasSuffix(p.Kind, "Seq Scan") && slices.Contains(growing, p.Relation) {
		return p.Relation
	}
	for _, below := range p.Plans {
		if name := below.scanned(); name != "" {
			return name
		}
	}
	return ""
}

// fillBySQL makes n posts by a hundredth as many users, with two tags, a comment and a like
// each, in seconds. Half of the posts hold 缓存, and a tenth of these go.
func fillBySQL(t testing.TB, s *Store, n int) {
	t.Helper()
	id := func(kind, number string) string {
		return fmt.Sprintf("decode('%s' || lpad(to_hex((%s)::bigint), 22, '0'), 'hex')", kind, number)
	}
	author, post := id("0a", "i % "+fmt.Sprint(n/100)), id("0b", "i")
	for _, sql := range []string{
		`INSERT INTO users SELECT ` + id("0a", "i") + `, 'author' || i, 'author' || i, 'author' || i || '@example.com', 'x', 'user', true, '', '', '', '', '', '',
			0, i, i, 0, 0, (SELECT string_agg('g' || lpad(to_hex(ascii(substr(w, k, 1))), 6, '0') || coalesce(lpad(to_hex(nullif(ascii(substr(w, k + 1, 1)), 0)), 6, '0'), ''), ' ')
				FROM (SELECT 'author' || i AS w) w, generate_series(1, length(w)) k) FROM generate_series(0, $1::int / 100 - 1) i`,
		`UPDATE user_counts SET n = n + $1::int / 100 WHERE role = 'user' AND active`,
		`INSERT INTO posts (id, status, author, category, title, likes, comments, remarks, published, created, updated, revision, tags, cover, excerpt, content)
			SELECT ` + post + `, 2 - (i % 20 = 0)::int, ` + author + `, '类' || i % 4, 'title ' || i, 1, 1, 1, (i % 20 <> 0)::int * (1600000000000 + i * 1000), i, i, 1,
			ARRAY['标' || i % 50, '签' || i % 37], '', '', repeat(md5(i::text), 20) FROM generate_series(1, $1::int) i`,
		`INSERT INTO post_tags SELECT tag, status, published, id, author, category FROM posts, unnest(tags) tag WHERE $1::int > 0`,
		`INSERT INTO post_terms SELECT id, status, author, category, published, tags, ' title ',
			'title content w' || (updated % 5000) || CASE WHEN updated % 2 = 0 THEN ' 缓存' ELSE '' END || CASE WHEN updated % 10 = 0 THEN ' go' ELSE '' END FROM posts WHERE $1::int > 0`,
		`INSERT INTO post_texts SELECT id, ' title | content w' || (updated % 5000) || CASE WHEN updated % 2 = 0 THEN ' 缓存' ELSE '' END || ' ' FROM posts WHERE $1::int > 0`,
		`INSERT INTO post_counts SELECT status, a, c, t, count(*) FROM posts, unnest(ARRAY[author, '']) a, unnest(ARRAY[category, '']) c, unnest(array_append(tags, '')) t
			WHERE $1::int > 0 GROUP BY status, a, c, t`,
		`INSERT INTO comments SELECT ` + id("0c", "i") + `, ` + post + `, ` + author + `, NULL, false, i, i, 'x' FROM generate_series(1, $1::int) i`,
		`INSERT INTO likes SELECT ` + post + `, ` + id("0a", "(i + 1) % "+fmt.Sprint(n/100)) + ` FROM generate_series(1, $1::int) i`,
		`INSERT INTO uploads SELECT 'image-' || i || '.png', 'image', ` + author + `, 'a.png', 1, i FROM generate_series(1, $1::int / 10) i`,
		`INSERT INTO revoked SELECT ` + author + `, 'token' || i, i FROM generate_series(1, $1::int / 10) i`,
		`INSERT INTO sources SELECT ` + author + `, sha256(i::text::bytea), 'post-' || i || '.md', ` + post + `, 'x' FROM generate_series(1, $1::int / 10) i`,
	} {
		if _, err := s.pool.Exec(t.Context(), sql, n); err != nil {
			t.Fatalf("%v: %s", err, sql)
		}
	}
	if _, err := s.pool.Exec(t.Context(), "VACUUM ANALYZE"); err != nil {
		t.Fatal(err)
	}
}
