// Package store picks the engine that a database URL names. What a store
// promises is written in package blog; storetest holds every engine to it.
package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/store/sqlite"
)

// Options are the same for every engine; the zero value is fine.
type Options struct {
	// NoMigrate refuses an older schema instead of bringing it up to date.
	NoMigrate bool
	// Observe is told of each finished operation: how long it took, with its waiting,
	// and how it ended. It may be called by several goroutines at once and must be quick.
	// Operations are called as the methods, in lower case ("posts.get"); a list of posts
	// with a search is "posts.search".
	Observe func(operation string, took time.Duration, err error)
	// Read does the work of a reading operation, when and where it sees fit, and returns
	// its error; or it refuses it with one that the method then returns. nil does it at once.
	Read func(ctx context.Context, operation string, work func() error) error
}

// Why a database is left alone, for Open and Migrate.
var (
	ErrNewerSchema = sqlite.ErrNewerSchema
	ErrForeign     = sqlite.ErrForeign
	ErrDamaged     = sqlite.ErrDamaged
	ErrLocked      = sqlite.ErrLocked
)

// Open opens the store at a URL: sqlite:path, or sqlite:///absolute/path.
func Open(ctx context.Context, url string, opt Options) (blog.Store, error) {
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	s, err := sqlite.Open(ctx, path, sqlite.Options{NoMigrate: opt.NoMigrate, Observe: opt.Observe, Read: opt.Read})
	if err != nil {
		return nil, fmt.Errorf("open database %s: %w", path, err)
	}
	return s, nil
}

// Migrate brings the schema of the store at a URL up to date and returns the
// versions it had and has.
func Migrate(ctx context.Context, url string) (from, to int, err error) {
	path, err := sqlitePath(url)
	if err != nil {
		return 0, 0, err
	}
	from, to, err = sqlite.Migrate(ctx, path)
	if err != nil {
		return from, to, fmt.Errorf("migrate database %s: %w", path, err)
	}
	return from, to, nil
}

// sqlitePath returns the file a URL names. The error does not repeat the URL,
// which may hold a password.
func sqlitePath(url string) (string, error) {
	scheme, path, _ := strings.Cut(url, ":")
	path = strings.TrimPrefix(path, "//")
	switch {
	case scheme != "sqlite":
		return "", fmt.Errorf("DATABASE_URL: no store for the scheme %q: sqlite:path is understood", scheme)
	case path == "":
		return "", fmt.Errorf("DATABASE_URL: sqlite: needs a path, as in sqlite:data/inkstone.db")
	}
	return path, nil
}
