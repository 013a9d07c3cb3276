package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// stateLimit bounds the look at the state.
const stateLimit = time.Second

// State implements blog.Care. It waits in line for a connection like everybody, and may be counted
// among those who had to. The size of a database with very many files may not be known in time.
func (r care) State(ctx context.Context) (blog.PoolState, error) {
	now := r.Stats()
	state := blog.PoolState{
		Engine: "postgres", State: "away", Bytes: -1,
		Limit: now.Max, Open: now.Open, InUse: now.InUse, Idle: now.Idle, Waiting: int(now.Waiting), Waits: now.Waits, Waited: now.Waited,
	}
	inTime, cancel := context.WithTimeout(ctx, stateLimit)
	defer cancel()
	err := r.askWithin(inTime, stateLimit, func(ctx context.Context) error {
		return r.again(func() error {
			return r.onConn(ctx, func(c *pgx.Conn) error { return lookAt(ctx, c, &state) })
		})
	})
	switch {
	case err == nil || state.State == "ok":
	case ctx.Err() != nil:
		return blog.PoolState{}, ctx.Err()
	case r.full():
		state.State = "busy"
	}
	return state, nil
}

// lookAt asks the server for its version, and then for what may take longer.
func lookAt(ctx context.Context, c *pgx.Conn, state *blog.PoolState) error {
	if err := c.QueryRow(ctx, "SELECT current_setting('server_version')").Scan(&state.Version); err != nil {
		return err
	}
	state.State = "ok"
	return c.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&state.Bytes)
}

// full tells whether all connections are in use.
func (s *Store) full() bool {
	st := s.pool.Stat()
	return st.AcquiredConns() == st.MaxConns()
}
