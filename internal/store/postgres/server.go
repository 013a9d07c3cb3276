package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
	"inkstone/internal/statement"
)

// mostCounted is how many statements the server is asked for, those that took longest: as many
// as it keeps if it is told nothing else.
const mostCounted = 5000

// Server implements blog.Care by pg_stat_statements, if that is installed in this database, loaded
// by the server, and may be read. Of other users' statements it shows the text only to who may
// read all statistics.
//
// Source: https://www.postgresql.org/docs/current/pgstatstatements.html
func (r care) Server(ctx context.Context, statements []string) (counts map[string]blog.ServerCount, err error) {
	asked := map[string][]string{}
	for _, s := range statements {
		asked[likeness(s)] = append(asked[likeness(s)], s)
	}
	type row struct {
		query string
		blog.ServerCount
	}
	var list []row // what they are is found out afterwards: that takes longer than a transaction may
	err = r.look(ctx, func(ctx context.Context, q querier) error {
		list = nil
		view, total, err := counters(ctx, q)
		if err != nil || view == "" || len(statements) == 0 {
			return err
		}
		return each(ctx, q, "SELECT query, calls, "+total+", rows FROM "+view+
			" WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND query IS NOT NULL ORDER BY 3 DESC LIMIT $1", []any{mostCounted}, func(rows pgx.Rows) error {
			var one row
			var ms float64
			err := rows.Scan(&one.query, &one.Calls, &ms, &one.Rows)
			one.Total = time.Duration(ms * float64(time.Millisecond))
			list = append(list, one)
			return err
		})
	})
	switch codeOf(err) {
	case "42501", "55000": // insufficient_privilege; object_not_in_prerequisite_state: it is not loaded
		return map[string]blog.ServerCount{}, nil
	}
	if err != nil {
		return nil, err
	}
	counts = map[string]blog.ServerCount{}
	for _, one := range list {
		for _, s := range asked[likeness(one.query)] {
			sum := counts[s]
			counts[s] = blog.ServerCount{Calls: sum.Calls + one.Calls, Total: sum.Total + one.Total, Rows: sum.Rows + one.Rows}
		}
	}
	return counts, nil
}

// counters returns where the server's counts are, and the column with the time; "" if there are none.
func counters(ctx context.Context, q querier) (view, total string, err error) {
	_, err = one(ctx, q, `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), a.attname::text
		FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = e.extname
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname IN ('total_exec_time', 'total_time')
		WHERE e.extname = 'pg_stat_statements'`, nil, &view, &total)
	return view, total, err
}

// likeness is what is the same of a statement as we know it and as the server does, which has
// places for all values, and from version 18 on in a list the first one and a comment. Blanks do
// not count.
func likeness(query string) string {
	var b strings.Builder
	for t := range statement.Tokens(strings.ReplaceAll(query, "/*, ... */", ", …")) {
		switch {
		case t.Sort == statement.Parameter, t.Sort == statement.Word && isValue(t.Text):
			b.WriteByte('?')
		default:
			b.WriteString(t.Text)
		}
		b.WriteByte(' ')
	}
	return strings.ReplaceAll(statement.Kind(b.String()), " ", "")
}

// isValue tells whether a word is a value.
func isValue(word string) bool {
	return strings.EqualFold(word, "true") || strings.EqualFold(word, "false") || strings.EqualFold(word, "null")
}
