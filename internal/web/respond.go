package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/gzip"

	"inkstone/internal/blog"
)

// minGzip is the least body that is compressed, in bytes: less fits a packet anyway.
const minGzip = 1 << 10

// Header values that every answer shares; net/http only reads them.
var (
	jsonType     = []string{"application/json; charset=utf-8"}
	publicCache  = []string{"public, max-age=0, must-revalidate"}
	privateCache = []string{"private, no-store"}
	gzipCoding   = []string{"gzip"}
)

// Answer is an encoded body, JSON but for Ready, with its ETag and, once asked for, its
// compressed form. It is immutable and safe to share.
type Answer struct {
	kind   []string // the Content-Type
	body   []byte
	tag    string // without quotes
	plain  form
	packed form
	once   sync.Once

	readers  readers // of a large public one
	reserved bool    // see MarkReserved
}

// form is one representation of an Answer with the headers it has.
type form struct {
	body   []byte
	etag   []string
	length []string
}

func newForm(body []byte, tag string) form {
	return form{body, []string{`"` + tag + `"`}, []string{strconv.Itoa(len(body))}}
}

// Encode makes an Answer of v.
func Encode(v any) (*Answer, error) { return encode(v, "") }

// EncodeRevision is Encode for a document that If-Match can be asked about: the
// ETag is "<revision>-<hash>", so it changes with every byte, while MatchRevision
// looks only at the revision.
func EncodeRevision(v any, revision int64) (*Answer, error) {
	return encode(v, strconv.FormatInt(revision, 10)+"-")
}

func encode(v any, prefix string) (*Answer, error) {
	if a, ok := v.(appender); ok {
		return newAnswer(jsonType, a.appendJSON(nil), prefix), nil
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	return newAnswer(jsonType, bytes.TrimSuffix(b.Bytes(), []byte("\n")), prefix), nil
}

// Ready makes an Answer of a body that is encoded already.
func Ready(mediaType string, body []byte) *Answer { return newAnswer([]string{mediaType}, body, "") }

func newAnswer(kind []string, body []byte, prefix string) *Answer {
	a := &Answer{kind: kind, body: body, tag: prefix + strconv.FormatUint(xxhash.Sum64(body), 16)}
	a.plain = newForm(body, a.tag)
	return a
}

// Bytes returns what ParseAnswer makes the same answer of.
func (a *Answer) Bytes() []byte {
	prefix := a.tag[:strings.LastIndexByte(a.tag, '-')+1]
	data := append(make([]byte, 0, 1+len(prefix)+len(a.body)), byte(len(prefix)))
	return append(append(data, prefix...), a.body...)
}

var errShort = errors.New("parse answer: it ends early")

// ParseAnswer reads an answer in JSON that Bytes has written, in data that nobody
// changes any more.
func ParseAnswer(data []byte) (*Answer, error) {
	if len(data) == 0 {
		return nil, errShort
	}
	n, data := int(data[0]), data[1:]
	if len(data) < n {
		return nil, errShort
	}
	return newAnswer(jsonType, data[n:], string(data[:n])), nil
}

// Size returns the bytes a cache has to count for a: its text, what the compressed
// form may take (a third, as texts do), and the headers.
func (a *Answer) Size() int { return len(a.body) + len(a.body)/3 + 256 }

// MarkReserved says that the request that a answers has taken memory for it by Reserve.
func (a *Answer) MarkReserved() { a.reserved = true }

// Fresh reports whether the client's If-None-Match shows that it has a already.
// It compares weakly (RFC 9110, section 13.1.2), whichever coding the client got.
func (a *Answer) Fresh(r *http.Request) bool {
	for _, v := range r.Header["If-None-Match"] {
		for tag := range strings.SplitSeq(v, ",") {
			tag = opaque(tag)
			if tag == "*" || strings.TrimSuffix(tag, "-gz") == a.tag {
				return true
			}
		}
	}
	return false
}

// opaque returns what stands between the quotes of an entity tag.
func opaque(tag string) string {
	tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
	if n := len(tag); n >= 2 && tag[0] == '"' && tag[n-1] == '"' {
		return tag[1 : n-1]
	}
	if tag == "*" {
		return tag
	}
	return ""
}

// Write answers with a: 304 if it is Fresh and the method is GET or HEAD, else
// status with the body, compressed if the client takes it. An anonymous GET is
// "public, max-age=0, must-revalidate"; all else is "private, no-store". CodeBusy if
// too many large answers are on their way.
func Write(w http.ResponseWriter, r *http.Request, status int, a *Answer) error {
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	if reads {
		if err := boundAnswer(w, r, a); err != nil {
			return err
		}
	} else if len(a.body) > FreeText { // the write is done by now, and must be answered
		hurry(w)
	}
	h := w.Header()
	h["Content-Type"] = a.kind
	h["Cache-Control"] = privateCache
	if reads && stateOf(r).actor.Anonymous() {
		h["Cache-Control"] = publicCache
	}
	f := a.plain
	if reads && len(a.body) >= minGzip {
		addVary(h, "Accept-Encoding")
		if takesGzip(r.Header) {
			f = a.gzip()
			h["Content-Encoding"] = gzipCoding
		}
	}
	if reads {
		h["Etag"] = f.etag
		if status == http.StatusOK && a.Fresh(r) {
			delete(h, "Content-Type")
			delete(h, "Content-Encoding")
			w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	h["Content-Length"] = f.length
	if r.Method == http.MethodHead {
		w.WriteHeader(status)
		return nil
	}
	send(w, r, status, f.body)
	return nil
}

// boundAnswer makes answers that are too large to leave at once share a bounded amount
// of memory: each one that is for one client alone, and a large public one once for
// all who are taking it. CodeBusy if there is none left.
func boundAnswer(w http.ResponseWriter, r *http.Request, a *Answer) error {
	public := stateOf(r).actor.Anonymous()
	if len(a.body) <= maxWhole || public && len(a.body) <= FreeText {
		return nil
	}
	hurry(w)
	size := min(int64(len(a.body)), allAnswers)
	switch {
	case a.reserved:
		return nil
	case public:
		return a.readers.enter(r.Context(), size)
	default:
		return takeShare(r.Context(), largeAnswers, size)
	}
}

// send writes status and body, whole if the connection can. A client that is gone
// can't be told of an error.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	c, ok := r.Context().Value(connKey{}).(*conn)
	rec, recorded := w.(*recorder)
	if !ok || !recorded || len(body) > maxWhole || ownsHeaders(w.Header()) {
		w.WriteHeader(status)
		_, _ = w.Write(body)
		return
	}
	rec.bare = true
	c.whole(rec.state.appendHeaders, func() {
		rec.WriteHeader(status)
		_, _ = rec.Write(body)
		_ = http.NewResponseController(rec).Flush()
	})
}

var gzipWriters = sync.Pool{New: func() any { return gzip.NewWriter(nil) }}

// gzip returns the compressed form, made once for all who share a.
func (a *Answer) gzip() form {
	a.once.Do(func() {
		var b bytes.Buffer
		z := gzipWriters.Get().(*gzip.Writer)
		defer gzipWriters.Put(z)
		z.Reset(&b)
		_, _ = z.Write(a.body) // a bytes.Buffer cannot fail
		_ = z.Close()
		a.packed = newForm(b.Bytes(), a.tag+"-gz")
	})
	return a.packed
}

// JSON encodes v and writes it as Write does.
func JSON(w http.ResponseWriter, r *http.Request, status int, v any) error {
	a, err := Encode(v)
	if err != nil {
		return blog.Wrap(blog.CodeInternal, err)
	}
	return Write(w, r, status, a)
}

// MatchRevision reports whether the request's If-Match (absent, "*", or a list of
// ETags) allows a change of a document that stands at revision. A tag that a
// proxy has made weak still counts: the revision is in it.
func MatchRevision(r *http.Request, revision int64) bool {
	values, given := r.Header["If-Match"]
	if !given {
		return true
	}
	want := strconv.FormatInt(revision, 10)
	for _, v := range values {
		for tag := range strings.SplitSeq(v, ",") {
			tag = opaque(tag)
			if have, _, _ := strings.Cut(tag, "-"); tag == "*" || have == want {
				return true
			}
		}
	}
	return false
}

// Message is the answer of a route that only confirms.
type Message struct {
	Message string `json:"message"`
}
