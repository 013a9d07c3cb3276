package postgres

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// recordKind is how the records of a kind are read, and how missing ones are added.
type recordKind struct {
	columns string
	from    string
	keys    []string // the columns that make the key
	types   []string // of them: bytea or text
	scan    func(pgx.Rows) (blog.Record, error)
	put     func(*tx, []blog.Record) error
}

// into makes a scan of one that names the places for the columns.
func into[R any, P interface {
	*R
	blog.Record
}](places func(P) []any) func(pgx.Rows) (blog.Record, error) {
	return func(r pgx.Rows) (blog.Record, error) {
		var record R
		err := r.Scan(places(&record)...)
		return P(&record), err
	}
}

var (
	idKey   = []string{"bytea"}
	textKey = []string{"text"}
	idsKey  = []string{"bytea", "bytea"}
	mixed   = []string{"bytea", "text"}
)

var recordKinds = map[blog.Kind]recordKind{
	blog.KindUser: {userColumns, "users u", []string{"u.id"}, idKey, into(intoUser), putUsers},
	blog.KindRevoked: {"r.owner, r.token, r.until", "revoked r", []string{"r.owner", "r.token"}, mixed,
		into(func(t *blog.RevokedToken) []any {
			return []any{intoID{&t.User}, intoText{&t.Token}, intoTime{&t.Until}}
		}), putRevoked},
	blog.KindPost: {postColumns + ", p.content", "posts p JOIN users u ON u.id = p.author", []string{"p.id"}, idKey,
		into(func(p *blog.Post) []any { return append(intoPost(p), intoText{&p.Content}) }), putPosts},
	blog.KindLike: {"l.post, l.member", "likes l", []string{"l.post", "l.member"}, idsKey,
		into(func(l *blog.Like) []any { return []any{intoID{&l.Post}, intoID{&l.User}} }), putLikes},
	blog.KindComment: {"c.id, c.post, c.author, c.deleted, c.created, c.updated, c.content", "comments c", []string{"c.id"}, idKey,
		into(func(c *blog.Comment) []any {
			return []any{intoID{&c.ID}, intoID{&c.Post}, intoID{&c.Author.ID}, &c.Deleted, intoTime{&c.CreatedAt}, intoTime{&c.UpdatedAt}, intoText{&c.Content}}
		}), putComments},
	blog.KindReply: {"c.id, c.parent", "(SELECT id, parent FROM comments WHERE parent IS NOT NULL) c", []string{"c.id"}, idKey,
		into(func(r *blog.Reply) []any { return []any{intoID{&r.Comment}, intoID{&r.Parent}} }), putReplies},
	blog.KindUpload: {uploadColumns, "uploads f", []string{"f.filename"}, textKey, into(intoUpload), putUploads},
	blog.KindSource: {"s.author, s.path, s.post, s.digest", "sources s", []string{"s.author", `s.path COLLATE "C"`}, mixed,
		into(func(s *blog.Source) []any {
			return []any{intoID{&s.Author}, intoText{&s.Path}, intoID{&s.Post}, intoText{&s.Digest}}
		}), putSources},
}

func (k recordKind) selects() string { return "SELECT " + k.columns + " FROM " + k.from }

// values are the values of the key's columns.
func (k recordKind) values(of blog.Key) []any {
	if k.types[0] == "text" {
		return []any{string(of)}
	}
	id, rest := of.Split()
	switch {
	case len(k.keys) == 1:
		return []any{key(id)}
	case k.types[1] == "text":
		return []any{key(id), rest}
	}
	second, _ := blog.Key(rest).Split()
	return []any{key(id), key(second)}
}

// find reads those of the records that are there.
func (k recordKind) find(t *tx, records []blog.Record) (map[blog.Key]blog.Record, error) {
	columns := make([]any, len(k.keys))
	for i := range columns {
		if k.types[i] == "text" {
			columns[i] = make([]string, 0, len(records))
		} else {
			columns[i] = make([][]byte, 0, len(records))
		}
	}
	for _, r := range records {
		for i, value := range k.values(r.Key()) {
			switch column := columns[i].(type) {
			case []string:
				columns[i] = append(column, value.(string))
			case [][]byte:
				columns[i] = append(column, value.([]byte))
			}
		}
	}
	lists := "$1::" + k.types[0] + "[]"
	if len(k.keys) == 2 {
		lists += ", $2::" + k.types[1] + "[]"
	}
	there := map[blog.Key]blog.Record{}
	err := each(t.ctx, t, k.selects()+" WHERE ("+strings.Join(k.keys, ", ")+") IN (SELECT * FROM unnest("+lists+"))", columns, func(rows pgx.Rows) error {
		r, err := k.scan(rows)
		if err == nil {
			there[r.Key()] = r
		}
		return err
	})
	return there, err
}

// snapshotProbes is how often in a row a server says nothing before a snapshot ends: to begin
// anew takes longer than a server that is only slow for a moment.
const snapshotProbes = 3

// Snapshot implements blog.Copies. Its connection is none of the pool's, and has no time
// but the context's, as what it reads may go to somebody slow; but it ends when the server
// does not answer any more.
func (r copies) Snapshot(ctx context.Context, read func(blog.Snapshot) error) error {
	if away := r.away.Load(); away != nil {
		return *away
	}
	conn, err := connect(ctx, r.pool.Config().ConnConfig)
	if err != nil {
		return fault(ctx, err)
	}
	defer closeSoon(conn)
	watched, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go r.watchServer(watched, snapshotProbes, cancel)
	err = onSnapshot(watched, conn, read)
	if err != nil && errors.Is(context.Cause(watched), errSilent) {
		err = fault(ctx, errSilent)
	}
	return err
}

func onSnapshot(ctx context.Context, conn *pgx.Conn, read func(blog.Snapshot) error) error {
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return fault(ctx, err)
	}
	if err := unbound(ctx, tx, "statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"); err != nil {
		return fault(ctx, err)
	}
	return read(snapshot{ctx, tx})
}

func closeSoon(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	_ = conn.Close(ctx) // the server ends what was read
}

// unbound takes bounds of time away from a transaction, whoever has set them, as far as the
// server's version has them.
func unbound(ctx context.Context, q querier, bounds ...string) error {
	_, err := q.Exec(ctx, "SELECT set_config(name, '0', true) FROM pg_settings WHERE name = ANY ($1)", bounds)
	return err
}

// thinking is standstill for a transaction that has megabytes to prepare between its
// statements, for which a busy machine may take seconds.
const thinking = 10 * time.Second

// mayThink gives a transaction that long, if it has less.
func mayThink(ctx context.Context, q querier) error {
	_, err := q.Exec(ctx, `SELECT set_config(name, $1, true) FROM pg_settings
		WHERE name = 'idle_in_transaction_session_timeout' AND setting::bigint BETWEEN 1 AND $2`,
		strconv.FormatInt(thinking.Milliseconds(), 10), thinking.Milliseconds())
	return err
}

type snapshot struct {
	ctx context.Context
	pgx.Tx
}

// fetched is how many rows are asked for at once: whoever stops reading has to wait for
// the rest of them.
const fetched = 200

// Records implements blog.Snapshot. By a cursor, so that the server begins with the first
// row instead of sorting all of them, and stops when nobody wants more.
func (v snapshot) Records(kind blog.Kind, after blog.Key) iter.Seq2[blog.Record, error] {
	return func(yield func(blog.Record, error) bool) {
		more := true
		err := v.cursor(kind, after, func(r blog.Record) bool {
			more = yield(r, nil)
			return more
		})
		if err != nil && more {
			yield(nil, fault(v.ctx, err))
		}
	}
}

func (v snapshot) cursor(kind blog.Kind, after blog.Key, yield func(blog.Record) bool) error {
	k := recordKinds[kind]
	name := pgx.Identifier{"each " + string(kind)}.Sanitize()
	keys := strings.Join(k.keys, ", ")
	declare := fmt.Sprintf("DECLARE %s NO SCROLL CURSOR FOR %s WHERE (%s) > (%s) ORDER BY %s", name, k.selects(), keys, k.parameters(), keys)
	if _, err := v.Exec(v.ctx, declare, k.values(after)...); err != nil {
		return err
	}
	for {
		n := 0
		err := each(v.ctx, v, fmt.Sprintf("FETCH %d FROM %s", fetched, name), nil, func(rows pgx.Rows) error {
			n++
			r, err := k.scan(rows)
			if err == nil && !yield(r) {
				err = errEnough
			}
			return err
		})
		if err != nil && !errors.Is(err, errEnough) {
			return err
		}
		if err != nil || n < fetched {
			_, err = v.Exec(v.ctx, "CLOSE "+name)
			return err
		}
	}
}

var errEnough = errors.New("postgres: enough read")

// parameters name the values of a key.
func (k recordKind) parameters() string {
	all := "$1::" + k.types[0]
	if len(k.types) == 2 {
		all += ", $2::" + k.types[1]
	}
	return all
}

// Last implements blog.Snapshot.
func (v snapshot) Last(kind blog.Kind) (last blog.Key, err error) {
	k := recordKinds[kind]
	err = each(v.ctx, v, k.selects()+" ORDER BY "+strings.Join(k.keys, " DESC, ")+" DESC LIMIT 1", nil, func(rows pgx.Rows) error {
		r, err := k.scan(rows)
		if err == nil {
			last = r.Key()
		}
		return err
	})
	return last, fault(v.ctx, err)
}

// Count implements blog.Snapshot.
func (v snapshot) Count(kind blog.Kind) (n int64, err error) {
	err = v.QueryRow(v.ctx, "SELECT count(*) FROM "+recordKinds[kind].from).Scan(&n)
	return n, fault(v.ctx, err)
}
