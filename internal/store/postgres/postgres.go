package postgres

import (
	"context"
	"crypto/tls"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"inkstone/internal/blog"
)

// Options are what Open may be told; the zero value is fine.
type Options struct {
	// NoMigrate refuses an older schema (ErrOldSchema), or none (ErrEmpty), instead of bringing
	// it up to date.
	NoMigrate bool
	// Copying opens also what a copy has not finished (ErrUnfinished).
	Copying bool
	// Report has Open return within two seconds, also while the database is away: it tries to
	// reach it in the background, and the store is CodeUnavailable until then. It is told of
	// the first failure, of each one that is another than the one before, and of the success
	// (nil). Without it Open tries once.
	Report func(error)
	// MaxConns is the most connections at a time; 0: four for each processor, at least 10.
	MaxConns int
	// ConnLifetime ends connections of that age when they are idle; 0: an hour.
	ConnLifetime time.Duration
	// ConnectTimeout bounds one try to connect; 0: five seconds.
	ConnectTimeout time.Duration
	// StatementTimeout bounds each operation, with its waiting for a connection; 0: five seconds.
	// Its statement is cancelled when nine tenths are over. Who deletes a user has a minute.
	StatementTimeout time.Duration
	// Pooled is for a PgBouncer in transaction mode between: no statement is prepared by name,
	// and no setting is made on a connection.
	Pooled bool
	// Observe, Read and Changed are those of store.Options.
	Observe func(ctx context.Context, operation string, took time.Duration, err error)
	Read    func(ctx context.Context, operation string, work func() error) error
	Changed func()
	// Statement is that of store.Options, told only of what took at least StatementOver.
	Statement     func(ctx context.Context, query string, took time.Duration, rows int64)
	StatementOver time.Duration
	// Handshake is told of each TLS connection; may be nil.
	Handshake func(tls.ConnectionState)

	tracer pgx.QueryTracer // tests: told of each statement
}

// Store implements blog.Store on a PostgreSQL database.
type Store struct {
	pool    *pgxpool.Pool
	timeout time.Duration
	observe func(context.Context, string, time.Duration, error)
	reading func(ctx context.Context, operation string, work func() error) error
	changed func()

	generations generations

	most    int32         // connections there may be
	waiting atomic.Int64  // who has no connection yet
	asking  atomic.Int64  // who has one, or waits for one of the pool's
	waits   atomic.Int64  // who had to wait until others were done
	waited  atomic.Int64  // how long in all, in nanoseconds
	broke   *atomic.Int64 // when a connection was last found broken, in nanoseconds

	// Places for writers, who may all wait for one lock: connections stay for readers, and for
	// who writes to accounts, as a login does.
	writers, accountWriters chan struct{}

	away atomic.Pointer[error] // why nothing can be asked yet; nil: all can
	stop context.CancelFunc    // ends the tries to connect
	done chan struct{}         // closed when they have ended
}

// Stats says how busy the store is.
type Stats struct {
	Max     int           // connections there may be
	Open    int           // that there are
	InUse   int           // of them, at work
	Idle    int           // of them, not
	Waiting int64         // operations without one
	Waits   int64         // operations that had to wait until others were done, since the start
	Waited  time.Duration // how long in all
}

// Users returns the accounts.
func (s *Store) Users() blog.Users { return users{s} }

// Posts returns the articles.
func (s *Store) Posts() blog.Posts { return posts{s} }

// Comments returns the comments.
func (s *Store) Comments() blog.Comments { return comments{s} }

// Uploads returns what is known of the images.
func (s *Store) Uploads() blog.Uploads { return uploads{s} }

// Sources returns the notes of imports.
func (s *Store) Sources() blog.Sources { return sources{s} }

// Copies carries everything to other stores, and from them.
func (s *Store) Copies() blog.Copies { return copies{s} }

// Care tells of the work of the database.
func (s *Store) Care() blog.Care { return care{s} }

// Ping implements blog.Store.
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, "ping", func(ctx context.Context, q querier) error {
		_, err := q.Exec(ctx, "SELECT 1")
		return err
	})
}

// Stats returns how busy the store is.
func (s *Store) Stats() Stats {
	st := s.pool.Stat()
	return Stats{
		Max: int(st.MaxConns()), Open: int(st.TotalConns()), InUse: int(st.AcquiredConns()), Idle: int(st.IdleConns()),
		Waiting: s.waiting.Load(), Waits: s.waits.Load(), Waited: time.Duration(s.waited.Load()),
	}
}

// Close implements blog.Store.
func (s *Store) Close() error {
	s.stop()
	<-s.done
	s.pool.Close()
	return nil
}
