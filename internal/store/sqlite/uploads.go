package sqlite

import (
	"context"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

type uploads struct{ *Store }

const (
	uploadColumns = "f.filename, f.field, u.id, f.original, f.size, f.created"
	fromUploads   = "uploads f LEFT JOIN users u ON u.key = f.owner"
	selectUpload  = "SELECT " + uploadColumns + " FROM " + fromUploads + " "
)

func scanUpload(s *sqlite.Stmt) blog.Upload {
	return blog.Upload{
		Filename: s.ColumnText(0), Field: s.ColumnText(1), Owner: columnID(s, 2),
		OriginalName: s.ColumnText(3), Size: s.ColumnInt64(4), CreatedAt: columnTime(s, 5),
	}
}

// Create implements blog.Uploads.
func (r uploads) Create(ctx context.Context, us []blog.Upload, quota int64) error {
	if len(us) == 0 {
		return nil
	}
	return r.write(ctx, "uploads.create", func(c *conn) error {
		owner, err := getAuthor(c, us[0].Owner)
		if err != nil {
			return err
		}
		var size int64
		for _, u := range us {
			size += u.Size
		}
		used, err := c.number("SELECT upload_bytes FROM users WHERE key = ?", owner.key)
		if err != nil {
			return err
		}
		if quota > 0 && used+size > quota {
			return blog.Fail(blog.CodeUploadQuota)
		}
		for _, u := range us {
			err := c.exec("INSERT INTO uploads (filename, field, owner, original, size, created) VALUES (?, ?, ?, ?, ?, ?)",
				u.Filename, u.Field, owner.key, u.OriginalName, u.Size, u.CreatedAt)
			if err != nil {
				return err
			}
		}
		return c.exec("UPDATE users SET uploads = uploads + ?, upload_bytes = upload_bytes + ? WHERE key = ?", len(us), size, owner.key)
	})
}

// Get implements blog.Uploads.
func (r uploads) Get(ctx context.Context, filename string) (u blog.Upload, err error) {
	err = r.read(ctx, "uploads.get", readLimit, func(c *conn) (err error) {
		u, err = getUpload(c, filename)
		return err
	})
	return u, err
}

func getUpload(c *conn, filename string) (u blog.Upload, err error) {
	found, err := c.one(selectUpload+"WHERE f.filename = ?", func(s *sqlite.Stmt) error { u = scanUpload(s); return nil }, filename)
	if err == nil && !found {
		err = blog.Fail(blog.CodeFileNotFound)
	}
	return u, err
}

// List implements blog.Uploads.
func (r uploads) List(ctx context.Context, f blog.UploadFilter) (list blog.Listed[blog.Upload], err error) {
	err = r.view(ctx, "uploads.list", readLimit, func(c *conn) error {
		var owner int64
		_, err := c.one("SELECT key, uploads FROM users WHERE id = ?", func(s *sqlite.Stmt) error {
			owner, list.Total = s.ColumnInt64(0), s.ColumnInt64(1)
			return nil
		}, f.Owner)
		if err != nil || list.Total == 0 {
			return err
		}
		q := query{}
		q.add(selectUpload+"WHERE f.owner = ?", owner)
		if after := f.Page.After; after != nil {
			q.add(" AND (f.created < ? OR f.created = ? AND f.filename > ?) AND f.created <= ?", after.Int, after.Int, after.Text, after.Int)
		}
		q.add(" ORDER BY f.created DESC, f.filename LIMIT +? OFFSET +?", f.Page.Limit+1, offset(f.Page))
		return c.each(q.sql, func(s *sqlite.Stmt) error {
			list.Items = append(list.Items, scanUpload(s))
			return nil
		}, q.args...)
	})
	if len(list.Items) > f.Page.Limit {
		list.Items = list.Items[:f.Page.Limit]
		list.Next = f.Cursor(list.Items[f.Page.Limit-1])
	}
	return list, err
}

// Delete implements blog.Uploads.
func (r uploads) Delete(ctx context.Context, filename string) error {
	return r.write(ctx, "uploads.delete", func(c *conn) error {
		u, err := getUpload(c, filename)
		if err != nil {
			return err
		}
		if err := c.exec("DELETE FROM uploads WHERE filename = ?", filename); err != nil {
			return err
		}
		return c.exec("UPDATE users SET uploads = uploads - 1, upload_bytes = upload_bytes - ? WHERE id = ?", u.Size, u.Owner)
	})
}

// Ownerless implements blog.Uploads.
func (r uploads) Ownerless(ctx context.Context, limit int) (us []blog.Upload, err error) {
	err = r.read(ctx, "uploads.ownerless", readLimit, func(c *conn) error {
		return c.each(selectUpload+"WHERE f.owner IS NULL ORDER BY f.created DESC, f.filename LIMIT +?", func(s *sqlite.Stmt) error {
			us = append(us, scanUpload(s))
			return nil
		}, limit)
	})
	return us, err
}
