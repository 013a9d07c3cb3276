package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

func TestEachWriteAloneIsSyncedAndManyTogetherShareASync(t *testing.T) {
	s := open(t, Options{})
	author := addUser(t, s, "author").ID
	before := s.Stats()
	for range 10 {
		must(t, s.Posts().Create(t.Context(), newPost(author, "一个")))
	}
	if n := s.Stats().Commits - before.Commits; n != 10 {
		t.Errorf("10 writes, one after the other, made %d commits", n)
	}
	before = s.Stats()
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 10 {
				if err := s.Posts().Create(context.Background(), newPost(author, "许多")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	after := s.Stats()
	if writes, commits := after.Writes-before.Writes, after.Commits-before.Commits; writes != 160 || commits >= writes {
		t.Errorf("%d writes by 16 writers made %d commits", writes, commits)
	}
}

func TestAFailingJobTakesBackOnlyItsOwnChanges(t *testing.T) {
	s := open(t, Options{})
	hold, begun := make(chan struct{}), make(chan struct{})
	insert := func(tag string) func(*conn) error {
		return func(c *conn) error { return addCount(c, 1, 0, "", tag, 1) }
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.writer.write(context.Background(), func(*conn) error { close(begun); <-hold; return nil })
	})
	<-begun
	broken := errors.New("broken")
	wg.Go(func() {
		err := s.writer.write(context.Background(), func(c *conn) error { return errors.Join(insert("gone")(c), broken) })
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want the job's own error", err)
		}
	})
	wg.Go(func() {
		defer func() {
			if told := fmt.Sprint(recover()); !strings.Contains(told, "at the caller") || !strings.Contains(told, "store_test.go") {
				t.Errorf("the panic did not reach the caller with where it was: %q", told)
			}
		}()
		_ = s.writer.write(context.Background(), func(c *conn) error { _ = insert("gone")(c); panic("at the caller") })
	})
	wg.Go(func() {
		if err := s.writer.write(context.Background(), insert("kept")); err != nil {
			t.Error(err)
		}
	})
	queued(t, s, 3)
	close(hold)
	wg.Wait()
	for tag, want := range map[string]int64{"gone": 0, "kept": 1} {
		if n := number(t, s, "SELECT count(*) FROM post_counts WHERE tag = ?", tag); n != want {
			t.Errorf("%d rows %q, want %d", n, tag, want)
		}
	}
}

func number(t *testing.T, s *Store, query string, args ...any) (n int64) {
	t.Helper()
	must(t, s.read(t.Context(), "test", readLimit, func(c *conn) (err error) {
		n, err = c.number(query, args...)
		return err
	}))
	return n
}

func TestACallerWhoLeavesBeforeHisTurnChangesNothing(t *testing.T) {
	s := open(t, Options{})
	hold, begun, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.writer.write(context.Background(), func(*conn) error { close(begun); <-hold; return nil })
	}()
	<-begun
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	ran := false
	err := s.writer.write(ctx, func(*conn) error { ran = true; return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	close(hold)
	<-ended
	must(t, s.writer.write(t.Context(), func(*conn) error { return nil }))
	if ran {
		t.Error("the job ran")
	}
}

func TestAFullQueueIsBusy(t *testing.T) {
	s := open(t, Options{})
	hold, begun := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.writer.write(context.Background(), func(*conn) error { close(begun); <-hold; return nil })
	})
	<-begun
	for range queueLength {
		wg.Go(func() { _ = s.writer.write(context.Background(), func(*conn) error { return nil }) })
	}
	queued(t, s, queueLength)
	wantCode(t, s.writer.write(t.Context(), func(*conn) error { return nil }), blog.CodeBusy)
	close(hold)
	wg.Wait()
}

// TestALostTransactionFailsOnlyWhoLostIt: on some errors SQLite takes back all of it,
// with the changes of those who wrote together with the one that failed.
func TestALostTransactionFailsOnlyWhoLostIt(t *testing.T) {
	s := open(t, Options{})
	hold, begun := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	var once sync.Once
	lost := sqlite.ResultFull.ToError()
	do := func(tag string, want blog.Code, then func(*conn) error) {
		wg.Go(func() {
			err := s.writer.write(context.Background(), func(c *conn) error {
				return errors.Join(addCount(c, 1, 0, "", tag, 1), then(c))
			})
			if blog.CodeOf(err) != want {
				t.Errorf("%s: got %v, want code %q", tag, err, want)
			}
		})
	}
	do("first", "", func(*conn) error { once.Do(func() { close(begun); <-hold }); return nil })
	<-begun
	for i, tag := range []string{"before", "lost", "after"} {
		want, then := blog.Code(""), func(*conn) error { return nil }
		if tag == "lost" {
			want, then = blog.CodeStorageFull, func(c *conn) error { return errors.Join(lost, c.script("ROLLBACK")) }
		}
		do(tag, want, then)
		queued(t, s, i+1)
	}
	close(hold)
	wg.Wait()
	for tag, want := range map[string]int64{"first": 1, "before": 1, "lost": 0, "after": 1} {
		if n := number(t, s, "SELECT sum(n) FROM post_counts WHERE tag = ?", tag); n != want {
			t.Errorf("%q counts %d, want %d", tag, n, want)
		}
	}
}

// TestWritersBehindAForeignLockWaitTogether: each used to wait for the lock in its
// turn, and so the last of a full queue for twenty minutes.
func TestWritersBehindAForeignLockWaitTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openAt(t, path, Options{})
	other, err := openConn(path, busyWait, writerCacheKiB)
	must(t, err)
	must(t, other.script("BEGIN IMMEDIATE"))
	start := time.Now()
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			err := s.writer.write(context.Background(), func(*conn) error { return nil })
			if blog.CodeOf(err) != blog.CodeUnavailable {
				t.Errorf("got %v, want code %q", err, blog.CodeUnavailable)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took > turnWait+busyWait+time.Second {
		t.Errorf("the last heard after %v", took)
	}
	must(t, other.script("ROLLBACK"))
	must(t, other.Close())
	must(t, s.writer.write(t.Context(), func(*conn) error { return nil }))
}

func TestAFullDiskRefusesWritesAndIsRecoveredFrom(t *testing.T) {
	s := open(t, Options{})
	author := addUser(t, s, "author").ID
	limit := func(pages int64) {
		must(t, s.writer.write(t.Context(), func(c *conn) error {
			_, err := c.number(fmt.Sprintf("PRAGMA max_page_count = %d", pages))
			return err
		}))
	}
	kept := newPost(author, "留下的")
	must(t, s.Posts().Create(t.Context(), kept))
	limit(1) // SQLite takes the present size instead
	big := newPost(author, "大的")
	big.Content = fmt.Sprintf("%0200000d", 7)
	wantCode(t, s.Posts().Create(t.Context(), big), blog.CodeStorageFull)
	if _, err := s.Posts().Get(t.Context(), kept.ID); err != nil {
		t.Errorf("a read while the disk is full: %v", err)
	}
	must(t, s.Ping(t.Context()))
	limit(1 << 30)
	must(t, s.Posts().Create(t.Context(), big))
	if n := number(t, s, "SELECT n FROM post_counts WHERE status = 2 AND author = 0 AND category = '' AND tag = ''"); n != 2 {
		t.Errorf("%d posts are counted, want 2", n)
	}
}

func TestABrokenConnectionIsReplaced(t *testing.T) {
	s := open(t, Options{})
	ioErr := sqlite.ResultIOErrWrite.ToError()
	w := s.writer
	must(t, w.write(t.Context(), func(*conn) error { return nil }))
	old := w.conn
	w.write(t.Context(), func(c *conn) error { // as SQLite does itself on such an error
		_ = c.script("ROLLBACK")
		return ioErr
	})
	must(t, w.write(t.Context(), func(*conn) error { return nil }))
	if w.conn == old {
		t.Error("the connection that failed is still in use")
	}
}

func TestTwoOpensSeeEachOthersWritesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	a, b := openAt(t, path, Options{}), openAt(t, path, Options{})
	author := addUser(t, a, "author").ID
	for i := range 50 {
		one, other := a, b
		if i%2 == 0 {
			one, other = b, a
		}
		before, err := other.Generation(t.Context())
		must(t, err)
		p := newPost(author, "一个")
		must(t, one.Posts().Create(t.Context(), p))
		for _, s := range []*Store{one, other} {
			if after, err := s.Generation(t.Context()); err != nil || after == before {
				t.Fatalf("generation %d, before the write %d: %v", after, before, err)
			}
		}
		if _, err := other.Posts().Get(t.Context(), p.ID); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatDoesNotShowKeepsTheGeneration(t *testing.T) {
	s := open(t, Options{})
	u := addUser(t, s, "author")
	p := newPost(u.ID, "公开")
	must(t, s.Posts().Create(t.Context(), p))
	like := func() {
		_, err := s.Posts().SetLike(t.Context(), p.ID, u.ID, true, yes)
		must(t, err)
	}
	like()
	before, err := s.Generation(t.Context())
	must(t, err)
	like()
	hidden := newPost(u.ID, "草稿")
	hidden.Status, hidden.PublishedAt = blog.Draft, time.Time{}
	must(t, s.Posts().Create(t.Context(), hidden))
	must(t, s.Posts().AddViews(t.Context(), map[blog.ID]int64{blog.NewID(day): 3}))
	_, err = s.Users().Update(t.Context(), u.ID, func(u *blog.User) error { u.LastLogin = day; return nil })
	must(t, err)
	if after, err := s.Generation(t.Context()); err != nil || after != before {
		t.Errorf("generation went from %d to %d: %v", before, after, err)
	}
}

func TestADatabaseThatIsNotForThisProgramIsRefused(t *testing.T) {
	for want, script := range map[error]string{
		blog.ErrNewerSchema: fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = 99", applicationID),
		blog.ErrForeign:     "CREATE TABLE bookmarks (url TEXT)",
		blog.ErrOldSchema:   fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = 1", applicationID),
		blog.ErrEmpty:       "PRAGMA user_version = 0",
	} {
		path := filepath.Join(t.TempDir(), "test.db")
		c, err := openConn(path, busyWait, writerCacheKiB)
		must(t, err)
		must(t, c.script(script))
		must(t, c.Close())
		if s, err := Open(t.Context(), path, Options{NoMigrate: want == blog.ErrOldSchema || want == blog.ErrEmpty}); !errors.Is(err, want) {
			t.Errorf("got %v %v, want %v", s, err, want)
		}
	}
}

func TestTheFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "test.db")
	s := openAt(t, path, Options{})
	addUser(t, s, "author")
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

func TestTagsAreReadAsTheyWereWritten(t *testing.T) {
	for _, tags := range [][]string{nil, {"微服务"}, {"a", "b"}, {""}, {",", `","`, `"`}, {`\`, "x"}, {"<&>", "\u2028"}, {"[", "]", `"]`}} {
		column, err := tagsColumn(tags)
		must(t, err)
		if got, err := parseTags(column); err != nil || !slices.Equal(got, tags) {
			t.Errorf("%q came back as %q from %s: %v", tags, got, column, err)
		}
	}
	for _, column := range []string{"", "[", `["`, `["]`, `"]`, `{}`, "[1]"} {
		if tags, err := parseTags(column); err == nil {
			t.Errorf("%s was read as %q", column, tags)
		}
	}
}

func TestPostsOfOneMillisecondKeepTheOrderOfTheirIDs(t *testing.T) {
	s := open(t, Options{})
	author := addUser(t, s, "author").ID
	var ids []blog.ID
	for range 40 {
		ids = append(ids, blog.NewID(day))
	}
	// Each goes between the first and the one before it, so the room there halves until none is left.
	for i := range ids {
		p := newPost(author, fmt.Sprint(i))
		p.ID = ids[0]
		if i > 0 {
			p.ID = ids[len(ids)-i]
		}
		must(t, s.Posts().Create(t.Context(), p))
	}
	all := everything(t, s)
	if len(all) != len(ids) {
		t.Fatalf("%d posts of %d", len(all), len(ids))
	}
	for i, p := range all {
		if p.ID != ids[i] {
			t.Fatalf("place %d is not by id", i)
		}
	}
	if n := number(t, s, `SELECT count(*) FROM posts_fts WHERE posts_fts MATCH '"内容"'`); n != 40 {
		t.Errorf("%d posts are found after moving, want 40", n)
	}
}
