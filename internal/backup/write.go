package backup

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"time"

	"inkstone/internal/blog"
)

// Database is one state of a site's database.
type Database interface {
	Schema() int
	Counts(ctx context.Context) (map[string]int64, error)

	// Size is how many bytes Write writes: the database as SQLite keeps it.
	Size() int64
	Write(ctx context.Context, w io.Writer) error

	// Uploads calls f for each image, Upload returns the one of a name (CodeFileNotFound).
	// Owners may be left out.
	Uploads(ctx context.Context, f func(blog.Upload) error) error
	Upload(ctx context.Context, filename string) (blog.Upload, error)

	Close() error
}

// Images are the bytes of the images, in a folder or anywhere else.
type Images interface {
	// Open opens an image. CodeFileNotFound, here or when it is read.
	Open(ctx context.Context, image blog.Upload) (io.ReadCloser, error)

	// Put takes an image in, which is in place after the next Flush at the latest. If it is
	// there already, nothing is done; if another one has its name, that is an error.
	Put(ctx context.Context, image blog.Upload, content io.Reader) error
	Flush(ctx context.Context) error
}

// Site is what is to be backed up.
type Site struct {
	Program string // the version of inkstone
	Engine  string

	// Open opens the database in the state that it has then. Who has to make a file for it
	// makes it in the folder scratch.
	Open func(ctx context.Context, scratch string) (Database, error)

	// Check fails if a database that was written is damaged.
	Check func(ctx context.Context, database io.ReaderAt, size int64) error

	Images Images // nil: they are not covered

	// Known returns those of the images that the site still has, now.
	Known func(ctx context.Context, images []blog.Upload) ([]blog.Upload, error)
}

// Report says what an archive holds.
type Report struct {
	Manifest
	Bytes  int64
	Images int

	Gone    []string // images that were deleted while the backup was at work
	Missing []string // images whose file is lost or damaged, though the site has them
}

// Progress is told how many bytes of how many are done, and at the end that all are. It
// may be nil.
type Progress func(done, total int64)

// tell takes the total for a guess.
func (p Progress) tell(done, total int64) {
	if p != nil {
		p(done, max(done+1, total))
	}
}

func (p Progress) end() {
	if p != nil {
		p(1, 1)
	}
}

// Write writes the site into a file of that name, which must not exist. It is there whole
// or not at all.
func Write(ctx context.Context, file string, site Site, progress Progress) (Report, error) {
	if err := checkName(file); err != nil {
		return Report{}, err
	}
	space, err := openWorkspace(filepath.Dir(file))
	if err != nil {
		return Report{}, cannotWrite(file, err)
	}
	defer space.close()
	w := &writer{site: site, scratch: space.dir, progress: progress}
	defer progress.end()
	aside := space.at("archive.tar")
	if w.archive, err = createArchive(aside, w.advance); err != nil {
		return Report{}, cannotWrite(file, err)
	}
	err = w.write(ctx)
	if w.archive.err != nil {
		err = cannotWrite(file, w.archive.err)
	}
	if err := errors.Join(err, w.archive.close()); err != nil {
		return Report{}, err
	}
	if err := Place(aside, file); err != nil {
		return Report{}, cannotWrite(file, err)
	}
	w.report.Bytes = w.done
	return w.report, nil
}

type writer struct {
	site     Site
	scratch  string
	archive  *archive
	report   Report
	progress Progress

	done, total int64
	at, size    int64 // of the database in the archive
}

func (w *writer) advance(bytes int) {
	w.done += int64(bytes)
	w.progress.tell(w.done, w.total)
}

func (w *writer) write(ctx context.Context) error {
	images, err := w.database(ctx)
	if err != nil {
		return err
	}
	if err := w.images(ctx, images); err != nil {
		return err
	}
	if err := w.archive.finish(); err != nil {
		return err
	}
	return w.check(ctx)
}

// database writes the manifest and the database, and returns the images that it knows if
// they are to be covered. It is not open longer than that takes: the log of a database on
// SQLite can only grow meanwhile.
func (w *writer) database(ctx context.Context) (images []blog.Upload, err error) {
	now := time.Now().UTC().Truncate(time.Second)
	s, err := w.site.Open(ctx, w.scratch)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	counts, err := s.Counts(ctx)
	if err != nil {
		return nil, err
	}
	w.total = s.Size()
	if w.site.Images != nil {
		err := s.Uploads(ctx, func(u blog.Upload) error {
			images = append(images, u)
			w.total += u.Size
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	m := Manifest{
		Format: format, Program: w.site.Program, Engine: w.site.Engine, Schema: s.Schema(),
		Created: now, Counts: counts, Uploads: w.site.Images != nil,
	}
	w.report.Manifest = m
	text, err := m.encode()
	if err != nil {
		return nil, err
	}
	if err := w.archive.add(manifestName, text, now); err != nil {
		return nil, err
	}
	if err := w.archive.begin(databaseName, s.Size(), now); err != nil {
		return nil, err
	}
	w.size = s.Size()
	if w.at, err = w.archive.offset(); err != nil {
		return nil, err
	}
	return images, s.Write(ctx, w.archive.tar)
}

// check reads the database again where it has been written: to look for damage in the one
// that is in use would keep its log from beginning anew for ten times as long.
func (w *writer) check(ctx context.Context) error {
	return w.site.Check(ctx, io.NewSectionReader(w.archive.file, w.at, w.size), w.size)
}
