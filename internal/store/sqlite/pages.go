package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// Pages are one state of a database as the file that it would be, for a backup: a read
// transaction, so that others may write meanwhile. The write-ahead log can't begin anew as
// long as it is open. It changes nothing that is kept, not even an older schema. One goroutine may use
// it at a time.
type Pages struct {
	c        *conn
	schema   int
	pages    int64
	pageSize int64
}

// OpenPages opens the database at path in the state that it has now. fs.ErrNotExist,
// ErrEmpty, ErrUnfinished, ErrNewerSchema, ErrForeign, ErrDamaged, ErrLocked;
// CodeUnavailable. When ctx ends, so does every method.
func OpenPages(ctx context.Context, path string) (*Pages, error) {
	if _, err := os.Stat(path); err != nil { // SQLite would make it
		return nil, err
	}
	c, err := openReader(path, hooks{})
	if err != nil {
		return nil, fault(ctx, err)
	}
	c.SetInterrupt(ctx.Done())
	p := &Pages{c: c}
	if err := p.begin(); err != nil {
		return nil, fault(ctx, errors.Join(err, p.Close()))
	}
	return p, nil
}

func (p *Pages) begin() (err error) {
	newest, err := NewestSchema()
	if err != nil {
		return err
	}
	if err := p.c.script("BEGIN"); err != nil {
		return err
	}
	if p.schema, err = schemaVersion(p.c, newest); err != nil {
		return err
	}
	if p.schema == 0 {
		return blog.ErrEmpty
	}
	if err := p.checkWhole(); err != nil {
		return err
	}
	if p.pages, err = p.c.number("PRAGMA page_count"); err != nil {
		return err
	}
	p.pageSize, err = p.c.number("PRAGMA page_size")
	return err
}

// checkWhole is that of an opened store, also for a schema without copies.
func (p *Pages) checkWhole() error {
	known, err := p.c.number("SELECT count(*) FROM sqlite_schema WHERE name = 'copying'")
	if err != nil || known == 0 {
		return err
	}
	return checkWhole(p.c)
}

// Close ends the transaction.
func (p *Pages) Close() error { return p.c.Close() }

// Schema returns the version of the schema.
func (p *Pages) Schema() int { return p.schema }

// Size returns how many bytes Write writes.
func (p *Pages) Size() int64 { return p.pages * p.pageSize }

// Counts returns how many rows of each kind there are.
func (p *Pages) Counts(ctx context.Context) (map[string]int64, error) {
	counts := map[string]int64{}
	for _, kind := range []string{"users", "posts", "comments", "likes", "uploads", "sources"} {
		n, err := p.c.number("SELECT count(*) FROM " + kind)
		if err != nil {
			return nil, fault(ctx, err)
		}
		counts[kind] = n
	}
	return counts, nil
}

// Uploads calls f for each image, in the order of their names. Owners are left out.
func (p *Pages) Uploads(ctx context.Context, f func(blog.Upload) error) error {
	return fault(ctx, p.c.each("SELECT filename, field, size, created FROM uploads ORDER BY filename",
		func(row *sqlite.Stmt) error { return f(scanImage(row)) }))
}

// Upload returns the image of that name. CodeFileNotFound.
func (p *Pages) Upload(ctx context.Context, filename string) (u blog.Upload, err error) {
	found, err := p.c.one("SELECT filename, field, size, created FROM uploads WHERE filename = ?",
		func(row *sqlite.Stmt) error { u = scanImage(row); return nil }, filename)
	if err == nil && !found {
		return u, blog.Fail(blog.CodeFileNotFound)
	}
	return u, fault(ctx, err)
}

func scanImage(row *sqlite.Stmt) blog.Upload {
	return blog.Upload{Filename: row.ColumnText(0), Field: row.ColumnText(1), Size: row.ColumnInt64(2), CreatedAt: columnTime(row, 3)}
}

// Where page 1 says by which means the file is written and read (1: by a rollback
// journal, 2: by a write-ahead log).
//
// Source: https://www.sqlite.org/fileformat2.html#file_format_version_numbers
const (
	writeVersion = 18
	readVersion  = 19
)

// Write writes the database as a file of its own, page by page as they stand: nothing is
// sorted, and no more than a page is in memory. The file needs no log beside it.
func (p *Pages) Write(ctx context.Context, w io.Writer) error {
	page, pages := make([]byte, p.pageSize), int64(0)
	err := p.c.each("SELECT data FROM sqlite_dbpage ORDER BY pgno", func(row *sqlite.Stmt) error {
		if n := row.ColumnBytes(0, page); n != len(page) {
			return fmt.Errorf("%w: page %d has %d bytes", ErrDamaged, pages+1, n)
		}
		if pages++; pages == 1 {
			page[writeVersion], page[readVersion] = 1, 1
		}
		_, err := w.Write(page)
		return err
	})
	if err == nil && pages != p.pages {
		err = fmt.Errorf("%w: %d pages of %d", ErrDamaged, pages, p.pages)
	}
	return fault(ctx, err)
}

// Vacant fails with fs.ErrExist if anything of a database is at path. A log that is left
// there would be taken for that of the database that comes.
func Vacant(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		_, err := os.Lstat(path + suffix)
		if err == nil {
			return &fs.PathError{Op: "restore", Path: path + suffix, Err: fs.ErrExist}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
