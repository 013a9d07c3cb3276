package upload

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"golang.org/x/sync/errgroup"

	"inkstone/internal/blog"
)

// How long S3 is waited for. A batch that it cannot take in time is refused within
// deliverTime and cleanTime.
const (
	deliverTime = 7500 * time.Millisecond // for a whole batch
	cleanTime   = 1500 * time.Millisecond // to remove a whole batch
	callTime    = 5 * time.Second         // for the head of an answer, or the next bytes of an image
	tries       = 2                       // to put an object, within these times
	retryPause  = 100 * time.Millisecond
)

// S3 keeps the images in a bucket of anything that speaks S3. An image is written
// to a stage on the disk first: only of what has arrived and passed the checks is
// the size known, without which S3 takes nothing, and a slow client keeps no
// connection to S3 busy.
//
// A row decides whether an image is there; the bucket may hold more than that,
// never less. So objects are put before their rows are written and removed after
// these have gone, and before either a note in the bucket says which ones may be
// left over if this process dies now: see bucketsweep.go.
type S3 struct {
	*stage
	client   minio.Core
	http     *http.Transport
	endpoint string
	bucket   string
	prefix   string // "" or ends in a slash

	deliverTime, cleanTime, callTime time.Duration

	grace       time.Duration // see bucketsweep.go
	notesAtOnce int
	swept       sync.Mutex
	next        time.Time

	unready atomic.Pointer[error] // see bucketcheck.go
}

// S3Options says which bucket it is.
type S3Options struct {
	Stage      string // the folder for what is being received
	Endpoint   string // http(s)://host[:port]
	Region     string
	AccessKey  string
	SecretKey  string
	Bucket     string
	Prefix     string // of all names in the bucket; may be empty
	Addressing string // "path", "host", or "auto": as the endpoint is known to want it

	// Through wraps what asks S3, which is given signed requests; nil leaves it as it is.
	Through   func(http.RoundTripper) http.RoundTripper
	Handshake func(tls.ConnectionState) // told of each TLS connection; may be nil
}

var addressing = map[string]minio.BucketLookupType{
	"auto": minio.BucketLookupAuto, "path": minio.BucketLookupPath, "host": minio.BucketLookupDNS,
}

// OpenS3 makes the stage. The bucket is not asked for anything yet: see Watch.
func OpenS3(o S3Options) (*S3, error) {
	endpoint, err := url.Parse(o.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("S3 endpoint: %w", err)
	}
	connections := transport()
	if o.Handshake != nil {
		connections.TLSClientConfig = &tls.Config{VerifyConnection: func(s tls.ConnectionState) error { o.Handshake(s); return nil }}
	}
	var asks http.RoundTripper = connections
	if o.Through != nil {
		asks = o.Through(connections)
	}
	client, err := minio.NewCore(endpoint.Host, &minio.Options{
		Creds:  credentials.NewStaticV4(o.AccessKey, o.SecretKey, ""),
		Secure: endpoint.Scheme == "https", Transport: asks, Region: o.Region,
		BucketLookup: addressing[o.Addressing], MaxRetries: 1, // see send; net/http tries again by itself where it may
	})
	if err != nil {
		return nil, fmt.Errorf("S3: %w", err)
	}
	stage, err := openStage(o.Stage)
	if err != nil {
		return nil, err
	}
	s := &S3{
		stage: stage, client: *client, http: connections, endpoint: o.Endpoint, bucket: o.Bucket, prefix: o.Prefix,
		deliverTime: deliverTime, cleanTime: cleanTime, callTime: callTime, grace: noteGrace, notesAtOnce: notesAtOnce,
	}
	if s.prefix != "" {
		s.prefix = strings.TrimSuffix(s.prefix, "/") + "/"
	}
	s.unready.Store(&errUnchecked)
	return s, nil
}

// transport is the default one with bounds; without unpacking, by which the sizes of
// what is read would not be those of what is stored; and without HTTP/2, where images
// would wait for each other on one connection.
func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true
	t.ForceAttemptHTTP2 = false
	t.Protocols = new(http.Protocols)
	t.Protocols.SetHTTP1(true)
	t.ResponseHeaderTimeout = callTime
	t.TLSHandshakeTimeout = callTime
	t.MaxIdleConnsPerHost = 32
	return t
}

// Close is as that of a stage, and ends the connections.
func (s *S3) Close() error {
	s.http.CloseIdleConnections()
	return s.stage.Close()
}

// Stage implements Files.
func (s *S3) Stage(name string) (Staged, error) {
	f, err := s.create(name)
	if err != nil {
		return nil, err
	}
	return spooled{f}, nil
}

// spooled is a staged file that the disk need not keep: a crash ends its upload.
type spooled struct{ *os.File }

func (spooled) Sync() error { return nil }

func (s *S3) key(u blog.Upload) string { return s.prefix + place(u) }

// Deliver implements Files. What could not be put may arrive at S3 nevertheless: the
// note stays then.
func (s *S3) Deliver(ctx context.Context, images []blog.Upload) error {
	noted, err := s.deliver(ctx, images)
	if err != nil {
		if noted {
			s.takeBack(ctx, images)
		}
		return err
	}
	return s.unstage(images)
}

// Restore implements Files. What it has put when it fails the sweep settles, by the note. Once
// all is put it has succeeded: whoever dropped the batch then would remove it from the bucket.
func (s *S3) Restore(ctx context.Context, images []blog.Upload) error {
	if _, err := s.deliver(ctx, images); err != nil {
		return err
	}
	_ = s.unstage(images) // the stage is emptied at its end
	return s.Publish(ctx, images)
}

// deliver reports whether it has noted the images, so that some may be put when it fails.
func (s *S3) deliver(ctx context.Context, images []blog.Upload) (noted bool, err error) {
	within, cancel := context.WithTimeout(ctx, s.deliverTime)
	defer cancel()
	if err := s.note(within, images); err != nil {
		return false, s.failure(ctx, err)
	}
	return true, s.failure(ctx, s.putAll(within, images))
}

func (s *S3) unstage(images []blog.Upload) error {
	var errs []error
	for _, u := range images {
		_, err := s.stage.remove(u.Filename)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// takeBack removes what has been put, also after the client has gone. What it cannot
// remove the sweep does.
func (s *S3) takeBack(ctx context.Context, images []blog.Upload) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cleanTime)
	defer cancel()
	_ = s.removeAll(ctx, images)
}

func (s *S3) putAll(ctx context.Context, images []blog.Upload) error {
	all, ctx := errgroup.WithContext(ctx)
	for _, u := range images {
		all.Go(func() error { return s.put(ctx, u) })
	}
	return all.Wait()
}

// put sends an image in one request: it is there as a whole or not at all.
func (s *S3) put(ctx context.Context, u blog.Upload) error {
	f, err := s.root.Open(s.at(u.Filename))
	if err != nil {
		return err
	}
	defer f.Close()
	return s.send(ctx, s.key(u), f, u.Size, minio.PutObjectOptions{ContentType: contentType(u.Filename), CacheControl: cacheForGood})
}

// send puts an object. Its content is signed by its digest, as a whole: signed in
// pieces (aws-chunked) it is refused by some that speak S3, and not signed at all it is
// not held against what arrives. A try has a reader of its own, for net/http may still
// read for an earlier one that was answered before all was sent.
func (s *S3) send(ctx context.Context, key string, content io.ReaderAt, size int64, o minio.PutObjectOptions) error {
	digest := sha256.New()
	if _, err := io.Copy(digest, io.NewSectionReader(content, 0, size)); err != nil {
		return err
	}
	o.DisableContentSha256 = true // in pieces
	for try := 1; ; try++ {
		_, err := s.client.PutObject(ctx, s.bucket, key, io.NewSectionReader(content, 0, size), size, "", hex.EncodeToString(digest.Sum(nil)), o)
		if status := answerOf(err).StatusCode; err == nil || try == tries || status >= 400 && status < 500 {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryPause):
		}
	}
}

// Publish implements Files: with its row, what was delivered is in place. A note that
// cannot be removed now is by the sweep.
func (s *S3) Publish(ctx context.Context, images []blog.Upload) error {
	ctx, cancel := context.WithTimeout(ctx, s.cleanTime)
	defer cancel()
	_ = s.unnote(ctx, images)
	return nil
}

// Withdraw implements Files.
func (s *S3) Withdraw(ctx context.Context, u blog.Upload) error {
	within, cancel := context.WithTimeout(ctx, s.deliverTime)
	defer cancel()
	return s.failure(ctx, s.note(within, []blog.Upload{u}))
}

// Drop implements Files. What is still on the stage is not in the bucket.
func (s *S3) Drop(ctx context.Context, images []blog.Upload) error {
	var delivered []blog.Upload
	var errs []error
	for _, u := range images {
		there, err := s.stage.remove(u.Filename)
		errs = append(errs, err)
		if !there {
			delivered = append(delivered, u)
		}
	}
	if len(delivered) == 0 {
		return errors.Join(errs...)
	}
	within, cancel := context.WithTimeout(ctx, s.cleanTime)
	defer cancel()
	err := s.removeAll(within, delivered)
	if err == nil {
		err = s.unnote(within, images)
	}
	return errors.Join(append(errs, s.failure(ctx, err))...)
}

// removeAll removes the objects of a batch.
func (s *S3) removeAll(ctx context.Context, images []blog.Upload) error {
	var all errgroup.Group // one that fails does not stop the others
	for _, u := range images {
		all.Go(func() error { return s.removeObject(ctx, s.key(u)) })
	}
	return all.Wait()
}

// removeObject passes over what is not there, as S3 does.
func (s *S3) removeObject(ctx context.Context, key string) error {
	err := s.client.RemoveObject(ctx, s.bucket, key, minio.RemoveObjectOptions{})
	if answerOf(err).Code == minio.NoSuchKey {
		return nil
	}
	return err
}

// Leave implements Files: the note says what is left.
func (s *S3) Leave(images []blog.Upload) {
	for _, u := range images {
		s.leave(u.Filename)
	}
}

// Open implements Files. S3 is not asked before something is read, and so not at all
// for what a client has in its cache.
func (s *S3) Open(ctx context.Context, field, name string, find finder) (File, error) {
	u, err := find(ctx, name)
	if err != nil {
		return nil, err
	}
	if u.Field != field {
		return nil, blog.Fail(blog.CodeFileNotFound)
	}
	return openObject(ctx, s, u), nil
}

// failure gives a failure of S3 its code and says what to do. Where it is ctx that has
// ended, the fault is not S3's.
func (s *S3) failure(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if _, known := errors.AsType[*blog.Error](err); known {
		return err
	}
	if _, ours := errors.AsType[*fs.PathError](err); ours {
		return storageError(err)
	}
	code := blog.CodeUnavailable
	if outOfRoom[answerOf(err).Code] {
		code = blog.CodeStorageFull
	}
	return blog.Wrap(code, fmt.Errorf("对象存储 %s 的存储桶 %s：%s（%w）", s.endpoint, s.bucket, advice(err), err))
}

// note writes down which images may be left over. It is one object for a batch.
func (s *S3) note(ctx context.Context, images []blog.Upload) error {
	text := strings.NewReader(strings.Join(names(images), "\n"))
	return s.send(ctx, s.noteKey(images[0].Filename), text, text.Size(), minio.PutObjectOptions{ContentType: "text/plain"})
}

func (s *S3) unnote(ctx context.Context, images []blog.Upload) error {
	return s.removeObject(ctx, s.noteKey(images[0].Filename))
}
