package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"inkstone/internal/backup"
	"inkstone/internal/blog"
	"inkstone/internal/config"
	"inkstone/internal/store"
	"inkstone/internal/transfer"
)

// engine is the database of the settings, to be backed up or restored to. What is copied
// record by record tells its progress to copied, which may be nil.
type engine struct {
	cfg    *config.Config
	copied func(done, total int)
}

// site is the site without its images.
func (e engine) site() backup.Site {
	if path, ok := store.File(e.cfg.Database); ok {
		f := fileEngine{e, path}
		return backup.Site{Engine: "sqlite", Open: f.open, Check: f.check, Known: f.known}
	}
	return backup.Site{Engine: "postgres", Open: e.open, Check: e.check, Known: e.known}
}

// target is the place for a database, without one for images.
func (e engine) target() backup.Target {
	if path, ok := store.File(e.cfg.Database); ok {
		f := fileEngine{e, path}
		return backup.Target{Scratch: filepath.Dir(path), Vacant: f.vacant, Install: f.install}
	}
	return backup.Target{Scratch: e.cfg.DataDir, Vacant: e.vacant, Install: e.install}
}

// fileEngine is a database of SQLite.
type fileEngine struct {
	engine
	path string
}

func (f fileEngine) open(ctx context.Context, _ string) (backup.Database, error) {
	return f.pages(ctx, f.path)
}

func (f fileEngine) pages(ctx context.Context, file string) (backup.Database, error) {
	p, err := store.OpenPages(ctx, file)
	if err != nil {
		return nil, cannotOpen(f.cfg, err)
	}
	return pages{p, func(err error) error { return cannotOpen(f.cfg, err) }}, nil
}

// check finds the damage of the database itself, too: its pages are written as they are.
func (f fileEngine) check(ctx context.Context, database io.ReaderAt, size int64) error {
	return cannotOpen(f.cfg, store.Check(ctx, database, size))
}

func (f fileEngine) known(ctx context.Context, images []blog.Upload) (known []blog.Upload, err error) {
	p, err := f.pages(ctx, f.path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	return f.among(images, func(name string) error {
		_, err := p.Upload(ctx, name)
		return err
	})
}

func (f fileEngine) vacant(context.Context, string) error {
	if err := makeDataDir(f.cfg); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return cannotOpen(f.cfg, err)
	}
	return f.occupied(store.Vacant(f.path))
}

func (f fileEngine) install(ctx context.Context, file, _ string) error {
	if _, _, err := store.Migrate(ctx, "sqlite:"+file, store.Options{}); err != nil {
		return cannotKeep(filepath.Dir(file), err)
	}
	if _, err := os.Lstat(file + "-wal"); err == nil { // it was closed: its log could not go into it
		return fmt.Errorf("磁盘空间不足，%s 中放不下升级后的数据库，请腾出空间，再试一次", filepath.Dir(file))
	}
	if err := store.Vacant(f.path); err != nil {
		return f.occupied(err)
	}
	return f.occupied(backup.Place(file, f.path))
}

// occupied says what is in the way.
func (f fileEngine) occupied(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s 已存在，恢复不会覆盖它，请先停止服务并移走它（连同 -wal 与 -shm 文件），或用 DATABASE_URL 另指一处", e.Path)
	}
	return cannotOpen(f.cfg, err)
}

// open copies the database, in one state, into a file of SQLite's. The note that a copy
// leaves for its time says nothing of the database: its remains are in the backup.
func (e engine) open(ctx context.Context, scratch string) (backup.Database, error) {
	from, err := e.store(ctx, store.Options{NoMigrate: true})
	if err != nil {
		return nil, err
	}
	file := filepath.Join(scratch, "database")
	to, err := store.Open(ctx, "sqlite:"+file, store.Options{Copying: true})
	if err != nil {
		return nil, errors.Join(cannotKeep(scratch, err), from.Close())
	}
	report, err := transfer.Copy(ctx, from, to, transfer.Options{Source: "backup", Progress: e.copied})
	_, ofSource := errors.AsType[*transfer.SourceError](err)
	switch {
	case ofSource:
		err = cannotOpen(e.cfg, err)
	case err == nil && !report.Same():
		err = errors.New("读出的数据与数据库不一致，请再备份一次")
	default:
		err = cannotKeep(scratch, err)
	}
	if err := errors.Join(err, to.Close(), from.Close()); err != nil {
		return nil, err
	}
	p, err := store.OpenPages(ctx, file)
	if err != nil {
		return nil, cannotKeep(scratch, err)
	}
	return pages{p, func(err error) error { return cannotKeep(scratch, err) }}, nil
}

// cannotKeep says why there can be no copy of the database in a folder for what is not finished.
func cannotKeep(scratch string, err error) error {
	folder := filepath.Dir(scratch)
	switch {
	case err == nil || errors.Is(err, context.Canceled):
		return err
	case blog.CodeOf(err) == blog.CodeStorageFull:
		return fmt.Errorf("磁盘空间不足，%s 中放不下数据库的副本，请腾出空间或换一个位置，再试一次", folder)
	}
	return fmt.Errorf("无法在 %s 中存放数据库的副本，请检查权限与磁盘（%v）", folder, err)
}

func (e engine) known(ctx context.Context, images []blog.Upload) (known []blog.Upload, err error) {
	s, err := e.store(ctx, store.Options{NoMigrate: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return e.among(images, func(name string) error {
		_, err := s.Uploads().Get(ctx, name)
		return err
	})
}

// among returns the images that get finds.
func (e engine) among(images []blog.Upload, get func(filename string) error) (known []blog.Upload, err error) {
	for _, u := range images {
		switch err := get(u.Filename); {
		case err == nil:
			known = append(known, u)
		case blog.CodeOf(err) != blog.CodeFileNotFound:
			return nil, cannotOpen(e.cfg, err)
		}
	}
	return known, nil
}

// vacant refuses a database with anything in it, but not one with a part of the same backup.
func (e engine) vacant(ctx context.Context, source string) (err error) {
	if err := makeDataDir(e.cfg); err != nil {
		return err
	}
	s, err := store.Open(ctx, e.cfg.Database, store.Options{Server: server(e.cfg)})
	if errors.Is(err, store.ErrUnfinished) {
		if s, err = e.store(ctx, store.Options{Copying: true}); err != nil {
			return err
		}
		return errors.Join(e.occupied(s.Copies().Begin(ctx, source)), s.Close())
	}
	if err != nil {
		return cannotOpen(e.cfg, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return e.occupied(s.Copies().Snapshot(ctx, func(v blog.Snapshot) error {
		for _, kind := range []blog.Kind{blog.KindUser, blog.KindUpload} { // without these there can be nothing
			if n, err := v.Count(kind); err != nil || n > 0 {
				return errors.Join(err, blog.ErrNotEmpty)
			}
		}
		return nil
	}))
}

func (e engine) install(ctx context.Context, file, source string) (err error) {
	from, err := store.Open(ctx, "sqlite:"+file, store.Options{})
	if err != nil {
		return cannotKeep(filepath.Dir(file), err)
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := e.store(ctx, store.Options{Copying: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	lock, err := lockTarget(ctx, e.cfg, e.cfg.Database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	report, err := transfer.Copy(ctx, from, to, transfer.Options{Source: source, Progress: e.copied})
	if err == nil && !report.Same() {
		err = fmt.Errorf("恢复后的数据与备份不一致：%s 同时被别的程序改动过，请清空它（重建空库）再恢复", store.Name(e.cfg.Database))
	}
	return e.occupied(err)
}

// occupied says why a database can't be restored to.
func (e engine) occupied(err error) error {
	name := store.Name(e.cfg.Database)
	switch {
	case errors.Is(err, blog.ErrNotEmpty):
		return fmt.Errorf("数据库 %s 不是空的，恢复不会覆盖它，请新建一个空库，并用 DATABASE_URL 指向它", name)
	case errors.Is(err, blog.ErrOtherSource):
		return fmt.Errorf("数据库 %s 中有另一次未完成的恢复或复制，请先完成它，或重建空库后再恢复", name)
	}
	return cannotCopy(CopyOptions{From: "sqlite:", To: e.cfg.Database}, err)
}

func (e engine) store(ctx context.Context, o store.Options) (blog.Store, error) {
	o.Server = server(e.cfg)
	s, err := store.Open(ctx, e.cfg.Database, o)
	return s, cannotOpen(e.cfg, err)
}

func (e engine) check(ctx context.Context, database io.ReaderAt, size int64) error {
	err := store.Check(ctx, database, size)
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("写成的备份无法读回，请再备份一次，并检查它所在的磁盘（%v）", err)
}

// pages are store.Pages whose errors are for people.
type pages struct {
	*store.Pages
	explain func(error) error
}

// Counts implements backup.Database.
func (p pages) Counts(ctx context.Context) (map[string]int64, error) {
	counts, err := p.Pages.Counts(ctx)
	return counts, p.explain(err)
}

// Write implements backup.Database.
func (p pages) Write(ctx context.Context, w io.Writer) error {
	return p.explain(p.Pages.Write(ctx, w))
}
