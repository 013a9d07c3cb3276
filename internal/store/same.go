package store

import (
	"context"
	"crypto/rand"
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

// Same tells whether two URLs lead to one database, whatever ways that are.
func Same(ctx context.Context, one, other string, opt Options) (same bool, err error) {
	if isPostgres(one) != isPostgres(other) {
		return false, nil
	}
	if !isPostgres(one) {
		a, err := os.Stat(Name(one))
		b, failed := os.Stat(Name(other))
		return os.SameFile(a, b), errors.Join(err, failed)
	}
	name := rand.Text() // of a lock that nobody else can have
	held, err := Lock(ctx, one, name, opt)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, held.Close()) }()
	lock, err := Lock(ctx, other, name, opt)
	if errors.Is(err, ErrTaken) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return false, lock.Close()
}
