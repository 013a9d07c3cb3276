package postgres

import (
	"context"

	"inkstone/internal/blog"
)

type sources struct{ *Store }

// Get implements blog.Sources.
func (r sources) Get(ctx context.Context, author blog.ID, path string) (post blog.ID, digest string, ok bool, err error) {
	err = r.read(ctx, "sources.get", func(ctx context.Context, q querier) (err error) {
		ok, err = one(ctx, q, "SELECT post, digest FROM sources WHERE author = $1 AND path = $2", []any{key(author), findable(path)}, intoID{&post}, &digest)
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
		_, err = t.exec(`INSERT INTO sources (author, path, post, digest) VALUES ($1, $2, $3, $4)
			ON CONFLICT (author, path) DO UPDATE SET post = excluded.post, digest = excluded.digest`, key(author), path, key(post), digest)
		return err
	})
}
