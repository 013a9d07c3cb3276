package sqlite

import (
	"cmp"
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
	terms  *terms // of both, if they are cut already
	facets string
}

// terms are the terms of a post. To cut them takes a tenth of what a new post costs: who
// creates one does it before his turn at the writer, for which all others wait.
type terms struct{ title, body string }

// cutSize is how long a content may be, in bytes, to be cut before the turn: its terms, more
// than twice as long, are in memory then while the writer is busy with others.
const cutSize = 1 << 20

func cut(title, body string) *terms { return &terms{blog.Terms(title), blog.Terms(body)} }

// cutEarly returns nil for what is too large for that.
func cutEarly(p *blog.Post) *terms {
	if len(p.Content) > cutSize {
		return nil
	}
	return cut(p.Title, p.Content)
}

// indexText leaves the row of a post to be written at the end of the transaction:
// FTS5 empties its memory into a new segment at each savepoint, and one segment for
// each post would have to be merged with others again and again.
func indexText(c *conn, p *postRow) {
	facets := []string{statusFacet(statusNumber(p.Status)), authorFacet(p.author), categoryFacet(p.Category)}
	for _, tag := range p.Tags {
		facets = append(facets, tagFacet(tag))
	}
	c.texts = append(c.texts, text{rank: p.rank, title: p.Title, body: p.Content, terms: p.terms, facets: strings.Join(facets, " ")})
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
	if t.terms == nil {
		t.terms = cut(t.title, t.body)
	}
	return c.exec("INSERT INTO posts_fts (rowid, title, body, facets) VALUES (?, ?, ?, ?)",
		t.rank, t.terms.title, t.terms.body, t.facets)
}
