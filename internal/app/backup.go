package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"inkstone/internal/background"
	"inkstone/internal/backup"
	"inkstone/internal/blog"
	"inkstone/internal/config"
	"inkstone/internal/store"
	"inkstone/internal/upload"
)

// backupNice is how much a backup stands back behind the server: as far as that goes.
const backupNice = 19

// BackupOptions say what is backed up, and into which file.
type BackupOptions struct {
	File     string
	Program  string // the version of inkstone
	Uploads  bool   // with the images
	Progress backup.Progress
}

// Backup writes the site of the settings into a file, also while it is served. Errors are
// sentences that say what to do.
func Backup(ctx context.Context, cfg *config.Config, o BackupOptions) (r backup.Report, err error) {
	site := site(cfg)
	site.Program = o.Program
	if o.Uploads {
		images, err := openImages(cfg)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, images.Close()) }()
		site.Images = images
	}
	background.Do(backupNice, func() { r, err = backup.Write(ctx, o.File, site, o.Progress) })
	return r, err
}

// site is the site of the settings, without its images.
func site(cfg *config.Config) backup.Site {
	path, _ := store.File(cfg.Database)
	return backup.Site{
		Engine: "sqlite",
		Open: func(ctx context.Context, _ string) (backup.Database, error) {
			p, err := store.OpenPages(ctx, path)
			if err != nil {
				return nil, cannotRead(cfg, err)
			}
			return pages{p, cfg}, nil
		},
		Known: func(ctx context.Context, images []blog.Upload) ([]blog.Upload, error) {
			return knownImages(ctx, cfg, path, images)
		},
	}
}

// pages are store.Pages whose errors are for people.
type pages struct {
	*store.Pages
	cfg *config.Config
}

// Check implements backup.Database.
func (p pages) Check(ctx context.Context) error { return cannotRead(p.cfg, p.Pages.Check(ctx)) }

// Counts implements backup.Database.
func (p pages) Counts(ctx context.Context) (map[string]int64, error) {
	counts, err := p.Pages.Counts(ctx)
	return counts, cannotRead(p.cfg, err)
}

// Write implements backup.Database.
func (p pages) Write(ctx context.Context, w io.Writer) error {
	return cannotRead(p.cfg, p.Pages.Write(ctx, w))
}

func knownImages(ctx context.Context, cfg *config.Config, path string, images []blog.Upload) (known []blog.Upload, err error) {
	p, err := store.OpenPages(ctx, path)
	if err != nil {
		return nil, cannotRead(cfg, err)
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for _, u := range images {
		switch _, err := p.Upload(ctx, u.Filename); {
		case err == nil:
			known = append(known, u)
		case blog.CodeOf(err) != blog.CodeFileNotFound:
			return nil, cannotRead(cfg, err)
		}
	}
	return known, nil
}

// cannotRead is cannotOpen where nothing is made that is not there.
func cannotRead(cfg *config.Config, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("没有数据库 %s，请检查 DATABASE_URL 与 DATA_DIR", store.Name(cfg.Database))
	case errors.Is(err, store.ErrEmpty):
		return fmt.Errorf("数据库 %s 是空的，没有可备份的内容，请检查 DATABASE_URL 与 DATA_DIR", store.Name(cfg.Database))
	}
	return cannotOpen(cfg, err)
}

// Restore puts the site in a file where the settings say, which must be empty there.
func Restore(ctx context.Context, cfg *config.Config, file string, progress backup.Progress) (r backup.Report, err error) {
	schema, err := store.NewestSchema()
	if err != nil {
		return r, err
	}
	if err := makeDataDir(cfg); err != nil {
		return r, err
	}
	to := target(cfg)
	to.Schema = schema
	to.Open = func(ctx context.Context, file string) (backup.Database, error) { return store.OpenPages(ctx, file) }
	var images *archived
	defer func() {
		if images != nil {
			err = errors.Join(err, images.Close())
		}
	}()
	to.Images = func() (backup.Images, error) {
		images, err = openImages(cfg)
		return images, err
	}
	return backup.Restore(ctx, file, to, progress)
}

// target is the place of the database of the settings.
func target(cfg *config.Config) backup.Target {
	path, _ := store.File(cfg.Database)
	return backup.Target{
		Scratch: filepath.Dir(path),
		Vacant: func(context.Context) error {
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				return cannotOpen(cfg, err)
			}
			return occupied(store.Vacant(path))
		},
		Install: func(ctx context.Context, file string) error {
			if _, _, err := store.Migrate(ctx, "sqlite:"+file, store.Options{}); err != nil {
				return err
			}
			if err := store.Vacant(path); err != nil {
				return occupied(err)
			}
			return occupied(backup.Place(file, path))
		},
	}
}

// occupied says what is in the way of a database.
func occupied(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok && errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s 已存在，恢复不会覆盖它，请先停止服务并移走它（连同 -wal 与 -shm 文件），或用 DATABASE_URL 另指一处", e.Path)
	}
	return err
}

// archived are the images of the settings, with what is to be closed after them.
type archived struct {
	*upload.Archive
	files io.Closer
	where string
}

func openImages(cfg *config.Config) (*archived, error) {
	a := &App{cfg: cfg}
	files, err := a.openFiles()
	if err != nil {
		return nil, err
	}
	where := cfg.UploadDir
	if where == "" {
		where = "s3://" + cfg.S3.Bucket + "/" + cfg.S3.Prefix
	}
	return &archived{upload.NewArchive(files), a, where}, nil
}

// Close ends the work on the images.
func (a *archived) Close() error { return errors.Join(a.Archive.Close(), a.files.Close()) }

// Put implements backup.Images.
func (a *archived) Put(ctx context.Context, u blog.Upload, content io.Reader) error {
	return a.cannotPut(ctx, a.Archive.Put(ctx, u, content))
}

// Flush implements backup.Images.
func (a *archived) Flush(ctx context.Context) error { return a.cannotPut(ctx, a.Archive.Flush(ctx)) }

// cannotPut hides the code of err, whose words are about the database.
func (a *archived) cannotPut(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if blog.CodeOf(err) == blog.CodeStorageFull {
		return fmt.Errorf("%s 空间不足，放不下图片，请腾出空间，再试一次：%v", a.where, err)
	}
	return fmt.Errorf("无法存放图片到 %s，请检查 UPLOADS 与权限：%v", a.where, err)
}
