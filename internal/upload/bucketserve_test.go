package upload

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"

	"inkstone/internal/blog"
)

// stored is a house over a line with an image in it.
func stored(t *testing.T, content []byte) (*line, *house, string) {
	t.Helper()
	l := newLine(t)
	h := build(t, l)
	us, err := h.sendParts(t, part{"images", "a.png", content})
	if err != nil {
		t.Fatal(err)
	}
	return l, h, us[0].Filename
}

// serveOver answers over TCP with the image; what serve returns is told on the channel.
func (h *house) serveOver(t *testing.T, name string) (*httptest.Server, <-chan error) {
	t.Helper()
	errs := make(chan error, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.SetPathValue("field", "images")
		r.SetPathValue("filename", name)
		err := h.serve(w, r, blog.Actor{})
		if err != nil {
			w.WriteHeader(http.StatusTeapot)
		}
		errs <- err
	}))
	t.Cleanup(s.Close)
	return s, errs
}

func TestWhatAClientHasIsNotAskedOfS3(t *testing.T) {
	l, h, name := stored(t, pngOf(t, 1, 1))
	l.breaks(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool { cut(w); return true })
	if w := h.get("/", "images", name, "If-None-Match", `"`+name+`"`); w.Code != http.StatusNotModified {
		t.Errorf("a known one: %d", w.Code)
	}
	if w := h.get("/", "images", strings.Replace(name, "0", "1", 1)); w.Code != http.StatusNotFound {
		t.Errorf("an unknown one: %d", w.Code)
	}
	r := httptest.NewRequest(http.MethodHead, "/", nil)
	r.SetPathValue("field", "images")
	r.SetPathValue("filename", name)
	w := httptest.NewRecorder()
	if err := h.serve(w, r, blog.Actor{}); err != nil || w.Code != http.StatusOK || w.Header().Get("Content-Length") == "" {
		t.Errorf("HEAD: %d, %v, %v", w.Code, w.Header(), err)
	}
}

func TestAnImageThatS3DoesNotGiveIsUnavailableOrNotThere(t *testing.T) {
	for name, c := range map[string]struct {
		code  blog.Code
		fault func(w http.ResponseWriter, r *http.Request)
	}{
		"cut":       {blog.CodeUnavailable, func(w http.ResponseWriter, _ *http.Request) { cut(w) }},
		"hangs":     {blog.CodeUnavailable, func(_ http.ResponseWriter, r *http.Request) { hang(r) }},
		"500":       {blog.CodeUnavailable, func(w http.ResponseWriter, _ *http.Request) { refused(w, 500, "InternalError") }},
		"no bucket": {blog.CodeUnavailable, func(w http.ResponseWriter, _ *http.Request) { refused(w, 404, "NoSuchBucket") }},
		"gone":      {blog.CodeFileNotFound, func(w http.ResponseWriter, _ *http.Request) { refused(w, 404, "NoSuchKey") }},
	} {
		t.Run(name, func(t *testing.T) {
			l, h, image := stored(t, pngOf(t, 1, 1))
			l.breaks(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool { c.fault(w, r); return true })
			for _, ranges := range []string{"", "bytes=3-9", "bytes=1-2,5-6"} {
				r := httptest.NewRequest(http.MethodGet, "/", nil)
				r.SetPathValue("field", "images")
				r.SetPathValue("filename", image)
				if ranges != "" {
					r.Header.Set("Range", ranges)
				}
				w := httptest.NewRecorder()
				begun := time.Now()
				err := h.serve(w, r, blog.Actor{})
				if ranges == "bytes=1-2,5-6" { // its first line is ours, and has gone
					continue
				}
				wantCode(t, err, c.code)
				if w.Body.Len() != 0 || w.Header().Get("Content-Range") != "" || time.Since(begun) > 2*time.Second {
					t.Errorf("%q: %d bytes, %v, after %v", ranges, w.Body.Len(), w.Header(), time.Since(begun))
				}
			}
		})
	}
}

func TestAnImageThatBreaksOffIsNotTakenForWhole(t *testing.T) {
	content := sized(t, 1_000_000)
	l, h, name := stored(t, content)
	s, _ := h.serveOver(t, name)
	for kind, fault := range map[string]func(http.ResponseWriter, *http.Request){
		"stalls": func(w http.ResponseWriter, r *http.Request) { w.(http.Flusher).Flush(); <-r.Context().Done() },
		"cut":    func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); cut(w) },
	} {
		l.breaks(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
			w.Header().Set("Content-Length", "1000000")
			w.Header().Set("Last-Modified", time.Now().UTC().Format(http.TimeFormat))
			w.Write(content[:300_000])
			fault(w, r)
			return true
		})
		resp, err := http.Get(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil || len(got) >= len(content) || time.Since(begun) > 3*time.Second {
			t.Errorf("%s: %d bytes, %v, after %v", kind, len(got), err, time.Since(begun))
		}
	}
	l.mends()
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, content) {
		t.Errorf("afterwards: %d bytes, %v", len(got), err)
	}
}

// A slow client may take longer than S3 may be silent.
func TestASlowClientGetsAWholeImage(t *testing.T) {
	content := sized(t, 2_000_000)
	_, h, name := stored(t, content)
	s, _ := h.serveOver(t, name)
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got bytes.Buffer
	for range 4 {
		time.Sleep(200 * time.Millisecond)
		if _, err := io.CopyN(&got, resp.Body, 500_000); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got.Bytes(), content) {
		t.Error("another content")
	}
}

func TestAClientWhoLeavesEndsTheRequestToS3(t *testing.T) {
	l, h, name := stored(t, pngOf(t, 1, 1))
	h.files.(*S3).callTime = time.Minute
	s, errs := h.serveOver(t, name)
	asked, ended := make(chan bool, 1), make(chan bool, 1)
	l.breaks(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		asked <- true
		<-r.Context().Done()
		ended <- true
		return true
	})
	ctx, leave := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() { <-asked; leave() }()
	if resp, err := http.DefaultClient.Do(r); err == nil {
		resp.Body.Close()
		t.Error("answered")
	}
	for _, c := range []<-chan bool{ended} {
		select {
		case <-c:
		case <-time.After(5 * time.Second):
			t.Fatal("the request to S3 goes on")
		}
	}
	if err := <-errs; !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("%v", err)
	}
}

func TestARangeIsAskedOfS3FromItsStart(t *testing.T) {
	content := sized(t, 100_000)
	l, h, name := stored(t, content)
	var asked atomic.Value
	l.breaks(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		asked.Store(r.Header.Get("Range"))
		return false
	})
	if w := h.get("/", "images", name, "Range", "bytes=99990-"); w.Code != http.StatusPartialContent || !bytes.Equal(w.Body.Bytes(), content[99_990:]) {
		t.Errorf("%d, %d bytes", w.Code, w.Body.Len())
	}
	if asked.Load() != "bytes=99990-" {
		t.Errorf("asked for %q", asked.Load())
	}
}

// A public address gives what S3 does, without the headers of ours.
func TestObjectsCarryTheirTypeAndAreCachedForGood(t *testing.T) {
	l, h, name := stored(t, pngOf(t, 1, 1))
	s := l.openS3(t)
	info, err := s.client.StatObject(t.Context(), l.Bucket, s.key(h.rows.all[name]), minio.StatObjectOptions{})
	if err != nil || info.ContentType != "image/png" || info.Metadata.Get("Cache-Control") != cacheForGood {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestAPublicAddressIsWhereKnownImagesAreRedirected(t *testing.T) {
	r := newRows()
	name := newFilename("images", time.Now(), ".png")
	r.all[name] = blog.Upload{Field: "images", Filename: name, Size: 1}
	h := &house{Service: New(Options{Rows: r, PublicURL: "https://img.example.com/a", Log: discard}), rows: r}
	w := h.get("/", "images", name)
	if w.Code != http.StatusFound || w.Header().Get("Location") != "https://img.example.com/a/images/"+name || w.Header().Get("Cache-Control") != "public, max-age=300" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	for _, c := range [][2]string{{"images", newFilename("images", time.Now(), ".png")}, {"image", name}, {"images", "../" + name}, {"images", ""}} {
		if w := h.get("/", c[0], c[1]); w.Code != http.StatusNotFound || w.Header().Get("Location") != "" {
			t.Errorf("%q: %d %v", c, w.Code, w.Header())
		}
	}
}

// HTTP/2 is not spoken.
func TestUploadsTravelOverTLS(t *testing.T) {
	l, way := lineOver(t)
	s := httptest.NewUnstartedServer(way)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	plain := l.bucket
	l.Endpoint = s.URL
	files := l.openS3(t)
	files.http.TLSClientConfig = &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	h := &house{New(Options{Rows: newRows(), Files: files, Log: discard}), plain, nil}
	h.rows = h.Service.rows.(*rows)
	var version atomic.Value
	l.breaks(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		version.Store(r.Proto)
		return false
	})
	content := sized(t, 300_000)
	us, err := h.sendParts(t, part{"images", "a.png", content})
	if err != nil {
		t.Fatal(err)
	}
	h.wantWhole(t, 1)
	if w := h.get("/", "images", us[0].Filename); !bytes.Equal(w.Body.Bytes(), content) || version.Load() != "HTTP/1.1" {
		t.Errorf("%d, %d bytes, over %v", w.Code, w.Body.Len(), version.Load())
	}
}
