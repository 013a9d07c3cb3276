package sqlite

import (
	"encoding/hex"
	"strconv"
	"strings"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// The full-text table holds the terms of title and content, and facets: a token
// for each thing a list can be filtered by, so that a filtered search is one
// intersection inside the index. Facets begin with #, which no term does.

func statusFacet(status int) string { return "#p" + strconv.Itoa(status) }
func authorFacet(key int64) string  { return "#a" + strconv.FormatInt(key, 10) }
func categoryFacet(s string) string { return "#c" + hex.EncodeToString([]byte(s)) }
func tagFacet(s string) string      { return "#t" + hex.EncodeToString([]byte(s)) }

// quote makes an FTS5 string of a phrase: its terms one after the other.
func quote(p blog.Phrase) string {
	return `"` + strings.ReplaceAll(strings.Join(p, " "), `"`, `""`) + `"`
}

// words returns the FTS5 expression of what is searched. It names no columns: no
// term is in the facets and no facet among the terms, and a term in any column
// needs no look at its places in the text.
func (sel selection) words() string {
	var words []string
	for _, p := range sel.search.Phrases {
		words = append(words, quote(p))
	}
	return strings.Join(words, " AND ")
}

// narrowed adds the filters of the selection, but for the ranks, to an expression.
func (sel selection) narrowed(words string) string {
	if facets := sel.facets(); facets != "" {
		return "(" + words + ") AND " + facets
	}
	return words
}

// facets returns the filters of the selection, but for the ranks; "" for none.
func (sel selection) facets() string {
	var all []string
	facet := func(names ...string) {
		for i, n := range names {
			names[i] = quote(blog.Phrase{n})
		}
		all = append(all, "("+strings.Join(names, " OR ")+")")
	}
	if sel.status != 0 {
		facet(statusFacet(sel.status))
	}
	if sel.category != "" {
		facet(categoryFacet(sel.category))
	}
	if sel.author != 0 {
		facet(authorFacet(sel.author))
	}
	if len(sel.tags) > 0 {
		var names []string
		for _, tag := range sel.tags {
			names = append(names, tagFacet(tag))
		}
		facet(names...)
	}
	return strings.Join(all, " AND ")
}

// countMatches returns how many of the selected posts an expression of words finds.
func (sel selection) countMatches(c *conn, words string, low, high int64) (int64, error) {
	few, ok, err := sel.few(c, words)
	switch {
	case err != nil:
		return 0, err
	case ok:
		q := sel.among(few, "count(*)", low, high)
		return c.number(q.sql, q.args...)
	}
	return c.number("SELECT count(*) FROM posts_fts WHERE posts_fts MATCH ? AND rowid BETWEEN ? AND ?", sel.narrowed(words), low, high)
}

// ofAnyStatus returns the expression of the filters but for ranks and status.
func (sel selection) ofAnyStatus() string {
	sel.status = 0
	return sel.facets()
}

// hits reads a page of the selected posts that words find, sorted by a field.
func (sel selection) hits(c *conn, words string, o blog.Order, page blog.Page) ([]place, error) {
	if o.Field == "publishedAt" {
		low, high, err := sel.bounds(c, page.After, o.Desc)
		if err != nil {
			return nil, err
		}
		return sel.matches(c, words, direction(o), low, high, page.Limit+1, page.Offset(), 0)
	}
	column := sortColumns[o.Field]
	few, ok, err := sel.few(c, words)
	if err != nil {
		return nil, err
	}
	var q query
	if ok {
		q = sel.among(few, "p.key, p."+column+", p.id", sel.low, sel.high)
	} else {
		q.add("SELECT p.key, p."+column+", p.id FROM posts_fts f CROSS JOIN posts p ON p.rank = f.rowid WHERE f.posts_fts MATCH ? AND f.rowid BETWEEN ? AND ?",
			sel.narrowed(words), sel.low, sel.high)
	}
	follow(&q, o, page.After, "p", column)
	q.add(" ORDER BY 2"+direction(o)+", 3"+direction(o)+" LIMIT +? OFFSET +?", page.Limit+1, page.Offset())
	return collect(c, q.sql, 0, q.args)
}

// matches reads what words find in the order of the ranks, as the index has them.
func (sel selection) matches(c *conn, words, direction string, low, high int64, limit int, offset int64, tier int) ([]place, error) {
	few, ok, err := sel.few(c, words)
	if err != nil {
		return nil, err
	}
	if ok {
		q := sel.among(few, "p.key", low, high)
		q.add(" ORDER BY p.rank"+direction+" LIMIT +? OFFSET +?", limit, offset)
		return collect(c, q.sql, tier, q.args)
	}
	return collect(c, `SELECT p.key FROM (SELECT rowid AS rank FROM posts_fts
		WHERE posts_fts MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid`+direction+` LIMIT +? OFFSET +?) f
		CROSS JOIN posts p ON p.rank = f.rank ORDER BY f.rank`+direction, tier, []any{sel.narrowed(words), low, high, limit, offset})
}

// fewHits is up to how many hits are looked up one by one. More are intersected with
// the facets inside the index; as the facets' lists are the longest there are, that
// would make even a rare word dearer with every post. Tests lower it.
var fewHits = 256

// few returns the ranks of all posts that words find, whatever the filters, as a
// JSON array; ok is false if they are more than fewHits.
func (sel selection) few(c *conn, words string) (ranks string, ok bool, err error) {
	if ranks, known := sel.found[words]; known {
		return ranks, ranks != "", nil
	}
	all := []byte{'['}
	n := 0
	err = c.each("SELECT rowid FROM posts_fts WHERE posts_fts MATCH ? LIMIT +?", func(s *sqlite.Stmt) error {
		if n++; n > 1 {
			all = append(all, ',')
		}
		all = strconv.AppendInt(all, s.ColumnInt64(0), 10)
		return nil
	}, words, fewHits+1)
	if err == nil && n <= fewHits {
		ranks = string(append(all, ']'))
	}
	sel.found[words] = ranks
	return ranks, ranks != "", err
}

// among asks for columns of those of the posts with the ranks that are selected.
func (sel selection) among(ranks, columns string, low, high int64) (q query) {
	q.add("SELECT "+columns+" FROM json_each(?) few CROSS JOIN posts p ON p.rank = few.value WHERE p.rank BETWEEN ? AND ?", ranks, low, high)
	if sel.status != 0 {
		q.add(" AND +p.status = ?", sel.status)
	}
	sel.residue(&q, byStatus)
	return q
}

// byRelevance reads a page sorted by tier, the newest first in each.
func (sel selection) byRelevance(c *conn, page blog.Page) (places []place, err error) {
	want, skip := page.Limit+1, page.Offset()
	for tier, words := range sel.tiers() {
		tier = 2 - tier
		if words == "" || page.After != nil && tier > page.After.Tier {
			continue
		}
		low, high := sel.low, sel.high
		if page.After != nil && tier == page.After.Tier {
			if low, high, err = sel.bounds(c, page.After, true); err != nil {
				return nil, err
			}
		}
		some, err := sel.matches(c, words, " DESC", low, high, want-len(places), skip, tier)
		if err != nil {
			return nil, err
		}
		places = append(places, some...)
		if len(places) == want {
			break
		}
		if skip, err = sel.skipLeft(c, words, low, high, skip, len(some)); err != nil {
			return nil, err
		}
	}
	return places, nil
}

// skipLeft returns how much of an offset is left behind a tier.
func (sel selection) skipLeft(c *conn, words string, low, high, skip int64, found int) (int64, error) {
	if skip == 0 || found > 0 {
		return 0, nil
	}
	n, err := sel.countMatches(c, words, low, high)
	return max(0, skip-n), err
}

// tiers returns the expressions of the tiers 2, 1 and 0; "" for one that cannot be.
func (sel selection) tiers() [3]string {
	all := sel.words()
	var title []string
	for _, p := range sel.search.Phrases {
		title = append(title, "title : "+quote(p))
	}
	every, any := strings.Join(title, " AND "), strings.Join(title, " OR ")
	tiers := [3]string{every, "", "(" + all + ") NOT (" + any + ")"}
	if len(title) > 1 {
		tiers[1] = "(" + all + " AND (" + any + ")) NOT (" + every + ")"
	}
	return tiers
}
