package sqlite

import (
	"strings"

	"inkstone/internal/blog"
)

// A list is read from an index that already has its order. Where a filter allows
// several statuses or tags there is one arm for each, and SQLite merges the
// sorted arms (UNION with ORDER BY), so that a page costs what it holds, not
// what the filter matches.

// query is a statement under construction.
type query struct {
	sql  string
	args []any
}

func (q *query) add(sql string, args ...any) {
	q.sql += sql
	q.args = append(q.args, args...)
}

// union joins the arms; a post with two of the tags is in two of them, but counts once.
func (sel selection) union(arms []query) (all query) {
	join := " UNION ALL "
	if len(sel.tags) > 1 {
		join = " UNION "
	}
	for i, arm := range arms {
		if i > 0 {
			all.sql += join
		}
		all.add(arm.sql, arm.args...)
	}
	return all
}

// driver is the index that a walk by rank follows.
type driver int

const (
	byStatus driver = iota
	byCategory
	byAuthor
	byTag
)

// driver picks the index with the fewest rows to pass, and how many that are.
func (sel selection) driver(c *conn) (best driver, rows int64, err error) {
	if rows, err = countPosts(c, sel.status, 0, "", ""); err != nil {
		return byStatus, 0, err
	}
	better := func(d driver, author int64, category string) error {
		n, err := countPosts(c, sel.status, author, category, "")
		if n <= rows {
			best, rows = d, n
		}
		return err
	}
	if sel.category != "" {
		err = better(byCategory, 0, sel.category)
	}
	if sel.author != 0 && err == nil {
		err = better(byAuthor, sel.author, "")
	}
	if len(sel.tags) == 0 || err != nil {
		return best, rows, err
	}
	tagged, err := sel.countTagged(c)
	if best == byStatus || tagged <= rows {
		best, rows = byTag, min(rows, tagged)
	}
	return best, rows, err
}

// countTagged returns how many posts have the tags; those with two of them count twice.
func (sel selection) countTagged(c *conn) (rows int64, err error) {
	for _, tag := range sel.tags {
		n, err := countPosts(c, sel.status, 0, "", tag)
		if err != nil {
			return 0, err
		}
		rows += n
	}
	return rows, nil
}

// sparse is how many rows of an index are too many to be passed for few posts. Tests lower it.
var sparse int64 = 2048

// scattered reports whether the selected posts are few among the rows of the best
// index: a category and a tag that seldom meet. The full-text index, where each
// post has both, intersects them some thirty times as fast as a walk looks at them.
func (sel selection) scattered(rows, total int64) bool {
	return !sel.ranged && total <= int64(fewHits) && rows > max(sparse, 8*total)
}

// arms returns the query of each arm of the selection along an index by rank,
// between low and high: keys, then what columns names of the posts p.
func (sel selection) arms(d driver, columns string, low, high int64) (arms []query) {
	for _, status := range statuses(sel.status) {
		if d != byTag {
			arms = append(arms, sel.arm(d, columns, status, low, high))
			continue
		}
		for _, tag := range sel.tags {
			arms = append(arms, sel.tagArm(columns, status, tag, low, high))
		}
	}
	return arms
}

func (sel selection) tagArm(columns string, status int, tag string, low, high int64) (q query) {
	if columns == "p.rank" && sel.category == "" && sel.author == 0 {
		q.add("SELECT t.post, t.rank FROM post_tags t WHERE t.tag = ? AND t.status = ? AND t.rank BETWEEN ? AND ?", tag, status, low, high)
		return q
	}
	q.add("SELECT p.key, "+columns+" FROM post_tags t CROSS JOIN posts p ON p.key = t.post WHERE t.tag = ? AND t.status = ? AND t.rank BETWEEN ? AND ?", tag, status, low, high)
	sel.residue(&q, byTag)
	return q
}

func (sel selection) arm(d driver, columns string, status int, low, high int64) (q query) {
	q.add("SELECT p.key, "+columns+" FROM posts p INDEXED BY "+[...]string{"posts_status", "posts_category", "posts_author"}[d]+" WHERE p.status = ?", status)
	switch d {
	case byCategory:
		q.add(" AND p.category = ?", sel.category)
	case byAuthor:
		q.add(" AND p.author = ?", sel.author)
	}
	q.add(" AND p.rank BETWEEN ? AND ?", low, high)
	sel.residue(&q, d)
	return q
}

// residue adds the conditions that the index does not cover.
func (sel selection) residue(q *query, d driver) {
	if sel.category != "" && d != byCategory {
		q.add(" AND +p.category = ?", sel.category)
	}
	if sel.author != 0 && d != byAuthor {
		q.add(" AND +p.author = ?", sel.author)
	}
	if len(sel.tags) > 0 && d != byTag {
		q.add(" AND EXISTS (SELECT 1 FROM post_tags t WHERE t.status = p.status AND t.rank = p.rank AND t.tag IN (?" + strings.Repeat(", ?", len(sel.tags)-1) + "))")
		for _, tag := range sel.tags {
			q.args = append(q.args, tag)
		}
	}
}

// walkRank reads a page in the order of publishedAt.
func (sel selection) walkRank(c *conn, d driver, o blog.Order, page blog.Page) ([]place, error) {
	low, high, err := sel.bounds(c, page.After, o.Desc)
	if err != nil {
		return nil, err
	}
	q := sel.union(sel.arms(d, "p.rank", low, high))
	q.add(" ORDER BY 2"+direction(o)+" LIMIT +? OFFSET +?", page.Limit+1, page.Offset())
	return collect(c, q.sql, 0, q.args)
}

func direction(o blog.Order) string {
	if o.Desc {
		return " DESC"
	}
	return ""
}

// sortColumns are the columns of the sort fields other than the rank's; each has
// the index posts_<column> on (status, column, id).
var sortColumns = map[string]string{
	"createdAt": "created", "updatedAt": "updated", "viewCount": "views",
	"likeCount": "likes", "commentCount": "comments", "title": "title",
}

// walkField reads a page in the order of a field: few matches are found by the
// filter's index and sorted; of many the next ones come soon along the field's index.
func (sel selection) walkField(c *conn, d driver, rows int64, o blog.Order, page blog.Page, total int64) ([]place, error) {
	if sel.ranged {
		rows = min(rows, total)
	}
	all, err := countPosts(c, sel.status, 0, "", "")
	if err != nil {
		return nil, err
	}
	column := sortColumns[o.Field]
	var arms []query
	if passed := float64(page.Offset()+int64(page.Limit)+1) * float64(all) / float64(total); float64(rows) <= passed && rows < all {
		arms = sel.arms(d, "p."+column+", p.id", sel.low, sel.high)
	} else {
		arms = sel.fieldArms(column)
	}
	for i := range arms {
		follow(&arms[i], o, page.After, "p", column)
	}
	q := sel.union(arms)
	q.add(" ORDER BY 2"+direction(o)+", 3"+direction(o)+" LIMIT +? OFFSET +?", page.Limit+1, page.Offset())
	return collect(c, q.sql, 0, q.args)
}

func (sel selection) fieldArms(column string) (arms []query) {
	for _, status := range statuses(sel.status) {
		var q query
		q.add("SELECT p.key, p."+column+", p.id FROM posts p INDEXED BY posts_"+column+" WHERE p.status = ?", status)
		if sel.ranged {
			q.add(" AND +p.rank BETWEEN ? AND ?", sel.low, sel.high)
		}
		sel.residue(&q, byStatus)
		arms = append(arms, q)
	}
	return arms
}

// follow narrows a query to what comes after a cursor by a table's column and id.
func follow(q *query, o blog.Order, after *blog.Cursor, table, column string) {
	if after == nil {
		return
	}
	op := ">"
	if o.Desc {
		op = "<"
	}
	var value any = after.Int
	switch column {
	case "title", "username", "email":
		value = after.Text
	}
	q.add(" AND ("+table+"."+column+", "+table+".id) "+op+" (?, ?)", value, after.ID)
}
