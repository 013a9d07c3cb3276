package upload

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// rows keeps uploads in memory.
type rows struct {
	mu        sync.Mutex
	all       map[string]blog.Upload
	ownerless map[blog.ID]bool
	fail      func(method string) error // nil: nothing fails
}

func newRows() *rows {
	return &rows{all: map[string]blog.Upload{}, ownerless: map[blog.ID]bool{}}
}

func (r *rows) failing(method string) error {
	if r.fail == nil {
		return nil
	}
	return r.fail(method)
}

func (r *rows) Create(_ context.Context, us []blog.Upload, quota int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.failing("create"); err != nil {
		return err
	}
	var sum int64
	for _, u := range r.all {
		if u.Owner == us[0].Owner {
			sum += u.Size
		}
	}
	for _, u := range us {
		sum += u.Size
	}
	if quota > 0 && sum > quota {
		return blog.Fail(blog.CodeUploadQuota)
	}
	for _, u := range us {
		r.all[u.Filename] = u
	}
	return r.failing("created")
}

func (r *rows) Get(_ context.Context, name string) (blog.Upload, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.failing("get"); err != nil {
		return blog.Upload{}, err
	}
	u, ok := r.all[name]
	if !ok {
		return u, blog.Fail(blog.CodeFileNotFound)
	}
	return u, nil
}

func (r *rows) List(_ context.Context, f blog.UploadFilter) (l blog.Listed[blog.Upload], err error) {
	return l, errors.New("not part of these tests")
}

func (r *rows) Delete(_ context.Context, name string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.failing("delete"); err != nil {
		return err
	}
	if _, ok := r.all[name]; !ok {
		return blog.Fail(blog.CodeFileNotFound)
	}
	delete(r.all, name)
	return r.failing("deleted")
}

func (r *rows) Ownerless(_ context.Context, limit int) ([]blog.Upload, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []blog.Upload
	for _, u := range r.all {
		if r.ownerless[u.Owner] && len(out) < limit {
			out = append(out, u)
		}
	}
	return out, nil
}

func (r *rows) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for name, u := range r.all {
		out = append(out, u.Field+"/"+name)
	}
	slices.Sort(out)
	return out
}

// house is a service over a keeper.
type house struct {
	*Service
	keeper
	rows *rows
}

var discard = slog.New(slog.DiscardHandler)

func build(t testing.TB, p keeper) *house {
	t.Helper()
	r := newRows()
	return &house{New(Options{Rows: r, Files: p.open(t), Log: discard}), p, r}
}

// newHouse is over a folder.
func newHouse(t testing.TB) *house {
	t.Helper()
	return build(t, folder{t.TempDir()})
}

// wantWhole holds the files against the rows: none half, none unlisted, none missing.
func (h *house) wantWhole(t testing.TB, files int) {
	t.Helper()
	kept, listed := h.kept(t), h.rows.names()
	if have := slices.Sorted(maps.Keys(kept)); !slices.Equal(have, listed) {
		t.Fatalf("files %q, rows %q", have, listed)
	}
	if len(kept) != files {
		t.Fatalf("%d files, want %d: %q", len(kept), files, listed)
	}
	for name, size := range kept {
		if u := h.rows.all[path.Base(name)]; u.Size != size {
			t.Fatalf("%s has %d bytes, its row says %d", name, size, u.Size)
		}
	}
}

func pixels(w, h int) image.Image {
	return image.NewPaletted(image.Rect(0, 0, w, h), color.Palette{color.Black})
}

func pngOf(t testing.TB, w, h int) []byte {
	return encoded(t, func(b io.Writer) error { return png.Encode(b, pixels(w, h)) })
}

func jpegOf(t testing.TB) []byte {
	return encoded(t, func(b io.Writer) error { return jpeg.Encode(b, pixels(4, 3), nil) })
}

func gifOf(t testing.TB) []byte {
	return encoded(t, func(b io.Writer) error { return gif.Encode(b, pixels(4, 3), nil) })
}

func encoded(t testing.TB, encode func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// webpOf is a lossless image of 1x1 pixels.
func webpOf() []byte {
	return []byte("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f\x00\x00\x00\x10\x07\x10\x11\x11\x88\x88\xfe\x07\x00")
}

// sized returns a PNG of exactly n bytes: what follows the image is padding.
func sized(t testing.TB, n int) []byte {
	b := pngOf(t, 1, 1)
	return append(b, make([]byte, n-len(b))...)
}

// part is one part of a form; without a file name it is a plain field.
type part struct {
	field, name string
	content     []byte
}

func multi(t testing.TB, parts ...part) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, p := range parts {
		var pw io.Writer
		var err error
		if p.name == "" {
			pw, err = w.CreateFormField(p.field)
		} else {
			pw, err = w.CreateFormFile(p.field, p.name)
		}
		if err == nil {
			_, err = pw.Write(p.content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

var alice = blog.Actor{ID: blog.NewID(time.Unix(1, 0)), Role: blog.RoleUser}

func request(contentType string, body io.Reader) *http.Request {
	r := httptest.NewRequest("POST", "/api/upload/multiple", body)
	r.Header.Set("Content-Type", contentType)
	return r
}

func (h *house) send(contentType string, body []byte) ([]blog.Upload, error) {
	return h.receive(request(contentType, bytes.NewReader(body)), alice, "images", MaxFiles)
}

func (h *house) sendParts(t testing.TB, parts ...part) ([]blog.Upload, error) {
	t.Helper()
	contentType, body := multi(t, parts...)
	return h.send(contentType, body)
}

func wantCode(t testing.TB, err error, code blog.Code) {
	t.Helper()
	if blog.CodeOf(err) != code {
		t.Fatalf("error %v, want code %q", err, code)
	}
}

func numbered(n int, content []byte) []part {
	parts := make([]part, n)
	for i := range parts {
		parts[i] = part{"images", fmt.Sprintf("%d.png", i), content}
	}
	return parts
}
