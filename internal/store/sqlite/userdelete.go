package sqlite

import (
	"context"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// deleteAtOnce is how many keys of a user's things are held at a time.
const deleteAtOnce = 256

// Delete implements blog.Users. All of it is one transaction: other writes wait
// for it, about a millisecond for each of the user's posts; reads do not.
func (r users) Delete(ctx context.Context, id blog.ID, check func(*blog.User) error) error {
	return r.write(ctx, "users.delete", func(c *conn) error {
		u, err := getUser(c, "WHERE u.id = ?", id)
		if err != nil {
			return err
		}
		seen := u.User
		if err := check(&seen); err != nil {
			return err
		}
		return deleteUser(c, &u)
	})
}

func deleteUser(c *conn, u *userRow) error {
	if err := countUser(c, &u.User, -1); err != nil {
		return err
	}
	if err := checkAdmins(c, &u.User); err != nil {
		return err
	}
	for _, remove := range []func(*conn, int64) error{deletePostsOf, deleteCommentsOf, deleteLikesOf} {
		if err := remove(c, u.key); err != nil {
			return err
		}
	}
	if err := c.exec("DELETE FROM users_fts WHERE rowid = ?", u.key); err != nil {
		return err
	}
	if err := c.exec("DELETE FROM users WHERE key = ?", u.key); err != nil {
		return err
	}
	return c.bump()
}

func deletePostsOf(c *conn, user int64) error {
	return eachKey(c, "SELECT key FROM posts WHERE author = ? LIMIT +?", user, func(key int64) error {
		p, err := getPostByKey(c, key)
		if err != nil {
			return err
		}
		return deletePost(c, &p)
	})
}

// deleteCommentsOf comes to an end because a comment that stays as a shell loses its
// author.
func deleteCommentsOf(c *conn, user int64) error {
	return eachKey(c, "SELECT key FROM comments WHERE author = ? LIMIT +?", user, func(key int64) error {
		var m commentRow
		_, err := c.one(selectComment+"WHERE c.key = ?", func(s *sqlite.Stmt) error { m = scanComment(s); return nil }, key)
		if err != nil {
			return err
		}
		return deleteComment(c, &m)
	})
}

func deleteLikesOf(c *conn, user int64) error {
	for _, query := range []string{
		`UPDATE post_sums SET likes = likes - (SELECT count(*) FROM likes l CROSS JOIN posts p ON p.key = l.post
			WHERE l.user = ? AND p.status = post_sums.status) WHERE status IN (1, 2, 3)`,
		"UPDATE posts SET likes = likes - 1 WHERE key IN (SELECT post FROM likes WHERE user = ?)",
		"DELETE FROM likes WHERE user = ?",
	} {
		if err := c.exec(query, user); err != nil {
			return err
		}
	}
	return nil
}

// eachKey calls remove for each key that query finds for the user, some at a
// time, until it finds no more.
func eachKey(c *conn, query string, user int64, remove func(key int64) error) error {
	for {
		var keys []int64
		err := c.each(query, func(s *sqlite.Stmt) error {
			keys = append(keys, s.ColumnInt64(0))
			return nil
		}, user, deleteAtOnce)
		if err != nil || len(keys) == 0 {
			return err
		}
		for _, key := range keys {
			if err := remove(key); err != nil {
				return err
			}
		}
	}
}
