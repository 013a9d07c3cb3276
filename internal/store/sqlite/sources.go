package sqlite

import (
	"context"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

type sources struct{ *Store }

// Get implements blog.Sources.
func (r sources) Get(ctx context.Context, author blog.ID, path string) (post blog.ID, digest string, ok bool, err error) {
	err = r.read(ctx, "sources.get", readLimit, func(c *conn) (err error) {
		ok, err = c.one(`SELECT p.id, s.digest FROM sources s CROSS JOIN posts p ON p.key = s.post
			WHERE s.author = (SELECT key FROM users WHERE id = ?) AND s.path = ?`,
			func(s *sqlite.Stmt) error {
				post, digest = columnID(s, 0), s.ColumnText(1)
				return nil
			}, author, path)
		return err
	})
	return post, digest, ok, err
}

// Set implements blog.Sources.
func (r sources) Set(ctx context.Context, author blog.ID, path string, post blog.ID, digest string) error {
	return r.write(ctx, "sources.set", func(c *conn) error {
		_, key, err := getRef(c, post)
		if err != nil {
			return err
		}
		u, err := getAuthor(c, author)
		if err != nil {
			return err
		}
		return c.exec(`INSERT INTO sources (author, path, post, digest) VALUES (?, ?, ?, ?)
			ON CONFLICT (author, path) DO UPDATE SET post = excluded.post, digest = excluded.digest`, u.key, path, key, digest)
	})
}
