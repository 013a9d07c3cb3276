package sqlite

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// Bounds of what is found out about tables: reading all pages of a large one takes minutes.
// Tests lower them.
var (
	rowsLimit   = 2 * time.Second // for the rows of all tables
	sizesLimit  = 2 * time.Second // for the sizes of all
	countedRows = 100_000         // of a table; of more the greatest key has to do
)

// Indexes implements blog.Care. Sizes and rows that take too long to find out, or can't be, are -1.
func (r care) Indexes(ctx context.Context) (all blog.IndexUse, err error) {
	if err := r.learn(ctx); err != nil {
		return all, err
	}
	err = r.look(ctx, func(c *conn) error {
		ran, err := r.uses.take(c)
		if err != nil {
			return err
		}
		defer r.uses.giveBack(ran) // Note writes it down
		if all, err = c.indexes(); err != nil {
			return err
		}
		return c.addUses(&all, ran.uses)
	})
	if err != nil {
		return all, err
	}
	if err := r.measure(ctx, rowsLimit, rowsOf(&all)); err != nil {
		return all, err
	}
	return all, r.measure(ctx, sizesLimit, sizesOf(&all))
}

// indexes returns the indexes and tables. The primary key of a table without rowid is the
// table itself.
func (c *conn) indexes() (all blog.IndexUse, err error) {
	err = c.each("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'shadow') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
		func(row *sqlite.Stmt) error {
			all.Tables = append(all.Tables, blog.Table{Name: row.ColumnText(0), Rows: -1, Bytes: -1})
			return nil
		})
	if err != nil {
		return all, err
	}
	for i := range all.Tables {
		indexes, err := c.indexesOf(all.Tables[i].Name)
		if err != nil {
			return all, err
		}
		all.Indexes = append(all.Indexes, indexes...)
	}
	return all, nil
}

func (c *conn) indexesOf(table string) (all []blog.TableIndex, err error) {
	err = c.each(`SELECT l.name, l."unique" FROM pragma_index_list(?) l WHERE l.name IN (SELECT name FROM sqlite_schema WHERE type = 'index') ORDER BY l.name`,
		func(row *sqlite.Stmt) error {
			all = append(all, blog.TableIndex{Name: row.ColumnText(0), Table: table, Unique: row.ColumnBool(1), Bytes: -1})
			return nil
		}, table)
	if err != nil {
		return nil, err
	}
	foreign, err := c.column(`SELECT "from" FROM pragma_foreign_key_list(?) WHERE seq = 0`, table)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].Columns, err = c.column("SELECT coalesce(name, '(expression)') FROM pragma_index_info(?) ORDER BY seqno", all[i].Name); err != nil {
			return nil, err
		}
		all[i].Referred = len(all[i].Columns) > 0 && slices.Contains(foreign, all[i].Columns[0]) // none: it is gone by now
	}
	return all, nil
}

// column returns the first column of what a query answers.
func (c *conn) column(query string, args ...any) (all []string, err error) {
	err = c.each(query, func(row *sqlite.Stmt) error { all = append(all, row.ColumnText(0)); return nil }, args...)
	return all, err
}

// rows returns how many rows a table has: counted, or if there are many, as many as its
// greatest key says, or -1.
func (c *conn) rows(table string) (int64, error) {
	quoted := quotedName(table)
	n, err := c.transient("SELECT count(*) FROM (SELECT 1 FROM " + quoted + " LIMIT " + strconv.Itoa(countedRows+1) + ")")
	if err != nil || n <= int64(countedRows) {
		return n, err
	}
	plain, err := c.number("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name = ? AND type = 'table' AND NOT wr", table)
	if err != nil || plain == 0 { // the keys of a shadow table mean something else
		return -1, err
	}
	return c.transient("SELECT max(rowid) FROM " + quoted)
}

// addUses adds what is written down of uses, and what was counted since.
func (c *conn) addUses(all *blog.IndexUse, since map[used]int64) error {
	type count struct {
		n    int64
		last time.Time
	}
	counts := map[used]count{}
	err := c.each("SELECT kind, name, n, last FROM care_uses", func(row *sqlite.Stmt) error {
		counts[used{row.ColumnText(0), row.ColumnText(1)}] = count{row.ColumnInt64(2), columnTime(row, 3)}
		return nil
	})
	if err != nil {
		return err
	}
	for u, n := range since {
		counts[u] = count{counts[u].n + n, blog.ToMillisecond(time.Now())}
	}
	for i := range all.Indexes {
		at := counts[used{usedIndex, all.Indexes[i].Name}]
		all.Indexes[i].Uses, all.Indexes[i].LastUsed = at.n, at.last
	}
	for i := range all.Tables {
		all.Tables[i].Scans = counts[used{usedScan, all.Tables[i].Name}].n
	}
	_, err = c.one("SELECT since FROM care_since WHERE one = 1", func(row *sqlite.Stmt) error { all.Since = columnTime(row, 0); return nil })
	return err
}

// number of something that has a name, and where it is to be kept.
type measurement struct {
	of   func(c *conn, name string) (int64, error)
	name string
	to   *int64
}

func rowsOf(all *blog.IndexUse) (wanted []measurement) {
	for i := range all.Tables {
		wanted = append(wanted, measurement{(*conn).rows, all.Tables[i].Name, &all.Tables[i].Rows})
	}
	return wanted
}

// sizesOf has the indexes first.
func sizesOf(all *blog.IndexUse) (wanted []measurement) {
	for i := range all.Indexes {
		wanted = append(wanted, measurement{(*conn).size, all.Indexes[i].Name, &all.Indexes[i].Bytes})
	}
	for i := range all.Tables {
		wanted = append(wanted, measurement{(*conn).size, all.Tables[i].Name, &all.Tables[i].Bytes})
	}
	return wanted
}

// measure finds out what is wanted, until the time is over: the rest stays unknown. So does what SQLite
// can't tell here, as of a table with a collation that only another program knows.
func (r care) measure(ctx context.Context, limit time.Duration, wanted []measurement) error {
	end := time.Now().Add(limit)
	err := r.readNow(ctx, limit, func(c *conn) error {
		return c.uncountedly(func(c *conn) error {
			for _, m := range wanted {
				if time.Now().After(end) {
					return nil
				}
				n, err := m.of(c, m.name)
				switch {
				case err == nil:
					*m.to = n
				case !isOfStatement(c.interrupted(err)):
					return err
				}
			}
			return nil
		})
	})
	if ctx.Err() == nil && blog.CodeOf(err) == blog.CodeUnavailable && !breaksConnection(err) {
		return nil
	}
	return err
}

// size returns the bytes of a table or an index.
func (c *conn) size(name string) (int64, error) {
	n := int64(-1)
	_, err := c.one("SELECT pgsize FROM dbstat WHERE name = ? AND aggregate = 1", func(row *sqlite.Stmt) error { n = row.ColumnInt64(0); return nil }, name)
	return n, err
}

// transient is number for a statement that need not be kept.
func (c *conn) transient(query string) (n int64, err error) {
	stmt, _, err := c.PrepareTransient(query)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, stmt.Finalize()) }()
	if found, err := stmt.Step(); !found {
		return 0, err
	}
	return stmt.ColumnInt64(0), nil
}
