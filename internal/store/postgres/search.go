package postgres

import (
	"fmt"
	"strings"

	"inkstone/internal/blog"
)

// search writes the parts page and t of a list with a search. All hits are found once,
// by the index of terms, and looked through for phrases; total and page come from them.
func (sel selection) search(q *query) {
	q.add("WITH hits AS MATERIALIZED (")
	sel.hits(q)
	q.add("), page AS (SELECT id, sort, tier FROM hits WHERE true")
	sel.followHit(q)
	order, offset := direction(sel.Order), int64(0)
	if sel.Page.After == nil {
		offset = sel.Page.Offset()
	}
	q.add(fmt.Sprintf(" ORDER BY %ssort%s, id%s LIMIT %d OFFSET %d", sel.sortTier(), order, order, sel.Page.Limit+1, offset),
		"), t AS (SELECT (SELECT count(*) FROM hits) AS total)")
}

// hits selects id, sort and tier of all posts that are found.
func (sel selection) hits(q *query) {
	column := sortColumns[sel.Order.Field]
	q.add("SELECT x.post AS id, ")
	from := " FROM post_terms x"
	if column == "published" {
		q.add("x.published")
	} else {
		q.add("p.", column)
		from += " JOIN posts p ON p.id = x.post"
	}
	q.add(" AS sort, ")
	sel.tier(q)
	sequences := sel.sequences()
	if len(sequences) > 0 {
		from += " JOIN post_texts y ON y.post = x.post"
	}
	q.add(" AS tier", from, " WHERE string_to_array(x.terms, ' ') @> ", q.arg(sel.terms()))
	for _, phrase := range sequences {
		q.add(" AND strpos(y.plain, ", q.arg(phrase.Plain()), ") > 0")
	}
	if sel.status != 0 {
		q.add(" AND x.status = ", q.arg(sel.status))
	}
	if len(sel.Tags) > 0 {
		q.add(" AND x.tags && ", q.arg(sel.Tags))
	}
	sel.narrow(q)
}

// terms are the different terms of all phrases.
func (sel selection) terms() []string {
	var all []string
	for _, phrase := range sel.Search.Phrases {
		all = append(all, phrase...)
	}
	return all
}

// sequences are the phrases of several terms.
func (sel selection) sequences() []blog.Phrase {
	var all []blog.Phrase
	for _, phrase := range sel.Search.Phrases {
		if len(phrase) > 1 {
			all = append(all, phrase)
		}
	}
	return all
}

// tier writes how good a hit is, by the phrases in its title.
func (sel selection) tier(q *query) {
	if !sel.byRelevance() {
		q.add("0")
		return
	}
	var title []string
	for _, phrase := range sel.Search.Phrases {
		title = append(title, "strpos(x.title_terms, "+q.arg(" "+strings.Join(phrase, " ")+" ")+") > 0")
	}
	q.add("CASE WHEN ", strings.Join(title, " AND "), " THEN 2 WHEN ", strings.Join(title, " OR "), " THEN 1 ELSE 0 END")
}

// followHit narrows the hits to what comes after the cursor.
func (sel selection) followHit(q *query) {
	after := sel.Page.After
	if after == nil || !sel.byRelevance() {
		sel.follow(q, "sort", "id")
		return
	}
	tier := q.arg(after.Tier) + "::bigint"
	q.add(" AND (tier < ", tier, " OR tier = ", tier)
	sel.follow(q, "sort", "id")
	q.add(")")
}
