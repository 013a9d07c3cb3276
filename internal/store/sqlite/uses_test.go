package sqlite

import (
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestUsesAreCountedWithABoundOfMemoryAndWithoutPlanningMeanwhile(t *testing.T) {
	lowered(t, &mostTexts, 10)
	s := open(t, Options{Readers: 2})
	clear(s.uses.texts) // of opening
	run := func(from, n int) {
		for i := range n {
			must(t, s.read(t.Context(), "test", readLimit, func(c *conn) error {
				_, err := c.number("SELECT key FROM comments WHERE author = ?" + strings.Repeat(" ", from+i))
				return err
			}))
		}
	}
	run(0, 200)
	run(0, 5) // by the same connection, which has them
	if len(s.uses.texts) != mostTexts || len(s.uses.plans) != 0 {
		t.Errorf("%d texts are kept, and %d plans", len(s.uses.texts), len(s.uses.plans))
	}
	if got := indexNamed(t, s, "comments_author"); got.Uses != 15 || got.LastUsed.IsZero() {
		t.Errorf("%+v", got)
	}
	must(t, s.Care().Note(t.Context(), nil, time.Time{}))
	run(0, 1)
	run(195, 5)
	if got := indexNamed(t, s, "comments_author"); got.Uses != 16 {
		t.Errorf("those that have just run made room: %+v", got)
	}
	must(t, s.Care().Note(t.Context(), nil, time.Time{}))
	run(0, 1)
	run(5, 1)   // which had a place, and has another
	run(195, 5) // which the connection has prepared
	if got := indexNamed(t, s, "comments_author"); got.Uses != 23 {
		t.Errorf("those that do not run any more made no room: %+v", got)
	}
	if len(s.uses.texts) > mostTexts || len(s.uses.plans) > mostTexts {
		t.Errorf("%d texts are kept, and %d plans", len(s.uses.texts), len(s.uses.plans))
	}
}

func TestUsesAreCountedWhileStatementsComeAndGo(t *testing.T) {
	lowered(t, &mostTexts, 3)
	s := open(t, Options{Readers: 2})
	run := func(query string) {
		if err := s.read(t.Context(), "test", readLimit, func(c *conn) error { _, err := c.number(query); return err }); err != nil {
			t.Error(err)
		}
	}
	const search = "SELECT key FROM comments WHERE author = ?"
	var runs atomic.Int64
	var all sync.WaitGroup
	end := make(chan struct{})
	for range 2 {
		all.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
					run(search)
					runs.Add(1)
				}
			}
		})
	}
	for i := range 50 {
		must(t, s.Care().Note(t.Context(), nil, time.Time{}))
		run("SELECT 1" + strings.Repeat(" ", i))
	}
	close(end)
	all.Wait()
	for range 2 { // after which there is room in any case
		must(t, s.Care().Note(t.Context(), nil, time.Time{}))
	}
	before := indexNamed(t, s, "comments_author").Uses
	run(search)
	if after := indexNamed(t, s, "comments_author").Uses; before > runs.Load() || after != before+1 {
		t.Errorf("%d uses of %d, then one more and %d", before, runs.Load(), after)
	}
}

func TestUsesOutliveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	for range 3 {
		s, err := Open(t.Context(), path, Options{})
		must(t, err)
		must(t, s.read(t.Context(), "test", readLimit, func(c *conn) error {
			_, err := c.number("SELECT key FROM comments WHERE author = ?")
			return err
		}))
		must(t, s.Care().Note(t.Context(), nil, time.Time{}))
		must(t, s.Close())
	}
	s := openAt(t, path, Options{})
	if got := indexNamed(t, s, "comments_author"); got.Uses != 3 {
		t.Errorf("%+v", got)
	}
	all, err := s.Care().Indexes(t.Context())
	if must(t, err); time.Since(all.Since) > time.Hour || all.Since.After(time.Now()) {
		t.Errorf("counted since %v", all.Since)
	}
}

func TestAnIndexThatIsMadeMeanwhileIsCounted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	s := openAt(t, path, Options{})
	look := func() {
		must(t, s.read(t.Context(), "test", readLimit, func(c *conn) error {
			_, err := c.number("SELECT key FROM posts WHERE cover = ?")
			return err
		}))
		must(t, s.Care().Note(t.Context(), nil, time.Time{}))
	}
	look()
	c, err := openConn(path, time.Second, writerCacheKiB)
	must(t, err)
	defer c.Close()
	must(t, c.script("CREATE INDEX by_cover ON posts (cover)"))
	look()
	look()
	if got := indexNamed(t, s, "by_cover"); got.Uses != 2 {
		t.Errorf("%+v", got)
	}
	all, err := s.Care().Indexes(t.Context())
	must(t, err)
	for _, table := range all.Tables {
		if want, asked := map[string]int64{"posts": 1, "users": 0}[table.Name]; asked && table.Scans != want {
			t.Errorf("%s was read in full %d times", table.Name, table.Scans)
		}
	}
}
