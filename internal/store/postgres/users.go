package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"inkstone/internal/blog"
)

type users struct{ *Store }

// userColumns are what scans of a user read of users u. In an outer join's row without
// a user all are NULL, which is no boolean for Go.
const userColumns = authorColumns + `, u.email, u.password_hash, u.role, u.active IS TRUE,
	u.last_login, u.created, u.updated, u.token_version, u.tokens_from`

const selectUser = "SELECT " + userColumns + " FROM users u WHERE u.id = $1"

// intoUser are the places for userColumns.
func intoUser(u *blog.User) []any {
	author := []any{intoID{&u.ID}, intoText{&u.Username}, intoText{&u.Avatar}, intoText{&u.Profile.FirstName},
		intoText{&u.Profile.LastName}, intoText{&u.Profile.Bio}, intoText{&u.Profile.Website}, intoText{&u.Profile.Location}}
	return append(author, intoText{&u.Email}, intoText{&u.PasswordHash}, intoText{(*string)(&u.Role)}, &u.Active,
		intoTime{&u.LastLogin}, intoTime{&u.CreatedAt}, intoTime{&u.UpdatedAt}, intoInt{&u.TokenVersion}, intoTime{&u.TokensFrom})
}

// getUser reads the user that the query finds. CodeUserNotFound.
func getUser(ctx context.Context, q querier, query string, arg any) (u blog.User, err error) {
	found, err := one(ctx, q, query, []any{arg}, intoUser(&u)...)
	if err == nil && !found {
		err = blog.Fail(blog.CodeUserNotFound)
	}
	return u, err
}

// holdUser keeps a user from being deleted before the transaction ends, and reads what
// is shown of him. Whatever refers to a user is made under this lock, which is taken
// before those of posts, also where his absence counts less than a post's.
func holdUser(t *tx, id blog.ID) (a blog.Author, found bool, err error) {
	found, err = t.one("SELECT "+authorColumns+" FROM users u WHERE u.id = $1 FOR KEY SHARE", []any{key(id)}, intoAuthor(&a)...)
	return a, found, err
}

// findable is a text to look for. One that cannot be kept is NULL, which equals nothing.
func findable(text string) pgtype.Text {
	return pgtype.Text{String: text, Valid: blog.CleanText(text)}
}

// Create implements blog.Users.
func (r users) Create(ctx context.Context, u *blog.User) error {
	return r.write(ctx, "users.create", func(t *tx) error { return createUser(t, u) })
}

// CreateFirstAdmin implements blog.Users. The counters stay locked, so whoever else
// makes an admin waits, and finds this one then.
func (r users) CreateFirstAdmin(ctx context.Context, u *blog.User) (created bool, err error) {
	err = r.write(ctx, "users.createfirstadmin", func(t *tx) error {
		created = false // it may run again
		var admins int64
		_, err := t.one(`SELECT sum(n)::bigint FROM
			(SELECT n FROM user_counts WHERE role = 'admin' ORDER BY role, active FOR UPDATE) AS locked`, nil, &admins)
		if err != nil || admins > 0 {
			return err
		}
		created = true
		return createUser(t, u)
	})
	return created && err == nil, err
}

// userFields are the columns that change; userValues are the id and they.
const userFields = `username, folded, email, password_hash, role, active, avatar, first_name, last_name, bio, website, location,
	last_login, created, updated, token_version, tokens_from, grams`

const insertUser = "INSERT INTO users (id, " + userFields + `)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`

func userValues(u *blog.User) []any {
	return []any{key(u.ID),
		u.Username, blog.Fold(u.Username), u.Email, u.PasswordHash, string(u.Role), u.Active, u.Avatar,
		u.Profile.FirstName, u.Profile.LastName, u.Profile.Bio, u.Profile.Website, u.Profile.Location,
		blog.Millis(u.LastLogin), blog.Millis(u.CreatedAt), blog.Millis(u.UpdatedAt), u.TokenVersion, blog.Millis(u.TokensFrom),
		blog.Grams(u.Username) + " | " + blog.Grams(u.Email)}
}

func createUser(t *tx, u *blog.User) error {
	if err := checkTaken(t, u); err != nil {
		return err
	}
	if _, err := t.exec(insertUser, userValues(u)...); err != nil {
		return err
	}
	return countUser(t, nil, u)
}

// checkTaken refuses an address or a name that another user has. One that is taken
// after this look is found by the next try, see losesRace.
func checkTaken(t *tx, u *blog.User) error {
	var email, name bool
	_, err := t.one(`SELECT EXISTS (SELECT 1 FROM users WHERE email = $2 AND id <> $1), EXISTS (SELECT 1 FROM users WHERE folded = $3 AND id <> $1)`,
		[]any{key(u.ID), u.Email, blog.Fold(u.Username)}, &email, &name)
	switch {
	case err != nil:
		return err
	case email:
		return blog.Fail(blog.CodeEmailTaken)
	case name:
		return blog.Fail(blog.CodeUsernameTaken)
	}
	return nil
}

// countUser moves a user from where old is counted to where u is; nil is nowhere.
// CodeLastAdmin if old was the last active admin. It comes after all that waits for
// other users' rows, as everybody who registers waits for these counters.
func countUser(t *tx, old, u *blog.User) error {
	change := map[blog.UserGroup]int{}
	if old != nil {
		change[blog.UserGroup{Role: old.Role, Active: old.Active}]--
	}
	if u != nil {
		change[blog.UserGroup{Role: u.Role, Active: u.Active}]++
	}
	return countUsers(t, change)
}

// countUsers adds to the counters of groups, in the order of all who do.
func countUsers(t *tx, change map[blog.UserGroup]int) error {
	for _, group := range (blog.UserFilter{}).Groups() {
		if change[group] == 0 {
			continue
		}
		var n int64
		_, err := t.one("UPDATE user_counts SET n = n + $3 WHERE role = $1 AND active = $2 RETURNING n",
			[]any{string(group.Role), group.Active, change[group]}, &n)
		if err != nil {
			return err
		}
		if change[group] < 0 && group == activeAdmins && n < 1 {
			return blog.Fail(blog.CodeLastAdmin)
		}
	}
	return nil
}

// Get implements blog.Users.
func (r users) Get(ctx context.Context, id blog.ID) (*blog.User, error) {
	return r.get(ctx, "users.get", selectUser, key(id))
}

// GetByEmail implements blog.Users.
func (r users) GetByEmail(ctx context.Context, email string) (*blog.User, error) {
	return r.get(ctx, "users.getbyemail", "SELECT "+userColumns+" FROM users u WHERE u.email = $1", findable(email))
}

func (r users) get(ctx context.Context, operation, query string, arg any) (*blog.User, error) {
	var u blog.User
	err := r.read(ctx, operation, func(ctx context.Context, q querier) (err error) {
		u, err = getUser(ctx, q, query, arg)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// Update implements blog.Users.
func (r users) Update(ctx context.Context, id blog.ID, change func(*blog.User) error) (*blog.User, error) {
	var u blog.User
	err := r.write(ctx, "users.update", func(t *tx) error {
		old, err := getUser(t.ctx, t, selectUser+" FOR NO KEY UPDATE", key(id))
		if err != nil {
			return err
		}
		u = old
		if err := own(change(&u)); err != nil {
			return err
		}
		u.Updated(&old)
		t.public = old.Author() != u.Author()
		return updateUser(t, &old, &u)
	})
	if err != nil {
		return nil, err
	}
	return &u, nil
}

func updateUser(t *tx, old, u *blog.User) error {
	if old.Email != u.Email || old.Username != u.Username {
		if err := checkTaken(t, u); err != nil {
			return err
		}
	}
	_, err := t.exec(`UPDATE users SET (`+userFields+`) =
		($2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) WHERE id = $1`, userValues(u)...)
	if err != nil {
		return err
	}
	return countUser(t, old, u)
}

// Session implements blog.Users.
func (r users) Session(ctx context.Context, id blog.ID, token string) (se blog.Session, err error) {
	err = r.read(ctx, "users.session", func(ctx context.Context, q querier) error {
		found, err := one(ctx, q, `SELECT u.username, u.role, u.active, u.token_version, u.tokens_from,
			EXISTS (SELECT 1 FROM revoked r WHERE r.owner = u.id AND r.token = $2) FROM users u WHERE u.id = $1`,
			[]any{key(id), findable(token)},
			&se.Username, intoText{(*string)(&se.Role)}, &se.Active, &se.TokenVersion, intoTime{&se.TokensFrom}, &se.Revoked)
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
	return r.write(ctx, "users.revoketoken", func(t *tx) error {
		_, found, err := holdUser(t, id)
		if err != nil {
			return err
		}
		if !found {
			return blog.Fail(blog.CodeUserNotFound)
		}
		_, err = t.exec(`INSERT INTO revoked (owner, token, until) VALUES ($1, $2, $3)
			ON CONFLICT (owner, token) DO UPDATE SET until = greatest(revoked.until, excluded.until)`, key(id), token, blog.Millis(until))
		if err != nil {
			return err
		}
		return forgetRevoked(t)
	})
}

// forgetRevoked comes last, and passes over what another locks: nobody waits for it in a circle.
// Rows are named by where they are, or a plan for average values may look for them in all.
func forgetRevoked(t *tx) error {
	_, err := t.exec(`DELETE FROM revoked WHERE ctid = ANY (ARRAY
		(SELECT ctid FROM revoked WHERE until < $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED))`, time.Now().UnixMilli(), forgetAtOnce)
	return err
}
