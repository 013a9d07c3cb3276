package sqlite

import (
	"errors"
	"sync"
	"sync/atomic"

	"zombiezen.com/go/sqlite"
)

// generation reads the number that changes with every public change. The number
// is asked for only if the WAL index shows that somebody, in any process, has
// committed since; that look costs a tenth of the cheapest query.
type generation struct {
	open  func() (*conn, error)
	index *walIndex
	shows bool // a commit has been seen to show in the index
	last  atomic.Pointer[generationAt]

	mu   sync.Mutex
	conn *conn // nil after it broke
}

// generationAt is the number as it was at some time after the header. It holds
// while conn is open: SQLite does not remove the index then.
type generationAt struct {
	header walHeader
	value  uint64
}

const readGeneration = "SELECT value FROM generation WHERE one = 1"

// newGeneration opens a connection that reads; first is another one to database, their file. It leaps
// to another generation if first may write. If not, nobody knows whether a commit shows in the
// index, and the number is always asked for.
func newGeneration(database string, first *conn, open func() (*conn, error), writes bool) (*generation, error) {
	g := &generation{open: open}
	if err := g.connect(); err != nil {
		return nil, err
	}
	g.index = openWALIndex(database)
	g.shows = writes && g.index.shows(first)
	return g, nil
}

// connect opens the connection and reads by it, which opens SQLite's own index.
func (g *generation) connect() error {
	c, err := g.open()
	if err != nil {
		return err
	}
	if _, err := c.number(readGeneration); err != nil {
		return errors.Join(err, c.Close())
	}
	g.conn = c
	return nil
}

func (g *generation) read() (uint64, error) {
	header, ok := g.header()
	if last := g.last.Load(); ok && last != nil && last.header == header {
		return last.value, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ask()
}

func (g *generation) header() (h walHeader, ok bool) {
	if !g.shows {
		return h, false
	}
	return g.index.header()
}

// ask reads the number. The header is read before it: if somebody commits in
// between, the next read finds another header and asks again.
func (g *generation) ask() (uint64, error) {
	if g.conn == nil {
		if err := g.connect(); err != nil {
			return 0, err
		}
		g.index.again()
	}
	header, ok := g.header()
	if last := g.last.Load(); ok && last != nil && last.header == header {
		return last.value, nil // another caller has asked meanwhile
	}
	value, err := g.conn.number(readGeneration)
	if err != nil {
		if breaksConnection(err) {
			g.disconnect()
		}
		return 0, err
	}
	if ok {
		g.last.Store(&generationAt{header, uint64(value)})
	}
	return uint64(value), nil
}

// disconnect gives the connection up, and with it what was known of the index.
func (g *generation) disconnect() {
	g.last.Store(nil)
	_ = g.conn.Close()
	g.conn = nil
}

// close must follow the closing of the store's other connections.
func (g *generation) close() (err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn != nil {
		err = g.conn.Close()
	}
	return errors.Join(err, g.index.close())
}

// path returns the file of the database with all links resolved, as SQLite has
// it open.
func (c *conn) path() (path string, err error) {
	_, err = c.one("PRAGMA database_list", func(s *sqlite.Stmt) error { path = s.ColumnText(2); return nil })
	return path, err
}

// leap makes Generation go on by up to 2^40: a file that somebody has put back to an earlier
// state must not come to a generation again under which others have kept what it was then.
func (c *conn) leap() error {
	return c.script("BEGIN IMMEDIATE; UPDATE generation SET value = value + 1 + (random() & 0xFFFFFFFFFF) WHERE one = 1; COMMIT")
}

// bump makes Generation differ; part of the transaction of the change.
func (c *conn) bump() error {
	return c.exec("UPDATE generation SET value = value + 1 WHERE one = 1")
}
