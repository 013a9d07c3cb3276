package upload

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// Mount puts the routes of section 6 of the contract on m.
func (s *Service) Mount(m *web.Mux) {
	m.Handle("POST /api/upload/single", web.SignedIn, s.single)
	m.Handle("POST /api/upload/multiple", web.SignedIn, s.multiple)
	m.Handle("GET /api/upload", web.SignedIn, s.list)
	m.Handle("DELETE /api/upload/{filename}", web.SignedIn, s.delete)
	m.Handle("GET /uploads/{field}/{filename}", web.Anyone, s.serve)
}

type fileView struct {
	OriginalName string `json:"originalName"`
	Filename     string `json:"filename"`
	Size         int64  `json:"size"`
	URL          string `json:"url"`
}

func viewOf(u blog.Upload) fileView {
	return fileView{u.OriginalName, u.Filename, u.Size, u.URL()}
}

const saved = "文件上传成功"

func (s *Service) single(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	images, err := s.receive(r, who, "image", 1)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, struct {
		Message string   `json:"message"`
		File    fileView `json:"file"`
	}{saved, viewOf(images[0])})
}

func (s *Service) multiple(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	images, err := s.receive(r, who, "images", MaxFiles)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, struct {
		Message string     `json:"message"`
		Files   []fileView `json:"files"`
	}{saved, web.Each(images, viewOf)})
}

func (s *Service) receive(r *http.Request, who blog.Actor, field string, most int) ([]blog.Upload, error) {
	f, err := newForm(r, field, most)
	if err != nil {
		return nil, err
	}
	return s.Save(r.Context(), who.ID, field, f.next)
}

type listedView struct {
	fileView
	CreatedAt web.Time `json:"createdAt"`
}

func listedViewOf(u blog.Upload) listedView { return listedView{viewOf(u), web.Time(u.CreatedAt)} }

func (s *Service) list(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	q := web.ReadQuery(r, "page", "limit", "cursor")
	p := q.Page(blog.UploadFilter{Owner: who.ID}.List())
	if err := q.Err(); err != nil {
		return err
	}
	images, err := s.List(r.Context(), who, p)
	if err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, struct {
		Files      []listedView   `json:"files"`
		Pagination web.Pagination `json:"pagination"`
	}{web.Each(images.Items, listedViewOf), web.NewPagination(p, images.Total, images.Next)})
}

func (s *Service) delete(w http.ResponseWriter, r *http.Request, who blog.Actor) error {
	if err := s.Delete(r.Context(), who, r.PathValue("filename")); err != nil {
		return err
	}
	return web.JSON(w, r, http.StatusOK, web.Message{Message: "文件已删除"})
}

// serve answers with an image, or says where else it is to be had.
func (s *Service) serve(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
	field, name := r.PathValue("field"), r.PathValue("filename")
	if s.public != "" {
		return s.redirect(w, r, field, name)
	}
	f, err := s.Open(r.Context(), field, name)
	if err != nil {
		return err
	}
	defer f.Close()
	return s.send(w, r, name, f)
}

// redirect sends the client on to where an image is public. The answer is kept for
// minutes only, while an image is kept for good: that address is the operator's to
// change. 302, for the image has not moved: its address is the one that posts hold.
func (s *Service) redirect(w http.ResponseWriter, r *http.Request, field, name string) error {
	u, err := s.find(r.Context(), name)
	if err != nil {
		return err
	}
	if u.Field != field {
		return blog.Fail(blog.CodeFileNotFound)
	}
	w.Header().Set("Location", s.public+"/"+place(u))
	w.Header().Set("Cache-Control", "public, max-age=300")
	w.WriteHeader(http.StatusFound)
	return nil
}

// send sends an image. Its name never means another content, so it may be kept for
// good; and a browser that opens it must neither guess another type nor run anything in it.
func (s *Service) send(w http.ResponseWriter, r *http.Request, name string, f File) error {
	h := w.Header()
	h.Set("Content-Type", contentType(name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", cacheForGood)
	h.Set("ETag", `"`+name+`"`)
	if !isSensible(r.Header.Get("Range")) {
		r.Header.Del("Range")
	}
	out, in := &imageWriter{ResponseWriter: w}, &imageReader{File: f}
	http.ServeContent(out, r, "", f.ModTime().Truncate(time.Second), in)
	broken := in.broken()
	switch {
	case out.refused:
		return blog.Fail(blog.CodeFileRange)
	case broken != nil && !out.begun:
		h.Del("Accept-Ranges")
		h.Del("Content-Range")
		if blog.CodeOf(broken) == blog.CodeFileNotFound {
			s.log.Error("upload: an image has its row but is not there", "file", name, "error", broken)
		}
		return broken
	case broken != nil && r.Context().Err() == nil: // too few bytes: net/http cuts the connection
		s.log.Error("upload: an image broke off", "file", name, "error", broken)
	}
	out.begin()
	return nil
}

// cacheForGood is for what never changes under its name.
const cacheForGood = "public, max-age=31536000, immutable"

// maxRanges bounds what one request may ask of an image.
const maxRanges = 8

// isSensible reports whether a Range is worth an answer. One of an unknown unit or of
// many small ranges may be ignored (RFC 9110, section 14.2): http.ServeContent refuses
// the former, and spends more on the latter than the image is worth.
func isSensible(ranges string) bool {
	return strings.HasPrefix(ranges, "bytes=") && strings.Count(ranges, ",") < maxRanges
}

// imageReader notes what went wrong when reading, which http.ServeContent does not tell.
// Of several ranges it reads in a goroutine that it does not wait for.
type imageReader struct {
	File
	mu  sync.Mutex
	err error
}

func (r *imageReader) Read(p []byte) (int, error) {
	n, err := r.File.Read(p)
	if err != nil && err != io.EOF {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.err = storageError(err)
	}
	return n, err
}

func (r *imageReader) broken() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// imageWriter sends the status with the first byte, so that an image that cannot be read
// still gets an answer. It holds back the plain text by which http.ServeContent refuses a
// range, and keeps a failed If-Match of one client's from being what a cache shows to all.
type imageWriter struct {
	http.ResponseWriter
	status  int
	begun   bool
	refused bool
}

func (w *imageWriter) WriteHeader(status int) {
	switch status {
	case http.StatusRequestedRangeNotSatisfiable:
		w.refused = true
		return
	case http.StatusPreconditionFailed:
		w.Header().Set("Cache-Control", "private, no-store")
	}
	w.status = status
}

// begin sends the status, if it has not been sent.
func (w *imageWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	w.ResponseWriter.WriteHeader(w.status)
}

func (w *imageWriter) Write(b []byte) (int, error) {
	if w.refused {
		return len(b), nil
	}
	w.begin()
	return w.ResponseWriter.Write(b)
}
