package upload

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// Bounds of a form beyond its files.
const (
	maxFields = 20       // parts that are no files
	maxPart   = 64 << 10 // bytes of a part's header, or of a part that is no file
	maxName   = 255      // characters of an original name
)

// form reads the files of one field from a multipart body, part by part. The
// parts' headers are bounded too, which multipart alone would let grow to 10 MB.
type form struct {
	parts  *multipart.Reader
	body   *meter
	end    string // the line that closes the form
	field  string
	most   int // files
	files  int
	others int
}

// newForm starts to read the body: CodeUploadMissing if it is no form at all,
// CodeUploadInvalid if it has no boundary, CodeUnsupportedMediaType if it is compressed.
func newForm(r *http.Request, field string, most int) (*form, error) {
	if web.Packed(r.Header) {
		return nil, blog.Fail(blog.CodeUnsupportedMediaType)
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "multipart/form-data" {
		return nil, blog.Fail(blog.CodeUploadMissing)
	}
	boundary := params["boundary"]
	if err != nil || boundary == "" || len(boundary) > 70 { // RFC 2046, section 5.1.1
		return nil, blog.Fail(blog.CodeUploadInvalid)
	}
	body := &meter{r: r.Body}
	return &form{parts: multipart.NewReader(body, boundary), body: body, end: "--" + boundary + "--", field: field, most: most}, nil
}

// next returns the next file, io.EOF after the last. Codes: CodeUploadMissing
// (an empty body), CodeUploadInvalid, CodeUploadTooMany.
func (f *form) next() (Incoming, error) {
	for {
		f.body.left = maxPart
		part, err := f.parts.NextPart()
		if err == io.EOF && f.closed() {
			return Incoming{}, err
		}
		if err != nil {
			return Incoming{}, f.broken(err)
		}
		if !isFile(part) {
			if err := f.skip(part); err != nil {
				return Incoming{}, err
			}
			continue
		}
		if err := f.count(part.FormName()); err != nil {
			return Incoming{}, err
		}
		f.body.left = MaxSize + maxPart
		return Incoming{Name: cleanName(filenameOf(part)), Content: partReader{f, part}}, nil
	}
}

// closed tells the end of the form from a body cut off inside a part's header,
// for which multipart returns io.EOF too. After the end only blanks may follow.
func (f *form) closed() bool {
	return !f.body.ended || bytes.HasSuffix(bytes.TrimSpace(f.body.tail), []byte(f.end))
}

// isFile reports whether a part is a file. A browser sends a file field in which
// nothing was chosen with an empty name.
func isFile(p *multipart.Part) bool { return filenameOf(p) != "" }

// filenameOf returns the name as the client wrote it, RFC 2231 forms decoded.
func filenameOf(p *multipart.Part) string {
	_, params, _ := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
	return params["filename"]
}

// count admits one more file.
func (f *form) count(field string) error {
	f.files++
	switch {
	case field != f.field:
		return blog.Fail(blog.CodeUploadInvalid)
	case f.files <= f.most:
		return nil
	case f.most == 1:
		return blog.Fail(blog.CodeUploadInvalid)
	}
	return blog.Fail(blog.CodeUploadTooMany)
}

// skip passes over a part that is no file.
func (f *form) skip(p *multipart.Part) error {
	f.others++
	if p.FormName() == "" || f.others > maxFields {
		return blog.Fail(blog.CodeUploadInvalid)
	}
	f.body.left = maxPart
	if _, err := io.Copy(io.Discard, p); err != nil {
		return f.broken(err)
	}
	return nil
}

// broken says what an unreadable body means: nothing was sent, or it is no form.
func (f *form) broken(err error) error {
	if f.body.read == 0 && errors.Is(err, io.EOF) {
		return blog.Fail(blog.CodeUploadMissing)
	}
	return blog.Wrap(blog.CodeUploadInvalid, err)
}

// partReader gives errors of reading a file's part their code.
type partReader struct {
	form *form
	part *multipart.Part
}

func (r partReader) Read(p []byte) (int, error) {
	n, err := r.part.Read(p)
	if err != nil && err != io.EOF {
		err = r.form.broken(err)
	}
	return n, err
}

// meter lets a bounded number of bytes through.
type meter struct {
	r     io.Reader
	left  int64 // bytes that may be read until left is set again
	read  int64
	tail  []byte // the last ones that were read
	ended bool
}

// tailLen is enough for the closing line with some blanks behind it.
const tailLen = 128

var errTooMuch = errors.New("a part of the form is too large")

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errTooMuch
	}
	n, err := m.r.Read(p[:min(int64(len(p)), m.left)])
	m.left -= int64(n)
	m.read += int64(n)
	m.ended = err != nil
	m.tail = append(m.tail, p[max(0, n-tailLen):n]...)
	if extra := len(m.tail) - tailLen; extra > 0 {
		m.tail = m.tail[:copy(m.tail, m.tail[extra:])]
	}
	return n, err
}

// cleanName makes an original name fit to be kept and shown: the path before it
// is cut off, control characters, those that turn the direction of writing, and
// invalid bytes go.
func cleanName(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = s[strings.LastIndexAny(s, `/\`)+1:]
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	if rs := []rune(s); len(rs) > maxName {
		s = string(rs[:maxName])
	}
	return s
}
