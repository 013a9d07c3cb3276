package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"

	"inkstone/internal/blog"
)

// What a process that dies leaves in the bucket are objects without rows. They are
// found by the notes that were put before them, not by asking for the row of every
// object: a process that was given another database, or an older backup of it, would
// take all images for left over.
//
// Whoever put a note may be at work until it is noteGrace old: storing a batch takes
// at most deliverTime, its rows settleTime. S3 itself refuses clocks that differ by
// more than a quarter of an hour, so that ages can be told.
const (
	notes       = ".pending/"
	noteGrace   = time.Hour
	notesEvery  = 10 * time.Minute
	notesAtOnce = 1000 // as many as S3 lists at once
	maxNote     = 4 << 10
)

func (s *S3) noteKey(filename string) string { return s.prefix + notes + filename }

// Sweep implements Files. A file on a dead process's stage belongs to an upload that
// has not happened.
func (s *S3) Sweep(ctx context.Context, find finder) error {
	err := s.sweep(ctx, func(_ context.Context, path, _ string) error { return s.discard(path) })
	return errors.Join(err, s.failure(ctx, s.sweepNotes(ctx, find)))
}

// sweepNotes settles what old notes tell of, once in notesEvery.
func (s *S3) sweepNotes(ctx context.Context, find finder) error {
	s.swept.Lock()
	defer s.swept.Unlock()
	if time.Now().Before(s.next) {
		return nil
	}
	after := ""
	for {
		page, err := s.listNotes(ctx, after, s.notesAtOnce)
		if err == nil {
			err = s.settleNotes(ctx, page, find)
		}
		if err != nil {
			return err
		}
		if len(page) < s.notesAtOnce {
			break
		}
		after = page[len(page)-1].Key
	}
	s.next = time.Now().Add(notesEvery)
	return nil
}

// listNotes returns notes, at most so many, whose names follow a name.
func (s *S3) listNotes(ctx context.Context, after string, most int) ([]minio.ObjectInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, s.callTime)
	defer cancel()
	var page []minio.ObjectInfo
	for note := range s.client.ListObjectsIter(ctx, s.bucket, minio.ListObjectsOptions{
		Prefix: s.prefix + notes, Recursive: true, StartAfter: after, MaxKeys: most,
	}) {
		if note.Err != nil {
			return nil, note.Err
		}
		if page = append(page, note); len(page) == most {
			break
		}
	}
	return page, ctx.Err()
}

// settleNotes goes on where one cannot be settled.
func (s *S3) settleNotes(ctx context.Context, page []minio.ObjectInfo, find finder) error {
	var errs []error
	for _, note := range page {
		if time.Since(note.LastModified) < s.grace || ctx.Err() != nil {
			continue
		}
		if err := s.settleNote(ctx, note.Key, find); err != nil {
			errs = append(errs, fmt.Errorf("settle %s: %w", note.Key, err))
		}
	}
	return errors.Join(errs...)
}

// settleNote removes the images of a note that have no rows, and then the note.
func (s *S3) settleNote(ctx context.Context, key string, find finder) error {
	ctx, cancel := context.WithTimeout(ctx, s.callTime)
	defer cancel()
	text, err := s.read(ctx, key)
	if err != nil {
		return err
	}
	for name := range strings.SplitSeq(text, "\n") {
		if err := s.settleImage(ctx, name, find); err != nil {
			return err
		}
	}
	return s.removeObject(ctx, key)
}

func (s *S3) settleImage(ctx context.Context, name string, find finder) error {
	field, ok := fieldOf(name)
	if !ok {
		return nil // not ours
	}
	_, err := find(ctx, name)
	if blog.CodeOf(err) != blog.CodeFileNotFound {
		return err
	}
	return s.removeObject(ctx, s.key(blog.Upload{Field: field, Filename: name}))
}

func (s *S3) read(ctx context.Context, key string) (string, error) {
	body, _, _, err := s.client.GetObject(ctx, s.bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxNote))
	return string(text), err
}
