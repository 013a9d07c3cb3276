package sqlite

import (
	"container/list"

	"zombiezen.com/go/sqlite"
)

// keptStatements bounds the prepared statements of a connection. What is asked for
// day by day is fewer; the filters and orders of a list make ten thousand, at
// 15 KB and more each.
const keptStatements = 256

// statements are the prepared statements of a connection. Its zero value has none.
type statements struct {
	recent list.List // of *keptStatement, the last used first
	places map[string]*list.Element
}

type keptStatement struct {
	query string
	stmt  *sqlite.Stmt
	use   *use // what counted its last run; nil: nothing did
}

// prepare returns the statement of a query, ready to be bound, and lets go of the
// one that was not used for longest if there are too many. None may be running.
func (s *statements) prepare(c *conn, query string) (*sqlite.Stmt, error) {
	stmt, err := c.Prepare(query)
	if err != nil {
		return nil, err
	}
	if at := s.places[query]; at != nil {
		s.recent.MoveToFront(at)
		c.count(at.Value.(*keptStatement))
		return stmt, nil
	}
	if s.places == nil {
		s.places = map[string]*list.Element{}
	}
	kept := &keptStatement{query: query, stmt: stmt}
	c.count(kept)
	s.places[query] = s.recent.PushFront(kept)
	if s.recent.Len() > keptStatements {
		s.forget(s.recent.Back())
	}
	return stmt, nil
}

// count counts a run. It plans nothing: that is for who asks for what was counted.
func (c *conn) count(s *keptStatement) {
	if !c.uncounted {
		s.use = c.uses.add(s.use, s.query)
	}
}

func (s *statements) forget(at *list.Element) {
	old := s.recent.Remove(at).(*keptStatement)
	delete(s.places, old.query)
	_ = old.stmt.Finalize() // its error is that of its last run, which was told then
}
