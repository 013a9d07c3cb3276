package sqlite

import (
	"context"
	"fmt"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

type copies struct{ *Store }

// Put implements blog.Copies.
func (r copies) Put(ctx context.Context, records []blog.Record) error {
	if len(records) == 0 {
		return ctx.Err()
	}
	return r.write(ctx, "copies.put", func(c *conn) error {
		kind := recordKinds[records[0].Kind()]
		there := map[blog.Key]blog.Record{}
		for _, r := range records {
			have, err := kind.find(c, r.Key())
			if err != nil {
				return err
			}
			if have != nil {
				there[r.Key()] = have
			}
		}
		missing, err := blog.Missing(records, there)
		if err != nil || len(missing) == 0 {
			return err
		}
		if err := kind.put(c, missing); err != nil {
			return err
		}
		return c.bump()
	})
}

// singly makes a function that puts records of one that puts a record.
func singly[R blog.Record](put func(*conn, R) error) func(*conn, []blog.Record) error {
	return func(c *conn, records []blog.Record) error {
		for _, r := range records {
			if err := refused(r, put(c, r.(R))); err != nil {
				return err
			}
		}
		return nil
	}
}

// refused names the record for which a code is the error.
func refused(r blog.Record, err error) error {
	if code := blog.CodeOf(err); code == "" || code == blog.CodeInternal {
		return err
	}
	return &blog.RecordError{Record: r, Err: err}
}

func putUser(c *conn, u *blog.User) error { return createUser(c, u) }

func putRevoked(c *conn, t *blog.RevokedToken) error {
	u, err := getAuthor(c, t.User)
	if err != nil {
		return err
	}
	return c.exec("INSERT INTO revoked (user, token, until) VALUES (?, ?, ?)", u.key, t.Token, t.Until)
}

func putPost(c *conn, post *blog.Post) error {
	p := *post
	p.LikeCount, p.CommentCount = 0, 0
	_, err := addPost(c, p)
	return err
}

func putLikes(c *conn, records []blog.Record) error {
	type liked struct {
		ref blog.PostRef
		n   int64
	}
	posts := map[int64]liked{}
	for _, r := range records {
		l := r.(*blog.Like)
		ref, post, err := getRef(c, l.Post)
		if err != nil {
			return refused(r, err)
		}
		u, err := getAuthor(c, l.User)
		if err != nil {
			return refused(r, err)
		}
		if err := c.exec("INSERT INTO likes (post, user) VALUES (?, ?)", post, u.key); err != nil {
			return err
		}
		posts[post] = liked{ref, posts[post].n + 1}
	}
	for post, l := range posts { // once each: a change writes the whole row anew
		if err := addLikes(c, l.ref, post, l.n); err != nil {
			return err
		}
	}
	return nil
}

func putComments(c *conn, records []blog.Record) error {
	type counted struct{ living, rows int }
	posts := map[int64]counted{}
	for _, r := range records {
		m := r.(*blog.Comment)
		_, post, err := getRef(c, m.Post)
		if err != nil {
			return refused(r, err)
		}
		n := posts[post]
		n.rows++
		var author any
		if !m.Deleted {
			u, err := getAuthor(c, m.Author.ID)
			if err != nil {
				return refused(r, err)
			}
			author = u.key
			n.living++
		}
		posts[post] = n
		err = c.exec("INSERT INTO comments (id, post, author, deleted, created, updated, content) VALUES (?, ?, ?, ?, ?, ?, ?)",
			m.ID, post, author, m.Deleted, m.CreatedAt, m.UpdatedAt, m.Content)
		if err != nil {
			return err
		}
	}
	for post, n := range posts { // once each, as for likes
		if err := countComments(c, post, n.living, n.rows, ""); err != nil {
			return err
		}
	}
	return nil
}

func putReply(c *conn, r *blog.Reply) error {
	m, err := getComment(c, r.Comment)
	if err != nil {
		return err
	}
	parent, err := getComment(c, r.Parent)
	if err != nil {
		return err
	}
	if parent.post != m.post {
		return blog.Invalid("parent", blog.RuleParent)
	}
	return c.exec("UPDATE comments SET parent = ? WHERE key = ?", parent.key, m.key)
}

func putUpload(c *conn, u *blog.Upload) error {
	var owner any
	if !u.Owner.IsZero() {
		a, err := getAuthor(c, u.Owner)
		if err != nil {
			return err
		}
		owner = a.key
	}
	err := c.exec("INSERT INTO uploads (filename, field, owner, original, size, created) VALUES (?, ?, ?, ?, ?, ?)",
		u.Filename, u.Field, owner, u.OriginalName, u.Size, u.CreatedAt)
	if err != nil || owner == nil {
		return err
	}
	return c.exec("UPDATE users SET uploads = uploads + 1, upload_bytes = upload_bytes + ? WHERE key = ?", u.Size, owner)
}

func putSource(c *conn, s *blog.Source) error {
	_, post, err := getRef(c, s.Post)
	if err != nil {
		return err
	}
	u, err := getAuthor(c, s.Author)
	if err != nil {
		return err
	}
	return c.exec("INSERT INTO sources (author, path, post, digest) VALUES (?, ?, ?, ?)", u.key, s.Path, post, s.Digest)
}

// Begin implements blog.Copies.
func (r copies) Begin(ctx context.Context, source string) error {
	return r.write(ctx, "copies.begin", func(c *conn) error {
		noted, underway, err := copying(c)
		switch {
		case err != nil:
			return err
		case underway && noted != source:
			return fmt.Errorf("%w: %s", blog.ErrOtherSource, noted)
		case underway:
			return nil
		}
		// Without users and uploads there can be nothing.
		n, err := c.number("SELECT EXISTS (SELECT 1 FROM users) OR EXISTS (SELECT 1 FROM uploads)")
		if err != nil {
			return err
		}
		if n == 1 {
			return blog.ErrNotEmpty
		}
		return c.exec("INSERT INTO copying (one, source) VALUES (1, ?)", source)
	})
}

// End implements blog.Copies.
func (r copies) End(ctx context.Context) error {
	return r.write(ctx, "copies.end", func(c *conn) error { return c.exec("DELETE FROM copying WHERE one = 1") })
}

// copying returns the source of a copy that is under way.
func copying(c *conn) (source string, underway bool, err error) {
	underway, err = c.one("SELECT source FROM copying WHERE one = 1", func(s *sqlite.Stmt) error { source = s.ColumnText(0); return nil })
	return source, underway, err
}

// checkWhole refuses a database into which a copy is not finished.
func checkWhole(c *conn) error {
	source, underway, err := copying(c)
	if err == nil && underway {
		err = fmt.Errorf("%w: from %s", blog.ErrUnfinished, source)
	}
	return err
}
