package sqlite

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"inkstone/internal/blog"
)

func write(t *testing.T, s *Store, author blog.ID, title string) *blog.Post {
	t.Helper()
	p := newPost(author, title)
	must(t, s.Posts().Create(t.Context(), p))
	return p
}

// written opens what Pages write as a database.
func written(t *testing.T, p *Pages) (s *Store, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "written.db")
	f, err := os.Create(path)
	must(t, err)
	must(t, p.Write(t.Context(), f))
	info, err := f.Stat()
	must(t, err)
	if info.Size() != p.Size() {
		t.Errorf("%d bytes, want %d", info.Size(), p.Size())
	}
	must(t, Check(t.Context(), f, info.Size()))
	must(t, f.Close())
	return openAt(t, path, Options{}), path
}

func TestPagesAreTheStateOfTheTimeWhenTheyWereOpened(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openAt(t, path, Options{})
	author := addUser(t, s, "author").ID
	write(t, s, author, "磨墨之前")
	p, err := OpenPages(t.Context(), path)
	must(t, err)
	defer p.Close()
	for range 50 {
		write(t, s, author, "磨墨之后")
	}
	copied, _ := written(t, p)
	for words, want := range map[string]int64{"之前": 1, "之后": 0} {
		l, err := copied.Posts().List(t.Context(), blog.PostFilter{Search: blog.ParseQuery(words), Order: blog.Order{Field: "publishedAt"}, Page: blog.Page{Number: 1, Limit: 1}})
		if must(t, err); l.Total != want {
			t.Errorf("%d posts with %s, want %d", l.Total, words, want)
		}
	}
	counts, err := p.Counts(t.Context())
	if must(t, err); counts["posts"] != 1 || counts["users"] != 1 {
		t.Errorf("%v", counts)
	}
	write(t, copied, author, "又一篇")
}

func TestPagesNeedNoLogBesideThem(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openAt(t, path, Options{})
	addUser(t, s, "author")
	p, err := OpenPages(t.Context(), path)
	must(t, err)
	defer p.Close()
	var b bytes.Buffer
	must(t, p.Write(t.Context(), &b))
	if v := b.Bytes()[writeVersion : readVersion+1]; v[0] != 1 || v[1] != 1 {
		t.Errorf("versions %v: it would be opened with a log", v)
	}
}

func TestPagesOfAnOlderSchemaStayAsTheyAre(t *testing.T) {
	path := filepath.Join(t.TempDir(), "old.db")
	must(t, makeFile(path))
	c, err := openConn(path, busyWait, writerCacheKiB)
	must(t, err)
	_, err = step(c, []string{"migrations/0001_initial.sql"})
	must(t, errors.Join(err, c.Close()))
	p, err := OpenPages(t.Context(), path)
	must(t, err)
	defer p.Close()
	if p.Schema() != 1 {
		t.Errorf("schema %d", p.Schema())
	}
	_, err = p.Counts(t.Context())
	must(t, err)
}

func TestPagesOfWhatIsNoSiteAreRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := OpenPages(t.Context(), filepath.Join(dir, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v: a file was made", entries, err)
	}
	empty := filepath.Join(dir, "empty")
	must(t, os.WriteFile(empty, nil, 0o600))
	if _, err := OpenPages(t.Context(), empty); !errors.Is(err, blog.ErrEmpty) {
		t.Errorf("%v", err)
	}
	half := filepath.Join(dir, "half.db")
	s := openAt(t, half, Options{})
	must(t, s.Copies().Begin(t.Context(), "elsewhere"))
	if _, err := OpenPages(t.Context(), half); !errors.Is(err, blog.ErrUnfinished) {
		t.Errorf("%v", err)
	}
}

func TestPagesEndWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	openAt(t, path, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	p, err := OpenPages(ctx, path)
	must(t, err)
	defer p.Close()
	cancel()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		_, err := p.Counts(ctx)
		if errors.Is(err, context.Canceled) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%v", err)
		}
	}
}

// Check finds what the pages alone do not show: rows and index that disagree.
func TestCheckFindsIndexesThatDisagree(t *testing.T) {
	for name, sql := range map[string]string{
		"full text": "UPDATE posts_fts_data SET block = zeroblob(length(block)) WHERE id > 10",
		"index":     "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema WHERE name = 'posts_views') WHERE name = 'posts_likes'",
	} {
		path := filepath.Join(t.TempDir(), "test.db")
		s, err := Open(t.Context(), path, Options{})
		must(t, err)
		author := addUser(t, s, "author").ID
		for range 20 {
			write(t, s, author, "一篇")
		}
		must(t, s.Posts().AddViews(t.Context(), map[blog.ID]int64{write(t, s, author, "多看").ID: 7}))
		must(t, s.Close())
		c, err := openConn(path, busyWait, writerCacheKiB)
		must(t, err)
		must(t, errors.Join(c.script(sql), c.Close()))
		f, err := os.Open(path)
		must(t, err)
		defer f.Close()
		info, err := f.Stat()
		must(t, err)
		if err := Check(t.Context(), f, info.Size()); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestVacantSeesAllThatBelongsToADatabase(t *testing.T) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		path := filepath.Join(t.TempDir(), "a.db")
		must(t, Vacant(path))
		must(t, os.Symlink("nowhere", path+suffix))
		if err := Vacant(path); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%q: %v", suffix, err)
		}
	}
}
