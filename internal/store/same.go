package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// FullName is Name, but for a file from the root, whatever links lead to it.
func FullName(url string) string {
	if isPostgres(url) {
		return Name(url)
	}
	path, err := filepath.Abs(Name(url))
	if err != nil {
		return Name(url)
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// Same tells whether two URLs lead to one database. The caller holds the lock of the name
// on the first one: on a server nothing else shows it, whatever way leads there.
func Same(ctx context.Context, locked, url, name string, opt Options) (bool, error) {
	if isPostgres(locked) != isPostgres(url) {
		return false, nil
	}
	if !isPostgres(url) {
		a, err := os.Stat(Name(locked))
		b, failed := os.Stat(Name(url))
		return os.SameFile(a, b), errors.Join(err, failed)
	}
	lock, err := Lock(ctx, url, name, opt)
	if errors.Is(err, ErrTaken) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, lock.Close()
}
