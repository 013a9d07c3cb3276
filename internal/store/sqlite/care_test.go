package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"inkstone/internal/admin"
	"inkstone/internal/blog"
	"inkstone/internal/store/storetest"
	"zombiezen.com/go/sqlite"
)

func TestCare(t *testing.T) {
	storetest.RunCare(t, func(t *testing.T, statement storetest.Statement) (a, b blog.Store) {
		path := filepath.Join(t.TempDir(), "test.db")
		return openAt(t, path, Options{Statement: statement}), openAt(t, path, Options{})
	})
}

// lowered sets a bound for a test.
func lowered[T any](t *testing.T, bound *T, to T) {
	before := *bound
	*bound = to
	t.Cleanup(func() { *bound = before })
}

// schema is all that the file says of its tables and indexes.
func schemaOf(t *testing.T, s *Store) (all []string) {
	t.Helper()
	must(t, s.read(t.Context(), "test", readLimit, func(c *conn) (err error) {
		all, err = c.column("SELECT name || coalesce(sql, '') FROM sqlite_schema ORDER BY name")
		return err
	}))
	return all
}

func TestAnIndexThatWouldSpareAScanIsFoundWithoutMakingIt(t *testing.T) {
	s := open(t, Options{})
	before := schemaOf(t, s)
	for query, want := range map[string]blog.Scan{
		"SELECT key FROM posts WHERE cover = ?":                                    {Table: "posts", Equal: []string{"cover"}},
		"SELECT p.key FROM posts p WHERE p.cover = ? AND p.revision > ?":           {Table: "posts", Equal: []string{"cover"}, Range: []string{"revision"}},
		"SELECT key FROM posts WHERE revision BETWEEN ? AND ?":                     {Table: "posts", Range: []string{"revision"}},
		"SELECT key FROM posts ORDER BY excerpt DESC LIMIT ?":                      {Table: "posts", Order: []string{"excerpt"}},
		"SELECT key FROM posts WHERE excerpt LIKE ?":                               {Table: "posts"},
		"SELECT key FROM posts WHERE length(cover) = ?":                            {Table: "posts"},
		"SELECT key FROM posts WHERE +cover = ?":                                   {Table: "posts"},
		"SELECT key FROM posts WHERE cover <> ?":                                   {Table: "posts"},
		"UPDATE posts SET views = 0 WHERE cover = ?":                               {Table: "posts", Equal: []string{"cover"}},
		"SELECT u.key FROM uploads f CROSS JOIN users u ON u.bio = f.original":     {Table: "uploads"},
		"WITH x AS (SELECT key FROM comments WHERE content = ?) SELECT key FROM x": {Table: "comments", Equal: []string{"content"}},
	} {
		p, err := s.Care().Plan(t.Context(), query)
		must(t, err)
		if len(p.Scans) == 0 || cmp.Diff(want, p.Scans[0], cmpopts.EquateEmpty()) != "" {
			t.Errorf("%s\n scans %+v, want %+v: %v", query, p.Scans, want, p.Lines)
		}
	}
	for _, query := range []string{"SELECT key FROM posts WHERE id = ?", "SELECT 1", "SELECT rowid FROM posts_fts WHERE posts_fts MATCH ?", "SELECT value FROM json_each(?)"} {
		p, err := s.Care().Plan(t.Context(), query)
		if err == nil && len(p.Scans) > 0 {
			t.Errorf("%s scans %+v", query, p.Scans)
		}
	}
	if d := cmp.Diff(before, schemaOf(t, s)); d != "" {
		t.Errorf("the database has changed: %s", d)
	}
}

func TestWhatHasBeenAnalyzedCountsForASuggestion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openAt(t, path, Options{})
	fill(t, s, 300, 20)
	c, err := openConn(path, time.Second, writerCacheKiB)
	must(t, err)
	defer c.Close()
	must(t, c.script("ANALYZE"))
	p, err := s.Care().Plan(t.Context(), "SELECT key FROM posts WHERE cover = ?")
	must(t, err)
	if len(p.Scans) != 1 || !slices.Equal(p.Scans[0].Equal, []string{"cover"}) {
		t.Errorf("%+v", p)
	}
}

// indexNamed returns what is known of an index.
func indexNamed(t *testing.T, s *Store, name string) blog.TableIndex {
	t.Helper()
	all, err := s.Care().Indexes(t.Context())
	must(t, err)
	i := slices.IndexFunc(all.Indexes, func(i blog.TableIndex) bool { return i.Name == name })
	if i < 0 {
		t.Fatalf("no index %s", name)
	}
	return all.Indexes[i]
}

func TestIndexesSayWhatRuleTheyKeep(t *testing.T) {
	s := open(t, Options{})
	for name, want := range map[string][2]bool{
		"sqlite_autoindex_posts_1": {true, false}, "posts_title": {false, false}, "comments_parent": {false, true}, "likes_user": {false, true}, "posts_user": {false, true},
	} {
		if got := indexNamed(t, s, name); got.Unique != want[0] || got.Referred != want[1] || got.Bytes <= 0 {
			t.Errorf("%+v", got)
		}
	}
}

func TestSizesThatTakeTooLongAreUnknown(t *testing.T) {
	lowered(t, &sizesLimit, time.Nanosecond)
	lowered(t, &countedRows, 2)
	s := open(t, Options{})
	fill(t, s, 5, 20)
	all, err := s.Care().Indexes(t.Context())
	must(t, err)
	if last := all.Tables[len(all.Tables)-1]; last.Bytes != -1 {
		t.Errorf("%+v", last)
	}
	for _, table := range all.Tables {
		if want, asked := map[string]int64{"posts": 5, "generation": 1, "posts_fts_docsize": -1, "post_tags": -1}[table.Name]; asked && table.Rows != want {
			t.Errorf("%s has %d rows", table.Name, table.Rows)
		}
	}
}

func TestRowsThatTakeTooLongAreUnknownAndAllElseIsTold(t *testing.T) {
	s := open(t, Options{})
	fill(t, s, 5, 20)
	lowered(t, &rowsLimit, time.Nanosecond)
	all, err := s.Care().Indexes(t.Context())
	must(t, err)
	if last := all.Tables[len(all.Tables)-1]; last.Rows != -1 || last.Bytes <= 0 || len(all.Indexes) < 10 || all.Indexes[0].Bytes <= 0 {
		t.Errorf("%+v of %d tables and %d indexes", last, len(all.Tables), len(all.Indexes))
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Care().Indexes(ended); err == nil {
		t.Error("a caller who has left is answered")
	}
}

func TestADamagedDatabaseIsNotToldAsOneOfWhichLittleIsKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s, err := Open(t.Context(), path, Options{})
	must(t, err)
	fill(t, s, 50, 2000)
	var root int64
	must(t, s.read(t.Context(), "test", readLimit, func(c *conn) (err error) {
		root, err = c.number("SELECT rootpage FROM sqlite_schema WHERE name = 'post_tags'")
		return err
	}))
	must(t, s.Close())
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	_, err = file.WriteAt(make([]byte, 512), (root-1)*4096)
	must(t, errors.Join(err, file.Close()))
	s = openAt(t, path, Options{})
	if _, err := s.Care().Indexes(t.Context()); !errors.Is(err, ErrDamaged) {
		t.Errorf("%v", err)
	}
}

// hold keeps all readers of s busy until the end of the test.
func hold(t *testing.T, s *Store) (release func()) {
	end, held := make(chan struct{}), sync.WaitGroup{}
	for range cap(s.readers.taken) {
		c, err := s.readers.take(t.Context())
		must(t, err)
		held.Go(func() { <-end; s.readers.put(c, false) })
	}
	return sync.OnceFunc(func() { close(end); held.Wait() })
}

func TestAStateWithoutAFreeConnectionIsBusy(t *testing.T) {
	s := open(t, Options{Readers: 2})
	release := hold(t, s)
	st, err := s.Care().State(t.Context())
	if err != nil || st.State != "busy" || st.InUse != 2 || st.Idle != 0 || st.Waits != 1 || st.Waited < stateWait/2 {
		t.Errorf("%+v, %v", st, err)
	}
	release()
	if st, err = s.Care().State(t.Context()); err != nil || st.State != "ok" || st.Idle != 2 || st.Waits != 1 {
		t.Errorf("%+v, %v", st, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Care().State(ended); err == nil {
		t.Error("a caller who has left is answered")
	}
}

func TestAWriteThatWaitsForItsTurnHasWaited(t *testing.T) {
	s := open(t, Options{})
	end, begun := make(chan struct{}), make(chan struct{})
	var both sync.WaitGroup
	both.Go(func() { _ = s.writer.write(t.Context(), func(*conn) error { close(begun); <-end; return nil }) })
	<-begun
	both.Go(func() { _ = s.writer.write(t.Context(), func(*conn) error { return nil }) })
	queued(t, s, 1)
	time.Sleep(2 * waitCounts)
	close(end)
	both.Wait()
	if st := s.Stats(); st.Waits != 1 || st.Waited < waitCounts {
		t.Errorf("%d waits of %v", st.Waits, st.Waited)
	}
}

func TestAStatementThatIsCutOffIsToldWithItsCaller(t *testing.T) {
	type key struct{}
	var told []string
	s := open(t, Options{Readers: 1, Statement: func(ctx context.Context, query string, took time.Duration, _ int64) {
		if query == endless {
			told = append(told, ctx.Value(key{}).(string))
			if took < 10*time.Millisecond {
				t.Errorf("took %v", took)
			}
		}
	}})
	ctx := context.WithValue(t.Context(), key{}, "caller")
	wantCode(t, s.view(ctx, "test", 20*time.Millisecond, func(c *conn) error { _, err := c.number(endless); return err }), blog.CodeUnavailable)
	if !slices.Equal(told, []string{"caller"}) {
		t.Errorf("told %q", told)
	}
}

func TestASnapshotIsNotTimedForWhoReadsIt(t *testing.T) {
	var mu sync.Mutex
	var told []string
	s := open(t, Options{Statement: func(_ context.Context, query string, _ time.Duration, _ int64) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, query)
	}})
	addUser(t, s, "user")
	mu.Lock()
	told = nil
	mu.Unlock()
	must(t, s.Copies().Snapshot(t.Context(), func(v blog.Snapshot) error {
		for range v.Records(blog.KindUser, "") {
		}
		return nil
	}))
	for _, query := range told {
		t.Errorf("told of %s", query)
	}
}

func TestADatabaseOfTheSchemaBeforeIsNotLookedAtWithoutMigrating(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s, err := Open(t.Context(), path, Options{})
	must(t, err)
	must(t, s.Close())
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	must(t, err)
	must(t, (&conn{Conn: c}).script("DROP TABLE care_slow; DROP TABLE care_uses; DROP TABLE care_since; PRAGMA user_version = 3"))
	must(t, c.Close())
	if _, err := Open(t.Context(), path, Options{NoMigrate: true}); err == nil {
		t.Error("opened")
	}
	s = openAt(t, path, Options{})
	must(t, s.Care().Note(t.Context(), []blog.SlowStatement{{Statement: "SELECT 1", Hour: time.Now()}}, time.Time{}))
}

// TestASlowScanLeadsToAnIndexThatWouldSpareIt has every statement noted as slow.
func TestASlowScanLeadsToAnIndexThatWouldSpareIt(t *testing.T) {
	slow := admin.NewRecorder(0, time.Hour, slog.New(slog.DiscardHandler), time.Now)
	s := open(t, Options{Statement: slow.Statement})
	slow.Keep(s.Care())
	fill(t, s, 200, 20)
	storetest.Requests(t, s)
	owner := addUser(t, s, "owner").ID
	var images []blog.Upload
	for i := range 1200 {
		images = append(images, blog.Upload{Filename: fmt.Sprintf("%d.png", i), Field: "image", Owner: owner, OriginalName: fmt.Sprint(i), Size: 1, CreatedAt: day})
	}
	must(t, s.Uploads().Create(t.Context(), images, 0))
	service := admin.New(admin.Options{Care: s.Care(), Recorder: slow, Window: time.Hour, Now: time.Now})
	r, err := service.Indexes(t.Context())
	must(t, err)
	for _, found := range r.Suggestions {
		t.Errorf("all requests have their indexes, and this is suggested: %s, for %+v", found.SQL, found.Because)
	}
	must(t, s.Care().Note(t.Context(), nil, time.Now().Add(3*time.Hour))) // of many kinds only the slowest are looked at
	const scan = "SELECT size FROM uploads WHERE original = ?"
	now := time.Now().UTC()
	must(t, s.Care().Note(t.Context(), []blog.SlowStatement{
		{Statement: scan, Sample: scan, Hour: now.Truncate(time.Hour), Count: 3, Total: time.Hour, Max: time.Hour, Last: blog.ToMillisecond(now)},
	}, time.Time{}))
	r, err = service.Indexes(t.Context())
	must(t, err)
	if len(r.Suggestions) != 1 || r.Suggestions[0].SQL != "CREATE INDEX uploads_original ON uploads (original)" || r.Suggestions[0].Because[0].Count != 3 {
		t.Errorf("%+v", r.Suggestions)
	}
}
