package upload

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// imageOf is a row of size bytes, and what its file holds.
func imageOf(n, size int) (blog.Upload, []byte) {
	at := time.UnixMilli(1700000000000)
	u := blog.Upload{Filename: fmt.Sprintf("images-%013d-%032x.png", at.UnixMilli(), n), Field: "images", Size: int64(size), CreatedAt: at}
	return u, bytes.Repeat([]byte{byte(n)}, size)
}

func read(t *testing.T, a *Archive, u blog.Upload) []byte {
	t.Helper()
	f, err := a.Open(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAnArchivesImagesAreTakenInAndComeOutAgain(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		a := NewArchive(h.open(t))
		put := func(n int) {
			u, content := imageOf(n, 40000+n)
			if err := a.Put(t.Context(), u, bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
		}
		for n := range MaxFiles + 2 {
			put(n)
		}
		if err := a.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		put(3) // once more
		if err := errors.Join(a.Flush(t.Context()), a.Close()); err != nil {
			t.Fatal(err)
		}
		for n := range MaxFiles + 2 {
			if u, content := imageOf(n, 40000+n); !bytes.Equal(read(t, a, u), content) {
				t.Errorf("image %d is another one", n)
			}
		}
		if kept := h.kept(t); len(kept) != MaxFiles+2 {
			t.Errorf("%v", kept)
		}
		u, _ := imageOf(99, 1)
		f, err := a.Open(t.Context(), u)
		if err == nil {
			_, err = f.Read(make([]byte, 1))
			f.Close()
		}
		if blog.CodeOf(err) != blog.CodeFileNotFound {
			t.Errorf("%v", err)
		}
	})
}

func TestAnArchivesImageReplacesNoOther(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		a := NewArchive(h.open(t))
		u, content := imageOf(1, 50000)
		if err := errors.Join(a.Put(t.Context(), u, bytes.NewReader(content)), a.Flush(t.Context())); err != nil {
			t.Fatal(err)
		}
		other := bytes.Clone(content)
		other[40000]++
		if err := a.Put(t.Context(), u, bytes.NewReader(other)); err == nil || !strings.Contains(err.Error(), "不会覆盖") {
			t.Errorf("%v", err)
		}
		if err := a.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if !bytes.Equal(read(t, a, u), content) || len(h.kept(t)) != 1 {
			t.Errorf("the image was replaced: %v", h.kept(t))
		}
	})
}

func TestWhatIsPutAndNotFlushedLeavesNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		a := NewArchive(h.open(t))
		u, content := imageOf(1, 1000)
		if err := a.Put(t.Context(), u, bytes.NewReader(content)); err != nil {
			t.Fatal(err)
		}
		long, _ := imageOf(2, 10)
		if err := a.Put(t.Context(), long, bytes.NewReader(content)); err == nil {
			t.Error("an image of another size than its row's is taken")
		}
		for _, name := range []string{"../x.png", "images/../../x.png", "x", ""} {
			bad := u
			bad.Filename = name
			if err := a.Put(t.Context(), bad, bytes.NewReader(content)); err == nil {
				t.Errorf("%q is taken", name)
			}
			if _, err := a.Open(t.Context(), bad); err == nil {
				t.Errorf("%q is opened", name)
			}
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if kept := h.kept(t); len(kept) != 0 {
			t.Errorf("%v", kept)
		}
	})
}

// Once it is in the bucket nothing takes an image away, whatever becomes of the stage.
func TestAnArchiveKeepsWhatItHasPutThoughItsStageFails(t *testing.T) {
	l := newLine(t)
	s := l.open(t).(*S3)
	a := NewArchive(s)
	u, content := imageOf(0, 1000)
	if err := a.Put(t.Context(), u, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	staged := s.at(u.Filename)
	l.breaks(func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
		if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/images/"+u.Filename) {
			return false
		}
		pass.ServeHTTP(w, r)
		err := errors.Join(s.root.Remove(staged), s.root.MkdirAll(staged+"/full", 0o755))
		if err != nil {
			t.Error(err)
		}
		return true
	})
	if err := a.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	l.mends()
	if kept := l.kept(t); len(kept) != 1 {
		t.Errorf("%v", kept)
	}
}

// TestAnArchiveThatFailsLeavesTheImagesOfAnother is about two restores of one backup into
// one bucket: what the first had put was taken away by the second's tidying.
func TestAnArchiveThatFailsLeavesTheImagesOfAnother(t *testing.T) {
	l := newLine(t)
	first, second := NewArchive(l.open(t)), NewArchive(l.open(t))
	for n := range 3 {
		u, content := imageOf(n, 1000)
		for _, a := range []*Archive{first, second} {
			if err := a.Put(t.Context(), u, bytes.NewReader(content)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := first.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	last, _ := imageOf(2, 1000)
	l.breaks(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		broken := r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, last.Filename)
		if broken {
			refused(w, 403, "AccessDenied")
		}
		return broken
	})
	if err := errors.Join(second.Flush(t.Context()), second.Close()); blog.CodeOf(err) != blog.CodeUnavailable {
		t.Errorf("%v", err)
	}
	l.mends()
	for n := range 3 {
		if u, content := imageOf(n, 1000); !bytes.Equal(read(t, first, u), content) {
			t.Errorf("image %d is another one", n)
		}
	}
	if kept := l.kept(t); len(kept) != 3 {
		t.Errorf("%v", kept)
	}
	l.swept(t, build(t, l)) // no row has come
	if kept := l.kept(t); len(kept) != 0 {
		t.Errorf("nobody would remove %v", kept)
	}
}
