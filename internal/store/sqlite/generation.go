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
	last  atomic.Pointer[generationAt]

	mu   sync.Mutex
	conn *conn // nil after it broke
}

// generationAt is the number as it was at some time after the header.
type generationAt struct {
	header walHeader
	value  uint64
}

func newGeneration(open func() (*conn, error)) (*generation, error) {
	c, err := open()
	if err != nil {
		return nil, err
	}
	path, err := c.path()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	g := &generation{open: open, conn: c, index: openWALIndex(path)}
	if _, err := g.read(); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

func (g *generation) read() (uint64, error) {
	header, ok := g.index.header()
	if last := g.last.Load(); ok && last != nil && last.header == header {
		return last.value, nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ask()
}

// ask reads the number. The header is read before it: if somebody commits in
// between, the next read finds another header and asks again.
func (g *generation) ask() (uint64, error) {
	header, ok := g.index.header()
	if last := g.last.Load(); ok && last != nil && last.header == header {
		return last.value, nil // another caller has asked meanwhile
	}
	if g.conn == nil {
		c, err := g.open()
		if err != nil {
			return 0, err
		}
		g.conn = c
	}
	value, err := g.conn.number("SELECT value FROM generation WHERE one = 1")
	if err != nil {
		if breaksConnection(err) {
			_ = g.conn.Close()
			g.conn = nil
		}
		return 0, err
	}
	if ok {
		g.last.Store(&generationAt{header, uint64(value)})
	}
	return uint64(value), nil
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

// bump makes Generation differ; part of the transaction of the change.
func (c *conn) bump() error {
	return c.exec("UPDATE generation SET value = value + 1 WHERE one = 1")
}
