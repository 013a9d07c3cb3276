package upload

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"
)

const (
	stages   = ".tmp" // holds a folder for each process at work
	lockName = "lock" // in each of these; who holds it lives
)

// stage is where this process writes files that nobody is shown yet. Several
// processes may have theirs in one folder. It opens nothing outside of that,
// whatever links stand there.
type stage struct {
	dir  string
	root *os.Root
	own  string // path of this process's stage below dir
	lock *flock.Flock

	mu   sync.Mutex
	busy map[string]bool // names on the stage that somebody works on
}

// openStage makes a stage in a folder, which is created if need be.
func openStage(dir string) (*stage, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("upload folder: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("upload folder: %w", err)
	}
	s := &stage{dir: dir, root: root, busy: map[string]bool{}}
	if err := s.prepare(); err != nil {
		root.Close()
		return nil, fmt.Errorf("upload folder: %w", err)
	}
	return s, nil
}

func (s *stage) prepare() error {
	if err := s.root.MkdirAll(stages, 0o755); err != nil {
		return err
	}
	if err := s.take(); err != nil {
		return err
	}
	return errors.Join(s.syncFolder("."), s.syncFolder(stages))
}

// take makes a stage and locks it. A sweeper that comes between the two may
// take the new folder for a dead one's and remove it; then another is made.
func (s *stage) take() error {
	for range 10 {
		own := path.Join(stages, rand.Text())
		if err := s.root.Mkdir(own, 0o755); err != nil {
			return err
		}
		lock, alive := s.tryLock(own)
		if alive {
			s.own, s.lock = own, lock
			return nil
		}
	}
	return errors.New("cannot lock a folder for temporary files")
}

// tryLock takes the lock of a stage, if that still exists and nobody has it.
func (s *stage) tryLock(stage string) (*flock.Flock, bool) {
	name := path.Join(stage, lockName)
	lock := flock.New(filepath.Join(s.dir, filepath.FromSlash(name)))
	if ok, err := lock.TryLock(); err != nil || !ok {
		return nil, false
	}
	held, err := lock.Stat()
	if err == nil {
		var now fs.FileInfo
		if now, err = s.root.Lstat(name); err == nil && os.SameFile(held, now) {
			return lock, true
		}
	}
	lock.Close()
	return nil, false
}

// Close removes this process's stage if nothing is left on it, and ends its
// claim to it. No method may run meanwhile or afterwards.
func (s *stage) Close() error {
	if names, err := s.list(s.own); err == nil && len(names) == 0 {
		s.removeStage(s.own)
	}
	return errors.Join(s.lock.Close(), s.root.Close())
}

// removeStage removes an empty stage whose lock is held. What fails is left for a later sweep.
func (s *stage) removeStage(stage string) {
	if s.root.Remove(path.Join(stage, lockName)) == nil {
		_ = s.root.Remove(stage)
	}
}

// at returns the path of a file on this process's stage.
func (s *stage) at(name string) string { return path.Join(s.own, name) }

// create makes an empty file, which is held until it is left.
func (s *stage) create(name string) (*os.File, error) {
	s.hold(name)
	f, err := s.root.OpenFile(s.at(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		s.leave(name)
		return nil, storageError(err)
	}
	return f, nil
}

// remove removes and leaves a file. there tells whether it was on the stage.
func (s *stage) remove(name string) (there bool, err error) {
	defer s.leave(name)
	err = s.root.Remove(s.at(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return true, storageError(err)
}

func (s *stage) hold(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.busy[name] = true
}

func (s *stage) leave(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, name)
}

func (s *stage) held(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy[name]
}

func (s *stage) syncFolder(name string) error {
	d, err := s.root.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
