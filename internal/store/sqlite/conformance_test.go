package sqlite

import (
	"path/filepath"
	"testing"

	"inkstone/internal/blog"
	"inkstone/internal/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) blog.Store {
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			checkConsistent(t, s)
			_ = s.Close()
		})
		return s
	})
}
