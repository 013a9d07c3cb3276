package upload

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"syscall"
	"time"

	"inkstone/internal/blog"
)

// Files keeps the bytes of the images. Errors are *blog.Error values where the
// cause is known (CodeFileNotFound, CodeStorageFull, CodeUnavailable).
//
// A file is on the stage, where only its process works on it, or in place, where
// everybody can open it. What a process leaves on its stage stays its own until
// it calls Leave or dies; then Sweep settles it.
type Files interface {
	// Stage makes an empty file on the stage.
	Stage(filename string) (Staged, error)

	// Deliver makes a staged batch, all of it, so durable that its rows may be
	// written. None is in place yet. After an error the batch is to be dropped.
	Deliver(ctx context.Context, images []blog.Upload) error

	// Publish puts delivered images, whose rows are written, in place. One that
	// is not on the stage any more is passed over.
	Publish(ctx context.Context, images []blog.Upload) error

	// Restore is Deliver and Publish for images that came with their names, so that others
	// may be putting the same: after an error the batch is to be dropped, but what is in
	// place already stays, since it may be theirs.
	Restore(ctx context.Context, images []blog.Upload) error

	// Withdraw prepares for the row to go: from here on the image is dropped or
	// left. One that is not in place is passed over.
	Withdraw(ctx context.Context, image blog.Upload) error

	// Drop removes staged, delivered or withdrawn images that have no rows; an
	// unknown one is passed over. What cannot be removed is left.
	Drop(ctx context.Context, images []blog.Upload) error

	// Leave hands such images over to Sweep, which asks whether they have rows.
	Leave(images []blog.Upload)

	// Open opens an image that is in place, if need be asking find for its row.
	// ctx bounds all reading. CodeFileNotFound.
	Open(ctx context.Context, field, filename string, find finder) (File, error)

	// Sweep settles what was left by this process or dead ones.
	Sweep(ctx context.Context, find finder) error
}

// finder tells to which image a file belongs, CodeFileNotFound if to none.
type finder = func(ctx context.Context, filename string) (blog.Upload, error)

// Staged is a file on the stage while it is written. What was written is durable
// after Sync.
type Staged interface {
	io.ReadWriteSeeker
	io.Closer
	Sync() error
}

// File is an image opened for reading.
type File interface {
	io.ReadSeeker
	io.Closer
	ModTime() time.Time
}

var filename = regexp.MustCompile(`^(images?)-[0-9]{13}-[0-9a-f]{32}\.(jpg|png|gif|webp)$`)

// fieldOf returns the field that a file name belongs to; ok is false for a name
// that this package did not make.
func fieldOf(name string) (field string, ok bool) {
	m := filename.FindStringSubmatch(name)
	if m == nil {
		return "", false
	}
	return m[1], true
}

var contentTypes = map[string]string{
	"jpg":  "image/jpeg",
	"png":  "image/png",
	"gif":  "image/gif",
	"webp": "image/webp",
}

// contentType returns the type of a file whose name fieldOf accepts.
func contentType(name string) string {
	return contentTypes[name[strings.LastIndexByte(name, '.')+1:]]
}

// storageError gives a failure of the file system its code.
func storageError(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*blog.Error](err); ok {
		return err
	}
	for _, full := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		if errors.Is(err, full) {
			return blog.Wrap(blog.CodeStorageFull, err)
		}
	}
	for _, away := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EIO, syscall.EROFS, syscall.ESTALE, syscall.ETIMEDOUT} {
		if errors.Is(err, away) {
			return blog.Wrap(blog.CodeUnavailable, err)
		}
	}
	return err
}
