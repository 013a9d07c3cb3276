package postgres

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// closeLimit bounds the end of a connection that was given up.
const closeLimit = time.Second

// connect opens a connection outside of the pool.
func connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	config = config.Copy()
	boundCancelling(config)
	return pgx.ConnectConfig(ctx, config)
}

// boundCancelling gives a request to stop a statement, for which a connection dials once
// more when it exists, little time: pgx has it wait for 15 seconds when it gives a connection up,
// and so long its place in the pool is nobody's.
func boundCancelling(c *pgx.ConnConfig) {
	var connected atomic.Bool
	dial, after := c.DialFunc, c.AfterConnect
	c.AfterConnect = func(ctx context.Context, pc *pgconn.PgConn) error {
		connected.Store(true)
		if after != nil {
			return after(ctx, pc)
		}
		return nil
	}
	c.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if !connected.Load() {
			return dial(ctx, network, address)
		}
		deadline := time.Now().Add(closeLimit)
		ctx, cancel := context.WithDeadline(ctx, deadline)
		defer cancel()
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return conn, nil
	}
}

// hurry closes a connection that was given up if its end takes long: pgx listens to what a
// server has still to say for 15 seconds.
func hurry(c *pgx.Conn) {
	if !c.IsClosed() {
		return
	}
	select {
	case <-c.PgConn().CleanupDone():
	case <-time.After(closeLimit):
		_ = c.PgConn().Conn().Close() // it is given up anyway
	}
}
