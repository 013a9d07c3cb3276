package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"inkstone/internal/background"
	"inkstone/internal/backup"
	"inkstone/internal/blog"
	"inkstone/internal/config"
	"inkstone/internal/store"
	"inkstone/internal/upload"
)

// backupNice is how much a backup stands back behind the server. It is not more: where all
// processors are busy it would hardly come to an end.
const backupNice = 5

// BackupOptions say what is backed up, and into which file.
type BackupOptions struct {
	File    string
	Program string // the version of inkstone
	Uploads bool   // with the images
	BackupProgress
}

// BackupProgress is told how it goes; each may be nil.
type BackupProgress struct {
	Bytes   backup.Progress       // of the archive
	Records func(done, total int) // of a database that is no file
}

// Backup writes the site of the settings into a file, also while it is served. Errors are
// sentences that say what to do.
func Backup(ctx context.Context, cfg *config.Config, o BackupOptions) (r backup.Report, err error) {
	site := engine{cfg, o.Records}.site()
	site.Program = o.Program
	if o.Uploads {
		images, failed := openImages(cfg)
		if failed != nil {
			return r, failed
		}
		defer func() { err = errors.Join(err, images.Close()) }()
		site.Images = images
	}
	background.Do(backupNice, func() { r, err = backup.Write(ctx, o.File, site, o.Bytes) })
	return r, err
}

// Restore puts the site in a file where the settings say, which must be empty there.
func Restore(ctx context.Context, cfg *config.Config, file string, progress BackupProgress) (r backup.Report, err error) {
	schema, err := store.NewestSchema()
	if err != nil {
		return r, err
	}
	e := engine{cfg, progress.Records}
	to := e.target()
	to.Schema, to.Check = schema, store.Check
	to.Open = func(ctx context.Context, file string) (backup.Database, error) { return store.OpenPages(ctx, file) }
	var images *archived
	defer func() {
		if images != nil {
			err = errors.Join(err, images.Close())
		}
	}()
	to.Images = func() (_ backup.Images, err error) {
		images, err = openImages(cfg)
		return images, err
	}
	return backup.Restore(ctx, file, to, progress.Bytes)
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
