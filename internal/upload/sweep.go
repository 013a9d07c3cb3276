package upload

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"inkstone/internal/blog"
)

type finder = func(ctx context.Context, filename string) (blog.Upload, error)

// Sweep implements Files. One file that cannot be settled does not stop the others.
func (l *Local) Sweep(ctx context.Context, find finder) error {
	errs := []error{l.settleAll(ctx, l.stage, find)}
	folders, err := l.list(stages)
	errs = append(errs, err)
	for _, name := range folders {
		if stage := path.Join(stages, name); stage != l.stage {
			errs = append(errs, l.sweepDead(ctx, stage, find))
		}
	}
	return errors.Join(errs...)
}

// sweepDead settles another process's stage, unless that lives.
func (l *Local) sweepDead(ctx context.Context, stage string, find finder) error {
	lock, dead := l.tryLock(stage)
	if !dead {
		return nil
	}
	defer lock.Close()
	if err := l.settleAll(ctx, stage, find); err != nil {
		return err
	}
	l.removeStage(stage)
	return nil
}

func (l *Local) settleAll(ctx context.Context, stage string, find finder) error {
	names, err := l.list(stage)
	errs := []error{err}
	for _, name := range names {
		if stage == l.stage && l.held(name) {
			continue
		}
		if err := l.settle(ctx, stage, name, find); err != nil {
			errs = append(errs, fmt.Errorf("settle %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// settle puts a file in place if there is a row for it, else removes it.
func (l *Local) settle(ctx context.Context, stage, name string, find finder) error {
	u, err := find(ctx, name)
	if err == nil {
		return l.move(path.Join(stage, name), place(u))
	}
	if blog.CodeOf(err) != blog.CodeFileNotFound {
		return err
	}
	err = l.root.Remove(path.Join(stage, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// list returns the names in a folder, the lock's left out.
func (l *Local) list(folder string) ([]string, error) {
	d, err := l.root.Open(folder)
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
