package postgres

import (
	"context"
	"errors"
	"hash/fnv"
	"io"

	"github.com/jackc/pgx/v5"
)

// Lock takes the lock of a name in the database at url, for all processes; ok is false if
// another one has it. It ends with Close, or with the process. It is kept by a transaction
// that does nothing else, since a session's lock does not go through a pooler.
func Lock(ctx context.Context, url, name string, opt Options) (lock io.Closer, ok bool, err error) {
	config, err := configure(url, opt)
	if err != nil {
		return nil, false, err
	}
	conn, err := connect(ctx, config.ConnConfig)
	if err != nil {
		return nil, false, explain(ctx, err)
	}
	held := connection{conn}
	if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
		return nil, false, errors.Join(explain(ctx, err), held.Close())
	}
	if err := unbound(ctx, conn, "idle_in_transaction_session_timeout", "transaction_timeout"); err != nil {
		return nil, false, errors.Join(explain(ctx, err), held.Close())
	}
	number := fnv.New64a()
	_, _ = number.Write([]byte("inkstone " + name)) // a hash cannot fail
	if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1)", int64(number.Sum64())).Scan(&ok); err != nil || !ok {
		return nil, false, errors.Join(explain(ctx, err), held.Close())
	}
	return held, true, nil
}

type connection struct{ *pgx.Conn }

// Close implements io.Closer.
func (c connection) Close() error { return c.Conn.Close(context.Background()) }
