package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"

	"inkstone/internal/blog"
)

// Target is where a site is to come back.
type Target struct {
	// Scratch is a folder for the database until it is whole, on the disk where it will be.
	Scratch string

	// Vacant fails if there is something already that would be overwritten. What has come
	// from the same source before, and was cut off, is nothing.
	Vacant func(ctx context.Context, source string) error

	// Schema is the newest that the program knows; Open opens such a database. Check fails if
	// it is damaged.
	Schema int
	Open   func(ctx context.Context, file string) (Database, error)
	Check  func(ctx context.Context, database io.ReaderAt, size int64) error

	// Install makes the database in a file, which it may change, the site's.
	Install func(ctx context.Context, file, source string) error

	// Images opens the place of the images.
	Images func() (Images, error)
}

// Restore puts the site in an archive into the target. Nothing of an archive that is not
// whole is used. The images come first, as nobody can see one before its row is there: what
// is cut off in between leaves no broken site, and to restore again completes it.
func Restore(ctx context.Context, file string, to Target, progress Progress) (Report, error) {
	a, err := openArchive(file)
	if err != nil {
		return Report{}, err
	}
	defer a.close()
	if a.Schema > to.Schema {
		return Report{}, newer(a.name, a.Program)
	}
	if err := to.Vacant(ctx, a.source); err != nil {
		return Report{}, err
	}
	r := &restorer{archive: a, to: to, progress: progress, report: Report{Manifest: a.Manifest, Bytes: a.size}}
	err = r.restore(ctx)
	progress.end()
	return r.report, err
}

type restorer struct {
	archive  *reader
	to       Target
	images   Images
	database Database
	report   Report
	progress Progress

	done int64
}

// advance is told of what is read: all of it twice.
func (r *restorer) advance(bytes int) {
	r.done += int64(bytes)
	r.progress.tell(r.done, 2*r.archive.size)
}

func (r *restorer) restore(ctx context.Context) error {
	if err := r.archive.verify(ctx, r.advance); err != nil {
		return err
	}
	space, err := openWorkspace(r.to.Scratch)
	if err != nil {
		return cannotUnpack(r.to.Scratch, err)
	}
	defer space.close()
	file := space.at(databaseName)
	if err := r.unpackAll(ctx, file); err != nil {
		return err
	}
	r.progress.end()
	return r.to.Install(ctx, file, r.archive.source)
}

// unpackAll writes the database into a file and the images where they belong.
func (r *restorer) unpackAll(ctx context.Context, file string) (err error) {
	if r.archive.Uploads {
		if r.images, err = r.to.Images(); err != nil {
			return err
		}
	}
	err = r.archive.each(ctx,
		func(content io.Reader) error { return r.unpack(ctx, file, content) },
		func(field, name string, content io.Reader) error { return r.image(ctx, field, name, content) })
	if err == nil && r.database == nil {
		err = r.archive.strange("没有数据库")
	}
	if err == nil && r.images != nil {
		err = r.images.Flush(ctx)
	}
	if r.database != nil {
		err = errors.Join(err, r.database.Close())
	}
	return err
}

// unpack writes the database into a file and looks whether it is what the manifest says.
func (r *restorer) unpack(ctx context.Context, file string, content io.Reader) error {
	if err := r.write(ctx, file, content); err != nil {
		return err
	}
	s, err := r.to.Open(ctx, file)
	if err != nil {
		return r.unusable(ctx, err)
	}
	r.database = s
	counts, err := s.Counts(ctx)
	if err != nil {
		return r.unusable(ctx, err)
	}
	if !maps.Equal(counts, r.archive.Counts) {
		return r.archive.strange(fmt.Sprintf("有 %v，清单却是 %v", counts, r.archive.Counts))
	}
	return nil
}

// unusable is about a database that can't be read although its archive is whole.
func (r *restorer) unusable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if blog.CodeOf(err) == blog.CodeStorageFull {
		return noRoom(r.to.Scratch)
	}
	return fmt.Errorf("%s 中的数据库无法读取，没有恢复任何内容，请换用另一份备份，并检查 %s 所在的磁盘（%v）", r.archive.name, r.to.Scratch, err)
}

func (r *restorer) write(ctx context.Context, file string, content io.Reader) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return cannotUnpack(r.to.Scratch, err)
	}
	size, err := io.Copy(f, io.TeeReader(content, counter(r.advance)))
	if err == nil {
		err = f.Sync()
	}
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case err != nil:
		err = cannotUnpack(r.to.Scratch, err)
	default:
		if err = r.to.Check(ctx, f, size); err != nil {
			err = r.unusable(ctx, err)
		}
	}
	return errors.Join(err, f.Close())
}

// image puts an image, which must be one that the database knows, in its place.
func (r *restorer) image(ctx context.Context, field, name string, content io.Reader) error {
	if r.images == nil {
		return r.archive.strange("有清单上没有的图片")
	}
	u, err := r.database.Upload(ctx, name)
	if blog.CodeOf(err) == blog.CodeFileNotFound || err == nil && u.Field != field {
		return r.archive.strange(fmt.Sprintf("有数据库中没有的图片 %q", path.Join(field, name)))
	}
	if err == nil {
		err = r.images.Put(ctx, u, io.TeeReader(content, counter(r.advance)))
	}
	if err == nil {
		r.report.Images++
	}
	return err
}
