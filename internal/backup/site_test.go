package backup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/store"
	"inkstone/internal/upload"
)

// testSite is a site on SQLite with its images in a folder.
type testSite struct {
	t      *testing.T
	dir    string
	images *upload.Archive
	rows   []blog.Upload
}

func newSite(t *testing.T, images int) *testSite {
	s := &testSite{t: t, dir: t.TempDir()}
	s.images = openImages(t, filepath.Join(s.dir, "uploads"))
	db := s.open()
	defer func() { must(t, db.Close()) }()
	now := blog.ToMillisecond(time.Now())
	u := &blog.User{ID: blog.NewID(now), Username: "写字的人", Email: "me@example.com", PasswordHash: "-", Role: blog.RoleUser, Active: true, CreatedAt: now, UpdatedAt: now}
	must(t, db.Users().Create(t.Context(), u))
	for i := range images {
		row := blog.Upload{
			Filename: fmt.Sprintf("image-%013d-%032x.png", now.UnixMilli(), i), Field: "image", Owner: u.ID,
			OriginalName: "墨.png", Size: int64(100 + i), CreatedAt: now,
		}
		must(t, s.images.Put(t.Context(), row, bytes.NewReader(contentOf(row))))
		s.rows = append(s.rows, row)
	}
	must(t, s.images.Flush(t.Context()))
	must(t, db.Uploads().Create(t.Context(), s.rows, 0))
	return s
}

func openImages(t *testing.T, dir string) *upload.Archive {
	t.Helper()
	files, err := upload.OpenLocal(dir)
	must(t, err)
	images := upload.NewArchive(files)
	t.Cleanup(func() { must(t, errors.Join(images.Close(), files.Close())) })
	return images
}

// contentOf is what the file of an image of these tests holds.
func contentOf(u blog.Upload) []byte { return bytes.Repeat([]byte{byte(u.Size)}, int(u.Size)) }

func (s *testSite) path() string { return filepath.Join(s.dir, "inkstone.db") }

func (s *testSite) open() blog.Store {
	s.t.Helper()
	db, err := store.Open(s.t.Context(), "sqlite:"+s.path(), store.Options{})
	must(s.t, err)
	return db
}

func (s *testSite) file(u blog.Upload) string {
	return filepath.Join(s.dir, "uploads", u.Field, u.Filename)
}

// site is what Write gets.
func (s *testSite) site() Site {
	return Site{
		Program: "v0", Engine: "sqlite", Images: s.images, Check: store.Check,
		Open: func(ctx context.Context, _ string) (Database, error) { return store.OpenPages(ctx, s.path()) },
		Known: func(ctx context.Context, images []blog.Upload) (known []blog.Upload, err error) {
			p, err := store.OpenPages(ctx, s.path())
			if err != nil {
				return nil, err
			}
			defer p.Close()
			for _, u := range images {
				if _, err := p.Upload(ctx, u.Filename); err == nil {
					known = append(known, u)
				}
			}
			return known, nil
		},
	}
}

// backup writes the site into a file and returns its name.
func (s *testSite) backup() (string, Report) {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "site.tar")
	r, err := Write(s.t.Context(), file, s.site(), nil)
	must(s.t, err)
	return file, r
}

// place is somewhere to restore to.
type place struct{ dir string }

func (p place) target(t *testing.T) Target {
	schema, err := store.NewestSchema()
	must(t, err)
	db := filepath.Join(p.dir, "inkstone.db")
	return Target{
		Scratch: p.dir, Schema: schema, Check: store.Check,
		Vacant: func(context.Context, string) error { return store.Vacant(db) },
		Open:   func(ctx context.Context, file string) (Database, error) { return store.OpenPages(ctx, file) },
		Install: func(_ context.Context, file, _ string) error {
			return Place(file, db)
		},
		Images: func() (Images, error) { return openImages(t, filepath.Join(p.dir, "uploads")), nil },
	}
}

// names lists what is below a folder, but for empty folders.
func names(t *testing.T, dir string) (all []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && e.Name() != "lock" {
			all = append(all, strings.TrimPrefix(path, dir+string(filepath.Separator)))
		}
		return err
	}))
	slices.Sort(all)
	return all
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, err error, saying string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), saying) {
		t.Errorf("got %v, want an error that says %q", err, saying)
	}
}
