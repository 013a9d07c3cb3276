package transfer

import (
	"context"
	"fmt"

	"inkstone/internal/blog"
)

// Bounds of what is put at once. A record larger than mostBytes is put alone.
const (
	mostRecords = 500
	mostBytes   = 4 << 20
)

// Options say how to copy.
type Options struct {
	// Source names the store that is copied, so that a copy which was cut off is only gone
	// on with from there.
	Source string
	// IntoExisting copies into a store that may have something already. What is there and
	// equal is passed over. No note is left in the store.
	IntoExisting bool
	// Progress is told how many records of all are done; each counts twice, when it is
	// copied and when it is compared. nil: nobody is.
	Progress func(done, total int)
}

// Report is what both stores had at the end.
type Report struct {
	Kinds []Result // as blog.Kinds
}

// Result is what both stores have of a kind. Of the target of IntoExisting only that
// counts whose keys the source has, and of both what is blog.Lasting.
type Result struct {
	Kind           blog.Kind
	Source, Target Tally
}

// Same tells whether both have the same records.
func (r Result) Same() bool { return r.Source == r.Target }

// Same tells whether both have the same records of all kinds.
func (r Report) Same() bool {
	for _, kind := range r.Kinds {
		if !kind.Same() {
			return false
		}
	}
	return true
}

// Copy puts everything of one store into another one, in batches, and compares the two.
// All that it reads of the source is of one state. Unless it goes into an existing store,
// it begins only in an empty one (blog.ErrNotEmpty); a copy that was cut off goes on
// behind what has been put (blog.ErrOtherSource), and the target is usable
// when the report is that both are the same. *blog.RecordError if a record is refused;
// *SourceError if it is not the target that failed.
func Copy(ctx context.Context, from, to blog.Store, opt Options) (report Report, err error) {
	if !opt.IntoExisting {
		if err := to.Copies().Begin(ctx, opt.Source); err != nil {
			return report, err
		}
	}
	err = snapshotOf(ctx, from, func(source blog.Snapshot) error {
		c := copying{ctx: ctx, source: source, to: to.Copies(), opt: opt}
		if err := c.count(); err != nil {
			return err
		}
		if err := c.fill(); err != nil {
			return err
		}
		report, err = c.compare()
		return err
	})
	if err != nil || opt.IntoExisting || !report.Same() {
		return report, err
	}
	return report, to.Copies().End(ctx)
}

// copying is a copy under way.
type copying struct {
	ctx    context.Context
	source blog.Snapshot
	to     blog.Copies
	opt    Options

	done, total int
}

// count finds out how much there is to do.
func (c *copying) count() error {
	for _, kind := range blog.Kinds() {
		n, err := c.source.Count(kind)
		if err != nil {
			return fmt.Errorf("count %ss: %w", kind, err)
		}
		c.total += 2 * int(n)
	}
	return nil
}

func (c *copying) did(n int) {
	c.done = min(c.done+n, c.total)
	if c.opt.Progress != nil {
		c.opt.Progress(c.done, c.total)
	}
}

// fill puts what the target does not have yet.
func (c *copying) fill() error {
	last, err := c.last()
	if err != nil {
		return err
	}
	for i, kind := range blog.Kinds() {
		if err := c.fillKind(kind, last[i]); err != nil {
			return fmt.Errorf("copy %ss: %w", kind, err)
		}
	}
	return nil
}

// last returns the last key of each kind that the target has from a copy before. What
// else there is in an existing store says nothing.
func (c *copying) last() ([]blog.Key, error) {
	last := make([]blog.Key, len(blog.Kinds()))
	if c.opt.IntoExisting {
		return last, nil
	}
	return last, c.to.Snapshot(c.ctx, func(target blog.Snapshot) (err error) {
		for i, kind := range blog.Kinds() {
			if last[i], err = target.Last(kind); err != nil {
				return err
			}
			n, err := target.Count(kind)
			if err != nil {
				return err
			}
			c.done += int(n)
		}
		return nil
	})
}

func (c *copying) fillKind(kind blog.Kind, after blog.Key) error {
	var batch []blog.Record
	bytes := 0
	put := func() error {
		if err := c.to.Put(c.ctx, batch); err != nil {
			return err
		}
		c.did(len(batch))
		batch, bytes = nil, 0
		return nil
	}
	for r, err := range c.source.Records(kind, after) {
		if err != nil {
			return err
		}
		if len(batch) == mostRecords || len(batch) > 0 && bytes+size(r) > mostBytes {
			if err := put(); err != nil {
				return err
			}
		}
		batch = append(batch, r)
		bytes += size(r)
	}
	return put()
}

// size is about how many bytes a record has.
func size(r blog.Record) int {
	if p, ok := r.(*blog.Post); ok {
		return len(p.Content)
	}
	return 0
}
