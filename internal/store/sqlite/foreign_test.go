package sqlite

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// foreign makes a database of another program by a script, and returns its path.
func foreign(t *testing.T, script string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "foreign.db")
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite|sqlite.OpenCreate)
	must(t, err)
	must(t, errors.Join((&conn{Conn: c}).script(script), c.Close()))
	return path
}

func TestAnotherProgramsDatabaseStaysAsItIs(t *testing.T) {
	const bookmarks = "CREATE TABLE bookmarks (url TEXT)"
	for name, script := range map[string]string{
		"plain":               bookmarks,
		"with a version":      "PRAGMA user_version = 3; " + bookmarks,
		"with an id":          "PRAGMA application_id = 77; " + bookmarks,
		"by a log":            "PRAGMA journal_mode = WAL; " + bookmarks,
		"in pages of 1024":    "PRAGMA page_size = 1024; " + bookmarks,
		"an id and no tables": "PRAGMA application_id = 77",
	} {
		path := foreign(t, script)
		before, err := os.ReadFile(path)
		must(t, err)
		for way, open := range map[string]func() error{
			"Open":          func() error { _, err := Open(t.Context(), path, Options{}); return err },
			"Open as it is": func() error { _, err := Open(t.Context(), path, Options{NoMigrate: true}); return err },
			"Open to copy":  func() error { _, err := Open(t.Context(), path, Options{Copying: true}); return err },
			"OpenPages":     func() error { _, err := OpenPages(t.Context(), path); return err },
			"Migrate":       func() error { _, _, err := Migrate(t.Context(), path); return err },
		} {
			if err := open(); !errors.Is(err, blog.ErrForeign) {
				t.Errorf("%s, %s: %v", name, way, err)
			}
			after, err := os.ReadFile(path)
			must(t, err)
			if !bytes.Equal(before, after) {
				t.Fatalf("%s: %s changed it", name, way)
			}
			if beside, err := os.ReadDir(filepath.Dir(path)); err != nil || len(beside) != 1 {
				t.Errorf("%s: %s left %v, %v", name, way, beside, err)
			}
		}
	}
}
