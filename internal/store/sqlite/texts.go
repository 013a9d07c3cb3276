package sqlite

import (
	"cmp"
	"runtime/debug"
	"slices"
	"strings"

	"inkstone/internal/blog"
)

// text is a change of the full-text table: a post's row that comes, or goes.
type text struct {
	rank   int64
	gone   bool
	title  string
	body   string
	facets string
}

// indexText leaves the row of a post to be written at the end of the transaction:
// FTS5 empties its memory into a new segment at each savepoint, and one segment for
// each post would have to be merged with others again and again.
func indexText(c *conn, p *postRow) {
	facets := []string{statusFacet(p.Status.Number()), authorFacet(p.author), categoryFacet(p.Category)}
	for _, tag := range p.Tags {
		facets = append(facets, tagFacet(tag))
	}
	c.texts = append(c.texts, text{rank: p.rank, title: p.Title, body: p.Content, facets: strings.Join(facets, " ")})
}

// unindexText leaves the row of a rank to be removed at the end of the transaction.
func unindexText(c *conn, rank int64) {
	c.texts = append(c.texts, text{rank: rank, gone: true})
}

// writeTexts makes the changes that wait: the rows in the order of their ranks, as
// FTS5 begins a new segment at each step back; those of one row as they came.
func (c *conn) writeTexts() error {
	texts := c.texts
	c.texts = nil
	slices.SortStableFunc(texts, func(a, b text) int { return cmp.Compare(a.rank, b.rank) })
	for _, t := range texts {
		if err := c.writeText(t); err != nil {
			return err
		}
	}
	return nil
}

func (c *conn) writeText(t text) error {
	if t.gone {
		return c.exec("DELETE FROM posts_fts WHERE rowid = ?", t.rank)
	}
	var body strings.Builder
	blog.WriteTerms(&body, t.body)
	body.WriteByte(0)
	if isLarge(t.body) {
		debug.FreeOSMemory() // before FTS5 takes more
		defer debug.FreeOSMemory()
	}
	stmt, err := c.bound("INSERT INTO posts_fts (rowid, title, facets, body) VALUES (?, ?, ?, ?)", []any{t.rank, blog.Terms(t.title), t.facets})
	if err != nil {
		return err
	}
	return runInPlace(stmt, 4, body.String())
}
