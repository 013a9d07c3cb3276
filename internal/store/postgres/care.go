package postgres

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// care implements blog.Care. It goes past Options.Read and Observe: whoever looks after an
// overloaded server must see something. It waits in line for a connection like everybody.
type care struct{ *Store }

// look runs do in a transaction that can write nothing.
func (r care) look(ctx context.Context, do func(context.Context, querier) error) error {
	return r.ask(ctx, func(ctx context.Context) error { return r.viewNow(ctx, do) })
}

// note runs do in a transaction, and again if it loses a race.
func (r care) note(ctx context.Context, do func(*tx) error) error {
	return r.ask(ctx, func(ctx context.Context) error { return r.transact(ctx, r.writers, do) })
}

// slowKey is what one row of slow_statements is about.
type slowKey struct {
	hour int64
	kind [sha256.Size]byte
}

func keyOfSlow(s blog.SlowStatement) slowKey {
	return slowKey{blog.Millis(s.Hour), sha256.Sum256([]byte(s.Route + "\x00" + s.Statement))}
}

// Note implements blog.Care. All who note take the rows in one order, and who forgets waits for
// nobody, so that no two wait for each other in a circle. The server counts uses of indexes by itself.
func (r care) Note(ctx context.Context, slow []blog.SlowStatement, forget time.Time) error {
	return r.note(ctx, func(t *tx) error {
		if len(slow) > 0 {
			if err := addSlow(t, slow); err != nil {
				return err
			}
		}
		_, err := t.exec(`DELETE FROM slow_statements WHERE (hour, kind) IN
			(SELECT hour, kind FROM slow_statements WHERE hour < $1::bigint - 3600000 FOR UPDATE SKIP LOCKED)`, blog.Millis(forget))
		return err
	})
}

func addSlow(t *tx, slow []blog.SlowStatement) error {
	byKey := map[slowKey]blog.SlowStatement{}
	for _, s := range slow {
		s.Statement, s.Sample, s.Route = keepable(s.Statement), keepable(s.Sample), keepable(s.Route)
		key := keyOfSlow(s)
		if known, twice := byKey[key]; twice {
			s.Add(known)
		}
		byKey[key] = s
	}
	var c slowColumns
	for _, key := range sortedSlow(byKey) {
		c.add(key, byKey[key])
	}
	_, err := t.exec(`INSERT INTO slow_statements AS s (hour, kind, statement, sample, route, count, rows, total, max, spread, last)
		SELECT hour, kind, statement, sample, route, count, rows, total, max, spread::bigint[], last
		FROM unnest($1::bigint[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::text[], $11::bigint[])
			n (hour, kind, statement, sample, route, count, rows, total, max, spread, last)
		ORDER BY hour, kind
		ON CONFLICT (hour, kind) DO UPDATE SET count = s.count + excluded.count, rows = s.rows + excluded.rows, total = s.total + excluded.total,
			max = greatest(s.max, excluded.max), last = greatest(s.last, excluded.last),
			sample = CASE WHEN excluded.last > s.last THEN excluded.sample ELSE s.sample END,
			spread = (SELECT array_agg(a + b ORDER BY i) FROM unnest(s.spread, excluded.spread) WITH ORDINALITY c (a, b, i))`,
		c.hour, c.kind, c.statement, c.sample, c.route, c.count, c.rows, c.total, c.max, c.spread, c.last)
	return err
}

// keepable is a text without what the server does not take. It has never run a statement that
// has it, so that it does not matter what becomes of it.
func keepable(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

func sortedSlow(byKey map[slowKey]blog.SlowStatement) []slowKey {
	keys := make([]slowKey, 0, len(byKey))
	for key := range byKey {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b slowKey) int {
		return cmp.Or(cmp.Compare(a.hour, b.hour), bytes.Compare(a.kind[:], b.kind[:]))
	})
	return keys
}

// slowColumns are rows of slow_statements, column by column.
type slowColumns struct {
	hour, count, rows, total, max, last []int64
	kind                                [][]byte
	statement, sample, route, spread    []string
}

func (c *slowColumns) add(key slowKey, s blog.SlowStatement) {
	c.hour, c.kind = append(c.hour, key.hour), append(c.kind, key.kind[:])
	c.statement, c.sample, c.route = append(c.statement, s.Statement), append(c.sample, s.Sample), append(c.route, s.Route)
	c.count, c.rows = append(c.count, s.Count), append(c.rows, s.Rows)
	c.total, c.max = append(c.total, int64(s.Total)), append(c.max, int64(s.Max))
	c.spread, c.last = append(c.spread, arrayOf(s.Spread)), append(c.last, blog.Millis(s.Last))
}

// arrayOf writes an array as the server reads it. It takes none of arrays for an argument whose
// parts are to be rows.
func arrayOf(spread blog.Spread) string {
	text := []byte{'{'}
	for i, n := range spread {
		if i > 0 {
			text = append(text, ',')
		}
		text = strconv.AppendInt(text, n, 10)
	}
	return string(append(text, '}'))
}

// Slow implements blog.Care.
func (r care) Slow(ctx context.Context, since time.Time) (all []blog.SlowStatement, err error) {
	err = r.look(ctx, func(ctx context.Context, q querier) error {
		all = nil
		return each(ctx, q, `SELECT hour, statement, sample, route, count, rows, total, max, spread, last
			FROM slow_statements WHERE hour > $1::bigint - 3600000`, []any{blog.Millis(since)}, func(rows pgx.Rows) error {
			var s blog.SlowStatement
			var spread []int64
			err := rows.Scan(intoTime{&s.Hour}, &s.Statement, &s.Sample, &s.Route, &s.Count, &s.Rows, &s.Total, &s.Max, &spread, intoTime{&s.Last})
			copy(s.Spread[:], spread)
			all = append(all, s)
			return err
		})
	})
	return all, err
}
