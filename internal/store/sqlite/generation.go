package sqlite

import (
	"errors"
	"sync"
)

// generation reads the number that changes with every public change. It has a
// connection of its own: PRAGMA data_version tells cheaply, and for this
// connection only, whether anybody has committed since it was last asked.
//
// Source: https://www.sqlite.org/pragma.html#pragma_data_version
type generation struct {
	open func() (*conn, error)

	mu      sync.Mutex
	conn    *conn // nil after it broke
	version int64
	value   int64
}

func newGeneration(open func() (*conn, error)) (*generation, error) {
	g := &generation{open: open}
	_, err := g.read()
	return g, err
}

func (g *generation) read() (uint64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.refresh(); err != nil {
		if g.conn != nil && breaksConnection(err) {
			_ = g.conn.Close()
			g.conn = nil
		}
		return 0, err
	}
	return uint64(g.value), nil
}

func (g *generation) refresh() (err error) {
	fresh := g.conn == nil
	if fresh {
		if g.conn, err = g.open(); err != nil {
			g.conn = nil
			return err
		}
	}
	version, err := g.conn.number("PRAGMA data_version")
	if err != nil || version == g.version && !fresh {
		return err
	}
	value, err := g.conn.number("SELECT value FROM generation WHERE one = 1")
	if err != nil {
		return err
	}
	g.version, g.value = version, value
	return nil
}

func (g *generation) close() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.conn == nil {
		return nil
	}
	return errors.Join(g.conn.Close())
}

// bump makes Generation differ; part of the transaction of the change.
func (c *conn) bump() error {
	return c.exec("UPDATE generation SET value = value + 1 WHERE one = 1")
}
