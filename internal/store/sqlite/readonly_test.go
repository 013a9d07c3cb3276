package sqlite

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"inkstone/internal/admin"
	"inkstone/internal/blog"
)

// locked is a database with posts whose write lock somebody else holds. Who waits for it does so for wait.
func locked(t *testing.T, wait time.Duration) (path string, s *Store) {
	lowered(t, &busyWait, wait)
	path = filepath.Join(t.TempDir(), "test.db")
	s = openAt(t, path, Options{})
	fill(t, s, 20, 20)
	must(t, s.Care().Note(t.Context(), []blog.SlowStatement{{Statement: "SELECT a", Hour: time.Now().UTC().Truncate(time.Hour), Count: 1}}, time.Time{}))
	c, err := openConn(path, time.Second, writerCacheKiB)
	must(t, err)
	must(t, c.script("BEGIN IMMEDIATE; UPDATE generation SET value = value + 1"))
	t.Cleanup(func() { _ = c.Close() })
	return path, s
}

func TestWhoOnlyLooksWaitsForNobodyWhoWrites(t *testing.T) {
	const wait = 2 * time.Minute
	path, _ := locked(t, wait)
	start := time.Now()
	s, err := Open(t.Context(), path, Options{ReadOnly: true})
	must(t, err)
	service := admin.New(admin.Options{Care: s.Care(), Window: time.Hour, Now: time.Now})
	report, err := service.Slow(t.Context(), admin.SlowFilter{Sort: "total", Limit: 10})
	if err != nil || report.Kinds != 1 {
		t.Errorf("%+v, %v", report, err)
	}
	indexes, err := service.Indexes(t.Context())
	if err != nil || len(indexes.Indexes) == 0 || indexes.Indexes[0].Bytes == nil {
		t.Errorf("%d indexes, %v", len(indexes.Indexes), err)
	}
	_, err = s.Generation(t.Context())
	must(t, err)
	wantCode(t, s.Care().Note(t.Context(), []blog.SlowStatement{{Statement: "SELECT 2", Hour: time.Now()}}, time.Time{}), blog.CodeUnavailable)
	must(t, s.Close())
	if took := time.Since(start); took > wait/2 {
		t.Errorf("it took %v", took)
	}
}

func TestWhoOnlyLooksWritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s, err := Open(t.Context(), path, Options{})
	must(t, err)
	addUser(t, s, "user")
	must(t, s.Close())
	for _, mode := range []string{"WAL", "DELETE"} { // as somebody may have set it
		c, err := openWith(path, time.Second, writerCacheKiB, "PRAGMA journal_mode = "+mode)
		must(t, err)
		must(t, c.Close())
		before, err := os.ReadFile(path)
		must(t, err)
		s, err := Open(t.Context(), path, Options{ReadOnly: true})
		must(t, err)
		_, err = s.Care().Indexes(t.Context())
		must(t, err)
		must(t, s.Close())
		after, err := os.ReadFile(path)
		must(t, err)
		if string(before) != string(after) {
			t.Errorf("the file was changed in mode %s", mode)
		}
		if files, err := os.ReadDir(filepath.Dir(path)); err != nil || len(files) != 1 {
			t.Errorf("%v are left, %v", files, err)
		}
	}
	if _, err := Open(t.Context(), path+".none", Options{ReadOnly: true}); err == nil {
		t.Error("a file that is not there is opened")
	}
}

func TestWhoAsksAServerWhatIsSlowWaitsForNobodyWhoWrites(t *testing.T) {
	const wait = 12 * time.Second
	_, s := locked(t, wait)
	slow := admin.NewRecorder(0, time.Hour, slog.New(slog.DiscardHandler), time.Now)
	slow.Keep(s.Care())
	slow.Statement(t.Context(), "SELECT a", time.Second, 1)
	service := admin.New(admin.Options{Care: s.Care(), Recorder: slow, Window: time.Hour, Now: time.Now})
	noted := make(chan error, 1)
	for _, noting := range []bool{false, true} {
		if noting {
			go func() { noted <- slow.Flush(t.Context()) }()
			time.Sleep(100 * time.Millisecond) // it most likely waits for the lock by now; if not, the answer is the same
		}
		start := time.Now()
		report, err := service.Slow(t.Context(), admin.SlowFilter{Sort: "total", Limit: 10})
		if err != nil || report.Kinds != 1 || report.Queries[0].Count != 2 {
			t.Errorf("%+v, %v", report, err)
		}
		if _, err = service.Indexes(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > wait-time.Second {
			t.Errorf("while somebody notes: %v: it took %v", noting, took)
		}
	}
	if err := <-noted; err == nil {
		t.Error("it was noted in a locked database")
	}
}
