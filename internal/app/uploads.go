package app

import (
	"context"
	"errors"
	"fmt"

	"inkstone/internal/upload"
	"inkstone/internal/web"
)

// openUploads opens the folder or the bucket of the images. Only a folder that cannot
// be used stops the start. What is wrong with a bucket is found out in the background,
// for it may be all right again without us; upload.S3.Ready says what that means for /readyz.
func (a *App) openUploads(context.Context) error {
	if !a.cfg.Target.Has("upload") {
		return nil // nobody else touches them
	}
	files, err := a.openFiles()
	if err != nil {
		return err
	}
	a.parts.uploads = upload.New(upload.Options{
		Rows: a.store.Uploads(), Files: files, Quota: a.cfg.UploadQuota, PublicURL: a.cfg.UploadsURL, Log: a.log, Saved: a.countSaved,
	})
	a.background = append(a.background, a.parts.uploads.Run)
	return nil
}

func (a *App) openFiles() (upload.Files, error) {
	if a.cfg.S3.Bucket != "" {
		return a.openBucket()
	}
	files, err := upload.OpenLocal(a.cfg.UploadDir)
	if err != nil {
		return nil, fmt.Errorf("无法使用上传目录 %s，请检查 UPLOADS 与权限：%w", a.cfg.UploadDir, err)
	}
	a.closers = append(a.closers, files.Close)
	return files, nil
}

// openBucket has images received in the data folder, which is on a disk: a folder for
// temporary files may be memory.
func (a *App) openBucket() (upload.Files, error) {
	c := a.cfg.S3
	bucket, err := upload.OpenS3(upload.S3Options{
		Stage: a.cfg.DataDir, Endpoint: c.Endpoint, Region: c.Region, AccessKey: c.AccessKey, SecretKey: c.SecretKey,
		Bucket: c.Bucket, Prefix: c.Prefix, Addressing: c.Addressing, Through: a.hop("s3"), Handshake: a.certificate("uploads"),
	})
	if err != nil {
		return nil, fmt.Errorf("无法准备对象存储，请检查 S3_ENDPOINT，以及数据目录 %s 的权限：%w", a.cfg.DataDir, err)
	}
	a.closers = append(a.closers, bucket.Close)
	a.background = append(a.background, func(ctx context.Context) { bucket.Watch(ctx, a.log) })
	a.bucket = bucket
	return bucket, nil
}

// ready tells whether what this process can't do without is there.
func (a *App) ready(ctx context.Context) error {
	err := a.lacking(ctx)
	a.isReady.note(err)
	return err
}

// errUnknown is that a gateway has no list of instances, not even an old one.
var errUnknown = errors.New("it is not known where the services are")

// lacking says what is missing. A gateway without rows needs the database for little, and has
// others say that it is away.
func (a *App) lacking(ctx context.Context) error {
	err := a.store.Ping(ctx)
	a.databaseUp.note(err)
	if err != nil && len(a.cfg.Target.Rows) > 0 {
		return web.Away("database", err)
	}
	if len(a.cfg.Target.Elsewhere()) > 0 && !a.source.State().Known {
		return web.Away("services", errUnknown)
	}
	if a.bucket == nil {
		return nil
	}
	err = a.bucket.Ready(ctx)
	a.uploadsUp.note(err)
	if err != nil {
		return web.Away("uploads", err)
	}
	return nil
}
