package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"zombiezen.com/go/sqlite"
)

func TestTheGenerationIsAskedForOnlyAfterACommit(t *testing.T) {
	var asked atomic.Int64
	s := open(t, Options{prepared: func(query string) {
		if strings.Contains(query, "FROM generation") {
			asked.Add(1)
		}
	}})
	author := addUser(t, s, "author").ID
	generation := func() uint64 {
		n, err := s.Generation(t.Context())
		must(t, err)
		return n
	}
	before := generation()
	asked.Store(0)
	for range 100 {
		if n := generation(); n != before {
			t.Fatalf("generation went from %d to %d by itself", before, n)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("asked the database %d times though nobody had committed", n)
	}
	must(t, s.Posts().Create(t.Context(), newPost(author, "一个")))
	if generation() == before {
		t.Error("the generation stayed")
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked the database %d times after a commit, want once", n)
	}
}

// A file that somebody put back does not come to a generation again which it had.
func TestEachOpeningLeapsToAnotherGeneration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inkstone.db")
	seen := map[uint64]bool{}
	var old []byte
	for range 5 {
		s, err := Open(t.Context(), path, Options{})
		must(t, err)
		n, err := s.Generation(t.Context())
		must(t, err)
		if seen[n] || seen[n-1] {
			t.Errorf("generation %d again", n)
		}
		seen[n] = true
		must(t, s.Close())
		if old == nil {
			old, err = os.ReadFile(path)
			must(t, err)
		}
		must(t, os.WriteFile(path, old, 0o600))
	}
}

func TestTheGenerationHoldsWithoutTheWALIndex(t *testing.T) {
	s := open(t, Options{})
	author := addUser(t, s, "author").ID
	index := s.generation.index
	s.generation.index = &walIndex{} // as where the file cannot be read
	defer func() { s.generation.index = index }()
	before, err := s.Generation(t.Context())
	must(t, err)
	must(t, s.Posts().Create(t.Context(), newPost(author, "一个")))
	if after, err := s.Generation(t.Context()); err != nil || after == before {
		t.Errorf("generation %d, before the write %d: %v", after, before, err)
	}
}

// TestStoresOfOneFileShareTheWALIndex: closing a second descriptor would drop
// SQLite's locks on the file, which belong to the process.
func TestStoresOfOneFileShareTheWALIndex(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	a := openAt(t, path, Options{})
	b, err := Open(t.Context(), path, Options{})
	must(t, err)
	if a.generation.index != b.generation.index {
		t.Error("two descriptors of one file")
	}
	must(t, b.Close())
	if _, ok := a.generation.index.header(); !ok {
		t.Error("the other store's closing closed the index")
	}
}

// TestTheGenerationIsReadAfterEveryConnectionBroke: without any SQLite removes the
// index and then makes another, which the descriptor of the old one knows nothing of.
func TestTheGenerationIsReadAfterEveryConnectionBroke(t *testing.T) {
	s := open(t, Options{})
	author := addUser(t, s, "author").ID
	must(t, s.Posts().Create(t.Context(), newPost(author, "一个")))
	must(t, s.Ping(t.Context()))
	old := s.generation.index.file.Load()
	broken := s.writer.write(t.Context(), func(c *conn) error {
		return errors.Join(c.exec("ROLLBACK"), sqlite.ResultIOErr.ToError()) // upon which the writer drops its connection
	})
	if broken == nil {
		t.Fatal("the writer's connection is whole")
	}
	for c := s.readers.pop(); c != nil; c = s.readers.pop() {
		s.readers.taken <- struct{}{}
		s.readers.put(c, true)
	}
	before, err := s.Generation(t.Context())
	must(t, err)
	s.generation.disconnect()
	for range 3 {
		must(t, s.Posts().Create(t.Context(), newPost(author, "一个")))
		after, err := s.Generation(t.Context())
		if err != nil || after == before {
			t.Errorf("generation %d, before the write %d: %v", after, before, err)
		}
		before = after
	}
	if _, ok := s.generation.header(); !ok || s.generation.index.file.Load() == old {
		t.Error("the new index is not looked at")
	}
}

// Whoever removes the index by hand takes it from nobody who has it open: SQLite goes on
// with it, and a descriptor that is closed would take its locks along.
func TestAnIndexThatIsGoneFromItsPathStaysOpen(t *testing.T) {
	s := open(t, Options{})
	author := addUser(t, s, "author").ID
	index := s.generation.index
	file := index.file.Load()
	must(t, os.Remove(index.path))
	s.generation.disconnect()
	before, err := s.Generation(t.Context())
	must(t, err)
	must(t, s.Posts().Create(t.Context(), newPost(author, "一个")))
	after, err := s.Generation(t.Context())
	must(t, err)
	if after == before {
		t.Error("a change does not show")
	}
	if _, err := file.Stat(); err != nil || index.file.Load() != file {
		t.Errorf("the index was let go: %v", err)
	}
}

func TestTheIndexIsTrustedOnlyWhereACommitShowsInIt(t *testing.T) {
	s := open(t, Options{})
	addUser(t, s, "author")
	index := s.generation.index
	if !s.generation.shows || !index.shows(s.writer.conn) {
		t.Error("a commit does not show")
	}
	frozen, err := os.ReadFile(index.path)
	must(t, err)
	path := filepath.Join(t.TempDir(), "test.db")
	must(t, os.WriteFile(path+"-shm", frozen, 0o600)) // as read where reading sees nothing of a mapping
	other := openWALIndex(path)
	if _, ok := other.header(); !ok || other.shows(s.writer.conn) {
		t.Error("an index in which nothing shows is trusted")
	}
	must(t, other.close())
	if other = openWALIndex(path + ".none"); other.shows(s.writer.conn) {
		t.Error("no index is trusted")
	}
	must(t, other.close())
	if !s.writer.conn.AutocommitEnabled() {
		t.Error("a transaction is left open")
	}
}
