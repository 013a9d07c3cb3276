package postgres

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"inkstone/internal/blog"
)

const (
	// mostTries is how often a transaction that loses a race is run in all.
	mostTries = 10
	// acquireLimit bounds the wait for a connection.
	acquireLimit = 2 * time.Second
	// searchLimit bounds a search, as for every engine.
	searchLimit = 2 * time.Second
	// longLimit bounds writes that touch as much as a user has: each of his posts
	// takes a millisecond.
	longLimit = 60 * time.Second
	// endLimit bounds the end of a copy, which takes the longer the larger the database is.
	endLimit = 24 * time.Hour
	// probeEvery is how often such a write looks whether the server still answers at all,
	// which takes it no longer than that.
	probeEvery = 2 * time.Second
)

// querier is a connection or a transaction.
type querier interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// read runs do on a connection. It may run twice: a connection that broke while it was
// idle shows that only when it is used.
func (s *Store) read(ctx context.Context, operation string, do func(context.Context, querier) error) (err error) {
	return s.readWithin(ctx, s.timeout, operation, func(ctx context.Context, c *pgx.Conn) error { return do(ctx, c) })
}

// search is read with the time that a search has.
func (s *Store) search(ctx context.Context, operation string, do func(context.Context, *pgx.Conn) error) (err error) {
	return s.readWithin(ctx, min(s.timeout, searchLimit), operation, do)
}

func (s *Store) readWithin(ctx context.Context, limit time.Duration, operation string, do func(context.Context, *pgx.Conn) error) (err error) {
	defer s.watch(ctx, operation, time.Now(), &err)
	return s.askWithin(ctx, limit, func(ctx context.Context) error {
		return s.reading(ctx, operation, func() error {
			return s.again(func() error { return s.onConn(ctx, func(c *pgx.Conn) error { return do(ctx, c) }) })
		})
	})
}

// viewing sees one state, and can write nothing.
var viewing = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

// view is read for several statements that see one state.
func (s *Store) view(ctx context.Context, operation string, do func(context.Context, querier) error) (err error) {
	defer s.watch(ctx, operation, time.Now(), &err)
	return s.ask(ctx, func(ctx context.Context) error {
		return s.reading(ctx, operation, func() error { return s.viewNow(ctx, do) })
	})
}

// viewNow is view as part of what asks, without leave.
func (s *Store) viewNow(ctx context.Context, do func(context.Context, querier) error) error {
	return s.again(func() error {
		return s.onConn(ctx, func(c *pgx.Conn) error {
			return s.begin(ctx, c, viewing, func(tx pgx.Tx) error { return do(ctx, tx) })
		})
	})
}

// write runs do in a transaction, and again if it loses a race.
func (s *Store) write(ctx context.Context, operation string, do func(*tx) error) (err error) {
	defer s.watch(ctx, operation, time.Now(), &err)
	places := s.writers
	if strings.HasPrefix(operation, "users.") {
		places = s.accountWriters
	}
	return s.ask(ctx, func(ctx context.Context) error { return s.transact(ctx, places, do) })
}

// writeLong is write for what may take longer than any other operation.
func (s *Store) writeLong(ctx context.Context, operation string, do func(*tx) error) error {
	return s.writeWithin(ctx, longLimit, 1, operation, do)
}

// writeWithin is write for as long as the server answers one of so many probes in a row.
func (s *Store) writeWithin(ctx context.Context, limit time.Duration, probes int, operation string, do func(*tx) error) (err error) {
	defer s.watch(ctx, operation, time.Now(), &err)
	return s.askWithin(ctx, limit, func(ctx context.Context) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		go s.watchServer(ctx, probes, cancel)
		err := s.transact(ctx, s.writers, func(t *tx) error {
			if err := unbound(ctx, t, "statement_timeout", "lock_timeout", "transaction_timeout"); err != nil {
				return err
			}
			if err := mayThink(ctx, t); err != nil {
				return err
			}
			return do(t)
		})
		if err != nil && errors.Is(context.Cause(ctx), errSilent) {
			return errSilent
		}
		return err
	})
}

// watchServer ends ctx when the server gives no answer: a statement that may take a minute
// is no reason to wait for as long where nothing works at it. It asks up to tries times.
func (s *Store) watchServer(ctx context.Context, tries int, end context.CancelCauseFunc) {
	for silent := 0; silent < tries; {
		select {
		case <-time.After(probeEvery):
		case <-ctx.Done():
			return
		}
		if s.answers(ctx) {
			silent = 0
		} else {
			silent++
		}
	}
	end(errSilent)
}

// answers tells whether the server says anything to a new client, be it a refusal.
func (s *Store) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, probeEvery)
	defer cancel()
	conn, err := connect(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		_, refused := errors.AsType[*pgconn.PgError](err)
		return refused
	}
	_ = conn.Close(ctx)
	return true
}

// transact tries to run do in a transaction. After a loss it waits a little: in a crowd
// those who come back at once meet again.
func (s *Store) transact(ctx context.Context, places chan struct{}, do func(*tx) error) error {
	for try := 1; ; try++ {
		err := s.once(ctx, places, do)
		if try == mostTries || !losesRace(err) {
			return err
		}
		select {
		case <-time.After(rand.N(time.Duration(try) * 2 * time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// writing is asked for as it is, whatever the database has for its default.
var writing = pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}

// once runs do in a transaction. A connection that broke while it was idle shows that
// when the transaction begins, and nothing has been done then.
func (s *Store) once(ctx context.Context, places chan struct{}, do func(*tx) error) error {
	begun, public := false, false
	try := func() error {
		return s.connected(ctx, places, func(c *pgx.Conn) error {
			var t *tx
			defer func() {
				if t != nil {
					t.free() // after the commit: it takes a while, and the counters are locked
				}
			}()
			return s.begin(ctx, c, writing, func(inner pgx.Tx) error {
				begun = true
				t = newTx(ctx, inner)
				if err := do(t); err != nil {
					return err
				}
				public = t.public
				return t.finish()
			})
		})
	}
	err := try()
	if !begun && isBroken(err) {
		err = try()
	}
	if public { // after a commit that failed, too: it may have gone through
		s.changed()
	}
	return err
}

// begin runs do in a transaction. One that fails because its time is over is rolled back all
// the same: pgx's own function closes the connection then.
func (s *Store) begin(ctx context.Context, c *pgx.Conn, opt pgx.TxOptions, do func(pgx.Tx) error) error {
	tx, err := c.BeginTx(ctx, opt)
	if codeOf(err) == "0A000" { // feature_not_supported: a standby begins nothing that writes
		return blog.Wrap(blog.CodeUnavailable, err)
	}
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.grace()/2)
		defer cancel()
		_ = tx.Rollback(ctx) // else the connection is closed, which does the same
		return err
	}
	return tx.Commit(ctx)
}

// ask does what asks the database, within the time an operation has.
func (s *Store) ask(ctx context.Context, do func(context.Context) error) error {
	return s.askWithin(ctx, s.timeout, do)
}

func (s *Store) askWithin(ctx context.Context, limit time.Duration, do func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if away := s.away.Load(); away != nil {
		return *away
	}
	inTime, cancel := context.WithTimeout(ctx, limit-min(s.grace(), graceOf(limit)))
	defer cancel()
	err := do(inTime)
	if c, ok := err.(callersError); ok {
		return c.error
	}
	return fault(ctx, err)
}

// callersError is what a function of the caller's returned. It is no failure of the
// database, whatever it wraps, and is returned as it is.
type callersError struct{ error }

func own(err error) error {
	if err == nil {
		return nil
	}
	return callersError{err}
}

// grace is the part of an operation's time that is left for what its end takes: the server
// is asked to stop, and a connection on which it does not is given up.
func (s *Store) grace() time.Duration { return graceOf(s.timeout) }

func graceOf(timeout time.Duration) time.Duration { return timeout / 10 }

// onConn does something with a connection, for which it waits within bounds.
func (s *Store) onConn(ctx context.Context, do func(*pgx.Conn) error) error {
	return s.connected(ctx, nil, do)
}

// connected is onConn with a place among those who may have a connection for the same, if
// places is not nil.
func (s *Store) connected(ctx context.Context, places chan struct{}, do func(*pgx.Conn) error) error {
	c, err := s.acquire(ctx, places)
	if err != nil {
		return err
	}
	defer s.release(c, places)
	err = do(c.Conn())
	if isBroken(err) {
		s.broke.Store(time.Now().UnixNano())
	}
	return err
}

// notConnected is why an operation has no connection.
type notConnected struct{ error }

func (e notConnected) Unwrap() error { return e.error }

// again runs a reading once more if its connection broke.
func (s *Store) again(do func() error) error {
	err := do()
	if isBroken(err) {
		return do()
	}
	return err
}

// isBroken tells whether a connection was lost that there had been.
func isBroken(err error) bool {
	if _, none := errors.AsType[notConnected](err); none {
		return false
	}
	switch codeOf(err) {
	case "":
		return isClosed(err)
	case "57P01", "57P02", "57P05": // admin_shutdown, of this connection's process, perhaps; crash_shutdown; idle_session_timeout
		return true
	}
	return false
}

func isClosed(err error) bool {
	return errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || isOp(err)
}

func isOp(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok
}

func (s *Store) watch(ctx context.Context, operation string, start time.Time, err *error) {
	if s.observe != nil {
		s.observe(ctx, operation, time.Since(start), *err)
	}
}

// one reads the first row of a query, if there is one.
func one(ctx context.Context, q querier, sql string, args []any, into ...any) (found bool, err error) {
	err = q.QueryRow(ctx, sql, args...).Scan(into...)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// each calls scan for each row of a query.
func each(ctx context.Context, q querier, sql string, args []any, scan func(pgx.Rows) error) error {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	return forEach(rows, scan)
}

func forEach(rows pgx.Rows, scan func(pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// tx is a writing transaction. What it changes in counters waits until its end, so that
// nobody waits for it there longer than a commit takes.
type tx struct {
	pgx.Tx
	ctx    context.Context
	counts map[countKey]int64
	sums   map[int]sums
	staged bool // large texts went through it
	public bool // everybody can see the change: it makes a new generation
}

// countKey is the key of a counter of posts; zero values stand for any.
type countKey struct {
	status   int
	author   blog.ID
	category string
	tag      string
}

type sums struct{ views, likes int64 }

func newTx(ctx context.Context, inner pgx.Tx) *tx {
	return &tx{Tx: inner, ctx: ctx, counts: map[countKey]int64{}, sums: map[int]sums{}}
}

func (t *tx) exec(sql string, args ...any) (changed int64, err error) {
	tag, err := t.Exec(t.ctx, sql, args...)
	return tag.RowsAffected(), err
}

func (t *tx) one(sql string, args []any, into ...any) (found bool, err error) {
	return one(t.ctx, t, sql, args, into...)
}
