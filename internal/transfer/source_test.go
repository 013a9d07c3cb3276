package transfer

import (
	"context"
	"errors"
	"testing"

	"inkstone/internal/blog"
)

// silent is a store that gives up a snapshot with a reason of its own, whatever is read of it.
type silent struct {
	blog.Store
	why error
}

func (s silent) Copies() blog.Copies { return silentCopies{s.Store.Copies(), s.why} }

type silentCopies struct {
	blog.Copies
	why error
}

func (c silentCopies) Snapshot(ctx context.Context, read func(blog.Snapshot) error) error {
	if err := c.Copies.Snapshot(ctx, read); err != nil && c.why == nil {
		return err
	}
	return c.why
}

func TestItIsToldWhetherTheSourceOrTheTargetFailed(t *testing.T) {
	why := errors.New("no answer")
	for name, c := range map[string]struct {
		source, target error
		ofSource       bool
	}{
		"the source":    {why, nil, true},
		"both":          {why, errors.New("no room"), true},
		"the target":    {nil, why, false},
		"none of these": {nil, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			to := newSQLite(t)
			from := newSQLite(t)
			importSome(t, from, "a")
			put := to
			if c.target != nil {
				put = refusing{to, c.target}
			}
			_, err := Copy(t.Context(), silent{from, c.source}, put, Options{Source: "test"})
			if _, got := errors.AsType[*SourceError](err); got != c.ofSource || (err == nil) != (name == "none of these") {
				t.Errorf("of the source %v: %v", got, err)
			}
		})
	}
}

// refusing is a store that takes nothing.
type refusing struct {
	blog.Store
	why error
}

func (s refusing) Copies() blog.Copies { return refusingCopies{s.Store.Copies(), s.why} }

type refusingCopies struct {
	blog.Copies
	why error
}

func (c refusingCopies) Put(context.Context, []blog.Record) error { return c.why }
