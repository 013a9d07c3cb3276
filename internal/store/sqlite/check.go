package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"modernc.org/sqlite/vfs"
	"zombiezen.com/go/sqlite"
)

// Check reads all of a database that nobody writes, wherever it stands, with its indexes and
// the full-text ones. ErrDamaged if they do not agree. It takes some ten times as long as to
// write it.
func Check(ctx context.Context, database io.ReaderAt, size int64) (err error) {
	saveMemory()
	name, files, err := vfs.New(single{io.NewSectionReader(database, 0, size)})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, files.Close()) }()
	c, err := sqlite.OpenConn("file:"+singleName+"?immutable=1&vfs="+name, sqlite.OpenReadOnly|sqlite.OpenURI)
	if err != nil {
		return fault(ctx, err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	c.SetInterrupt(ctx.Done())
	found := ""
	own := &conn{Conn: c}
	_, err = own.one("PRAGMA integrity_check(1)", func(row *sqlite.Stmt) error { found = row.ColumnText(0); return nil })
	if err == nil && found != "ok" {
		err = fmt.Errorf("%w: %s", ErrDamaged, found)
	}
	return fault(ctx, err)
}

// single is a file system with one file, which may be a part of another.
type single struct{ *io.SectionReader }

const singleName = "database"

// Open implements fs.FS.
func (s single) Open(name string) (fs.File, error) {
	if name != singleName {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return singleFile{io.NewSectionReader(s.SectionReader, 0, s.Size())}, nil
}

// singleFile is that file, opened, and what is known of it.
type singleFile struct{ *io.SectionReader }

// Stat implements fs.File, as the others down to Close and Sys.
func (f singleFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f singleFile) Close() error               { return nil }
func (f singleFile) Name() string               { return singleName }
func (f singleFile) Mode() fs.FileMode          { return 0o400 }
func (f singleFile) ModTime() time.Time         { return time.Time{} }
func (f singleFile) IsDir() bool                { return false }
func (f singleFile) Sys() any                   { return nil }
