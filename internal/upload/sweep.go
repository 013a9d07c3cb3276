package upload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
)

// settle decides what becomes of a file that was left on a stage, by its path and its name.
type settle = func(ctx context.Context, path, name string) error

// sweep settles what this process has left on its stage, and all that stands on
// those of dead ones. One file that cannot be settled does not stop the others.
func (s *stage) sweep(ctx context.Context, settle settle) error {
	errs := []error{s.settleAll(ctx, s.own, settle)}
	folders, err := s.list(stages)
	errs = append(errs, err)
	for _, name := range folders {
		if stage := path.Join(stages, name); stage != s.own {
			errs = append(errs, s.sweepDead(ctx, stage, settle))
		}
	}
	return errors.Join(errs...)
}

// sweepDead settles another process's stage, unless that lives.
func (s *stage) sweepDead(ctx context.Context, stage string, settle settle) error {
	lock, dead := s.tryLock(stage)
	if !dead {
		return nil
	}
	defer lock.Close()
	if err := s.settleAll(ctx, stage, settle); err != nil {
		return err
	}
	s.removeStage(stage)
	return nil
}

func (s *stage) settleAll(ctx context.Context, stage string, settle settle) error {
	names, err := s.list(stage)
	errs := []error{err}
	for _, name := range names {
		if stage == s.own && s.held(name) {
			continue
		}
		if err := settle(ctx, path.Join(stage, name), name); err != nil {
			errs = append(errs, fmt.Errorf("settle %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// discard removes a file, which another sweeper may have done already.
func (s *stage) discard(path string) error {
	err := s.root.Remove(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// list returns the names in a folder, the lock's left out.
func (s *stage) list(folder string) ([]string, error) {
	d, err := s.root.Open(folder)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	entries, err := d.ReadDir(-1)
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Name() != lockName {
			names = append(names, e.Name())
		}
	}
	return names, err
}
