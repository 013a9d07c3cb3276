package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// conn is a connection with the few verbs that this package needs. Statements
// are prepared once per connection and kept, as far as statements.go has room. One
// goroutine may use it at a time, and no query may run inside the row function of another.
type conn struct {
	*sqlite.Conn
	hooks
	kept  statements
	ctx   context.Context // of whoever it works for; nil: nobody
	texts []text          // of the writer: changes of the full-text table that its transaction still has to make
	alarm *alarm          // nil until interruptAfter needs it

	uncounted bool // what runs is not counted by uses
}

// uncountedly does what is no use of an index: looking after the database. If it counted, a server that
// nobody asks would have something to write down each time.
func (c *conn) uncountedly(do func(*conn) error) error {
	c.uncounted = true
	defer func() { c.uncounted = false }()
	return do(c)
}

// hooks are what a connection tells of its statements. All may be nil.
type hooks struct {
	prepared  func(query string) // of each one before it runs
	ran       func(ctx context.Context, query string, took time.Duration, rows int64)
	requested func(ctx context.Context) bool
	uses      *uses // counts them
}

// busyPause is how long opening waits between two attempts.
const busyPause = 5 * time.Millisecond

// openConn opens path for one who may write. wait is how long it waits for another
// process's write lock; cacheKiB bounds its page cache.
func openConn(path string, wait time.Duration, cacheKiB int) (*conn, error) {
	return openWith(path, wait, cacheKiB, "PRAGMA journal_mode = WAL")
}

// openReader opens path for one who reads. It writes nothing: that the file has a
// write-ahead log is for those to see to who write.
func openReader(path string, h hooks) (*conn, error) {
	c, err := openWith(path, busyWait, readerCacheKiB, "PRAGMA query_only = ON")
	if err == nil {
		c.hooks = h
	}
	return c, err
}

// openWith opens path with one setting and those that every connection has.
//
// While another connection switches the file to WAL, SQLite refuses to do the same
// and does not wait, as that could be a deadlock. So openWith tries again.
func openWith(path string, wait time.Duration, cacheKiB int, setting string) (*conn, error) {
	for deadline := time.Now().Add(wait); ; time.Sleep(busyPause) {
		c, err := tryOpen(path, wait, cacheKiB, setting)
		if sqlite.ErrCode(err).ToPrimary() != sqlite.ResultBusy || time.Now().After(deadline) {
			return c, err
		}
	}
}

func tryOpen(path string, wait time.Duration, cacheKiB int, setting string) (*conn, error) {
	saveMemory()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	c.SetBusyTimeout(wait)
	own := &conn{Conn: c}
	if err := own.refuseForeign(); err != nil { // before the first pragma writes into it
		return nil, errors.Join(err, c.Close())
	}
	for _, pragma := range []string{
		setting,
		"PRAGMA synchronous = FULL",
		"PRAGMA foreign_keys = ON",
		"PRAGMA temp_store = MEMORY",
		fmt.Sprintf("PRAGMA journal_size_limit = %d", logLimit),
		fmt.Sprintf("PRAGMA cache_size = -%d", cacheKiB),
	} {
		if err := own.script(pragma); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return own, nil
}

// script runs statements that are needed once, separated by semicolons; a
// comment must not end it.
func (c *conn) script(sql string) error {
	for sql = strings.TrimSpace(sql); sql != ""; sql = strings.TrimSpace(sql) {
		stmt, rest, err := c.PrepareTransient(sql)
		if err != nil {
			return err
		}
		sql = sql[len(sql)-rest:]
		err = drain(stmt)
		if err := errors.Join(err, stmt.Finalize()); err != nil {
			return err
		}
	}
	return nil
}

func drain(stmt *sqlite.Stmt) error {
	for {
		if more, err := stmt.Step(); !more {
			return err
		}
	}
}

// rollback ends a transaction, which must not be interrupted.
func (c *conn) rollback() error {
	err := c.exec("ROLLBACK")
	if sqlite.ErrCode(err) != sqlite.ResultInterrupt {
		return err
	}
	c.SetInterrupt(nil)
	return c.exec("ROLLBACK")
}

// exec runs a statement that answers no rows.
func (c *conn) exec(query string, args ...any) error {
	large := slices.ContainsFunc(args, isLarge)
	start := c.began()
	stmt, err := c.bound(query, args)
	if err != nil {
		return err
	}
	if large {
		debug.FreeOSMemory() // SQLite has its own copy by now: ours goes before the work takes more
	}
	err = drain(stmt)
	c.ended(query, start, c.changed(query))
	if large {
		return errors.Join(err, stmt.ClearBindings())
	}
	return err
}

// began returns the time, if anybody wants to know how long a statement takes.
func (c *conn) began() (start time.Time) {
	if c.ran != nil {
		start = time.Now()
	}
	return start
}

// ended tells of a statement that ran, whether it failed or not.
func (c *conn) ended(query string, start time.Time, rows int64) {
	if c.ran == nil {
		return
	}
	ctx := c.ctx
	if ctx == nil {
		ctx = context.Background()
	}
	c.ran(ctx, query, time.Since(start), rows)
}

// changed returns how many rows the last statement has changed: SQLite tells that only after
// those that change rows, and else goes on to tell of the one before.
func (c *conn) changed(query string) int64 {
	switch query[0] {
	case 'I', 'U', 'D': // INSERT, UPDATE, DELETE
		return int64(c.Changes())
	}
	return 0
}

// isLarge reports whether a value has more than a megabyte. Left bound to its
// statement it would stay in memory until the statement runs again.
func isLarge(arg any) bool {
	s, ok := arg.(string)
	return ok && len(s) > 1<<20
}

// one calls row for the first row; found is false if there is none.
func (c *conn) one(query string, row func(*sqlite.Stmt) error, args ...any) (found bool, err error) {
	start, rows := c.began(), int64(0)
	stmt, err := c.bound(query, args)
	if err != nil {
		return false, err
	}
	found, err = stmt.Step()
	if found {
		rows = 1
		err = errors.Join(row(stmt), stmt.Reset())
	}
	c.ended(query, start, rows)
	return found, err
}

// each calls row for each row until it fails.
func (c *conn) each(query string, row func(*sqlite.Stmt) error, args ...any) error {
	start, rows := c.began(), int64(0)
	stmt, err := c.bound(query, args)
	if err != nil {
		return err
	}
	for {
		more, err := stmt.Step()
		if !more {
			c.ended(query, start, rows)
			return err
		}
		rows++
		if err := row(stmt); err != nil {
			c.ended(query, start, rows)
			return errors.Join(err, stmt.Reset())
		}
	}
}

// number returns the integer a query answers; 0 if there is no row or a NULL.
func (c *conn) number(query string, args ...any) (n int64, err error) {
	_, err = c.one(query, func(s *sqlite.Stmt) error { n = s.ColumnInt64(0); return nil }, args...)
	return n, err
}

func (c *conn) bound(query string, args []any) (*sqlite.Stmt, error) {
	if c.prepared != nil {
		c.prepared(query)
	}
	stmt, err := c.kept.prepare(c, query)
	if err != nil {
		return nil, err
	}
	for i, arg := range args {
		bind(stmt, i+1, arg)
	}
	return stmt, nil
}

func bind(stmt *sqlite.Stmt, i int, arg any) {
	switch v := arg.(type) {
	case nil:
		stmt.BindNull(i)
	case int:
		stmt.BindInt64(i, int64(v))
	case int64:
		stmt.BindInt64(i, v)
	case bool:
		stmt.BindBool(i, v)
	case string:
		stmt.BindText(i, v)
	case blog.ID:
		stmt.BindBytes(i, v[:])
	case time.Time:
		stmt.BindInt64(i, blog.Millis(v))
	default:
		panic(fmt.Sprintf("sqlite: no binding for %T", arg))
	}
}

func columnID(stmt *sqlite.Stmt, i int) (id blog.ID) {
	stmt.ColumnBytes(i, id[:])
	return id
}

func columnTime(stmt *sqlite.Stmt, i int) time.Time { return blog.FromMillis(stmt.ColumnInt64(i)) }
