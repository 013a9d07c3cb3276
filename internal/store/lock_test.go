package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestALockIsHeldByOneUntilItIsClosed(t *testing.T) {
	dir := t.TempDir()
	url := "sqlite:" + filepath.Join(dir, "test.db")
	if _, err := Lock(t.Context(), url, "import", Options{}); err == nil || errors.Is(err, ErrTaken) {
		t.Errorf("a database that is not there: %v", err)
	}
	if _, _, err := Migrate(t.Context(), url, Options{}); err != nil {
		t.Fatal(err)
	}
	first, err := Lock(t.Context(), url, "import", Options{})
	if err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(dir, "linked.db")
	if err := os.Symlink("test.db", linked); err != nil {
		t.Skip(err)
	}
	for _, u := range []string{url, "sqlite:" + linked} {
		if _, err := Lock(t.Context(), u, "import", Options{}); !errors.Is(err, ErrTaken) {
			t.Errorf("%s, a second time: %v", u, err)
		}
	}
	other, err := Lock(t.Context(), url, "other", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(t.Context(), url, "import", Options{})
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
