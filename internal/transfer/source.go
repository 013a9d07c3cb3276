package transfer

import (
	"context"
	"errors"
	"iter"

	"inkstone/internal/blog"
)

// SourceError is a failure of the store that is copied. All others are the target's.
type SourceError struct{ Err error }

// Error implements error.
func (e *SourceError) Error() string { return "source: " + e.Err.Error() }

// Unwrap returns why.
func (e *SourceError) Unwrap() error { return e.Err }

func ofSource(err error) error {
	if err == nil {
		return nil
	}
	return &SourceError{err}
}

// snapshotOf runs read on a snapshot of the source. Whatever is not an error of read's own is
// a SourceError, also what the source says instead of one that it has caused.
func snapshotOf(ctx context.Context, from blog.Store, read func(blog.Snapshot) error) error {
	var failed error
	err := from.Copies().Snapshot(ctx, func(s blog.Snapshot) error {
		failed = read(sourceSnapshot{s})
		return failed
	})
	if errors.Is(err, failed) {
		return err
	}
	return ofSource(err)
}

type sourceSnapshot struct{ blog.Snapshot }

// Records implements blog.Snapshot.
func (s sourceSnapshot) Records(kind blog.Kind, after blog.Key) iter.Seq2[blog.Record, error] {
	return func(yield func(blog.Record, error) bool) {
		for r, err := range s.Snapshot.Records(kind, after) {
			if !yield(r, ofSource(err)) {
				return
			}
		}
	}
}

// Count implements blog.Snapshot.
func (s sourceSnapshot) Count(kind blog.Kind) (int64, error) {
	n, err := s.Snapshot.Count(kind)
	return n, ofSource(err)
}
