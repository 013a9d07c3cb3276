package postgres

import (
	"context"
	"fmt"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// A list is one statement, so that its items and its total agree: the total, from the
// counters where they have it, and beside it the page. A page is read from an index that
// has its order: where a filter allows several statuses or tags there is one arm for
// each, sorted and limited by itself, and the arms are merged.

// query is a statement under construction.
type query struct {
	strings.Builder
	args []any
}

// arg adds an argument and returns its name.
func (q *query) arg(value any) string {
	q.args = append(q.args, value)
	return fmt.Sprintf("$%d", len(q.args))
}

func (q *query) add(parts ...string) {
	for _, p := range parts {
		q.WriteString(p)
	}
}

// selection is a filter in the terms of the tables.
type selection struct {
	blog.PostFilter
	status    int // 0: all
	low, high int64
	ranged    bool // low <= published <= high
}

// List implements blog.Posts.
func (p posts) List(ctx context.Context, f blog.PostFilter) (list blog.Listed[*blog.Post], err error) {
	sel, ok := resolve(f)
	if !ok {
		return list, ctx.Err()
	}
	if !f.Search.IsZero() {
		err = p.search(ctx, "posts.search", func(ctx context.Context, c *pgx.Conn) error {
			list, err = searchPosts(ctx, c, sel)
			return err
		})
		return list, err
	}
	err = p.read(ctx, "posts.list", func(ctx context.Context, q querier) error {
		list, err = listPosts(ctx, q, sel)
		return err
	})
	return list, err
}

// resolve turns a filter into a selection; ok is false if nothing can match.
func resolve(f blog.PostFilter) (sel selection, ok bool) {
	sel = selection{PostFilter: f, status: f.Status.Number()}
	sel.Tags = f.DistinctTags()
	sel.low, sel.high, sel.ranged = f.Dated()
	return sel, !f.Nothing()
}

// listPosts reads a page. One far out is asked for only if it is there.
func listPosts(ctx context.Context, q querier, sel selection) (list blog.Listed[*blog.Post], err error) {
	if sel.Page.Offset() > 0 {
		total := &query{}
		total.add("SELECT ")
		sel.total(total)
		if err := q.QueryRow(ctx, total.String(), total.args...).Scan(&list.Total); err != nil || sel.Page.Offset() >= list.Total {
			return list, err
		}
	}
	return readList(ctx, q, sel)
}

func readList(ctx context.Context, q querier, sel selection) (list blog.Listed[*blog.Post], err error) {
	statement := sel.statement()
	if sel.particular() {
		statement.args = append([]any{pgx.QueryExecModeExec}, statement.args...)
	}
	rows, err := q.Query(ctx, statement.String(), statement.args...)
	if err != nil {
		return list, err
	}
	list, text, err := sel.collect(rows)
	if err == nil {
		err = relieve(ctx, q, text)
	}
	return list, err
}

// collect reads what statement has found, and returns how many bytes of contents came.
func (sel selection) collect(found pgx.Rows) (list blog.Listed[*blog.Post], text int64, err error) {
	var sizes blog.Bare
	bare, rows := false, 0
	err = forEach(found, func(r pgx.Rows) error {
		post := &blog.Post{}
		var tier, size, all int64
		into := append([]any{&list.Total, intoInt{&tier}, intoInt{&size}, intoInt{&all}, intoText{&post.Content}}, intoPost(post)...)
		if err := r.Scan(into...); err != nil || post.ID.IsZero() { // the total alone: the page is empty
			return err
		}
		if rows++; rows > sel.Page.Limit {
			return nil // there is more
		}
		post.Tier = int(tier)
		list.Items = append(list.Items, post)
		bare = all > sel.maxText()
		sizes.All, sizes.Largest = all, max(sizes.Largest, size)
		return nil
	})
	if err != nil {
		return blog.Listed[*blog.Post]{}, 0, err
	}
	if rows > sel.Page.Limit {
		list.Next = sel.Cursor(list.Items[len(list.Items)-1])
	}
	if bare {
		list.Bare = &sizes
		return list, 0, nil
	}
	return list, sizes.All, nil
}

// particular tells whether a list is planned for its own values each time. A prepared
// statement soon has a plan for average ones: sorted by another field than the time, it
// would look for a rare category along an index of all posts. And pages that few ask for are
// not worth a prepared statement each.
func (sel selection) particular() bool {
	filtered := sel.Category != "" || !sel.Author.IsZero()
	return filtered && sortColumns[sel.Order.Field] != "published" || sel.Page.Offset() > 0
}

func (sel selection) maxText() int64 {
	if sel.MaxText == 0 {
		return math.MaxInt64
	}
	return sel.MaxText
}

// statement is the whole list: a row for each post of the page, and one more if more
// follow; or a row with the total and no post.
func (sel selection) statement() *query {
	q := &query{}
	if sel.Search.IsZero() {
		q.add("WITH page AS MATERIALIZED (")
		sel.page(q)
		q.add("), t AS (SELECT ")
		sel.total(q)
		q.add(" AS total)")
	} else {
		sel.search(q)
	}
	order := direction(sel.Order)
	limit := fmt.Sprint(sel.Page.Limit)
	q.add(", numbered AS (SELECT id, sort, tier, row_number() OVER (ORDER BY ", sel.sortTier(), "sort", order, ", id", order, ") AS n FROM page)",
		", sized AS (SELECT x.n, x.tier, octet_length(p.content) AS size, sum(CASE WHEN x.n <= ", limit, " THEN octet_length(p.content) END) OVER () AS whole, p.* FROM numbered x JOIN posts p ON p.id = x.id)",
		" SELECT t.total, p.tier, p.size, p.whole, CASE WHEN p.n <= ", limit, " AND p.whole <= ", q.arg(sel.maxText()), "::bigint THEN p.content END, ", postColumns,
		" FROM t LEFT JOIN (sized p JOIN users u ON u.id = p.author) ON true ORDER BY p.n")
	return q
}

// sortTier is what a list sorted by relevance is sorted by first.
func (sel selection) sortTier() string {
	if sel.byRelevance() {
		return "tier DESC, "
	}
	return ""
}

func (sel selection) byRelevance() bool {
	return sel.Order.Field == "relevance" && !sel.Search.IsZero()
}

func direction(o blog.Order) string {
	if o.Desc || o.Field == "relevance" {
		return " DESC"
	}
	return ""
}

// total writes an expression for how many posts are selected.
func (sel selection) total(q *query) {
	switch {
	case !sel.ranged && len(sel.Tags) <= 1:
		tag := ""
		if len(sel.Tags) == 1 {
			tag = sel.Tags[0]
		}
		q.add("(SELECT coalesce(sum(n), 0)::bigint FROM post_counts WHERE status = ANY (", q.arg(statuses(sel.status)), ") AND author = ", q.arg(anyOrKey(sel.Author)),
			" AND category = ", q.arg(sel.Category), " AND tag = ", q.arg(tag), ")")
	case len(sel.Tags) > 0:
		q.add("(SELECT count(DISTINCT x.post) FROM post_tags x WHERE x.tag = ANY (", q.arg(sel.Tags), ") AND x.status = ANY (", q.arg(statuses(sel.status)), ")")
		sel.narrow(q)
		q.add(")")
	default:
		q.add("(SELECT count(*) FROM posts x WHERE x.status = ANY (", q.arg(statuses(sel.status)), ")")
		sel.narrow(q)
		q.add(")")
	}
}

// narrow adds the conditions on author, category and time of a table x.
func (sel selection) narrow(q *query) {
	if !sel.Author.IsZero() {
		q.add(" AND x.author = ", q.arg(key(sel.Author)))
	}
	if sel.Category != "" {
		q.add(" AND x.category = ", q.arg(sel.Category))
	}
	if sel.ranged {
		q.add(" AND x.published BETWEEN ", q.arg(sel.low), " AND ", q.arg(sel.high))
	}
}

// sortColumns are the columns of the sort fields; each but published has the index
// posts_<column> on (status, column, id).
var sortColumns = map[string]string{
	"publishedAt": "published", "relevance": "published", "createdAt": "created", "updatedAt": "updated", "viewCount": "views",
	"likeCount": "likes", "commentCount": "comments", "title": "title",
}

// page writes the arms of a page: id, sort and tier of its posts and of one more.
func (sel selection) page(q *query) {
	order, offset := direction(sel.Order), sel.Page.Offset()
	q.add("SELECT id, sort, tier FROM (")
	first := true
	arm := func(status int16, tag string) {
		if !first {
			if len(sel.Tags) > 1 {
				q.add(" UNION ") // a post with two of the tags counts once
			} else {
				q.add(" UNION ALL ")
			}
		}
		first = false
		q.add("(")
		sel.arm(q, status, tag)
		q.add(fmt.Sprintf(" ORDER BY sort%s, id%s LIMIT %d)", order, order, offset+int64(sel.Page.Limit)+1))
	}
	for _, status := range statuses(sel.status) {
		if len(sel.Tags) == 0 {
			arm(status, "")
		}
		for _, tag := range sel.Tags {
			arm(status, tag)
		}
	}
	q.add(fmt.Sprintf(") arms ORDER BY sort%s, id%s LIMIT %d OFFSET %d", order, order, sel.Page.Limit+1, offset))
}

// arm selects the posts of one status, and one tag if that is not empty.
func (sel selection) arm(q *query, status int16, tag string) {
	column := sortColumns[sel.Order.Field]
	switch {
	case tag == "":
		q.add("SELECT x.id, x.", column, " AS sort, 0 AS tier FROM posts x WHERE x.status = ", q.arg(status))
	case column == "published":
		q.add("SELECT x.post AS id, x.published AS sort, 0 AS tier FROM post_tags x WHERE x.tag = ", q.arg(tag), " AND x.status = ", q.arg(status))
	default:
		q.add("SELECT p.id, p.", column, " AS sort, 0 AS tier FROM post_tags x JOIN posts p ON p.id = x.post WHERE x.tag = ", q.arg(tag), " AND x.status = ", q.arg(status))
	}
	sel.narrow(q)
	table, id := "x", "id"
	switch {
	case tag != "" && column == "published":
		id = "post"
	case tag != "":
		table = "p"
	}
	sel.follow(q, table+"."+column, table+"."+id)
}

// follow narrows a query to what comes after the cursor.
func (sel selection) follow(q *query, column, id string) {
	after := sel.Page.After
	if after == nil {
		return
	}
	op := " > "
	if direction(sel.Order) != "" {
		op = " < "
	}
	var value any = after.Int
	if sel.Order.Field == "title" {
		value = after.Text
	}
	q.add(" AND (", column, ", ", id, ")", op, "(", q.arg(value), ", ", q.arg(key(after.ID)), ")")
}
