package storetest

import (
	"context"
	"errors"

	"inkstone/internal/blog"
)

type modelUploads struct{ *model }

func (m modelUploads) Create(ctx context.Context, us []blog.Upload, quota int64) error {
	return m.write(ctx, func() (bool, error) {
		for _, u := range us {
			if _, ok := m.users[u.Owner]; !ok {
				return false, blog.Fail(blog.CodeUserNotFound)
			}
			if _, ok := m.uploads[u.Filename]; ok {
				return false, errors.New("the file name is taken")
			}
			u.CreatedAt = blog.ToMillisecond(u.CreatedAt)
			m.uploads[u.Filename] = u
			if quota > 0 && m.used(u.Owner) > quota {
				return false, blog.Fail(blog.CodeUploadQuota)
			}
		}
		return false, nil
	})
}

func (m *model) used(owner blog.ID) (sum int64) {
	for _, u := range m.uploads {
		if u.Owner == owner {
			sum += u.Size
		}
	}
	return sum
}

func (m modelUploads) Get(ctx context.Context, filename string) (u blog.Upload, err error) {
	err = m.read(ctx, func() error {
		var ok bool
		if u, ok = m.uploads[filename]; !ok {
			return blog.Fail(blog.CodeFileNotFound)
		}
		return nil
	})
	return u, err
}

func (m modelUploads) Delete(ctx context.Context, filename string) error {
	return m.write(ctx, func() (bool, error) {
		if _, ok := m.uploads[filename]; !ok {
			return false, blog.Fail(blog.CodeFileNotFound)
		}
		delete(m.uploads, filename)
		return false, nil
	})
}

func (m modelUploads) Ownerless(ctx context.Context, limit int) (out []blog.Upload, err error) {
	err = m.read(ctx, func() error {
		for _, u := range m.uploads {
			if u.Owner.IsZero() && len(out) < limit {
				out = append(out, u)
			}
		}
		return nil
	})
	return out, err
}

type modelSources struct{ *model }

func (m modelSources) Get(ctx context.Context, author blog.ID, path string) (post blog.ID, digest string, ok bool, err error) {
	err = m.read(ctx, func() error {
		n := m.sources[source{author, path}]
		_, ok = m.posts[n.post]
		post, digest = n.post, n.digest
		return nil
	})
	return post, digest, ok, err
}

func (m modelSources) Set(ctx context.Context, author blog.ID, path string, post blog.ID, digest string) error {
	return m.write(ctx, func() (bool, error) {
		if _, ok := m.posts[post]; !ok {
			return false, blog.Fail(blog.CodePostNotFound)
		}
		if _, ok := m.users[author]; !ok {
			return false, blog.Fail(blog.CodeUserNotFound)
		}
		m.sources[source{author, path}] = note{post, digest}
		return false, nil
	})
}
