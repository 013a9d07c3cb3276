package postgres

import (
	"context"
	"crypto/sha256"

	"inkstone/internal/blog"
)

type sources struct{ *Store }

// nameOf is the key of a path.
func nameOf(path string) []byte {
	sum := sha256.Sum256([]byte(path))
	return sum[:]
}

// Get implements blog.Sources.
func (r sources) Get(ctx context.Context, author blog.ID, path string) (post blog.ID, digest string, ok bool, err error) {
	err = r.read(ctx, "sources.get", func(ctx context.Context, q querier) (err error) {
		ok, err = one(ctx, q, "SELECT post, digest FROM sources WHERE author = $1 AND name = $2", []any{key(author), nameOf(path)}, intoID{&post}, &digest)
		return err
	})
	return post, digest, ok, err
}

// Set implements blog.Sources.
func (r sources) Set(ctx context.Context, author blog.ID, path string, post blog.ID, digest string) error {
	return r.write(ctx, "sources.set", func(t *tx) error {
		_, isUser, err := holdUser(t, author)
		if err != nil {
			return err
		}
		_, isPost, err := lockRef(t, post)
		switch {
		case err != nil:
			return err
		case !isPost:
			return blog.Fail(blog.CodePostNotFound)
		case !isUser:
			return blog.Fail(blog.CodeUserNotFound)
		}
		_, err = t.exec(`INSERT INTO sources (author, name, path, post, digest) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (author, name) DO UPDATE SET post = excluded.post, digest = excluded.digest`, key(author), nameOf(path), path, key(post), digest)
		return err
	})
}
