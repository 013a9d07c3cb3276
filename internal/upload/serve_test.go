package upload

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"inkstone/internal/blog"
)

func (h *house) get(target, field, name string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", target, nil)
	r.SetPathValue("field", field)
	r.SetPathValue("filename", name)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if err := h.serve(w, r, blog.Actor{}); err != nil {
		w.Code = http.StatusNotFound
	}
	return w
}

func TestServingIsHarmlessAndCachedForGood(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		content := gifOf(t)
		us, err := h.sendParts(t, part{"images", "a.html", content})
		if err != nil {
			t.Fatal(err)
		}
		name := us[0].Filename
		w := h.get("/", "images", name)
		for key, want := range map[string]string{
			"Content-Type":            "image/gif",
			"X-Content-Type-Options":  "nosniff",
			"Content-Security-Policy": "default-src 'none'; sandbox",
			"Cache-Control":           "public, max-age=31536000, immutable",
			"ETag":                    `"` + name + `"`,
		} {
			if got := w.Header().Get(key); got != want {
				t.Errorf("%s: %q, want %q", key, got, want)
			}
		}
		if w.Code != 200 || !bytes.Equal(w.Body.Bytes(), content) {
			t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
		}
		if w := h.get("/", "images", name, "Range", "bytes=1-3"); w.Code != 206 || w.Body.String() != "IF8" {
			t.Errorf("range: %d %q", w.Code, w.Body)
		}
		if w := h.get("/", "images", name, "Range", "lines=1-3"); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), content) {
			t.Errorf("range of an unknown unit: %d, %d bytes", w.Code, w.Body.Len())
		}
		if w := h.get("/", "images", name, "Range", "bytes=0-0,2-2"); w.Code != 206 {
			t.Errorf("two ranges: %d", w.Code)
		}
		if w := h.get("/", "images", name, "Range", "bytes=0-0"+strings.Repeat(",0-0", 10)); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), content) {
			t.Errorf("many ranges: %d, %d bytes", w.Code, w.Body.Len())
		}
		if w := h.get("/", "images", name, "If-None-Match", `"`+name+`"`); w.Code != 304 || w.Body.Len() != 0 {
			t.Errorf("not modified: %d", w.Code)
		}
	})
}

// Else one client's condition would be what a shared cache shows everybody for a year.
func TestAFailedConditionIsNobodyElsesAnswer(t *testing.T) {
	everywhere(t, func(t *testing.T, h *house) {
		us, err := h.sendParts(t, part{"images", "a.png", pngOf(t, 1, 1)})
		if err != nil {
			t.Fatal(err)
		}
		for _, header := range [][2]string{{"If-Match", `"other"`}, {"If-Unmodified-Since", "Mon, 01 Jan 2001 00:00:00 GMT"}} {
			w := h.get("/", "images", us[0].Filename, header[0], header[1])
			if w.Code != http.StatusPreconditionFailed || w.Header().Get("Cache-Control") != "private, no-store" {
				t.Errorf("%s: %d, Cache-Control %q", header[0], w.Code, w.Header().Get("Cache-Control"))
			}
		}
	})
}

func TestThereIsNoWayOutOfTheFolder(t *testing.T) {
	dir := t.TempDir()
	h := build(t, folder{dir})
	us, err := h.sendParts(t, part{"images", "a.png", pngOf(t, 1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	name := us[0].Filename
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := "image-0000000000000-" + strings.Repeat("0", 32) + ".png"
	if err := os.Symlink(secret, filepath.Join(dir, "image", link)); err != nil {
		t.Fatal(err)
	}
	folder := "image-0000000000001-" + strings.Repeat("0", 32) + ".png"
	if err := os.Mkdir(filepath.Join(dir, "image", folder), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{
		{"image", name}, {"images", ""}, {"images", "."}, {"", name}, {".tmp", name}, {"images", "../images/" + name},
		{"images", name + "/"}, {"images", name + "\x00"}, {"images", strings.ToUpper(name)}, {"image", link}, {"image", folder},
		{"images", strings.Replace(name, "images", "image", 1)}, {"images", name + "\n"},
	} {
		if w := h.get("/", c[0], c[1]); w.Code != http.StatusNotFound {
			t.Errorf("%q: %d", c, w.Code)
		}
	}
}
