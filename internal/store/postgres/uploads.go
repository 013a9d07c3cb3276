package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

type uploads struct{ *Store }

// uploadColumns are what scans of an upload read of uploads f.
const uploadColumns = "f.filename, f.field, f.owner, f.original, f.size, f.created"

// intoUpload are the places for uploadColumns.
func intoUpload(u *blog.Upload) []any {
	return []any{intoText{&u.Filename}, intoText{&u.Field}, intoID{&u.Owner}, intoText{&u.OriginalName}, intoInt{&u.Size}, intoTime{&u.CreatedAt}}
}

// Create implements blog.Uploads.
func (r uploads) Create(ctx context.Context, us []blog.Upload, quota int64) error {
	if len(us) == 0 {
		return nil
	}
	owner, size := us[0].Owner, int64(0)
	for _, u := range us {
		size += u.Size
	}
	return r.write(ctx, "uploads.create", func(t *tx) error {
		var used int64
		found, err := t.one("SELECT upload_bytes FROM users WHERE id = $1 FOR NO KEY UPDATE", []any{key(owner)}, &used)
		switch {
		case err != nil:
			return err
		case !found:
			return blog.Fail(blog.CodeUserNotFound)
		case quota > 0 && used+size > quota:
			return blog.Fail(blog.CodeUploadQuota)
		}
		if err := insertUploads(t, us); err != nil {
			return err
		}
		return countUploads(t, owner, len(us), size)
	})
}

func insertUploads(t *tx, us []blog.Upload) error {
	names, fields, originals := make([]string, len(us)), make([]string, len(us)), make([]string, len(us))
	sizes, created := make([]int64, len(us)), make([]int64, len(us))
	for i, u := range us {
		names[i], fields[i], originals[i], sizes[i], created[i] = u.Filename, u.Field, u.OriginalName, u.Size, blog.Millis(u.CreatedAt)
	}
	_, err := t.exec(`INSERT INTO uploads (owner, filename, field, original, size, created)
		SELECT $1::bytea, * FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])`,
		key(us[0].Owner), names, fields, originals, sizes, created)
	return err
}

func countUploads(t *tx, owner blog.ID, n int, size int64) error {
	_, err := t.exec("UPDATE users SET uploads = uploads + $2, upload_bytes = upload_bytes + $3 WHERE id = $1", key(owner), n, size)
	return err
}

// Get implements blog.Uploads.
func (r uploads) Get(ctx context.Context, filename string) (u blog.Upload, err error) {
	err = r.read(ctx, "uploads.get", func(ctx context.Context, q querier) (err error) {
		u, err = getUpload(ctx, q, filename)
		return err
	})
	return u, err
}

func getUpload(ctx context.Context, q querier, filename string) (u blog.Upload, err error) {
	found, err := one(ctx, q, "SELECT "+uploadColumns+" FROM uploads f WHERE f.filename = $1", []any{findable(filename)}, intoUpload(&u)...)
	if err == nil && !found {
		err = blog.Fail(blog.CodeFileNotFound)
	}
	return u, err
}

// List implements blog.Uploads. Items and total come from one statement, so they agree;
// past the last page the total comes alone, and no upload is read.
func (r uploads) List(ctx context.Context, f blog.UploadFilter) (list blog.Listed[blog.Upload], err error) {
	uploads := selectUploads(f)
	err = r.read(ctx, "uploads.list", func(ctx context.Context, q querier) error {
		list = blog.Listed[blog.Upload]{}
		return each(ctx, q, uploads.String(), uploads.args, func(r pgx.Rows) error {
			var u blog.Upload
			err := r.Scan(append([]any{&list.Total}, intoUpload(&u)...)...)
			if u.Filename != "" {
				list.Items = append(list.Items, u)
			}
			return err
		})
	})
	list.Cut(f.Page.Limit, f.Cursor)
	return list, err
}

func selectUploads(f blog.UploadFilter) *query {
	q, before := &query{}, f.Page.Offset()
	q.add("SELECT o.uploads, ", uploadColumns, " FROM users o LEFT JOIN LATERAL (SELECT ", uploadColumns, " FROM uploads f WHERE f.owner = o.id AND o.uploads > ", q.arg(before))
	if after := f.Page.After; after != nil {
		at := q.arg(after.Int)
		q.add(" AND f.created <= ", at, " AND (f.created < ", at, " OR f.filename > ", q.arg(after.Text), ")")
	}
	q.add(" ORDER BY f.created DESC, f.filename LIMIT ", q.arg(f.Page.Limit+1), " OFFSET ", q.arg(before),
		") AS f ON true WHERE o.id = ", q.arg(key(f.Owner)), " ORDER BY f.created DESC, f.filename")
	return q
}

// Delete implements blog.Uploads. The owner is locked before his upload, as always; the
// deletion tells whether he still has it.
func (r uploads) Delete(ctx context.Context, filename string) error {
	return r.write(ctx, "uploads.delete", func(t *tx) error {
		u, err := getUpload(t.ctx, t, filename)
		if err != nil {
			return err
		}
		if _, err := t.exec("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", key(u.Owner)); err != nil {
			return err
		}
		found, err := t.one("DELETE FROM uploads f WHERE f.filename = $1 RETURNING "+uploadColumns, []any{filename}, intoUpload(&u)...)
		switch {
		case err != nil:
			return err
		case !found:
			return blog.Fail(blog.CodeFileNotFound)
		case u.Owner.IsZero():
			return nil
		}
		return countUploads(t, u.Owner, -1, -u.Size)
	})
}

// Ownerless implements blog.Uploads.
func (r uploads) Ownerless(ctx context.Context, limit int) (us []blog.Upload, err error) {
	err = r.read(ctx, "uploads.ownerless", func(ctx context.Context, q querier) error {
		us = nil
		return each(ctx, q, "SELECT "+uploadColumns+" FROM uploads f WHERE f.owner IS NULL LIMIT $1", []any{limit}, func(r pgx.Rows) error {
			var u blog.Upload
			err := r.Scan(intoUpload(&u)...)
			us = append(us, u)
			return err
		})
	})
	return us, err
}
