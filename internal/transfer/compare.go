package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"iter"

	"inkstone/internal/blog"
)

// Tally is how many records there are, and the SHA-256, in hex, of all of them one behind
// the other, in the order of their keys.
type Tally struct {
	Count  int64
	Digest string
}

// A Tallier makes a Tally of records that come in the order of their keys.
type Tallier struct {
	count int64
	hash  hash.Hash
	spelt []byte
}

// NewTallier begins with no records.
func NewTallier() *Tallier { return &Tallier{hash: sha256.New()} }

// Add takes the next record in. Each goes into the hash as its length and itself: no two
// rows of records are the same bytes.
func (t *Tallier) Add(r blog.Record) {
	t.count++
	t.spelt = r.Append(t.spelt[:0])
	_, _ = fmt.Fprintf(t.hash, "%d:", len(t.spelt)) // a hash cannot fail
	_, _ = t.hash.Write(t.spelt)
}

// Tally returns what has come.
func (t *Tallier) Tally() Tally { return Tally{t.count, hex.EncodeToString(t.hash.Sum(nil))} }

// compare reads both stores, the source as it was when the copy began.
func (c *copying) compare() (report Report, err error) {
	err = c.to.Snapshot(c.ctx, func(target blog.Snapshot) error {
		for _, kind := range blog.Kinds() {
			r, err := c.compareKind(target, kind)
			if err != nil {
				return fmt.Errorf("compare %ss: %w", kind, err)
			}
			report.Kinds = append(report.Kinds, r)
		}
		return nil
	})
	return report, err
}

// compareKind goes through both stores side by side.
func (c *copying) compareKind(target blog.Snapshot, kind blog.Kind) (Result, error) {
	source, there := NewTallier(), NewTallier()
	counted := func(r blog.Record) blog.Record { return r }
	if c.opt.IntoExisting { // people may come by there
		counted = blog.Lasting
	}
	next, stop := iter.Pull2(target.Records(kind, ""))
	defer stop()
	have, failed, _ := next() // nil at the end
	for r, err := range c.source.Records(kind, "") {
		if err != nil {
			return Result{}, err
		}
		source.Add(counted(r))
		for ; have != nil && have.Key() <= r.Key(); have, failed, _ = next() {
			if have.Key() == r.Key() || !c.opt.IntoExisting {
				there.Add(counted(have))
			}
		}
		if source.count%mostRecords == 0 {
			c.did(mostRecords)
		}
	}
	for ; have != nil && !c.opt.IntoExisting; have, failed, _ = next() {
		there.Add(have)
	}
	c.did(int(source.count % mostRecords))
	return Result{kind, source.Tally(), there.Tally()}, failed
}
