package store

import (
	"context"
	"fmt"
	"io"

	"inkstone/internal/store/sqlite"
)

// Pages are one state of a SQLite database as the file that it would be.
type Pages = sqlite.Pages

// OpenPages opens the SQLite database at path, which may have an older schema, in the state
// that it has now. fs.ErrNotExist, ErrEmpty and what Open fails with.
func OpenPages(ctx context.Context, path string) (*Pages, error) {
	p, err := sqlite.OpenPages(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("read database %s: %w", path, err)
	}
	return p, nil
}

// File returns the file of a SQLite database; ok is false for other engines.
func File(url string) (path string, ok bool) {
	path, err := sqlitePath(url)
	return path, err == nil
}

// Vacant fails with fs.ErrExist if anything of a SQLite database is at path.
func Vacant(path string) error { return sqlite.Vacant(path) }

// NewestSchema is the version that a SQLite database is brought to.
func NewestSchema() (int, error) { return sqlite.NewestSchema() }

// Check reads all of a SQLite database that nobody writes, wherever it stands. ErrDamaged.
func Check(ctx context.Context, database io.ReaderAt, size int64) error {
	return sqlite.Check(ctx, database, size)
}
