package sqlite

import (
	"context"
	"time"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

type users struct{ *Store }

// userRow is a user with the key he has in the file.
type userRow struct {
	blog.User
	key int64
}

const allOfUser = `u.key, u.id, u.username, u.avatar, u.first_name, u.last_name, u.bio, u.website, u.location,
	u.email, u.password_hash, u.role, u.active, u.last_login, u.created, u.updated, u.token_version, u.tokens_from`

const selectUser = "SELECT " + allOfUser + " FROM users u "

func scanUser(s *sqlite.Stmt) (u userRow) {
	a := scanAuthor(s, 1)
	u.key, u.ID, u.Username, u.Avatar, u.Profile = s.ColumnInt64(0), a.ID, a.Username, a.Avatar, a.Profile
	u.Email, u.PasswordHash, u.Role, u.Active = s.ColumnText(9), s.ColumnText(10), blog.Role(s.ColumnText(11)), s.ColumnBool(12)
	u.LastLogin, u.CreatedAt, u.UpdatedAt = columnTime(s, 13), columnTime(s, 14), columnTime(s, 15)
	u.TokenVersion, u.TokensFrom = s.ColumnInt64(16), columnTime(s, 17)
	return u
}

// getUser reads the user for whom where holds. CodeUserNotFound.
func getUser(c *conn, where string, arg any) (u userRow, err error) {
	found, err := c.one(selectUser+where, func(s *sqlite.Stmt) error { u = scanUser(s); return nil }, arg)
	if err == nil && !found {
		err = blog.Fail(blog.CodeUserNotFound)
	}
	return u, err
}

// authorRow is an author with his key.
type authorRow struct {
	blog.Author
	key int64
}

// getAuthor reads the public part of a user. CodeUserNotFound.
func getAuthor(c *conn, id blog.ID) (a authorRow, err error) {
	found, err := c.one(`SELECT key, id, username, avatar, first_name, last_name, bio, website, location FROM users WHERE id = ?`,
		func(s *sqlite.Stmt) error {
			a = authorRow{scanAuthor(s, 1), s.ColumnInt64(0)}
			return nil
		}, id)
	if err == nil && !found {
		err = blog.Fail(blog.CodeUserNotFound)
	}
	return a, err
}

// Create implements blog.Users.
func (r users) Create(ctx context.Context, u *blog.User) error {
	return r.write(ctx, "users.create", func(c *conn) error { return createUser(c, u) })
}

// CreateFirstAdmin implements blog.Users.
func (r users) CreateFirstAdmin(ctx context.Context, u *blog.User) (created bool, err error) {
	err = r.write(ctx, "users.createfirstadmin", func(c *conn) error {
		created = false // it may run again
		admins, err := c.number("SELECT sum(n) FROM user_counts WHERE role = 'admin'")
		if err != nil || admins > 0 {
			return err
		}
		created = true
		return createUser(c, u)
	})
	return created && err == nil, err
}

func createUser(c *conn, u *blog.User) error {
	if err := checkTaken(c, u, 0); err != nil {
		return err
	}
	err := c.exec(`INSERT INTO users (id, username, folded, email, password_hash, role, active, avatar, first_name, last_name,
		bio, website, location, last_login, created, updated, token_version, tokens_from)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		u.ID, u.Username, blog.Fold(u.Username), u.Email, u.PasswordHash, string(u.Role), u.Active, u.Avatar,
		u.Profile.FirstName, u.Profile.LastName, u.Profile.Bio, u.Profile.Website, u.Profile.Location,
		u.LastLogin, u.CreatedAt, u.UpdatedAt, u.TokenVersion, u.TokensFrom)
	if err != nil {
		return err
	}
	if err := indexUser(c, c.LastInsertRowID(), u); err != nil {
		return err
	}
	return countUser(c, u, 1)
}

// checkTaken refuses an address or a name that another user than self has; the
// writer is alone, so nobody can take them in between.
func checkTaken(c *conn, u *blog.User, self int64) error {
	n, err := c.number("SELECT 1 FROM users WHERE email = ? AND key <> ?", u.Email, self)
	if err == nil && n == 1 {
		return blog.Fail(blog.CodeEmailTaken)
	}
	if err == nil {
		n, err = c.number("SELECT 1 FROM users WHERE folded = ? AND key <> ?", blog.Fold(u.Username), self)
	}
	if err == nil && n == 1 {
		return blog.Fail(blog.CodeUsernameTaken)
	}
	return err
}

func indexUser(c *conn, key int64, u *blog.User) error {
	return c.exec("INSERT INTO users_fts (rowid, username, email) VALUES (?, ?, ?)", key, blog.Grams(u.Username), blog.Grams(u.Email))
}

func countUser(c *conn, u *blog.User, n int) error {
	return c.exec(`INSERT INTO user_counts (role, active, n) VALUES (?, ?, ?)
		ON CONFLICT (role, active) DO UPDATE SET n = n + excluded.n`, string(u.Role), u.Active, n)
}

// Get implements blog.Users.
func (r users) Get(ctx context.Context, id blog.ID) (*blog.User, error) {
	return r.get(ctx, "users.get", "WHERE u.id = ?", id)
}

// GetByEmail implements blog.Users.
func (r users) GetByEmail(ctx context.Context, email string) (*blog.User, error) {
	return r.get(ctx, "users.getbyemail", "WHERE u.email = ?", email)
}

func (r users) get(ctx context.Context, operation, where string, arg any) (*blog.User, error) {
	var u userRow
	err := r.read(ctx, operation, readLimit, func(c *conn) (err error) {
		u, err = getUser(c, where, arg)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &u.User, nil
}

// Update implements blog.Users.
func (r users) Update(ctx context.Context, id blog.ID, change func(*blog.User) error) (*blog.User, error) {
	var u blog.User
	err := r.write(ctx, "users.update", func(c *conn) error {
		old, err := getUser(c, "WHERE u.id = ?", id)
		if err != nil {
			return err
		}
		u = old.User
		if err := change(&u); err != nil {
			return err
		}
		u.ID, u.CreatedAt = old.ID, old.CreatedAt
		u.LastLogin, u.UpdatedAt, u.TokensFrom = blog.ToMillisecond(u.LastLogin), blog.ToMillisecond(u.UpdatedAt), blog.ToMillisecond(u.TokensFrom)
		return updateUser(c, &old, &u)
	})
	if err != nil {
		return nil, err
	}
	return &u, nil
}

func updateUser(c *conn, old *userRow, u *blog.User) error {
	if err := checkTaken(c, u, old.key); err != nil {
		return err
	}
	if err := countUser(c, &old.User, -1); err != nil {
		return err
	}
	if err := countUser(c, u, 1); err != nil {
		return err
	}
	if err := checkAdmins(c, &old.User); err != nil {
		return err
	}
	err := c.exec(`UPDATE users SET username = ?, folded = ?, email = ?, password_hash = ?, role = ?, active = ?, avatar = ?,
		first_name = ?, last_name = ?, bio = ?, website = ?, location = ?, last_login = ?, updated = ?, token_version = ?, tokens_from = ?
		WHERE key = ?`,
		u.Username, blog.Fold(u.Username), u.Email, u.PasswordHash, string(u.Role), u.Active, u.Avatar,
		u.Profile.FirstName, u.Profile.LastName, u.Profile.Bio, u.Profile.Website, u.Profile.Location,
		u.LastLogin, u.UpdatedAt, u.TokenVersion, u.TokensFrom, old.key)
	if err != nil {
		return err
	}
	if old.Username != u.Username || old.Email != u.Email {
		if err := c.exec("DELETE FROM users_fts WHERE rowid = ?", old.key); err != nil {
			return err
		}
		if err := indexUser(c, old.key, u); err != nil {
			return err
		}
	}
	return bumpIf(c, old.User.Author() != u.Author())
}

// checkAdmins refuses a change that took the last active admin, who was old.
func checkAdmins(c *conn, old *blog.User) error {
	if old.Role != blog.RoleAdmin || !old.Active {
		return nil
	}
	n, err := c.number("SELECT n FROM user_counts WHERE role = 'admin' AND active = 1")
	if err == nil && n < 1 {
		err = blog.Fail(blog.CodeLastAdmin)
	}
	return err
}

// Session implements blog.Users.
func (r users) Session(ctx context.Context, id blog.ID, token string) (se blog.Session, err error) {
	err = r.read(ctx, "users.session", readLimit, func(c *conn) error {
		found, err := c.one(`SELECT u.username, u.role, u.active, u.token_version, u.tokens_from,
			EXISTS (SELECT 1 FROM revoked r WHERE r.user = u.key AND r.token = ?) FROM users u WHERE u.id = ?`,
			func(s *sqlite.Stmt) error {
				se = blog.Session{
					Username: s.ColumnText(0), Role: blog.Role(s.ColumnText(1)), Active: s.ColumnBool(2),
					TokenVersion: s.ColumnInt64(3), TokensFrom: columnTime(s, 4), Revoked: s.ColumnBool(5),
				}
				return nil
			}, token, id)
		if err == nil && !found {
			err = blog.Fail(blog.CodeUserNotFound)
		}
		return err
	})
	return se, err
}

// forgetAtOnce bounds how many ended notes one revocation clears away.
const forgetAtOnce = 100

// RevokeToken implements blog.Users.
func (r users) RevokeToken(ctx context.Context, id blog.ID, token string, until time.Time) error {
	return r.write(ctx, "users.revoketoken", func(c *conn) error {
		u, err := getAuthor(c, id)
		if err != nil {
			return err
		}
		err = c.exec(`DELETE FROM revoked WHERE (user, token) IN (SELECT user, token FROM revoked WHERE until < ? ORDER BY until LIMIT +?)`,
			time.Now(), forgetAtOnce)
		if err != nil {
			return err
		}
		return c.exec(`INSERT INTO revoked (user, token, until) VALUES (?, ?, ?)
			ON CONFLICT (user, token) DO UPDATE SET until = max(until, excluded.until)`, u.key, token, until)
	})
}
