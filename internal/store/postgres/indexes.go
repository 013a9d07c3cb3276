package postgres

import (
	"context"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// ourTables are the tables of our schema, without those that an extension has put there. Partitions
// and the like we have none.
const ourTables = `pg_class t WHERE t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND t.relkind = 'r'
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = t.oid AND d.deptype = 'e')`

// lockedTables are tables and indexes that nobody else may look at, or for which somebody waits who wants
// that: who asks for the size of one, or for an expression in its indexes, has to wait. The size of a table has
// that of its large values in it, which have a table and an index of their own.
const lockedTables = `(SELECT t.oid FROM pg_class t LEFT JOIN pg_index i ON i.indrelid = t.reltoastrelid
	JOIN pg_locks l ON l.relation IN (t.oid, t.reltoastrelid, i.indexrelid)
	WHERE l.mode = 'AccessExclusiveLock' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))`

// lookLock is how long a look waits for the lock of a table, of which it then knows less.
const lookLock = 200 * time.Millisecond

// Indexes implements blog.Care. What can't be known of a table that somebody has locked is left out. One that was
// locked in between is known as that the second time.
func (r care) Indexes(ctx context.Context) (use blog.IndexUse, err error) {
	for range 3 {
		if use, err = r.indexes(ctx); codeOf(err) != "55P03" { // lock_not_available
			break
		}
	}
	return use, err
}

// indexes is Indexes once. What a server counts is its own: a standby does not know what the
// other one is asked. It counts at least since it started, if it does not say since when. The
// time of the last use it knows from version 16 on.
func (r care) indexes(ctx context.Context) (use blog.IndexUse, err error) {
	err = r.look(ctx, func(ctx context.Context, q querier) error {
		use = blog.IndexUse{}
		if _, err := q.Exec(ctx, "SELECT set_config('lock_timeout', $1, true)", inMilliseconds(lookLock)); err != nil {
			return err
		}
		if err := q.QueryRow(ctx, `SELECT (extract(epoch FROM coalesce(stats_reset, pg_postmaster_start_time())) * 1000)::bigint
			FROM pg_stat_database WHERE datname = current_database()`).Scan(intoTime{&use.Since}); err != nil {
			return err
		}
		if use.Tables, err = tablesOf(ctx, q); err != nil {
			return err
		}
		use.Indexes, err = indexesOf(ctx, q)
		return err
	})
	return use, err
}

func tablesOf(ctx context.Context, q querier) (all []blog.Table, err error) {
	err = each(ctx, q, `SELECT t.relname::text, (CASE WHEN t.relpages = 0 AND current_setting('server_version_num')::int < 140000 THEN -1 ELSE t.reltuples END)::bigint,
		coalesce(CASE WHEN t.oid NOT IN `+lockedTables+` THEN pg_table_size(t.oid) END, -1), coalesce(pg_stat_get_numscans(t.oid), 0) FROM `+ourTables+` ORDER BY 1`, nil, func(rows pgx.Rows) error {
		var t blog.Table
		err := rows.Scan(&t.Name, &t.Rows, &t.Bytes, &t.Scans)
		all = append(all, t)
		return err
	})
	return all, err
}

// indexesOf has of each index the columns by which it is sorted, and the expressions.
func indexesOf(ctx context.Context, q querier) (all []blog.TableIndex, err error) {
	err = each(ctx, q, `SELECT i.relname::text, o.relname::text,
			(SELECT array_agg(coalesce(a.attname::text, CASE WHEN x.indrelid NOT IN `+lockedTables+` THEN pg_get_indexdef(x.indexrelid, k::int, true) ELSE '(expression)' END) ORDER BY k)
				FROM generate_series(1, x.indnkeyatts) k LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[k - 1] AND a.attnum <> 0),
			x.indisunique OR x.indisexclusion OR x.indisreplident,
			EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conrelid = x.indrelid AND f.conkey <@ (x.indkey::smallint[])[0:cardinality(f.conkey) - 1]),
			coalesce(CASE WHEN x.indexrelid NOT IN `+lockedTables+` THEN pg_relation_size(x.indexrelid) END, -1), coalesce(s.idx_scan, 0), coalesce((extract(epoch FROM (to_jsonb(s) ->> 'last_idx_scan')::timestamptz) * 1000)::bigint, 0)
		FROM (SELECT t.oid, t.relname FROM `+ourTables+`) o JOIN pg_index x ON x.indrelid = o.oid JOIN pg_class i ON i.oid = x.indexrelid
		LEFT JOIN pg_stat_user_indexes s ON s.indexrelid = x.indexrelid ORDER BY 2, 1`, nil, func(rows pgx.Rows) error {
		var x blog.TableIndex
		err := rows.Scan(&x.Name, &x.Table, &x.Columns, &x.Unique, &x.Referred, &x.Bytes, &x.Uses, intoTime{&x.LastUsed})
		all = append(all, x)
		return err
	})
	return all, err
}

// inMilliseconds writes a time as a setting has it.
func inMilliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
