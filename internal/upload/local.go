package upload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"inkstone/internal/blog"
)

// fields are the form fields, and the folders the images stand in.
var fields = []string{"image", "images"}

// Local keeps the images in a folder, which several processes may share, with
// the stage in the same one: what is complete is renamed into place.
type Local struct{ *stage }

// OpenLocal makes the folder ready, which is created if need be.
func OpenLocal(dir string) (*Local, error) {
	s, err := openStage(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range fields {
		err = errors.Join(err, s.root.MkdirAll(name, 0o755))
	}
	if err = errors.Join(err, s.syncFolder(".")); err != nil {
		return nil, errors.Join(fmt.Errorf("upload folder: %w", err), s.Close())
	}
	return &Local{s}, nil
}

// Stage implements Files.
func (l *Local) Stage(name string) (Staged, error) {
	f, err := l.create(name)
	if err != nil {
		return nil, err
	}
	return stagedFile{f, l.stage}, nil
}

// stagedFile makes the folder's entry durable together with the content.
type stagedFile struct {
	*os.File
	stage *stage
}

func (f stagedFile) Sync() error {
	if err := f.File.Sync(); err != nil {
		return err
	}
	return f.stage.syncFolder(f.stage.own)
}

// Deliver implements Files: what was synced on the stage is safe there.
func (l *Local) Deliver(context.Context, []blog.Upload) error { return nil }

// Publish implements Files. The folders are synced once for all of them.
func (l *Local) Publish(_ context.Context, images []blog.Upload) error {
	folders := map[string]bool{}
	for _, u := range images {
		if err := l.rename(l.at(u.Filename), place(u)); err != nil {
			return storageError(err)
		}
		folders[u.Field] = true
		l.leave(u.Filename)
	}
	for name := range folders {
		if err := l.syncFolder(name); err != nil {
			return storageError(err)
		}
	}
	return nil
}

// Restore implements Files.
func (l *Local) Restore(ctx context.Context, images []blog.Upload) error {
	return l.Publish(ctx, images)
}

// Withdraw implements Files.
func (l *Local) Withdraw(_ context.Context, u blog.Upload) error {
	l.hold(u.Filename)
	err := l.move(place(u), l.at(u.Filename))
	if err != nil {
		l.leave(u.Filename)
	}
	return storageError(err)
}

func place(u blog.Upload) string { return path.Join(u.Field, u.Filename) }

// rename passes over a file that is not there.
func (l *Local) rename(from, to string) error {
	err := l.root.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// move renames a file durably.
func (l *Local) move(from, to string) error {
	if err := l.rename(from, to); err != nil {
		return err
	}
	return errors.Join(l.syncFolder(path.Dir(to)), l.syncFolder(path.Dir(from)))
}

// Drop implements Files.
func (l *Local) Drop(_ context.Context, images []blog.Upload) error {
	var errs []error
	for _, u := range images {
		_, err := l.remove(u.Filename)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Leave implements Files.
func (l *Local) Leave(images []blog.Upload) {
	for _, u := range images {
		l.leave(u.Filename)
	}
}

// Sweep implements Files: a file on a stage whose image is known goes into place.
func (l *Local) Sweep(ctx context.Context, find finder) error {
	return l.sweep(ctx, func(ctx context.Context, path, name string) error {
		u, err := find(ctx, name)
		if err == nil {
			return l.move(path, place(u))
		}
		if blog.CodeOf(err) != blog.CodeFileNotFound {
			return err
		}
		return l.discard(path)
	})
}

type localFile struct {
	*os.File
	modified time.Time
}

func (f localFile) ModTime() time.Time { return f.modified }

// Open implements Files: what stands in place has its row, which need not be asked for.
func (l *Local) Open(_ context.Context, field, name string, _ finder) (File, error) {
	f, err := l.root.Open(path.Join(field, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blog.Wrap(blog.CodeFileNotFound, err)
	}
	if err != nil {
		return nil, storageError(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, storageError(err)
	}
	if !info.Mode().IsRegular() {
		f.Close()
		return nil, blog.Fail(blog.CodeFileNotFound)
	}
	return localFile{f, info.ModTime()}, nil
}
