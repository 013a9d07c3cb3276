package sqlite

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"inkstone/internal/blog"
	"inkstone/internal/statement"
)

// plan returns how SQLite would run a statement. CodeInvalid if it has no plan: no statement of
// SQLite's, or one like INSERT that looks for nothing. What would spare a scan is not asked.
//
// Source of the words: https://www.sqlite.org/eqp.html
func (c *conn) plan(query string) (p blog.Plan, err error) {
	lines, err := c.explain(query)
	if err != nil {
		return p, err
	}
	if len(lines) == 0 {
		return p, blog.Fail(blog.CodeInvalid)
	}
	p.Lines = lines
	tables := statement.Tables(query)
	for _, line := range lines {
		line = strings.TrimLeft(line, " ")
		if m := usesIndex.FindStringSubmatch(line); m != nil && !slices.Contains(p.Indexes, m[1]) {
			p.Indexes = append(p.Indexes, m[1])
		}
		table, err := c.scannedBy(line, tables)
		if err != nil {
			return p, err
		}
		if table != "" && !slices.Contains(scanned(p), table) {
			p.Scans = append(p.Scans, blog.Scan{Table: table})
		}
	}
	return p, nil
}

// usesIndex finds the index in a line of a plan. One that SQLite makes for the statement
// alone is called AUTOMATIC … INDEX and has no name.
var usesIndex = regexp.MustCompile(`USING (?:COVERING )?INDEX (\S+)`)

// explain returns the lines of a plan, indented as they hang together.
func (c *conn) explain(query string) (lines []string, err error) {
	if !statement.Looks(query) {
		return nil, blog.Fail(blog.CodeInvalid)
	}
	stmt, rest, err := c.PrepareTransient("EXPLAIN QUERY PLAN " + query)
	if err == nil && strings.Trim(query[len(query)-rest:], "; \n") != "" {
		return nil, errors.Join(blog.Fail(blog.CodeInvalid), stmt.Finalize())
	}
	if err != nil {
		if isOfStatement(err) {
			return nil, blog.Wrap(blog.CodeInvalid, err)
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, stmt.Finalize()) }()
	depth := map[int64]int{0: 0}
	for {
		more, err := stmt.Step()
		if !more || err != nil {
			return lines, err
		}
		id, parent := stmt.ColumnInt64(0), stmt.ColumnInt64(1)
		depth[id] = depth[parent] + 1
		lines = append(lines, strings.Repeat("  ", depth[parent])+stmt.ColumnText(3))
	}
}

// scannedBy returns the table that a line of a plan reads in full, by no index; "" if none.
// What a query has made itself is no table, nor is a full-text index.
func (c *conn) scannedBy(line string, tables map[string]string) (string, error) {
	name, ok := strings.CutPrefix(line, "SCAN ")
	if !ok || strings.Contains(name, " USING ") || strings.Contains(name, " VIRTUAL TABLE ") {
		return "", nil
	}
	name, _, _ = strings.Cut(name, " ") // LEFT-JOIN and the like follow
	table, ok := tables[name]
	if !ok {
		return "", nil
	}
	n, err := c.number("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name = ? AND type IN ('table', 'shadow') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'", table)
	if err != nil || n == 0 {
		return "", err
	}
	return table, nil
}
