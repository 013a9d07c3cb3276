package store

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/gofrs/flock"
)

// ErrTaken means that another process has the lock.
var ErrTaken = errors.New("store: locked by another process")

// lockFile is Lock for SQLite, whatever links lead to the database. The lock's file stays
// beside it: if it were removed, two could hold locks of that name.
func lockFile(url, name string) (io.Closer, error) {
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, fmt.Errorf("lock database: %w", err)
	}
	// Readable for all: who runs the program once as root must not shut out its user.
	lock := flock.New(path+"-"+name+"-lock", flock.SetPermissions(0o644))
	taken, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock database: %w", err)
	}
	if !taken {
		return nil, ErrTaken
	}
	return lock, nil
}
