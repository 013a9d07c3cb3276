package sqlite

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// fault gives an error its meaning by SQLite's result code; errors that are not
// SQLite's pass as they are. ctx is the caller's: if it ended, that is the error.
//
// Source of the codes: https://www.sqlite.org/rescode.html
func fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*blog.Error](err); ok {
		return err
	}
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultInterrupt:
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return blog.Wrap(blog.CodeUnavailable, err)
	case sqlite.ResultError: // also from a full-text table whose opening was interrupted
		if ctx.Err() != nil {
			return ctx.Err()
		}
	case sqlite.ResultFull:
		return blog.Wrap(blog.CodeStorageFull, err)
	case sqlite.ResultBusy:
		return blog.Wrap(blog.CodeUnavailable, fmt.Errorf("%w: %w", ErrLocked, err))
	case sqlite.ResultLocked, sqlite.ResultIOErr, sqlite.ResultCantOpen,
		sqlite.ResultNoMem, sqlite.ResultReadOnly, sqlite.ResultProtocol:
		return blog.Wrap(blog.CodeUnavailable, err)
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return faultOfSystem(err)
}

// faultOfSystem covers what fails before SQLite is reached, as making a folder.
func faultOfSystem(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return blog.Wrap(blog.CodeStorageFull, err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return blog.Wrap(blog.CodeUnavailable, err)
	}
	return err
}

// isOfStatement reports whether SQLite finds fault with a statement, or with what it names: the database
// is as good as before.
func isOfStatement(err error) bool { return sqlite.ErrCode(err).ToPrimary() == sqlite.ResultError }

// breaksConnection reports whether the connection that failed so should be
// replaced rather than used again.
func breaksConnection(err error) bool {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultCantOpen, sqlite.ResultNoMem, sqlite.ResultCorrupt, sqlite.ResultMisuse, sqlite.ResultNotADB:
		return true
	}
	return false
}
