package sqlite

import (
	"path/filepath"
	"testing"

	"inkstone/internal/blog"
	"inkstone/internal/store/storetest"
)

func TestCare(t *testing.T) {
	storetest.RunCare(t, func(t *testing.T, statement storetest.Statement) (a, b blog.Store) {
		path := filepath.Join(t.TempDir(), "test.db")
		return openAt(t, path, Options{Statement: statement}), openAt(t, path, Options{})
	})
}
