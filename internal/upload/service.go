package upload

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"inkstone/internal/blog"
)

const (
	// MaxSize bounds one image, in bytes.
	MaxSize = 5 << 20
	// MaxFiles bounds a batch.
	MaxFiles = 5

	// settleTime bounds what must be finished although the client has gone.
	settleTime = 10 * time.Second
	sweepEvery = time.Minute
)

// Service is the rules of uploading.
type Service struct {
	rows   blog.Uploads
	files  Files
	quota  int64
	public string
	log    *slog.Logger
	saved  func([]blog.Upload, error)
	now    func() time.Time
}

// Options is what a Service needs.
type Options struct {
	Rows      blog.Uploads
	Files     Files
	Quota     int64  // bounds the sum of one user's images, in bytes; 0: no bound
	PublicURL string // where anybody can get /images/... without this server; "": nowhere
	Log       *slog.Logger
	Saved     func([]blog.Upload, error) // told how each Save ended; may be nil
}

// New makes a Service.
func New(o Options) *Service {
	if o.Saved == nil {
		o.Saved = func([]blog.Upload, error) {}
	}
	return &Service{rows: o.Rows, files: o.Files, quota: o.Quota, public: o.PublicURL, log: o.Log, saved: o.Saved, now: time.Now}
}

// Incoming is an image as a client sends it.
type Incoming struct {
	Name    string // as the client calls it, cleaned
	Content io.Reader
}

// Save takes in the images that next returns until io.EOF, all or none, in the
// folder of a field. Codes: CodeUploadMissing, CodeUploadTooLarge,
// CodeUploadType, CodeUploadQuota, CodeUserNotFound (the owner is gone),
// CodeStorageFull, CodeUnavailable, and what next returns.
func (s *Service) Save(ctx context.Context, owner blog.ID, field string, next func() (Incoming, error)) ([]blog.Upload, error) {
	batch, err := s.save(ctx, owner, field, next)
	s.saved(batch, err)
	return batch, err
}

func (s *Service) save(ctx context.Context, owner blog.ID, field string, next func() (Incoming, error)) ([]blog.Upload, error) {
	now := blog.ToMillisecond(s.now())
	var batch []blog.Upload
	for {
		in, err := next()
		if err == io.EOF {
			break
		}
		if err == nil {
			u := blog.Upload{Field: field, Owner: owner, OriginalName: in.Name, CreatedAt: now}
			if err = s.stage(ctx, &u, in.Content); err == nil {
				batch = append(batch, u)
				continue
			}
		}
		s.drop(ctx, batch)
		return nil, err
	}
	if len(batch) == 0 {
		return nil, blog.Fail(blog.CodeUploadMissing)
	}
	return batch, s.commit(ctx, batch)
}

var buffers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 32<<10) }}

// stage writes one image to the stage and fills in its name and size. On an
// error nothing stays.
func (s *Service) stage(ctx context.Context, u *blog.Upload, content io.Reader) error {
	buf := buffers.Get().(*bufio.Reader)
	defer buffers.Put(buf)
	buf.Reset(io.LimitReader(content, MaxSize+1))
	defer buf.Reset(nil)

	head, err := buf.Peek(signLen)
	if err != nil && err != io.EOF {
		return err
	}
	k, known := kindOf(head)
	if !known {
		return refuse(buf)
	}
	u.Filename = newFilename(u.Field, u.CreatedAt, k.ext)
	if u.OriginalName == "" {
		u.OriginalName = u.Filename
	}
	f, err := s.files.Stage(u.Filename)
	if err != nil {
		return err
	}
	u.Size, err = write(f, buf, k)
	if err := errors.Join(err, f.Close()); err != nil {
		s.drop(ctx, []blog.Upload{*u})
		return storageError(err)
	}
	return nil
}

// refuse says what is wrong with a file that is no image; whatever it holds, being
// too large comes first. CodeUploadTooLarge, CodeUploadType.
func refuse(r io.Reader) error {
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		return err
	}
	if n > MaxSize {
		return blog.Fail(blog.CodeUploadTooLarge)
	}
	return blog.Fail(blog.CodeUploadType)
}

// write copies the content to f and checks what stands there then. It reads through
// the buffer again: a hostile header can be made of thousands of pieces of a few bytes.
func write(f Staged, content *bufio.Reader, k kind) (int64, error) {
	n, err := content.WriteTo(plainWriter{f})
	if err != nil {
		return n, err
	}
	if n > MaxSize {
		return n, blog.Fail(blog.CodeUploadTooLarge)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return n, err
	}
	content.Reset(f)
	if err := k.check(content); err != nil {
		return n, err
	}
	return n, f.Sync()
}

// plainWriter hides os.File's ReadFrom, which would allocate a buffer of its own
// where the pooled one is at hand.
type plainWriter struct{ io.Writer }

// newFilename makes a name that cannot be guessed: 128 random bits.
func newFilename(field string, now time.Time, ext string) string {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return fmt.Sprintf("%s-%013d-%s%s", field, now.UnixMilli(), hex.EncodeToString(random[:]), ext)
}

// commit delivers the batch, writes its rows and puts the files in place. From the
// rows on it goes on without the client.
func (s *Service) commit(ctx context.Context, batch []blog.Upload) error {
	err := ctx.Err()
	if err == nil {
		err = s.files.Deliver(ctx, batch)
	}
	if err != nil {
		s.drop(ctx, batch)
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	err = s.rows.Create(ctx, batch, s.quota)
	if ctx.Err() != nil && err != nil {
		s.files.Leave(batch) // whether the rows were written shows later
		return blog.Wrap(blog.CodeUnavailable, err)
	}
	if err != nil {
		s.drop(ctx, batch)
		return err
	}
	if err := s.files.Publish(ctx, batch); err != nil {
		s.undo(ctx, batch)
		return err
	}
	return nil
}

// undo takes back a batch whose rows are written but whose files could not be put in place.
func (s *Service) undo(ctx context.Context, batch []blog.Upload) {
	for _, u := range batch {
		if err := s.remove(ctx, u); err != nil && blog.CodeOf(err) != blog.CodeFileNotFound {
			s.log.Error("upload: cannot take back an image", "file", u.Filename, "error", err)
		}
	}
}

// drop removes images without rows, also after the client has gone: what was never in
// place, or is not any more.
func (s *Service) drop(ctx context.Context, batch []blog.Upload) {
	if err := s.files.Drop(context.WithoutCancel(ctx), batch); err != nil {
		s.log.Error("upload: files that are left over could not be removed; it will be tried again", "files", names(batch), "error", err)
	}
}

func names(batch []blog.Upload) []string {
	all := make([]string, len(batch))
	for i, u := range batch {
		all[i] = u.Filename
	}
	return all
}

// List returns the actor's own images, newest first.
func (s *Service) List(ctx context.Context, who blog.Actor, p blog.Page) (blog.Listed[blog.Upload], error) {
	return s.rows.List(ctx, blog.UploadFilter{Owner: who.ID, Page: p})
}

// Delete removes an image: CodeFileNotFound, CodeNotOwner unless it is the
// actor's own or he is an admin.
func (s *Service) Delete(ctx context.Context, who blog.Actor, name string) error {
	if _, ok := fieldOf(name); !ok {
		return blog.Fail(blog.CodeFileNotFound)
	}
	u, err := s.rows.Get(ctx, name)
	if err != nil {
		return err
	}
	if !who.Owns(u.Owner) {
		return blog.Fail(blog.CodeNotOwner)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	return s.remove(ctx, u)
}

// remove takes an image out of place, then its row away, then the file.
func (s *Service) remove(ctx context.Context, u blog.Upload) error {
	if err := s.files.Withdraw(ctx, u); err != nil {
		return err
	}
	err := s.rows.Delete(ctx, u.Filename)
	if err == nil || blog.CodeOf(err) == blog.CodeFileNotFound {
		s.drop(ctx, []blog.Upload{u})
		return err
	}
	s.files.Leave([]blog.Upload{u}) // the sweep asks again whether the row is there
	return err
}

// Open opens an image to serve it. CodeFileNotFound, also for a name that was
// never given out.
func (s *Service) Open(ctx context.Context, field, name string) (File, error) {
	if f, ok := fieldOf(name); !ok || f != field {
		return nil, blog.Fail(blog.CodeFileNotFound)
	}
	return s.files.Open(ctx, field, name, s.find)
}

// Sweep settles what dead processes left behind and removes the images of
// deleted users. It goes as far as it can and returns what failed.
func (s *Service) Sweep(ctx context.Context) error {
	return errors.Join(s.files.Sweep(ctx, s.find), s.sweepOwnerless(ctx))
}

func (s *Service) find(ctx context.Context, name string) (blog.Upload, error) {
	if _, ok := fieldOf(name); !ok {
		return blog.Upload{}, blog.Fail(blog.CodeFileNotFound)
	}
	return s.rows.Get(ctx, name)
}

func (s *Service) sweepOwnerless(ctx context.Context) error {
	for {
		images, err := s.rows.Ownerless(ctx, 100)
		if err != nil || len(images) == 0 {
			return err
		}
		for _, u := range images {
			if err := s.remove(ctx, u); err != nil && blog.CodeOf(err) != blog.CodeFileNotFound {
				return err
			}
		}
	}
}

// Run sweeps now and once a minute until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
			s.log.Error("upload: sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
