package sqlite

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"inkstone/internal/blog"
	"inkstone/internal/statement"
	"zombiezen.com/go/sqlite"
)

// spare says, for each table that a statement reads in full, by which columns an index would
// spare it that. It has SQLite say so itself: in a database in memory with the same tables,
// the same statistics and no rows, where the index is made. What can't be tried there has no
// index that would help.
func (c *conn) spare(query string, scans []blog.Scan) (err error) {
	empty, err := c.replica()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, empty.Close()) }()
	tables := statement.Tables(query)
	for i := range scans {
		for alias, table := range tables {
			if table == scans[i].Table {
				empty.try(query, alias, &scans[i])
			}
		}
	}
	return nil
}

// trialIndex is the name of an index that is tried.
const trialIndex = "care_trial"

// try notes in s what the statement looks for in it, as far as SQLite would use an index by that.
func (c *conn) try(query, alias string, s *blog.Scan) {
	columns, err := c.column("SELECT name FROM pragma_table_info(?)", s.Table)
	if err != nil {
		return
	}
	w := statement.Look(query, alias, columns)
	for _, try := range []blog.Scan{
		{Table: s.Table, Equal: w.Equal, Range: w.Range},
		{Table: s.Table, Equal: w.Equal, Order: w.Order},
	} {
		if len(s.Index()) == 0 && len(try.Index()) > 0 && c.looksBy(query, try) {
			*s = try
		}
	}
}

// looksBy reports whether SQLite would use an index for a statement.
func (c *conn) looksBy(query string, s blog.Scan) bool {
	var columns []string
	for _, name := range s.Index() {
		columns = append(columns, quotedName(name))
	}
	create := fmt.Sprintf("CREATE INDEX %s ON %s (%s)", trialIndex, quotedName(s.Table), strings.Join(columns, ", "))
	if c.script(create) != nil {
		return false
	}
	p, err := c.plan(query)
	return errors.Join(err, c.script("DROP INDEX "+trialIndex)) == nil && slices.Contains(p.Indexes, trialIndex)
}

func quotedName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// replica makes a database in memory with the tables and indexes of c, and its statistics.
func (c *conn) replica() (*conn, error) {
	in, err := sqlite.OpenConn(":memory:", sqlite.OpenReadWrite|sqlite.OpenCreate)
	if err != nil {
		return nil, err
	}
	empty := &conn{Conn: in}
	if err := errors.Join(c.copySchema(empty), c.copyStatistics(empty)); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return empty, nil
}

// copySchema leaves out what SQLite and a full-text table make themselves, and what can't be made
// here, as by a module that only another program knows.
func (c *conn) copySchema(to *conn) error {
	return c.each(`SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'
		AND name NOT IN (SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow') ORDER BY rowid`,
		func(row *sqlite.Stmt) error { _ = to.script(row.ColumnText(0)); return nil })
}

func (c *conn) copyStatistics(to *conn) error {
	n, err := c.number("SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_stat1'")
	if err != nil || n == 0 { // nobody has asked for any
		return err
	}
	if err := to.script("ANALYZE sqlite_schema"); err != nil { // which makes the table, and reads no other
		return err
	}
	err = c.each("SELECT tbl, idx, stat FROM sqlite_stat1", func(row *sqlite.Stmt) error {
		var index any
		if !row.ColumnIsNull(1) {
			index = row.ColumnText(1)
		}
		return to.exec("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?, ?, ?)", row.ColumnText(0), index, row.ColumnText(2))
	})
	if err != nil {
		return err
	}
	return to.script("ANALYZE sqlite_schema")
}
