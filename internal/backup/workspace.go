package backup

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/gofrs/flock"
)

// A workspace is called inkstone-<random>.partial.
const (
	spacePrefix = "inkstone-"
	spaceSuffix = ".partial"
	lockName    = "lock" // in it; who holds it lives
)

// workspace is a folder for what is not finished, beside what it is to become. It goes
// with its owner, or with the next workspace beside it if he was killed.
type workspace struct {
	dir  string
	lock *flock.Flock
}

// openWorkspace makes a workspace in a folder and removes those of the dead.
func openWorkspace(parent string) (*workspace, error) {
	sweep(parent)
	for range 10 {
		dir, err := os.MkdirTemp(parent, spacePrefix+"*"+spaceSuffix)
		if err != nil {
			return nil, err
		}
		if lock, ok := lockSpace(dir); ok {
			return &workspace{dir, lock}, nil
		}
		_ = os.RemoveAll(dir) // somebody has swept it between the two, or there are no locks here
	}
	return nil, errors.New("cannot lock a folder for temporary files")
}

// lockSpace takes the lock of a workspace, if that still exists and nobody has it.
func lockSpace(dir string) (*flock.Flock, bool) {
	name := filepath.Join(dir, lockName)
	lock := flock.New(name, flock.SetPermissions(0o600))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return nil, false
	}
	held, err := lock.Stat()
	if err == nil {
		var now fs.FileInfo
		if now, err = os.Lstat(name); err == nil && os.SameFile(held, now) {
			return lock, true
		}
	}
	lock.Close()
	return nil, false
}

// sweep removes the workspaces of the dead. What can't be removed takes room and does no
// other harm.
func sweep(parent string) {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), spacePrefix) || !strings.HasSuffix(e.Name(), spaceSuffix) {
			continue
		}
		dir := filepath.Join(parent, e.Name())
		if lock, dead := lockSpace(dir); dead {
			(&workspace{dir, lock}).close()
		}
	}
}

func (w *workspace) at(name string) string { return filepath.Join(w.dir, name) }

// close removes it with all that is left in it.
func (w *workspace) close() {
	lock := w.at(lockName)
	if entries, err := os.ReadDir(w.dir); err == nil {
		for _, e := range entries {
			if e.Name() != lockName { // which keeps the folder ours until it is empty
				_ = os.RemoveAll(w.at(e.Name()))
			}
		}
	}
	if runtime.GOOS == "windows" { // removes no open file
		_ = w.lock.Close()
	}
	_ = os.Remove(lock)
	_ = w.lock.Close()
	_ = os.Remove(w.dir)
}

// Place gives a finished, synced file its name, for good, but never in the place of
// another file: fs.ErrExist.
func Place(file, name string) error {
	if err := move(file, name); err != nil {
		return err
	}
	if err := syncFolder(filepath.Dir(name)); err != nil {
		return errors.Join(err, os.Remove(name))
	}
	return nil
}

// move renames by a link, which unlike a rename replaces nothing, where there are links.
func move(file, name string) error {
	err := os.Link(file, name)
	if err == nil {
		_ = os.Remove(file) // else it goes with its folder
		return nil
	}
	if _, there := os.Lstat(name); there == nil {
		return &fs.PathError{Op: "place", Path: name, Err: fs.ErrExist}
	}
	return os.Rename(file, name)
}

// syncFolder makes the names in a folder durable. Windows can't, and needs not.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
