package sqlite

import (
	"context"
	"math"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// place is a row of a page before it is read.
type place struct {
	key  int64
	tier int
}

// selection is a filter in the terms of the file.
type selection struct {
	status   int // 0: all
	author   int64
	category string
	tags     []string
	low      int64 // rank: low <= rank <= high, by From and To
	high     int64
	ranged   bool
	search   blog.Query
	found    map[string]string // results of few, by expression
}

// List implements blog.Posts.
func (p posts) List(ctx context.Context, f blog.PostFilter) (list blog.Listed[*blog.Post], err error) {
	operation, limit := "posts.list", readLimit
	if !f.Search.IsZero() {
		operation, limit = "posts.search", searchLimit
	}
	err = p.view(ctx, operation, limit, func(c *conn) error {
		list, err = listPosts(c, f)
		return err
	})
	return list, err
}

func listPosts(c *conn, f blog.PostFilter) (list blog.Listed[*blog.Post], err error) {
	sel, ok, err := resolve(c, f)
	if err != nil || !ok {
		return list, err
	}
	if list.Total, err = sel.count(c); err != nil || list.Total == 0 {
		return list, err
	}
	if f.Page.Offset() >= list.Total {
		return list, nil
	}
	places, err := sel.places(c, f.Order, f.Page, list.Total)
	if err != nil {
		return list, err
	}
	more := len(places) > f.Page.Limit
	places = places[:min(len(places), f.Page.Limit)]
	if list.Items, list.Bare, err = readListed(c, places, f.MaxText); err != nil {
		return list, err
	}
	if more {
		list.Next = f.Cursor(list.Items[len(list.Items)-1])
	}
	return list, nil
}

// readListed reads the posts of a page, bare if their contents are too large.
func readListed(c *conn, places []place, maxText int64) (items []*blog.Post, bare *blog.Bare, err error) {
	if maxText == 0 {
		maxText = math.MaxInt64
	}
	var sizes blog.Bare
	items = make([]*blog.Post, 0, len(places))
	for _, at := range places {
		row, size, err := peekPostByKey(c, at.key, maxText-sizes.All)
		if err != nil {
			return nil, nil, err
		}
		sizes.All += size
		sizes.Largest = max(sizes.Largest, size)
		row.Tier = at.tier
		items = append(items, &row.Post)
	}
	if sizes.All <= maxText {
		return items, nil, nil
	}
	for _, p := range items {
		p.Content = ""
	}
	return items, &sizes, nil
}

// resolve turns a filter into a selection; ok is false if nothing can match.
func resolve(c *conn, f blog.PostFilter) (sel selection, ok bool, err error) {
	if f.Nothing() {
		return sel, false, nil
	}
	sel = selection{
		status: f.Status.Number(), category: f.Category, tags: f.DistinctTags(), search: f.Search,
		low: math.MinInt64, high: math.MaxInt64, found: map[string]string{},
	}
	if low, high, ranged := f.Dated(); ranged {
		sel.low, sel.high = rankRange(low, high)
		sel.ranged = true
	}
	if f.Author.IsZero() {
		return sel, true, nil
	}
	sel.author, err = c.number("SELECT key FROM users WHERE id = ?", f.Author)
	return sel, sel.author != 0, err
}

// rankRange returns the ranks of the posts published from low to high, in milliseconds.
func rankRange(low, high int64) (first, last int64) {
	latest := blog.LatestDate.UnixMilli()
	return min(low, latest) << rankBits, (min(max(high, -1), latest)+1)<<rankBits - 1
}

// count returns how many posts are selected: from the counters if it can.
func (sel selection) count(c *conn) (int64, error) {
	switch {
	case !sel.search.IsZero():
		return sel.countMatches(c, sel.words(), sel.low, sel.high)
	case !sel.ranged && len(sel.tags) == 0:
		return countPosts(c, sel.status, sel.author, sel.category, "")
	case !sel.ranged && len(sel.tags) == 1:
		return countPosts(c, sel.status, sel.author, sel.category, sel.tags[0])
	}
	d, _, err := sel.driver(c)
	if err != nil {
		return 0, err
	}
	q := sel.union(sel.arms(d, "p.rank", sel.low, sel.high))
	return c.number("SELECT count(*) FROM ("+q.sql+")", q.args...)
}

func (sel selection) places(c *conn, o blog.Order, page blog.Page, total int64) ([]place, error) {
	searched := !sel.search.IsZero()
	switch {
	case searched && o.Field == "relevance":
		return sel.byRelevance(c, page)
	case searched:
		return sel.hits(c, sel.words(), o, page)
	case o.Field == "relevance":
		o = blog.Order{Field: "publishedAt", Desc: true}
	}
	d, rows, err := sel.driver(c)
	switch {
	case err != nil:
		return nil, err
	case sel.scattered(rows, total):
		return sel.hits(c, sel.ofAnyStatus(), o, page)
	case o.Field == "publishedAt":
		return sel.walkRank(c, d, o, page)
	}
	return sel.walkField(c, d, rows, o, page, total)
}

// bounds narrows the ranks to those that follow a cursor, whether or not its post is
// still there.
func (sel selection) bounds(c *conn, after *blog.Cursor, desc bool) (low, high int64, err error) {
	low, high = sel.low, sel.high
	if after == nil {
		return low, high, nil
	}
	if desc {
		at, found, err := rankAfter(c, after.Int, after.ID, true)
		if found {
			high = min(high, at-1)
		}
		return low, high, err
	}
	at, found, err := rankBefore(c, after.Int, after.ID, true)
	if found {
		low = max(low, at+1)
	}
	return low, high, err
}

func collect(c *conn, query string, tier int, args []any) (places []place, err error) {
	err = c.each(query, func(s *sqlite.Stmt) error {
		places = append(places, place{s.ColumnInt64(0), tier})
		return nil
	}, args...)
	return places, err
}
