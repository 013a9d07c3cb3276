package postgres

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// Plan implements blog.Care. The statement is prepared, so that it needs no values, and explained
// with the plan for all of them, in a transaction that can write nothing.
func (r care) Plan(ctx context.Context, sample string) (p blog.Plan, err error) {
	if !blog.CleanText(sample) {
		return p, blog.Fail(blog.CodeInvalid)
	}
	err = r.look(ctx, func(ctx context.Context, q querier) error {
		p, err = r.explained(ctx, q.(pgx.Tx), sample)
		if hasNoPlan(err) {
			err = blog.Wrap(blog.CodeInvalid, err)
		}
		return err
	})
	return p, err
}

// hasNoPlan tells whether the server finds fault with a statement: its syntax, or a name in it
// (class 42), a constant (22, and 23 for one of a domain), or its kind (0A).
func hasNoPlan(err error) bool {
	code := codeOf(err)
	for _, class := range []string{"0A", "22", "23", "42"} {
		if strings.HasPrefix(code, class) {
			return true
		}
	}
	return false
}

// explained asks for a plan in a transaction. What was prepared outlives that, and is another
// client's behind a pooler: it goes before, or the connection does.
func (r care) explained(ctx context.Context, tx pgx.Tx, sample string) (p blog.Plan, err error) {
	_, err = tx.Exec(ctx, "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true)",
		inMilliseconds(r.timeout), inMilliseconds(min(r.timeout, lookLock)))
	if err != nil {
		return p, err
	}
	name := "inkstone_plan_" + strings.ToLower(rand.Text())
	if _, err := lines(ctx, tx, "PREPARE "+name+" AS "+sample); err != nil {
		return p, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.grace()/4)
		defer cancel()
		if _, gone := lines(ctx, tx, "DEALLOCATE "+name); gone != nil {
			err = errors.Join(err, gone, tx.Conn().Close(ctx))
		}
	}()
	inner, err := tx.Begin(ctx)
	if err != nil {
		return p, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.grace()/4)
		defer cancel()
		err = errors.Join(err, inner.Rollback(ctx)) // without it nothing more is done after an error
	}()
	return planOf(ctx, inner, name)
}

// planOf explains what is prepared under a name.
func planOf(ctx context.Context, tx pgx.Tx, name string) (p blog.Plan, err error) {
	count, err := lines(ctx, tx, "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = '"+name+"'")
	if err != nil {
		return p, err
	}
	execute := "EXECUTE " + name
	if n, _ := strconv.Atoi(strings.Join(count, "")); n > 0 { // it is a number
		execute += "(NULL" + strings.Repeat(", NULL", n-1) + ")"
	}
	if p.Lines, err = lines(ctx, tx, "EXPLAIN "+execute); err != nil {
		return p, err
	}
	text, err := lines(ctx, tx, "EXPLAIN (VERBOSE, FORMAT JSON) "+execute) // so that each column has its table
	if err != nil {
		return p, err
	}
	var plans []struct{ Plan planNode }
	if err := json.Unmarshal([]byte(strings.Join(text, "\n")), &plans); err != nil || len(plans) != 1 {
		return p, fmt.Errorf("postgres: a plan that cannot be read: %d, %w", len(plans), err)
	}
	found := scans{}
	found.walk(&plans[0].Plan, nil)
	p.Indexes = found.indexes
	p.Scans, err = found.ours(ctx, tx)
	return p, err
}

// lines returns the first column of what a statement answers, as text. It is sent by the protocol
// that takes one statement: to more in one text the server says no.
func lines(ctx context.Context, tx pgx.Tx, sql string) ([]string, error) {
	result := tx.Conn().PgConn().ExecParams(ctx, sql, nil, nil, nil, nil).Read()
	if result.Err != nil {
		return nil, result.Err
	}
	all := make([]string, len(result.Rows))
	for i, row := range result.Rows {
		all[i] = string(row[0])
	}
	return all, nil
}

// planNode is a node of a plan, as far as it is looked at.
//
// Source: src/backend/commands/explain.c of PostgreSQL
type planNode struct {
	Kind         string `json:"Node Type"`
	Relationship string `json:"Parent Relationship"`
	Schema       string
	Relation     string `json:"Relation Name"`
	Alias        string
	Index        string `json:"Index Name"`
	Filter       string
	SortKey      []string `json:"Sort Key"`
	Plans        []planNode
}

// scans are what is found in a plan.
type scans struct {
	indexes []string
	tables  []tableScan
}

// tableScan is a table that is read in full, under an alias, and how its rows are sorted then.
type tableScan struct {
	*planNode
	sorted []string
}

// walk looks at a node and all below it. sorted is the order in which rows are wanted from it.
func (s *scans) walk(n *planNode, sorted []string) {
	if n.Index != "" && !slices.Contains(s.indexes, n.Index) {
		s.indexes = append(s.indexes, n.Index)
	}
	if n.Kind == "Seq Scan" {
		s.tables = append(s.tables, tableScan{n, sorted})
	}
	switch n.Kind {
	case "Sort", "Incremental Sort":
		sorted = n.SortKey
	case "Nested Loop", "Hash Join", "Gather": // the order of what is read first can be kept
	default:
		sorted = nil
	}
	for i := range n.Plans {
		below := &n.Plans[i]
		if below.Relationship == "Outer" {
			s.walk(below, sorted)
		} else {
			s.walk(below, nil)
		}
	}
}

// ours are the scans of tables of our schema. Nothing is asked if there are none.
func (s *scans) ours(ctx context.Context, q querier) (all []blog.Scan, err error) {
	if len(s.tables) == 0 {
		return nil, nil
	}
	type column struct{ schema, table, column string }
	known := map[column]bool{}
	err = each(ctx, q, `SELECT n.nspname::text, c.relname::text, a.attname::text FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
		JOIN pg_attribute a ON a.attrelid = c.oid WHERE n.nspname = current_schema() AND c.relkind = 'r' AND NOT a.attisdropped`, nil, func(rows pgx.Rows) error {
		var c column
		err := rows.Scan(&c.schema, &c.table, &c.column)
		known[c], known[column{c.schema, c.table, ""}] = true, true
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, t := range s.tables {
		if !known[column{t.Schema, t.Relation, ""}] {
			continue
		}
		reads := reader{t.Alias, func(name string) bool { return known[column{t.Schema, t.Relation, name}] }}
		scan := blog.Scan{Table: t.Relation, Order: reads.order(t.sorted)}
		scan.Equal, scan.Range = reads.filter(t.Filter)
		all = append(all, scan)
	}
	return all, nil
}
