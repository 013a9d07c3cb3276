package sqlite

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
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
