package sqlite

import (
	"errors"
	"math"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// A post's rank is an order label: ranks are ordered as (publishedAt, id) are.
// It is the row number in the full-text table, so hits come out of it sorted,
// and the indexes need one small number instead of a time and an id.
//
// A published post's label begins with its millisecond and leaves rankSpan
// places for those of the same millisecond; a post never published sorts before
// all others, by id, and takes its id's second for the millisecond.
const (
	rankBits  = 20
	rankSpan  = int64(1) << rankBits
	rankStep  = int64(16) // between neighbours, at most: leaves room for later ones
	rankNever = -(int64(1) << 62)
)

// rankBase returns the first rank that belongs to the post's time.
func rankBase(published int64, id blog.ID) int64 {
	if published > 0 {
		return published << rankBits
	}
	return rankNever + id.Time().UnixMilli()<<rankBits
}

// newRank finds the rank of a post that has none yet.
func newRank(c *conn, published int64, id blog.ID) (int64, error) {
	rank, ok, err := freeRank(c, published, id)
	if err != nil || ok {
		return rank, err
	}
	if err := respread(c, rankBase(published, id)); err != nil {
		return 0, err
	}
	rank, _, err = freeRank(c, published, id)
	return rank, err
}

// freeRank returns a rank between the neighbours; ok is false if there is no room.
func freeRank(c *conn, published int64, id blog.ID) (rank int64, ok bool, err error) {
	before, _, err := rankBefore(c, published, id, false)
	if err != nil {
		return 0, false, err
	}
	after, _, err := rankAfter(c, published, id, false)
	if err != nil {
		return 0, false, err
	}
	base := rankBase(published, id)
	low, high := max(before, base-1), min(after, base+rankSpan)
	if high-low < 2 {
		return 0, false, nil
	}
	return between(low, high, before >= base, after < base+rankSpan), true, nil
}

// respread gives all posts of one millisecond new ranks with room between them.
// It writes each of them anew, but comes up only where very many share it.
func respread(c *conn, base int64) error {
	var keys []int64
	err := c.each("SELECT key FROM posts WHERE rank BETWEEN ? AND ? ORDER BY rank", func(s *sqlite.Stmt) error {
		keys = append(keys, s.ColumnInt64(0))
		return nil
	}, base, base+rankSpan-1)
	if err != nil {
		return err
	}
	step := rankSpan * 3 / 4 / int64(len(keys)+1)
	if step == 0 {
		return blog.Wrap(blog.CodeStorageFull, errors.New("sqlite: too many posts of one millisecond"))
	}
	for i, key := range keys { // aside first: ranks are unique
		if err := moveRank(c, key, math.MinInt64+2+int64(i)); err != nil {
			return err
		}
	}
	for i, key := range keys {
		if err := moveRank(c, key, base+int64(i+1)*step); err != nil {
			return err
		}
	}
	return nil
}

func moveRank(c *conn, key, rank int64) error {
	p, err := getPostByKey(c, key)
	if err != nil {
		return err
	}
	if err := unindex(c, &p); err != nil {
		return err
	}
	p.rank = rank
	if err := c.exec("UPDATE posts SET rank = ? WHERE key = ?", rank, key); err != nil {
		return err
	}
	return index(c, &p)
}

// between picks a free place in low < x < high: near the neighbour there is, so
// that a series in either direction lasts (some 200,000 posts), or in the middle.
func between(low, high int64, hasLow, hasHigh bool) int64 {
	step := min(max((high-low)>>(rankBits-4), 1), rankStep)
	switch {
	case hasLow && !hasHigh:
		return low + step
	case hasHigh && !hasLow:
		return high - step
	case !hasLow:
		return low + (high-low)/8 // ids mostly grow: more room is needed above
	}
	return low + (high-low)/2
}

// rankBefore returns the rank of the last post up to (published, id), itself
// included or not; the lowest number if there is none.
func rankBefore(c *conn, published int64, id blog.ID, included bool) (int64, bool, error) {
	op := "<"
	if included {
		op = "<="
	}
	return oneRank(c, "SELECT rank FROM posts WHERE (published, id) "+op+" (?, ?) ORDER BY published DESC, id DESC LIMIT 1", published, id, math.MinInt64+1)
}

// rankAfter is rankBefore in the other direction.
func rankAfter(c *conn, published int64, id blog.ID, included bool) (int64, bool, error) {
	op := ">"
	if included {
		op = ">="
	}
	return oneRank(c, "SELECT rank FROM posts WHERE (published, id) "+op+" (?, ?) ORDER BY published, id LIMIT 1", published, id, math.MaxInt64)
}

func oneRank(c *conn, query string, published int64, id blog.ID, none int64) (int64, bool, error) {
	rank := none
	found, err := c.one(query, func(s *sqlite.Stmt) error { rank = s.ColumnInt64(0); return nil }, published, id)
	return rank, found, err
}
