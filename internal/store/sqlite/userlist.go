package sqlite

import (
	"context"
	"strings"

	"inkstone/internal/blog"
)

// userColumns are the columns of the sort fields; each has the index
// users_<column> on (role, active, column, id).
var userColumns = map[string]string{
	"createdAt": "created", "updatedAt": "updated", "username": "username", "email": "email", "lastLogin": "last_login",
}

// List implements blog.Users.
func (r users) List(ctx context.Context, f blog.UserFilter) (list blog.Listed[*blog.User], err error) {
	err = r.view(ctx, "users.list", searchLimit, func(c *conn) error {
		list, err = listUsers(c, f)
		return err
	})
	return list, err
}

func listUsers(c *conn, f blog.UserFilter) (list blog.Listed[*blog.User], err error) {
	phrase := blog.GramPhrase(f.Search)
	if list.Total, err = countUsers(c, f, phrase); err != nil || list.Total == 0 {
		return list, err
	}
	q := findUsers(f, phrase)
	q.add(" ORDER BY 2"+direction(f.Order)+", 3"+direction(f.Order)+" LIMIT +? OFFSET +?", f.Page.Limit+1, f.Page.Offset())
	places, err := collect(c, q.sql, 0, q.args)
	if err != nil {
		return list, err
	}
	for _, at := range places[:min(len(places), f.Page.Limit)] {
		u, err := getUser(c, "WHERE u.key = ?", at.key)
		if err != nil {
			return list, err
		}
		list.Items = append(list.Items, &u.User)
	}
	if len(places) > f.Page.Limit {
		list.Next = f.Cursor(list.Items[len(list.Items)-1])
	}
	return list, nil
}

// findUsers selects keys, what they are sorted by, and ids: one arm for each role
// and state that the filter allows, merged by SQLite; or the hits of a search.
func findUsers(f blog.UserFilter, phrase blog.Phrase) (q query) {
	column := userColumns[f.Order.Field]
	for i, group := range f.Groups() {
		if i > 0 {
			q.add(" UNION ALL ")
		}
		if phrase != nil {
			q.add("SELECT u.key, u."+column+", u.id FROM users_fts f CROSS JOIN users u ON u.key = f.rowid WHERE f.users_fts MATCH ? AND +u.role = ? AND +u.active = ?",
				quote(phrase), string(group.Role), group.Active)
		} else {
			q.add("SELECT u.key, u."+column+", u.id FROM users u INDEXED BY users_"+column+" WHERE u.role = ? AND u.active = ?", string(group.Role), group.Active)
		}
		follow(&q, f.Order, f.Page.After, "u", column)
	}
	return q
}

func countUsers(c *conn, f blog.UserFilter, phrase blog.Phrase) (total int64, err error) {
	if phrase != nil {
		return countFound(c, f, phrase)
	}
	for _, group := range f.Groups() {
		n, err := c.number("SELECT n FROM user_counts WHERE role = ? AND active = ?", string(group.Role), group.Active)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func countFound(c *conn, f blog.UserFilter, phrase blog.Phrase) (int64, error) {
	if f.Role == "" && f.Active == nil {
		return c.number("SELECT count(*) FROM users_fts WHERE users_fts MATCH ?", quote(phrase))
	}
	var arms []string
	var args []any
	for _, group := range f.Groups() {
		arms = append(arms, "(+u.role = ? AND +u.active = ?)")
		args = append(args, string(group.Role), group.Active)
	}
	if arms == nil {
		return 0, nil
	}
	return c.number("SELECT count(*) FROM users_fts f CROSS JOIN users u ON u.key = f.rowid WHERE f.users_fts MATCH ? AND ("+strings.Join(arms, " OR ")+")",
		append([]any{quote(phrase)}, args...)...)
}
