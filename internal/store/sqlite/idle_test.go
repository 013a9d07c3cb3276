package sqlite

import (
	"path/filepath"
	"testing"
	"time"

	"inkstone/internal/blog"
)

func TestAServerThatNobodyAsksWritesNothingDown(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	note := func() {
		t.Helper()
		if err := s.Care().Note(t.Context(), nil, time.Now().Add(-time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	note() // of what was asked while it was opened
	before := s.Stats().Commits
	for range 5 {
		if _, err := s.Care().Indexes(t.Context()); err != nil {
			t.Fatal(err)
		}
		note()
	}
	if n := s.Stats().Commits - before; n != 0 {
		t.Errorf("%d commits", n)
	}
	if _, err := s.Users().GetByEmail(t.Context(), "nobody@example.com"); blog.CodeOf(err) != blog.CodeUserNotFound {
		t.Fatal(err)
	}
	note()
	if n := s.Stats().Commits - before; n != 1 {
		t.Errorf("after a look by an index: %d commits", n)
	}
}
