package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"inkstone/internal/blog"
)

// Archive takes images out for a backup, and in from one. Rows are its callers' concern:
// an image that is put gets its row later, if it has none.
type Archive struct {
	files  Files
	staged []blog.Upload
}

// NewArchive makes an Archive of what is kept in files.
func NewArchive(files Files) *Archive { return &Archive{files: files} }

// Open opens the image of a row. CodeFileNotFound, here or when it is read.
func (a *Archive) Open(ctx context.Context, u blog.Upload) (io.ReadCloser, error) {
	return a.open(ctx, u)
}

func (a *Archive) open(ctx context.Context, u blog.Upload) (File, error) {
	if field, ok := fieldOf(u.Filename); !ok || field != u.Field {
		return nil, blog.Fail(blog.CodeFileNotFound)
	}
	return a.files.Open(ctx, u.Field, u.Filename, func(context.Context, string) (blog.Upload, error) { return u, nil })
}

// Put takes in an image, by the steps of an upload: it is staged now, and in place after
// the next Flush at the latest. If it is there already nothing is done, and if another one
// has its name that stays: an error.
func (a *Archive) Put(ctx context.Context, u blog.Upload, content io.Reader) error {
	if field, ok := fieldOf(u.Filename); !ok || field != u.Field {
		return fmt.Errorf("图片的文件名 %q 无效", u.Filename)
	}
	staged, err := a.files.Stage(u.Filename)
	if err != nil {
		return err
	}
	fresh, err := a.fill(ctx, staged, u, content)
	if err = errors.Join(err, staged.Close()); err != nil || !fresh {
		return errors.Join(storageError(err), a.files.Drop(context.WithoutCancel(ctx), []blog.Upload{u}))
	}
	if a.staged = append(a.staged, u); len(a.staged) < MaxFiles {
		return nil
	}
	return a.Flush(ctx)
}

// fill writes a staged file, and tells whether the image is not in place yet.
func (a *Archive) fill(ctx context.Context, f Staged, u blog.Upload, content io.Reader) (fresh bool, err error) {
	n, err := io.Copy(f, content)
	if err != nil {
		return false, err
	}
	if n != u.Size {
		return false, fmt.Errorf("图片 %s 有 %d 字节，应为 %d", u.Filename, n, u.Size)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return false, err
	}
	placed, err := a.open(ctx, u)
	if err == nil {
		defer placed.Close()
		err = same(f, placed)
	}
	switch {
	case err == nil:
		return false, nil
	case blog.CodeOf(err) == blog.CodeFileNotFound:
		return true, f.Sync()
	case errors.Is(err, errOther):
		return false, fmt.Errorf("%s 已有内容不同的图片，不会覆盖，请检查 UPLOADS 是否属于别的站点", u.URL())
	}
	return false, err
}

var errOther = errors.New("contents differ")

// same reports by errOther that two contents differ.
func same(a, b io.Reader) error {
	left, right := make([]byte, 32<<10), make([]byte, 32<<10)
	for {
		n, errA := io.ReadFull(a, left)
		m, errB := io.ReadFull(b, right)
		for _, err := range []error{errA, errB} {
			if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return err
			}
		}
		if !bytes.Equal(left[:n], right[:m]) {
			return errOther
		}
		if errA != nil { // both have ended: a shorter one would have differed
			return nil
		}
	}
}

// Flush puts in place what is staged. After an error nothing of it stays that Sweep would
// not settle.
func (a *Archive) Flush(ctx context.Context) error {
	batch := a.staged
	a.staged = nil
	if len(batch) == 0 {
		return nil
	}
	if err := a.files.Restore(ctx, batch); err != nil {
		return errors.Join(err, a.files.Drop(context.WithoutCancel(ctx), batch))
	}
	return nil
}

// Close drops what was put and not flushed.
func (a *Archive) Close() error {
	batch := a.staged
	a.staged = nil
	return a.files.Drop(context.Background(), batch)
}
