package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// manyTexts is how many texts a search looks into alone. More it shares with processes
// of the server that have nothing else to do: to start them takes longer than a thousand texts.
const manyTexts = 5000

// How a search is planned; both hold for the statement that is sent with them. Alone it has
// one plan for all values, as there is no better one, and to make it takes longer than a rare
// word. Shared out it has the hits in memory, and rows are taken for dear: PostgreSQL has no
// statistics of terms and believes that there are few of them.
const (
	alone  = `SELECT set_config('plan_cache_mode', 'force_generic_plan', true), set_config('max_parallel_workers_per_gather', '0', true)`
	shared = `SELECT set_config('plan_cache_mode', 'force_custom_plan', true), set_config('work_mem', '16MB', true), set_config('cpu_tuple_cost', '1000', true),
	set_config('parallel_setup_cost', '0', true), set_config('parallel_tuple_cost', '0', true), set_config('min_parallel_table_scan_size', '0', true)`
)

// searchPosts reads a page of what is found.
func searchPosts(ctx context.Context, c *pgx.Conn, sel selection) (list blog.Listed[*blog.Post], err error) {
	many, err := sel.looksIntoMany(ctx, c)
	if err != nil {
		return list, err
	}
	statement, batch := sel.statement(), &pgx.Batch{}
	if many {
		batch.Queue(shared)
	} else {
		batch.Queue(alone)
	}
	batch.Queue(statement.String(), statement.args...)
	list, text, err := sel.searched(c.SendBatch(ctx, batch))
	if err == nil {
		err = relieve(ctx, c, text)
	}
	return list, err
}

// searched reads the answers to a setting and to statement.
func (sel selection) searched(answers pgx.BatchResults) (list blog.Listed[*blog.Post], text int64, err error) {
	defer func() {
		if closed := answers.Close(); err == nil {
			err = closed
		}
	}()
	if _, err := answers.Exec(); err != nil {
		return list, 0, err
	}
	rows, err := answers.Query()
	if err != nil {
		return list, 0, err
	}
	return sel.collect(rows)
}

// looksIntoMany tells whether there are many texts to be looked into for phrases.
func (sel selection) looksIntoMany(ctx context.Context, q querier) (many bool, err error) {
	if len(sel.sequences()) == 0 {
		return false, nil
	}
	count := &query{}
	count.add(fmt.Sprintf("SELECT count(*) > %d FROM (SELECT FROM post_terms x WHERE ", manyTexts))
	sel.having(count)
	count.add(fmt.Sprintf(" LIMIT %d) found", manyTexts+1))
	err = q.QueryRow(ctx, count.String(), count.args...).Scan(&many)
	return many, err
}

// search writes the parts page and t of a list with a search. All hits are found once,
// by the index of terms, and looked through for phrases; total and page come from them.
func (sel selection) search(q *query) {
	q.add("WITH hits AS MATERIALIZED (")
	sel.hits(q)
	q.add("), page AS (SELECT id, sort, tier FROM hits WHERE true")
	sel.followHit(q)
	order := direction(sel.Order)
	q.add(fmt.Sprintf(" ORDER BY %ssort%s, id%s LIMIT %d OFFSET %d", sel.sortTier(), order, order, sel.Page.Limit+1, sel.Page.Offset()),
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
	q.add(" AS tier", from, " WHERE ")
	sel.having(q)
	for _, phrase := range sequences {
		q.add(" AND strpos(y.plain, ", q.arg(phrase.Plain()), ") > 0")
	}
}

// having are the conditions on a table x of terms.
func (sel selection) having(q *query) {
	q.add("string_to_array(x.terms, ' ') @> ", q.arg(sel.terms()))
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
