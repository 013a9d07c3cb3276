package sqlite

import (
	"context"

	"inkstone/internal/blog"
)

// Liked implements blog.Posts.
func (p posts) Liked(ctx context.Context, id, user blog.ID) (liked bool, err error) {
	err = p.read(ctx, "posts.liked", readLimit, func(c *conn) error {
		n, err := c.number(`SELECT 1 FROM likes
			WHERE post = (SELECT key FROM posts WHERE id = ?) AND user = (SELECT key FROM users WHERE id = ?)`, id, user)
		liked = n == 1
		return err
	})
	return liked, err
}

// SetLike implements blog.Posts.
func (p posts) SetLike(ctx context.Context, id, user blog.ID, like bool, check func(blog.PostRef) error) (count int64, err error) {
	err = p.write(ctx, "posts.setlike", func(c *conn) error {
		ref, key, err := getRef(c, id)
		if err != nil {
			return err
		}
		u, err := getAuthor(c, user)
		if err != nil {
			return err
		}
		if err := check(ref); err != nil {
			return err
		}
		if err := setLike(c, ref, key, u.key, like); err != nil {
			return err
		}
		count, err = c.number("SELECT likes FROM posts WHERE key = ?", key)
		return err
	})
	return count, err
}

func setLike(c *conn, ref blog.PostRef, post, user int64, like bool) error {
	query, n := "DELETE FROM likes WHERE post = ? AND user = ?", int64(-1)
	if like {
		query, n = "INSERT INTO likes (post, user) VALUES (?, ?) ON CONFLICT DO NOTHING", 1
	}
	if err := c.exec(query, post, user); err != nil || c.Changes() == 0 {
		return err
	}
	if err := addLikes(c, ref, post, n); err != nil {
		return err
	}
	return bumpIf(c, ref.Status == blog.Published)
}

// addLikes counts n likes of a post.
func addLikes(c *conn, ref blog.PostRef, post, n int64) error {
	if err := c.exec("UPDATE posts SET likes = likes + ? WHERE key = ?", n, post); err != nil {
		return err
	}
	return addSums(c, ref.Status, 0, n)
}

// AddViews implements blog.Posts.
func (p posts) AddViews(ctx context.Context, views map[blog.ID]int64) error {
	if len(views) == 0 {
		return nil
	}
	return p.write(ctx, "posts.addviews", func(c *conn) error {
		changed := false
		for id, n := range views {
			if n == 0 {
				continue
			}
			did, err := addViews(c, id, n)
			if err != nil {
				return err
			}
			changed = changed || did
		}
		return bumpIf(c, changed)
	})
}

// addViews counts n views of a post; public tells whether everybody can see that.
func addViews(c *conn, id blog.ID, n int64) (public bool, err error) {
	status, err := c.number("SELECT status FROM posts WHERE id = ?", id)
	if err != nil || status == 0 {
		return false, err
	}
	if err := c.exec("UPDATE posts SET views = views + ? WHERE id = ?", n, id); err != nil {
		return false, err
	}
	return status == published, addSums(c, statusOf(int(status)), n, 0)
}
