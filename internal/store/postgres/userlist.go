package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// userSorts are the columns of the sort fields; each has the index users_<column> on
// (role, active, column, id).
var userSorts = map[string]string{
	"createdAt": "created", "updatedAt": "updated", "username": "username", "email": "email", "lastLogin": "last_login",
}

// List implements blog.Users. Items and total come from one statement, so they agree.
func (r users) List(ctx context.Context, f blog.UserFilter) (list blog.Listed[*blog.User], err error) {
	err = r.search(ctx, "users.list", func(ctx context.Context, c *pgx.Conn) error {
		list = blog.Listed[*blog.User]{}
		if len(f.Groups()) == 0 || !blog.CleanText(f.Search) {
			return nil
		}
		users := selectUsers(f)
		return each(ctx, c, users.String(), users.args, func(r pgx.Rows) error {
			var u blog.User
			err := r.Scan(append([]any{&list.Total}, intoUser(&u)...)...)
			if !u.ID.IsZero() { // else there is only the total
				list.Items = append(list.Items, &u)
			}
			return err
		})
	})
	list.Cut(f.Page.Limit, f.Cursor)
	return list, err
}

// selectUsers reads the total with each user of the page, and of one more if more
// follow; the total alone if the page is empty.
func selectUsers(f blog.UserFilter) *query {
	q := &query{}
	if phrase := blog.GramPhrase(f.Search); phrase != nil {
		foundUsers(q, f, phrase)
	} else {
		allUsers(q, f)
	}
	order := direction(f.Order)
	q.add(" ORDER BY sorted", order, ", id", order, " LIMIT ", q.arg(f.Page.Limit+1), " OFFSET ", q.arg(f.Page.Offset()),
		") AS page ON true LEFT JOIN users u ON u.id = page.id ORDER BY page.sorted", order, ", page.id", order)
	return q
}

// foundUsers begins with the hits of a search, which are found once for both.
func foundUsers(q *query, f blog.UserFilter, phrase blog.Phrase) {
	q.add("WITH found AS MATERIALIZED (SELECT u.id, u.", userSorts[f.Order.Field], " AS sorted FROM users u WHERE string_to_array(u.grams, ' ') @> ", q.arg([]string(phrase)))
	if len(phrase) > 1 {
		q.add(" AND strpos(' ' || u.grams || ' ', ", q.arg(" "+strings.Join(phrase, " ")+" "), ") > 0")
	}
	if f.Role != "" || f.Active != nil {
		q.add(" AND (u.role, u.active) IN (", groupList(q, f), ")")
	}
	q.add(") SELECT total, ", userColumns, " FROM (SELECT count(*) AS total FROM found) AS counted LEFT JOIN (SELECT id, sorted FROM found WHERE true")
	followUser(q, f, "sorted", "id")
}

// allUsers begins with one arm for each role and state that the filter allows, each
// read from the index that has its order, and no further than the page goes; past the
// last page none is read.
func allUsers(q *query, f blog.UserFilter) {
	q.add("SELECT total, ", userColumns, " FROM (SELECT coalesce(sum(n), 0)::bigint AS total FROM user_counts WHERE (role, active) IN (", groupList(q, f),
		")) AS counted LEFT JOIN LATERAL (SELECT id, sorted FROM (")
	column, order, before := userSorts[f.Order.Field], direction(f.Order), f.Page.Offset()
	for i, group := range f.Groups() {
		if i > 0 {
			q.add(" UNION ALL ")
		}
		q.add("(SELECT u.id, u.", column, " AS sorted FROM users u WHERE u.role = ", q.arg(string(group.Role)), " AND u.active = ", q.arg(group.Active),
			" AND total > ", q.arg(before))
		followUser(q, f, "u."+column, "u.id")
		q.add(" ORDER BY u.", column, order, ", u.id", order, " LIMIT ", q.arg(before+int64(f.Page.Limit)+1), ")")
	}
	q.add(") AS arms")
}

// followUser narrows a query to what comes after the cursor.
func followUser(q *query, f blog.UserFilter, column, id string) {
	after := f.Page.After
	if after == nil {
		return
	}
	op := " > "
	if f.Order.Desc {
		op = " < "
	}
	var value any = after.Int
	if field := f.Order.Field; field == "username" || field == "email" {
		value = after.Text
	}
	q.add(" AND (", column, ", ", id, ")", op, "(", q.arg(value), ", ", q.arg(key(after.ID)), ")")
}

// groupList writes the roles and states that the filter allows.
func groupList(q *query, f blog.UserFilter) string {
	var pairs []string
	for _, group := range f.Groups() {
		pairs = append(pairs, "("+q.arg(string(group.Role))+", "+q.arg(group.Active)+")")
	}
	return strings.Join(pairs, ", ")
}

// activeAdmins are those of whom one must stay.
var activeAdmins = blog.UserGroup{Role: blog.RoleAdmin, Active: true}
