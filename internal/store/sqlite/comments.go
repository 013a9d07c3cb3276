package sqlite

import (
	"context"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

type comments struct{ *Store }

// commentRow is a comment with its post and the keys they have in the file.
type commentRow struct {
	blog.Comment
	ref    blog.PostRef
	key    int64
	post   int64
	parent int64 // 0: none
}

const selectComment = `SELECT c.key, c.post, c.parent, c.id, c.deleted, c.created, c.updated, c.content, q.id,
	p.id, p.status, o.id, u.id, u.username, u.avatar, u.first_name, u.last_name, u.bio, u.website, u.location
	FROM comments c CROSS JOIN posts p ON p.key = c.post CROSS JOIN users o ON o.key = p.author
	LEFT JOIN users u ON u.key = c.author LEFT JOIN comments q ON q.key = c.parent `

func scanComment(s *sqlite.Stmt) (m commentRow) {
	m.key, m.post, m.parent = s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnInt64(2)
	m.ID, m.Deleted, m.CreatedAt, m.UpdatedAt = columnID(s, 3), s.ColumnBool(4), columnTime(s, 5), columnTime(s, 6)
	m.Content, m.Parent, m.Post = s.ColumnText(7), columnID(s, 8), columnID(s, 9)
	m.ref = blog.PostRef{ID: m.Post, Status: blog.StatusOf(s.ColumnInt(10)), Author: columnID(s, 11)}
	m.Author = scanAuthor(s, 12)
	return m
}

// getComment reads a comment or a shell. CodeCommentNotFound.
func getComment(c *conn, id blog.ID) (m commentRow, err error) {
	found, err := c.one(selectComment+"WHERE c.id = ?", func(s *sqlite.Stmt) error { m = scanComment(s); return nil }, id)
	if err == nil && !found {
		err = blog.Fail(blog.CodeCommentNotFound)
	}
	return m, err
}

// getLiving is getComment that finds no shell.
func getLiving(c *conn, id blog.ID) (commentRow, error) {
	m, err := getComment(c, id)
	if err == nil && m.Deleted {
		err = blog.Fail(blog.CodeCommentNotFound)
	}
	return m, err
}

// Create implements blog.Comments.
func (r comments) Create(ctx context.Context, m *blog.Comment, check func(blog.PostRef) error) error {
	made := *m
	err := r.write(ctx, "comments.create", func(c *conn) error {
		made = *m
		return createComment(c, &made, check)
	})
	if err == nil {
		*m = made
	}
	return err
}

func createComment(c *conn, m *blog.Comment, check func(blog.PostRef) error) error {
	ref, post, err := getRef(c, m.Post)
	if err != nil {
		return err
	}
	u, err := getAuthor(c, m.Author.ID)
	if err != nil {
		return err
	}
	if err := check(ref); err != nil {
		return err
	}
	parent, err := parentKey(c, m.Parent, post)
	if err != nil {
		return err
	}
	m.Created(u.Author)
	err = c.exec("INSERT INTO comments (id, post, author, parent, deleted, created, updated, content) VALUES (?, ?, ?, ?, 0, ?, ?, ?)",
		m.ID, post, u.key, parent, m.CreatedAt, m.UpdatedAt, m.Content)
	if err != nil {
		return err
	}
	return countComments(c, post, 1, 1, ref.Status)
}

// parentKey returns the key of a living comment of the post; nil for the zero
// id. CodeInvalid with RuleParent.
func parentKey(c *conn, id blog.ID, post int64) (any, error) {
	if id.IsZero() {
		return nil, nil
	}
	key, err := c.number("SELECT key FROM comments WHERE id = ? AND post = ? AND deleted = 0", id, post)
	if err == nil && key == 0 {
		err = blog.Invalid("parent", blog.RuleParent)
	}
	return key, err
}

// countComments adds to a post's count of living comments and to that of its rows.
func countComments(c *conn, post int64, living, rows int, status blog.Status) error {
	if err := c.exec("UPDATE posts SET comments = comments + ?, remarks = remarks + ? WHERE key = ?", living, rows, post); err != nil {
		return err
	}
	return bumpIf(c, status == blog.Published)
}

// Get implements blog.Comments.
func (r comments) Get(ctx context.Context, id blog.ID) (*blog.Comment, blog.PostRef, error) {
	var m commentRow
	err := r.read(ctx, "comments.get", readLimit, func(c *conn) (err error) {
		m, err = getComment(c, id)
		return err
	})
	if err != nil {
		return nil, blog.PostRef{}, err
	}
	return &m.Comment, m.ref, nil
}

// List implements blog.Comments.
func (r comments) List(ctx context.Context, f blog.CommentFilter) (list blog.Listed[*blog.Comment], err error) {
	err = r.view(ctx, "comments.list", readLimit, func(c *conn) error {
		var post int64
		_, err := c.one("SELECT key, remarks FROM posts WHERE id = ?", func(s *sqlite.Stmt) error {
			post, list.Total = s.ColumnInt64(0), s.ColumnInt64(1)
			return nil
		}, f.Post)
		if err != nil || list.Total == 0 || f.Page.Offset() >= list.Total {
			return err
		}
		q := query{}
		q.add(selectComment+"WHERE c.post = ?", post)
		follow(&q, f.Order, f.Page.After, "c", "created")
		q.add(" ORDER BY c.created"+direction(f.Order)+", c.id"+direction(f.Order)+" LIMIT +? OFFSET +?", f.Page.Limit+1, f.Page.Offset())
		return c.each(q.sql, func(s *sqlite.Stmt) error {
			m := scanComment(s)
			list.Items = append(list.Items, &m.Comment)
			return nil
		}, q.args...)
	})
	list.Cut(f.Page.Limit, f.Cursor)
	return list, err
}

// Update implements blog.Comments.
func (r comments) Update(ctx context.Context, id blog.ID, change func(*blog.Comment, blog.PostRef) error) (*blog.Comment, error) {
	var m commentRow
	err := r.write(ctx, "comments.update", func(c *conn) (err error) {
		if m, err = getLiving(c, id); err != nil {
			return err
		}
		changed := m.Comment
		if err := change(&changed, m.ref); err != nil {
			return err
		}
		m.Content, m.UpdatedAt = changed.Content, blog.ToMillisecond(changed.UpdatedAt)
		if err := c.exec("UPDATE comments SET content = ?, updated = ? WHERE key = ?", m.Content, m.UpdatedAt, m.key); err != nil {
			return err
		}
		return bumpIf(c, m.ref.Status == blog.Published)
	})
	if err != nil {
		return nil, err
	}
	return &m.Comment, nil
}

// Delete implements blog.Comments.
func (r comments) Delete(ctx context.Context, id blog.ID, check func(*blog.Comment, blog.PostRef) error) error {
	return r.write(ctx, "comments.delete", func(c *conn) error {
		m, err := getLiving(c, id)
		if err != nil {
			return err
		}
		seen := m.Comment
		if err := check(&seen, m.ref); err != nil {
			return err
		}
		return deleteComment(c, &m)
	})
}

// deleteComment removes a living comment, or makes it a shell if it has replies.
func deleteComment(c *conn, m *commentRow) error {
	replied, err := hasReplies(c, m.key)
	if err != nil {
		return err
	}
	if replied {
		if err := c.exec("UPDATE comments SET deleted = 1, author = NULL, content = '' WHERE key = ?", m.key); err != nil {
			return err
		}
		return countComments(c, m.post, -1, 0, m.ref.Status)
	}
	rows, err := removeUp(c, m.key, m.parent)
	if err != nil {
		return err
	}
	return countComments(c, m.post, -1, -rows, m.ref.Status)
}

func hasReplies(c *conn, key int64) (bool, error) {
	n, err := c.number("SELECT EXISTS (SELECT 1 FROM comments WHERE parent = ?)", key)
	return n == 1, err
}

// removeUp removes a comment without replies, and each shell above it that is
// then without any. It returns how many rows went.
func removeUp(c *conn, key, parent int64) (rows int, err error) {
	for {
		if err := c.exec("DELETE FROM comments WHERE key = ?", key); err != nil {
			return rows, err
		}
		rows++
		key, parent, err = emptyShell(c, parent)
		if err != nil || key == 0 {
			return rows, err
		}
	}
}

// emptyShell returns key and its parent if it is a shell without replies, else 0.
func emptyShell(c *conn, key int64) (shell, parent int64, err error) {
	_, err = c.one(`SELECT key, parent FROM comments m WHERE key = ? AND deleted = 1
		AND NOT EXISTS (SELECT 1 FROM comments WHERE parent = m.key)`, func(s *sqlite.Stmt) error {
		shell, parent = s.ColumnInt64(0), s.ColumnInt64(1)
		return nil
	}, key)
	return shell, parent, err
}
