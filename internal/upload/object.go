package upload

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"

	"inkstone/internal/blog"
)

// errStalled ends a request whose next bytes do not come.
var errStalled = errors.New("no answer in time")

// object is an image in a bucket, fetched from wherever it is read next. Each read is
// bounded, not all of them together: a slow client may take its time.
type object struct {
	s3     *S3
	image  blog.Upload
	client context.Context // io.Reader has no place for it
	ctx    context.Context // of the requests; ends with the client's, and when one stalls
	cancel context.CancelCauseFunc
	stall  *time.Timer

	mu   sync.Mutex // http.ServeContent may still read when it has returned
	at   int64
	body io.ReadCloser // from at on; nil: not asked for
}

func openObject(ctx context.Context, s *S3, u blog.Upload) *object {
	o := &object{s3: s, image: u, client: ctx}
	o.ctx, o.cancel = context.WithCancelCause(ctx)
	o.stall = time.AfterFunc(time.Hour, func() { o.cancel(errStalled) })
	o.stall.Stop()
	return o
}

// ModTime implements File.
func (o *object) ModTime() time.Time { return o.image.CreatedAt }

// Seek implements io.Seeker.
func (o *object) Seek(offset int64, whence int) (int64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.image.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start of an image")
	}
	if offset != o.at {
		o.forget()
		o.at = offset
	}
	return offset, nil
}

// Read implements io.Reader. CodeUnavailable; CodeFileNotFound if the object is gone.
func (o *object) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.at >= o.image.Size {
		return 0, io.EOF
	}
	o.stall.Reset(o.s3.callTime)
	defer o.stall.Stop()
	if o.body == nil {
		if err := o.fetch(); err != nil {
			return 0, o.failure(err)
		}
	}
	n, err := o.body.Read(p)
	o.at += int64(n)
	if err == io.EOF && o.at < o.image.Size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		err = o.failure(err)
	}
	return n, err
}

func (o *object) fetch() error {
	var opts minio.GetObjectOptions
	if o.at > 0 {
		if err := opts.SetRange(o.at, 0); err != nil {
			return err
		}
	}
	body, _, _, err := o.s3.client.GetObject(o.ctx, o.s3.bucket, o.s3.key(o.image), opts)
	if err != nil {
		return err
	}
	o.body = body
	return nil
}

func (o *object) failure(err error) error {
	switch r := answerOf(err); {
	case r.Code == minio.NoSuchKey, r.Code == minio.NoSuchVersion:
		return blog.Wrap(blog.CodeFileNotFound, err)
	case context.Cause(o.ctx) == errStalled:
		err = errStalled
	}
	return o.s3.failure(o.client, err)
}

func (o *object) forget() {
	if o.body != nil {
		o.body.Close()
		o.body = nil
	}
}

// Close ends the request to S3, also one that is waited for; nothing can be read then.
func (o *object) Close() error {
	o.cancel(nil)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forget()
	return nil
}
