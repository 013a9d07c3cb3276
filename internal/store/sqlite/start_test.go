package sqlite

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// startVariable names the database that a helper process opens.
const startVariable = "INKSTONE_TEST_START"

// TestHelperStart is the helper process of the tests below, not a test: it waits
// for its standard input to end, so that all begin together.
func TestHelperStart(t *testing.T) {
	path := os.Getenv(startVariable)
	if path == "" {
		t.Skip("only run by TestProcessesThatStartAtOnceAllServe")
	}
	_, _ = os.Stdin.Read(make([]byte, 1)) // the end is what it waits for
	s := openAt(t, path, Options{})
	addUser(t, s, fmt.Sprint("user", os.Getpid()))
}

func TestProcessesThatStartAtOnceAllServe(t *testing.T) {
	for range 3 {
		path := filepath.Join(t.TempDir(), "test.db")
		gate, opener, err := os.Pipe()
		must(t, err)
		var helpers []*exec.Cmd
		for range 4 {
			helper := exec.Command(os.Args[0], "-test.run=^TestHelperStart$", "-test.count=1")
			helper.Env = append(os.Environ(), startVariable+"="+path)
			helper.Stdin = gate
			must(t, helper.Start())
			helpers = append(helpers, helper)
		}
		must(t, gate.Close())
		must(t, opener.Close())
		for _, helper := range helpers {
			if err := helper.Wait(); err != nil {
				t.Errorf("a process that started with others: %v", err)
			}
		}
		if n := number(t, openAt(t, path, Options{}), "SELECT count(*) FROM users"); n != int64(len(helpers)) {
			t.Errorf("%d users, want one by each of %d processes", n, len(helpers))
		}
	}
}

func TestManyStartsAtOnceMigrateOnce(t *testing.T) {
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	must(t, err)
	newest := len(steps)
	for range 20 {
		path := filepath.Join(t.TempDir(), "test.db")
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if _, to, err := Migrate(context.Background(), path); err != nil || to != newest {
					t.Errorf("version %d: %v", to, err)
				}
			})
		}
		wg.Wait()
		from, to, err := Migrate(t.Context(), path)
		if from != newest || to != newest || err != nil {
			t.Errorf("migrated again from %d to %d: %v", from, to, err)
		}
	}
}
