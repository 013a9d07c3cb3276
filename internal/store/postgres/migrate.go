package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

//go:embed migrations/*.sql
var migrations embed.FS

// prepareLimit bounds the preparation of a database, with the wait for another process
// that migrates it. An index on a large table takes minutes.
const prepareLimit = 30 * time.Minute

// migrationLock is the number of the advisory lock that whoever migrates holds ("inks").
const migrationLock = 0x696e6b73

// Migrate brings the database at url to the newest schema and returns the versions it had
// and has. Any number of processes may do so at once: each step happens once. Errors as Open.
func Migrate(ctx context.Context, url string, opt Options) (from, to int, err error) {
	config, err := configure(url, opt)
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, prepareLimit)
	defer cancel()
	conn, err := connect(ctx, config.ConnConfig)
	if err != nil {
		return 0, 0, explain(ctx, err)
	}
	from, to, err = migrate(ctx, conn)
	return from, to, errors.Join(explain(ctx, err), conn.Close(context.WithoutCancel(ctx)))
}

// SchemaDigest tells the newest schema from every other one, in 16 hex digits: tests keep
// databases that have it under this name.
func SchemaDigest() string {
	digest := fnv.New64a()
	steps, _ := fs.Glob(migrations, "migrations/*.sql") // the pattern is sound
	for _, name := range steps {
		sql, _ := migrations.ReadFile(name) // it is there
		_, _ = digest.Write(sql)            // a hash cannot fail
	}
	return fmt.Sprintf("%016x", digest.Sum64())
}

func migrate(ctx context.Context, conn *pgx.Conn) (from, to int, err error) {
	steps, err := fs.Glob(migrations, "migrations/*.sql") // in the order of their numbers
	if err != nil {
		return 0, 0, err
	}
	if from, err = schemaVersion(ctx, conn, len(steps)); err != nil || from == len(steps) {
		return from, from, err
	}
	for to = from; to < len(steps); {
		if to, err = step(ctx, conn, steps); err != nil {
			return from, to, err
		}
	}
	return from, to, nil
}

// step applies the next migration, if there still is one, and returns the version after
// it. The lock is the transaction's, as that of a session does not go through a pooler.
func step(ctx context.Context, conn *pgx.Conn, steps []string) (version int, err error) {
	err = pgx.BeginTxFunc(ctx, conn, writing, func(tx pgx.Tx) error {
		if err := unbound(ctx, tx, "statement_timeout", "lock_timeout", "transaction_timeout"); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", migrationLock); err != nil {
			return err
		}
		if version, err = schemaVersion(ctx, tx, len(steps)); err != nil || version == len(steps) {
			return err
		}
		sql, err := migrations.ReadFile(steps[version])
		if err != nil {
			return err
		}
		if _, err := tx.Conn().PgConn().Exec(ctx, string(sql)).ReadAll(); err != nil {
			return fmt.Errorf("migration %s: %w", steps[version], err)
		}
		version++
		_, err = tx.Exec(ctx, "INSERT INTO inkstone_schema (version, applied) VALUES ($1, now())", version)
		return err
	})
	return version, err
}

// schemaVersion reads the version, 0 for an empty database, and refuses what is not ours
// or newer than newest.
func schemaVersion(ctx context.Context, q querier, newest int) (version int, err error) {
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout) // nobody's lock is in its way
	defer cancel()
	var encoding string
	var ours, others bool
	err = q.QueryRow(ctx, `SELECT pg_encoding_to_char(d.encoding), to_regclass(quote_ident(current_schema()) || '.inkstone_schema') IS NOT NULL,
		to_regclass(quote_ident(current_schema()) || '.users') IS NOT NULL OR to_regclass(quote_ident(current_schema()) || '.posts') IS NOT NULL
		FROM pg_database d WHERE d.datname = current_database()`).Scan(&encoding, &ours, &others)
	switch {
	case err != nil:
		return 0, err
	case encoding != "UTF8":
		return 0, fmt.Errorf("%w: its encoding is %s; make one with ENCODING 'UTF8'", ErrEncoding, encoding)
	case !ours && others:
		return 0, blog.ErrForeign
	case !ours:
		return 0, nil
	}
	if err := q.QueryRow(ctx, "SELECT coalesce(max(version), 0) FROM inkstone_schema").Scan(&version); err != nil {
		return 0, err
	}
	if version > newest {
		return version, fmt.Errorf("%w (its schema is %d, this program knows %d)", blog.ErrNewerSchema, version, newest)
	}
	return version, nil
}

// checkSchema refuses a database whose schema is not the newest, and one that has none.
func checkSchema(ctx context.Context, conn *pgx.Conn) error {
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	version, err := schemaVersion(ctx, conn, len(steps))
	if err != nil {
		return err
	}
	return blog.CheckSchema(version, len(steps))
}
