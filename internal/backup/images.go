package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"inkstone/internal/blog"
)

// An image may have no file for a moment: while it is put in place, its row is written
// already, and while it is deleted, its row is there still.
const (
	imagePatience = 3 * time.Second
	imagePause    = 200 * time.Millisecond
)

// What is away is asked again, as a bucket may be for a moment.
const (
	imageTries = 3
	retryPause = time.Second
)

// errAbsent means that an image has no file, or not the one it had.
var errAbsent = errors.New("no such file")

// images writes those of the images whose files are there. What has been deleted since is
// left out, and so is what is lost: one lost image must not be the end of all backups.
func (w *writer) images(ctx context.Context, images []blog.Upload) error {
	absent, err := w.present(ctx, images)
	for end := time.Now().Add(imagePatience); err == nil && len(absent) > 0; absent, err = w.present(ctx, absent) {
		known, err := w.site.Known(ctx, absent)
		if err != nil {
			return err
		}
		w.report.Gone = append(w.report.Gone, without(absent, known)...)
		absent = known
		if time.Now().After(end) {
			w.report.Missing = without(absent, nil)
			return nil
		}
		if err := sleep(ctx, imagePause); err != nil {
			return err
		}
	}
	return err
}

// present writes the images whose files are there and returns the others.
func (w *writer) present(ctx context.Context, images []blog.Upload) (absent []blog.Upload, err error) {
	var content bytes.Buffer
	for _, u := range images {
		err := w.read(ctx, u, &content)
		if errors.Is(err, errAbsent) {
			absent = append(absent, u)
			continue
		}
		if err == nil {
			err = w.archive.add(uploadsName+u.Field+"/"+u.Filename, content.Bytes(), u.CreatedAt)
		}
		if err != nil {
			return nil, err
		}
		w.report.Images++
	}
	return absent, nil
}

// read reads an image into memory, as the tar wants its size first: it is one of those
// that are taken in a few megabytes at most. errAbsent.
func (w *writer) read(ctx context.Context, u blog.Upload, into *bytes.Buffer) (err error) {
	for try := 1; ; try++ {
		into.Reset()
		err = w.readOnce(ctx, u, into)
		if blog.CodeOf(err) != blog.CodeUnavailable || try == imageTries {
			break
		}
		if err := sleep(ctx, retryPause); err != nil {
			return err
		}
	}
	switch {
	case blog.CodeOf(err) == blog.CodeFileNotFound:
		return errAbsent
	case err == nil && int64(into.Len()) != u.Size:
		return errAbsent
	case err == nil || ctx.Err() != nil:
		return err
	}
	// By %v, as the words for the code of err are about the database.
	return fmt.Errorf("无法读取图片 %s，请检查 UPLOADS 与权限：%v", u.Filename, err)
}

func (w *writer) readOnce(ctx context.Context, u blog.Upload, into io.Writer) error {
	f, err := w.site.Images.Open(ctx, u)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(into, io.LimitReader(f, u.Size+1))
	return err
}

// without returns the names of the images that are not among the others.
func without(images, others []blog.Upload) (names []string) {
	other := make(map[string]bool, len(others))
	for _, u := range others {
		other[u.Filename] = true
	}
	for _, u := range images {
		if !other[u.Filename] {
			names = append(names, u.Filename)
		}
	}
	return names
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
