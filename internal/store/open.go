// Package store picks the engine that a database URL names. What a store
// promises is written in package blog; storetest holds every engine to it.
package store

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/store/postgres"
	"inkstone/internal/store/sqlite"
)

// Options are the same for every engine; the zero value is fine.
type Options struct {
	// NoMigrate refuses an older schema instead of bringing it up to date, an empty database
	// (ErrEmpty), and a file that is not there (fs.ErrNotExist) instead of making it.
	NoMigrate bool
	// ReadOnly is NoMigrate for whoever only looks: opening writes nothing into a file and does not
	// wait for another process that writes, and the store's methods that write fail. A server's
	// database is opened as ever: that writes nothing, either.
	ReadOnly bool
	// Copying opens also a database into which a copy is not finished, to go on with it.
	Copying bool
	// Observe is told of each finished operation: how long it took, with its waiting,
	// and how it ended. It may be called by several goroutines at once and must be quick.
	// Operations are called as the methods, in lower case ("posts.get"); a list of posts
	// with a search is "posts.search". It is not told of blog.Care, which Read does not refuse
	// either: whoever looks after an overloaded server must see something.
	Observe func(ctx context.Context, operation string, took time.Duration, err error)
	// Statement is told of each statement that was sent, also of one that failed: what was asked,
	// how long it took with the reading of its rows, and how many were read or changed. ctx is
	// that of whoever caused it. It may be called by several goroutines at once and must be quick.
	Statement func(ctx context.Context, query string, took time.Duration, rows int64)
	// Requested reports whether a context is of a request. Where several share a statement, as writes
	// into a file do the sync of the disk, it is told as the first request's; as the first one's of all
	// if there is none, or this is nil.
	Requested func(ctx context.Context) bool
	// StatementOver spares an engine the telling of what took less, which costs something where
	// statements are sent in batches; it may be told all the same. 0: everything is told.
	StatementOver time.Duration
	// Read does the work of a reading operation, when and where it sees fit, and returns
	// its error; or it refuses it with one that the method then returns. nil does it at once.
	Read func(ctx context.Context, operation string, work func() error) error
	// Changed is told, by a database that is a server, after each change by this process
	// that made a new generation, before the method that made it returns. It must be quick.
	Changed func()

	// Handshake is told of each TLS connection to a database that is a server; may be nil.
	Handshake func(tls.ConnectionState)
	// Report lets a database that is a server be away when it is opened: it is tried again
	// and again in the background, and all methods are CodeUnavailable until it is there.
	// Report is told why, and at last nil. Without it Open fails.
	Report func(error)
	Server Server
}

// Server is about the connections to a database that is a server; zero values are the defaults.
type Server struct {
	MaxConns         int           // the most connections; 0: four for each processor, at least 10
	ConnLifetime     time.Duration // of a connection; 0: an hour
	ConnectTimeout   time.Duration // of one try to connect; 0: five seconds
	StatementTimeout time.Duration // of an operation; 0: five seconds
	Pooled           bool          // a pooler that gives out connections by transactions is between
}

// Why a database is left alone, for Open and Migrate.
var (
	ErrNewerSchema = blog.ErrNewerSchema
	ErrOldSchema   = blog.ErrOldSchema
	ErrForeign     = blog.ErrForeign
	ErrUnfinished  = blog.ErrUnfinished
	ErrDamaged     = sqlite.ErrDamaged
	ErrLocked      = sqlite.ErrLocked
	ErrEmpty       = blog.ErrEmpty
	ErrEncoding    = postgres.ErrEncoding
	ErrPassword    = postgres.ErrPassword
	ErrNoDatabase  = postgres.ErrNoDatabase
	ErrPrivilege   = postgres.ErrPrivilege
	ErrURL         = postgres.ErrURL
)

// Open opens the store at a URL: sqlite:path, sqlite:///absolute/path, or
// postgres://user:password@host:port/database. No error repeats a password.
func Open(ctx context.Context, url string, opt Options) (blog.Store, error) {
	if isPostgres(url) {
		s, err := postgres.Open(ctx, url, postgresOptions(opt))
		if err != nil {
			return nil, fmt.Errorf("open database %s: %w", Name(url), err)
		}
		return s, nil
	}
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	s, err := sqlite.Open(ctx, path, sqlite.Options{
		NoMigrate: opt.NoMigrate, ReadOnly: opt.ReadOnly, Copying: opt.Copying, Observe: opt.Observe, Statement: opt.Statement, Requested: opt.Requested, Read: opt.Read,
	})
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return s, nil
}

func postgresOptions(opt Options) postgres.Options {
	return postgres.Options{
		NoMigrate: opt.NoMigrate || opt.ReadOnly, Copying: opt.Copying, Observe: opt.Observe, Read: opt.Read, Changed: opt.Changed,
		Statement: opt.Statement, StatementOver: opt.StatementOver,
		Report: opt.Report, Handshake: opt.Handshake,
		MaxConns: opt.Server.MaxConns, ConnLifetime: opt.Server.ConnLifetime, ConnectTimeout: opt.Server.ConnectTimeout,
		StatementTimeout: opt.Server.StatementTimeout, Pooled: opt.Server.Pooled,
	}
}

// Engine is the name of the engine of a store at a URL: sqlite or postgres.
func Engine(url string) string {
	if isPostgres(url) {
		return "postgres"
	}
	return "sqlite"
}

// Connections is how many connections a store at a URL has at most; 0: it is a file.
func Connections(url string, s Server) int {
	if !isPostgres(url) {
		return 0
	}
	return postgres.MaxConns(s.MaxConns)
}

// Migrate brings the schema of the store at a URL up to date and returns the
// versions it had and has.
func Migrate(ctx context.Context, url string, opt Options) (from, to int, err error) {
	if isPostgres(url) {
		from, to, err = postgres.Migrate(ctx, url, postgresOptions(opt))
	} else {
		var path string
		if path, err = sqlitePath(url); err != nil {
			return 0, 0, err
		}
		from, to, err = sqlite.Migrate(ctx, path)
	}
	if err != nil {
		return from, to, fmt.Errorf("migrate database %s: %w", Name(url), err)
	}
	return from, to, nil
}

// Lock takes the lock of a name that goes with the database at a URL, which has been
// opened before. It ends with Close, or with the process. ErrTaken.
func Lock(ctx context.Context, url, name string, opt Options) (io.Closer, error) {
	if !isPostgres(url) {
		return lockFile(url, name)
	}
	lock, ok, err := postgres.Lock(ctx, url, name, postgresOptions(opt))
	switch {
	case err != nil:
		return nil, fmt.Errorf("lock database: %w", err)
	case !ok:
		return nil, ErrTaken
	}
	return lock, nil
}

// Name is a URL as it can be shown: without user, password and settings.
func Name(url string) string {
	if !isPostgres(url) {
		path, err := sqlitePath(url)
		if err != nil {
			return "(?)"
		}
		return path
	}
	rest, _, _ := strings.Cut(url, "?")
	scheme, rest, _ := strings.Cut(rest, "://")
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		rest = rest[at+1:]
	}
	return scheme + "://" + rest
}

func isPostgres(url string) bool {
	scheme, _, _ := strings.Cut(url, "://")
	return scheme == "postgres" || scheme == "postgresql"
}

// sqlitePath returns the file a URL names. The error does not repeat the URL,
// which may hold a password.
func sqlitePath(url string) (string, error) {
	scheme, path, _ := strings.Cut(url, ":")
	path = strings.TrimPrefix(path, "//")
	switch {
	case scheme != "sqlite":
		return "", fmt.Errorf("DATABASE_URL: no store for the scheme %q: sqlite:path and postgres://… are understood", scheme)
	case path == "":
		return "", fmt.Errorf("DATABASE_URL: sqlite: needs a path, as in sqlite:data/inkstone.db")
	}
	return path, nil
}
