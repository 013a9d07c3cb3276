package upload

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"inkstone/internal/blog"
)

const (
	stages   = ".tmp" // holds a folder for each process at work
	lockName = "lock" // in each of these; who holds it lives
)

// fields are the form fields, and the folders the images stand in.
var fields = []string{"image", "images"}

// Local keeps the images in a folder, which several processes may share. It
// opens nothing outside of it, whatever links stand there.
type Local struct {
	dir   string
	root  *os.Root
	stage string // path of this process's stage below dir
	lock  *flock.Flock

	mu   sync.Mutex
	busy map[string]bool // names on the stage that somebody works on
}

// OpenLocal makes the folder ready, which is created if need be.
func OpenLocal(dir string) (*Local, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("upload folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("upload folder: %w", err)
	}
	l := &Local{dir: dir, root: root, busy: map[string]bool{}}
	if err := l.prepare(); err != nil {
		root.Close()
		return nil, fmt.Errorf("upload folder: %w", err)
	}
	return l, nil
}

func (l *Local) prepare() error {
	for _, name := range append([]string{stages}, fields...) {
		if err := l.root.MkdirAll(name, 0o755); err != nil {
			return err
		}
	}
	if err := l.takeStage(); err != nil {
		return err
	}
	return errors.Join(l.syncFolder("."), l.syncFolder(stages))
}

// takeStage makes a stage and locks it. A sweeper that comes between the two may
// take the new folder for a dead one's and remove it; then another is made.
func (l *Local) takeStage() error {
	for range 10 {
		stage := path.Join(stages, rand.Text())
		if err := l.root.Mkdir(stage, 0o755); err != nil {
			return err
		}
		lock, alive := l.tryLock(stage)
		if alive {
			l.stage, l.lock = stage, lock
			return nil
		}
	}
	return errors.New("cannot lock a folder for temporary files")
}

// tryLock takes the lock of a stage, if that still exists and nobody has it.
func (l *Local) tryLock(stage string) (*flock.Flock, bool) {
	name := path.Join(stage, lockName)
	lock := flock.New(filepath.Join(l.dir, filepath.FromSlash(name)))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return nil, false
	}
	held, err := lock.Stat()
	if err == nil {
		var now fs.FileInfo
		if now, err = l.root.Lstat(name); err == nil && os.SameFile(held, now) {
			return lock, true
		}
	}
	lock.Close()
	return nil, false
}

// Close removes this process's stage if nothing is left on it, and ends its
// claim to it. No method may run meanwhile or afterwards.
func (l *Local) Close() error {
	if names, err := l.list(l.stage); err == nil && len(names) == 0 {
		l.removeStage(l.stage)
	}
	return errors.Join(l.lock.Close(), l.root.Close())
}

// removeStage removes an empty stage whose lock is held. What fails is left for a later sweep.
func (l *Local) removeStage(stage string) {
	if l.root.Remove(path.Join(stage, lockName)) == nil {
		_ = l.root.Remove(stage)
	}
}

// Stage implements Files.
func (l *Local) Stage(name string) (Staged, error) {
	l.hold(name)
	f, err := l.root.OpenFile(path.Join(l.stage, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		l.Leave(name)
		return nil, storageError(err)
	}
	return stagedFile{f, l}, nil
}

// stagedFile makes the folder's entry durable together with the content.
type stagedFile struct {
	*os.File
	local *Local
}

func (f stagedFile) Sync() error {
	if err := f.File.Sync(); err != nil {
		return err
	}
	return f.local.syncFolder(f.local.stage)
}

// Publish implements Files. The folders are synced once for all of them.
func (l *Local) Publish(_ context.Context, images []blog.Upload) error {
	folders := map[string]bool{}
	for _, u := range images {
		if err := l.rename(path.Join(l.stage, u.Filename), place(u)); err != nil {
			return storageError(err)
		}
		folders[u.Field] = true
		l.Leave(u.Filename)
	}
	for name := range folders {
		if err := l.syncFolder(name); err != nil {
			return storageError(err)
		}
	}
	return nil
}

// Withdraw implements Files.
func (l *Local) Withdraw(_ context.Context, u blog.Upload) error {
	l.hold(u.Filename)
	err := l.move(place(u), path.Join(l.stage, u.Filename))
	if err != nil {
		l.Leave(u.Filename)
	}
	return storageError(err)
}

func place(u blog.Upload) string { return path.Join(u.Field, u.Filename) }

// rename passes over a file that is not there.
func (l *Local) rename(from, to string) error {
	err := l.root.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// move renames a file durably.
func (l *Local) move(from, to string) error {
	if err := l.rename(from, to); err != nil {
		return err
	}
	return errors.Join(l.syncFolder(path.Dir(to)), l.syncFolder(path.Dir(from)))
}

// Drop implements Files.
func (l *Local) Drop(name string) error {
	defer l.Leave(name)
	err := l.root.Remove(path.Join(l.stage, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return storageError(err)
	}
	return nil
}

func (l *Local) hold(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy[name] = true
}

// Leave implements Files.
func (l *Local) Leave(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.busy, name)
}

func (l *Local) held(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.busy[name]
}

type localFile struct {
	*os.File
	modified time.Time
}

func (f localFile) ModTime() time.Time { return f.modified }

// Open implements Files.
func (l *Local) Open(field, name string) (File, error) {
	f, err := l.root.Open(path.Join(field, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, blog.Wrap(blog.CodeFileNotFound, err)
	}
	if err != nil {
		return nil, storageError(err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, storageError(err)
	}
	if !info.Mode().IsRegular() {
		f.Close()
		return nil, blog.Fail(blog.CodeFileNotFound)
	}
	return localFile{f, info.ModTime()}, nil
}

func (l *Local) syncFolder(name string) error {
	d, err := l.root.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
