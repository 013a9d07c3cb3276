package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// Delete implements blog.Users. While it runs, about a millisecond for each of the
// user's posts, changes of posts that he wrote, commented on or likes wait for it.
func (r users) Delete(ctx context.Context, id blog.ID, check func(*blog.User) error) error {
	return r.writeLong(ctx, "users.delete", func(t *tx) error {
		u, err := getUser(t.ctx, t, selectUser+" FOR UPDATE", key(id))
		if err != nil {
			return err
		}
		seen := u
		if err := own(check(&seen)); err != nil {
			return err
		}
		if err := expectOtherAdmin(t, &u); err != nil {
			return err
		}
		t.public = true
		return deleteUser(t, &u)
	})
}

// expectOtherAdmin refuses early what countUser would refuse when all is done: until
// then the counters, for which all registrations wait, are not locked.
func expectOtherAdmin(t *tx, u *blog.User) error {
	if (blog.UserGroup{Role: u.Role, Active: u.Active}) != activeAdmins {
		return nil
	}
	var n int64
	_, err := t.one("SELECT n FROM user_counts WHERE role = $1 AND active", []any{string(u.Role)}, &n)
	if err == nil && n < 2 {
		err = blog.Fail(blog.CodeLastAdmin)
	}
	return err
}

func deleteUser(t *tx, u *blog.User) error {
	if err := lockTouched(t, u.ID); err != nil {
		return err
	}
	if err := deletePostsOf(t, u.ID); err != nil {
		return err
	}
	posts := map[blog.ID]lost{}
	if err := deleteComments(t, "author", u.ID, posts); err != nil {
		return err
	}
	if err := deleteLikesOf(t, u.ID, posts); err != nil {
		return err
	}
	if err := countLost(t, posts); err != nil {
		return err
	}
	if _, err := t.exec("DELETE FROM users WHERE id = $1", key(u.ID)); err != nil {
		return err
	}
	return countUser(t, u, nil)
}

// lockTouched locks the posts that change with the user. There will be no others: his
// row is locked, and without it he can neither write, comment nor like.
func lockTouched(t *tx, user blog.ID) error {
	_, err := t.exec(`SELECT count(*) FROM (SELECT FROM posts WHERE id IN
		(SELECT id FROM posts WHERE author = $1 UNION SELECT post FROM comments WHERE author = $1 UNION SELECT post FROM likes WHERE member = $1)
		ORDER BY id FOR UPDATE) AS locked`, key(user))
	return err
}

func deletePostsOf(t *tx, user blog.ID) error {
	var ids []blog.ID
	err := each(t.ctx, t, "SELECT id FROM posts WHERE author = $1", []any{key(user)}, func(r pgx.Rows) error {
		var id blog.ID
		err := r.Scan(intoID{&id})
		ids = append(ids, id)
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range ids {
		p, err := lockBare(t, id)
		if err != nil {
			return err
		}
		if err := deletePost(t, p); err != nil {
			return err
		}
	}
	return nil
}

func deleteLikesOf(t *tx, user blog.ID, posts map[blog.ID]lost) error {
	return each(t.ctx, t, "DELETE FROM likes WHERE member = $1 RETURNING post", []any{key(user)}, func(r pgx.Rows) error {
		var post blog.ID
		err := r.Scan(intoID{&post})
		n := posts[post]
		n.likes++
		posts[post] = n
		return err
	})
}
