package upload

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// faulty lets something go wrong before or after a call of Files.
type faulty struct {
	Files
	before, after func(step string) error
	write         func([]byte) error
}

func (f *faulty) around(step string, call func() error) error {
	if err := f.before(step); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	return f.after(step)
}

func (f *faulty) Stage(name string) (s Staged, err error) {
	err = f.around("stage", func() error { s, err = f.Files.Stage(name); return err })
	return faultyStaged{s, f}, err
}

func (f *faulty) Publish(ctx context.Context, us []blog.Upload) error {
	for _, u := range us {
		if err := f.around("publish", func() error { return f.Files.Publish(ctx, []blog.Upload{u}) }); err != nil {
			return err
		}
	}
	return nil
}

func (f *faulty) Withdraw(ctx context.Context, u blog.Upload) error {
	return f.around("withdraw", func() error { return f.Files.Withdraw(ctx, u) })
}

func (f *faulty) Deliver(ctx context.Context, us []blog.Upload) error {
	return f.around("deliver", func() error { return f.Files.Deliver(ctx, us) })
}

func (f *faulty) Drop(ctx context.Context, us []blog.Upload) error {
	return f.around("drop", func() error { return f.Files.Drop(ctx, us) })
}

type faultyStaged struct {
	Staged
	f *faulty
}

func (s faultyStaged) Write(p []byte) (int, error) {
	if s.f.write != nil {
		if err := s.f.write(p); err != nil {
			return 0, err
		}
	}
	return s.Staged.Write(p)
}

func (s faultyStaged) Sync() error { return s.f.around("sync", s.Staged.Sync) }

func never(string) error { return nil }

func TestAFullDiskIsToldAndLeavesNothing(t *testing.T) {
	for errno, code := range map[syscall.Errno]blog.Code{
		syscall.ENOSPC: blog.CodeStorageFull, syscall.EDQUOT: blog.CodeStorageFull, syscall.EMFILE: blog.CodeUnavailable,
	} {
		for _, step := range []string{"stage", "write", "sync", "publish"} {
			h := newHouse(t)
			broken := true
			fail := &os.PathError{Op: step, Err: errno}
			f := &faulty{Files: h.files, after: never}
			f.before = func(at string) error {
				if broken && at == step {
					return storageError(fail)
				}
				return nil
			}
			f.write = func([]byte) error {
				if broken && step == "write" {
					return fail
				}
				return nil
			}
			h.files = f
			_, err := h.sendParts(t, numbered(3, pngOf(t, 1, 1))...)
			wantCode(t, err, code)
			h.wantWhole(t, 0)
			broken = false
			if _, err := h.sendParts(t, numbered(3, pngOf(t, 1, 1))...); err != nil {
				t.Errorf("%s: does not recover: %v", step, err)
			}
			h.wantWhole(t, 3)
		}
	}
}

func TestAFailedInsertLeavesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		h.rows.fail = func(method string) error {
			if method == "create" {
				return blog.Fail(blog.CodeUnavailable)
			}
			return nil
		}
		_, err := h.sendParts(t, numbered(3, pngOf(t, 1, 1))...)
		wantCode(t, err, blog.CodeUnavailable)
		h.wantWhole(t, 0)
	})
}

var errDead = errors.New("killed")

// TestAKillAtAnyStepLeavesNothingHalf lets the process die before or after each
// step of an upload and of a delete: from then on no call of it does anything.
// Another process sweeps up.
func TestAKillAtAnyStepLeavesNothingHalf(t *testing.T) {
	t.Run("folder", func(t *testing.T) {
		killAtEach(t, func() keeper { return folder{t.TempDir()} })
	})
	t.Run("S3", func(t *testing.T) {
		killAtEach(t, func() keeper { return mortal{newBucket(t)} })
	})
}

// mortal is a bucket whose next process takes every note for an old one.
type mortal struct{ bucket }

func (b mortal) open(t testing.TB) Files { return b.sweeper(t) }

func killAtEach(t *testing.T, newKeeper func() keeper) {
	for kill := 0; ; kill++ {
		if !killedAt(t, newKeeper(), kill) {
			if kill < 20 {
				t.Fatalf("only %d steps were met", kill)
			}
			return
		}
	}
}

// killedAt reports whether the process got so far.
func killedAt(t *testing.T, p keeper, kill int) (killed bool) {
	h := build(t, p)
	count, dead := 0, false
	step := func(string) error {
		if dead || count == kill {
			dead = true
			return errDead
		}
		count++
		return nil
	}
	living := h.files
	h.files = &faulty{Files: living, before: step, after: step}
	h.rows.fail = step
	us, err := h.sendParts(t, numbered(2, pngOf(t, 1, 1))...)
	acknowledged := err == nil
	deleted := err == nil && h.Delete(t.Context(), alice, us[0].Filename) == nil

	h.rows.fail = nil
	die(t, living)
	h.files = p.open(t)
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := len(h.rows.names())
	if acknowledged && n < 1 || deleted && n != 1 {
		t.Errorf("killed at step %d: %d rows, acknowledged %t, deleted %t", kill, n, acknowledged, deleted)
	}
	h.wantWhole(t, n)
	if b, ok := p.(mortal); ok && b.notes(t) != 0 {
		t.Errorf("killed at step %d: notes are left", kill)
	}
	return dead
}

// die does what the end of a process does.
func die(t *testing.T, files Files) {
	t.Helper()
	var s *stage
	switch f := files.(type) {
	case *Local:
		s = f.stage
	case *S3:
		s = f.stage
	}
	if err := s.lock.Unlock(); err != nil {
		t.Fatal(err)
	}
}

func TestTheSweepLeavesTheLivingAlone(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		other := New(Options{Rows: h.rows, Files: h.open(t), Log: h.log})
		contentType, body := multi(t, part{"images", "a.png", sized(t, 100_000)})
		pr, pw := io.Pipe()
		done := make(chan error)
		go func() {
			_, err := h.receive(request(contentType, pr), alice, "images", MaxFiles)
			done <- err
		}()
		if _, err := pw.Write(body[:90_000]); err != nil {
			t.Fatal(err)
		}
		for _, s := range []*Service{other, h.Service} {
			if err := s.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if len(h.kept(t)) != 1 {
			t.Fatal("the file at work was swept away")
		}
		go func() { pw.Write(body[90_000:]); pw.Close() }()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		h.wantWhole(t, 1)
	})
}

func TestAStalledClientLeavesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		contentType, body := multi(t, part{"images", "a.png", sized(t, 100_000)})
		pr, pw := io.Pipe()
		go func() {
			pw.Write(body[:50_000])
			pw.CloseWithError(os.ErrDeadlineExceeded)
		}()
		_, err := h.receive(request(contentType, pr), alice, "images", MaxFiles)
		wantCode(t, err, blog.CodeUploadInvalid)
		h.wantWhole(t, 0)
	})
}

func TestStagesOfEndedProcessesGo(t *testing.T) {
	dir := t.TempDir()
	h := build(t, folder{dir})
	for range 3 {
		if err := openLocal(t, dir).lock.Unlock(); err != nil {
			t.Fatal(err)
		}
	}
	if err := h.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(filepath.Join(dir, stages))
	if err != nil || len(left) != 1 {
		t.Fatalf("%v, %v", left, err)
	}
}

func TestRunSweepsAtOnceAndEndsWithItsContext(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		if _, err := h.sendParts(t, numbered(1, pngOf(t, 1, 1))...); err != nil {
			t.Fatal(err)
		}
		h.rows.ownerless[alice.ID] = true
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { h.Run(ctx); close(done) }()
		for end := time.Now().Add(5 * time.Second); len(h.rows.names()) > 0 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		cancel()
		<-done
		h.wantWhole(t, 0)
	})
}
