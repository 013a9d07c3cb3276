package postgres

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"inkstone/internal/blog"
)

const (
	defaultTimeout        = 5 * time.Second
	defaultConnectTimeout = 5 * time.Second
	defaultLifetime       = time.Hour

	// firstTry is how long Open waits for a database that may be away.
	firstTry = 2 * time.Second

	// The pauses between tries to reach the database grow from the first to the last.
	firstPause = 100 * time.Millisecond
	lastPause  = time.Second
)

// Why a database cannot be used, for Open and Migrate, beside what blog names for all engines.
var (
	ErrURL        = errors.New("not a PostgreSQL URL")
	ErrEncoding   = errors.New("the database is not kept in UTF-8")
	ErrPassword   = errors.New("the server refuses the user or the password")
	ErrNoDatabase = errors.New("the server has no database of that name")
	ErrPrivilege  = errors.New("the user has not the rights that it takes")
)

// Open opens the database at url. ErrURL; and without opt.Report what prevents its use:
// CodeUnavailable, ErrNewerSchema, ErrOldSchema, ErrEmpty, ErrForeign, ErrUnfinished, ErrEncoding,
// ErrPassword, ErrNoDatabase, ErrPrivilege. No error repeats the password.
func Open(ctx context.Context, url string, opt Options) (*Store, error) {
	config, err := configure(url, opt)
	if err != nil {
		return nil, err
	}
	broke := new(atomic.Int64)
	// A connection may have broken with another one, which was noticed only there.
	config.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
		return p.IdleDuration > time.Second || time.Now().Add(-p.IdleDuration).UnixNano() <= broke.Load()
	}
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error { boundCancelling(c); return nil }
	config.BeforeClose = hurry
	pool, err := pgxpool.NewWithConfig(context.WithoutCancel(ctx), config) // connects when it is first asked
	if err != nil {
		return nil, fault(ctx, err)
	}
	trying, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{pool: pool, timeout: opt.StatementTimeout, observe: opt.Observe, reading: opt.Read, changed: opt.Changed, stop: stop, done: make(chan struct{}),
		broke: broke, most: config.MaxConns, writers: make(chan struct{}, max(1, config.MaxConns/2)), accountWriters: make(chan struct{}, max(1, config.MaxConns/5))}
	s.generations.ask = s.askGeneration
	if s.timeout <= 0 {
		s.timeout = defaultTimeout
	}
	if s.reading == nil {
		s.reading = func(_ context.Context, _ string, work func() error) error { return work() }
	}
	if s.changed == nil {
		s.changed = func() {}
	}
	if opt.Report != nil {
		s.setAway(errors.New("postgres: not reached yet"))
		tried := make(chan struct{})
		go s.keepTrying(trying, opt, tried)
		select { // so that a start with the database there has it
		case <-tried:
		case <-time.After(firstTry):
		}
		return s, nil
	}
	close(s.done)
	if err := s.prepare(ctx, prepareLimit, opt); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// configure reads the URL. opt goes before what the URL says of the pool and the time to connect.
func configure(url string, opt Options) (*pgxpool.Config, error) {
	if ambiguous(url) {
		return nil, ErrURL
	}
	config, err := pgxpool.ParseConfig(url)
	if file, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("%w: %w", ErrURL, file) // a certificate that the URL names
	}
	if err != nil {
		return nil, ErrURL // pgx's own error repeats the URL
	}
	conn := config.ConnConfig
	config.MaxConns = int32(MaxConns(opt.MaxConns))
	if config.MaxConnLifetime = opt.ConnLifetime; config.MaxConnLifetime <= 0 {
		config.MaxConnLifetime = defaultLifetime
	}
	config.MaxConnLifetimeJitter = config.MaxConnLifetime / 10
	config.PingTimeout = time.Second
	if conn.ConnectTimeout = opt.ConnectTimeout; conn.ConnectTimeout <= 0 {
		conn.ConnectTimeout = defaultConnectTimeout
	}
	timeout := opt.StatementTimeout
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	// Who gives up has the server stop its work, too, and the connection is still good.
	conn.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: c, DeadlineDelay: graceOf(timeout) / 2}
	}
	if opt.Handshake != nil {
		tellHandshakes(conn, opt.Handshake)
	}
	conn.Tracer = tracerOf(opt)
	conn.RuntimeParams["client_encoding"] = "UTF8" // whatever the database has for its own
	setDefault(conn.RuntimeParams, "application_name", "inkstone")
	if opt.Pooled {
		conn.DefaultQueryExecMode = pgx.QueryExecModeExec
		return config, nil
	}
	config.AfterConnect = func(ctx context.Context, c *pgx.Conn) error { return makeSettings(ctx, c, conn.RuntimeParams, timeout) }
	return config, nil
}

// tellHandshakes has tell told of each connection by TLS, to whichever of the servers.
func tellHandshakes(c *pgx.ConnConfig, tell func(tls.ConnectionState)) {
	verify := func(s tls.ConnectionState) error { tell(s); return nil }
	if c.TLSConfig != nil {
		c.TLSConfig.VerifyConnection = verify
	}
	for _, f := range c.Fallbacks {
		if f.TLSConfig != nil {
			f.TLSConfig.VerifyConnection = verify
		}
	}
}

// ambiguous tells whether a URL has a raw @ in its password: some readers of URLs take what
// is behind the first one for the host, and tell it to others.
func ambiguous(url string) bool {
	url, _, _ = strings.Cut(url, "?")
	_, rest, _ := strings.Cut(url, "://")
	authority, path, _ := strings.Cut(rest, "/")
	return strings.Count(authority, "@") > 1 || strings.Contains(path, "@")
}

// standstill is how long a process may do nothing in a transaction. Others wait for its locks
// meanwhile, and for a connection no longer than acquireLimit: of a process that hangs they must be
// rid before that.
const standstill = 1500 * time.Millisecond

// makeSettings makes those settings of a connection that the URL did not. As parameters of the
// start they would be refused by a PgBouncer.
func makeSettings(ctx context.Context, c *pgx.Conn, given map[string]string, timeout time.Duration) error {
	batch := &pgx.Batch{}
	for _, s := range [][2]string{
		// The server's own bounds are for a client that is gone without a word.
		{"statement_timeout", strconv.FormatInt((timeout + time.Second).Milliseconds(), 10)},
		{"idle_in_transaction_session_timeout", strconv.FormatInt(standstill.Milliseconds(), 10)},
		// Rows are looked up one by one, on disks without a moving head; and no statement
		// runs so long that it is worth compiling.
		{"random_page_cost", "1.1"},
		{"jit", "off"},
		// pgx reads no other, where it asks for text.
		{"bytea_output", "hex"},
	} {
		if _, set := given[s[0]]; !set {
			batch.Queue("SELECT set_config($1, $2, false)", s[0], s[1])
		}
	}
	return c.SendBatch(ctx, batch).Close()
}

// MaxConns is what Options.MaxConns stands for.
func MaxConns(n int) int {
	if n > 0 {
		return n
	}
	return max(10, 4*runtime.GOMAXPROCS(0))
}

func setDefault(params map[string]string, name, value string) {
	if _, set := params[name]; !set {
		params[name] = value
	}
}

// keepTrying prepares the database until that succeeds, or the store is closed. It closes
// tried after the first time.
func (s *Store) keepTrying(ctx context.Context, opt Options, tried chan struct{}) {
	defer close(s.done)
	told, first := "", sync.OnceFunc(func() { close(tried) })
	defer first()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		err := s.prepare(ctx, acquireLimit, opt) // a line that is silent must not hold up the next try
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			s.away.Store(nil)
			opt.Report(nil)
			return
		}
		s.setAway(err)
		if err.Error() != told {
			told = err.Error()
			opt.Report(err)
		}
		first()
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return
		}
	}
}

func (s *Store) setAway(err error) {
	err = blog.Wrap(blog.CodeUnavailable, err)
	s.away.Store(&err)
}

// prepare brings the schema up to date, or checks it, and looks for a copy that is not
// finished, if there is a connection soon.
func (s *Store) prepare(ctx context.Context, soon time.Duration, opt Options) error {
	ctx, cancel := context.WithTimeout(ctx, prepareLimit)
	defer cancel()
	waiting, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	conn, err := s.pool.Acquire(waiting)
	if err != nil {
		return explain(ctx, err)
	}
	defer conn.Release()
	if opt.NoMigrate {
		err = checkSchema(ctx, conn.Conn())
	} else {
		_, _, err = migrate(ctx, conn.Conn())
	}
	if err == nil && !opt.Copying {
		err = checkWhole(ctx, conn.Conn())
	}
	if err != nil {
		return explain(ctx, err)
	}
	if opt.Report != nil {
		s.leap(ctx, conn.Conn())
	}
	return nil
}

// The generation goes on by up to generationLeap when a server begins with a database: one
// that somebody has put back to an earlier state must not come to a generation again under
// which answers of what it was are still kept.
const (
	generationLeap = 1 << 40
	leapLimit      = 5 * time.Second
)

// leap tries to: a server that can't write has to start all the same.
func (s *Store) leap(ctx context.Context, c *pgx.Conn) {
	ctx, cancel := context.WithTimeout(ctx, leapLimit)
	defer cancel()
	_ = pgx.BeginTxFunc(ctx, c, writing, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE generation SET value = value + 1 + floor(random() * $1)::bigint WHERE stripe = 0", int64(generationLeap))
		return err
	})
}

// explain is fault for what only happens at the start.
func explain(ctx context.Context, err error) error {
	if reply, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch reply.Code {
		case "28P01", "28000":
			return fmt.Errorf("%w: %s (%s)", ErrPassword, reply.Message, reply.Code)
		case "3D000":
			return ErrNoDatabase
		case "42501":
			return fmt.Errorf("%w: %s (%s)", ErrPrivilege, reply.Message, reply.Code)
		}
	}
	return fault(ctx, err)
}
