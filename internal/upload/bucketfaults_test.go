package upload

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// line is the way to a real server, on which things go wrong: fault may answer a
// request itself, and tells whether it did.
type line struct {
	bucket
	fault atomic.Pointer[func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool]
}

func newLine(t *testing.T) *line {
	t.Helper()
	l, way := lineOver(t)
	s := httptest.NewServer(way)
	t.Cleanup(s.Close)
	l.Endpoint = s.URL
	return l
}

// lineOver returns a line whose way is not yet served.
func lineOver(t *testing.T) (*line, http.Handler) {
	t.Helper()
	l := &line{bucket: newBucket(t)}
	to, err := url.Parse(l.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host // it is signed
	}}
	pass.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) }
	return l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f := l.fault.Load(); f == nil || !(*f)(w, r, pass) {
			pass.ServeHTTP(w, r)
		}
	})
}

// open is impatient.
func (l *line) open(t testing.TB) Files {
	s := l.openS3(t)
	s.deliverTime, s.cleanTime, s.callTime = 600*time.Millisecond, 200*time.Millisecond, 300*time.Millisecond
	return s
}

func (l *line) breaks(f func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool) {
	l.fault.Store(&f)
}
func (l *line) mends() { l.fault.Store(nil) }

// swept lets another process take all notes for old ones.
func (l *line) swept(t *testing.T, h *house) {
	t.Helper()
	if err := l.sweeper(t).Sweep(t.Context(), h.find); err != nil {
		t.Fatal(err)
	}
	if n := l.notes(t); n != 0 {
		t.Errorf("%d notes are left", n)
	}
}

func isImage(r *http.Request) bool { return strings.Contains(r.URL.Path, "/images/") }

// refused answers as S3 does.
func refused(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>%s</Code><Message>no</Message></Error>", code)
}

func hang(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	<-r.Context().Done()
}

func cut(w http.ResponseWriter) {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		c.Close()
	}
}

// faults are what S3 does to requests of a kind, and what an upload answers then.
var faults = map[string]struct {
	code  blog.Code
	fault func(w http.ResponseWriter, r *http.Request, pass http.Handler)
}{
	"hangs":         {blog.CodeUnavailable, func(_ http.ResponseWriter, r *http.Request, _ http.Handler) { hang(r) }},
	"takes nothing": {blog.CodeUnavailable, func(http.ResponseWriter, *http.Request, http.Handler) { time.Sleep(time.Second) }},
	"cuts half way": {blog.CodeUnavailable, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		io.CopyN(io.Discard, r.Body, 10_000)
		cut(w)
	}},
	"cuts before the answer": {blog.CodeUnavailable, func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		pass.ServeHTTP(httptest.NewRecorder(), r)
		cut(w)
	}},
	"answers 500": {blog.CodeUnavailable, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { refused(w, 500, "InternalError") }},
	"answers 503": {blog.CodeUnavailable, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { refused(w, 503, "SlowDown") }},
	"answers 403": {blog.CodeUnavailable, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { refused(w, 403, "AccessDenied") }},
	"answers no S3": {blog.CodeUnavailable, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		http.Error(w, "<html>", http.StatusTeapot)
	}},
	"is full": {blog.CodeStorageFull, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { refused(w, 403, "QuotaExceeded") }},
}

// on are the requests that a fault meets.
var on = map[string]func(r *http.Request) bool{
	"all":            func(*http.Request) bool { return true },
	"puts":           func(r *http.Request) bool { return r.Method == http.MethodPut },
	"puts of images": func(r *http.Request) bool { return r.Method == http.MethodPut && isImage(r) },
}

func TestAnS3ThatFailsIsToldSoonAndNothingIsHalfStored(t *testing.T) {
	newBucket(t)           // or skip all
	var all sync.WaitGroup // they wait more than they work: t.Parallel would let few wait at once
	for name, f := range faults {
		for kind, meets := range on {
			all.Go(func() {
				t.Run(name+"/"+kind, func(t *testing.T) {
					l := newLine(t)
					l.breaks(func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
						if meets(r) {
							f.fault(w, r, pass)
						}
						return meets(r)
					})
					wantNothingStored(t, l, f.code)
				})
			})
		}
	}
	all.Wait()
}

// wantNothingStored uploads over a line that breaks, and again when it is mended.
func wantNothingStored(t *testing.T, l *line, code blog.Code) {
	t.Helper()
	h := build(t, l)
	begun := time.Now()
	_, err := h.sendParts(t, numbered(3, sized(t, 50_000))...)
	wantCode(t, err, code)
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	l.mends()
	if len(h.rows.names()) != 0 || len((folder{l.Stage}).kept(t)) != 0 {
		t.Error("rows or staged files are left")
	}
	l.swept(t, h)
	h.wantWhole(t, 0)
	if _, err := h.sendParts(t, numbered(3, sized(t, 50_000))...); err != nil {
		t.Fatal(err)
	}
	h.wantWhole(t, 3)
}

// The bounds of the program itself, with the time for the rows and some more to spare.
func TestASlowS3IsGivenUpWithinTenSeconds(t *testing.T) {
	t.Parallel()
	if deliverTime+cleanTime > 9*time.Second {
		t.Errorf("an upload may wait %v", deliverTime+cleanTime)
	}
	l := newLine(t)
	h := build(t, l.bucket) // it is as patient as the program
	l.breaks(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if isImage(r) {
			hang(r)
		}
		return isImage(r)
	})
	begun := time.Now()
	_, err := h.sendParts(t, numbered(5, sized(t, 50_000))...)
	wantCode(t, err, blog.CodeUnavailable)
	if took := time.Since(begun); took > 9500*time.Millisecond {
		t.Errorf("took %v", took)
	}
	l.mends()
	h.wantWhole(t, 0)
}

// The answer comes while net/http still sends.
func TestAnS3ThatIsBusyOnceIsAskedAgain(t *testing.T) {
	l := newLine(t)
	h := build(t, l)
	h.files.(*S3).deliverTime = 10 * time.Second
	var puts atomic.Int32
	l.breaks(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !isImage(r) || r.Method != http.MethodPut || puts.Add(1) != 1 {
			return false
		}
		refused(w, 503, "SlowDown")
		return true
	})
	content := sized(t, MaxSize)
	us, err := h.sendParts(t, part{"images", "a.png", content})
	if err != nil {
		t.Fatal(err)
	}
	if w := h.get("/", "images", us[0].Filename); puts.Load() != 2 || !bytes.Equal(w.Body.Bytes(), content) {
		t.Errorf("put %d times, %d bytes", puts.Load(), w.Body.Len())
	}
}

func TestOneImageThatCannotBePutTakesTheBatchBack(t *testing.T) {
	l := newLine(t)
	h := build(t, l)
	var puts atomic.Int32
	l.breaks(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if !isImage(r) || r.Method != http.MethodPut || puts.Add(1) != 4 {
			return false
		}
		refused(w, 403, "AccessDenied")
		return true
	})
	_, err := h.sendParts(t, numbered(5, sized(t, 50_000))...)
	wantCode(t, err, blog.CodeUnavailable)
	time.Sleep(200 * time.Millisecond)
	l.swept(t, h) // of those that were cut off one may have arrived late
	h.wantWhole(t, 0)
}

// Where the key may not delete, an image is gone for the site and stays in the bucket: the
// log says what to do about it.
func TestADeleteThatTheBucketRefusesIsLogged(t *testing.T) {
	l := newLine(t)
	h := build(t, l)
	var log bytes.Buffer
	h.log = slog.New(slog.NewTextHandler(&log, nil))
	us, err := h.sendParts(t, numbered(1, sized(t, 5_000))...)
	if err != nil {
		t.Fatal(err)
	}
	l.breaks(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodDelete {
			refused(w, 403, "AccessDenied")
		}
		return r.Method == http.MethodDelete
	})
	if err := h.Delete(t.Context(), alice, us[0].Filename); err != nil {
		t.Error(err)
	}
	for _, part := range []string{"left over", us[0].Filename, "授予"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("%s is not in %s", part, &log)
		}
	}
	l.mends()
	l.swept(t, h)
	h.wantWhole(t, 0)
}

func TestAClientWhoLeavesWhileS3StoresLeavesNothing(t *testing.T) {
	l := newLine(t)
	h := build(t, l)
	ctx, leave := context.WithCancel(t.Context())
	l.breaks(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if isImage(r) && r.Method == http.MethodPut {
			leave()
			hang(r)
			return true
		}
		return false
	})
	contentType, body := multi(t, numbered(2, sized(t, 50_000))...)
	_, err := h.receive(request(contentType, strings.NewReader(string(body))).WithContext(ctx), alice, "images", MaxFiles)
	if ctx.Err() == nil || err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("%v", err)
	}
	l.mends()
	l.swept(t, h)
	h.wantWhole(t, 0)
}

func TestRowsThatCannotBeWrittenTakeTheObjectsBack(t *testing.T) {
	b := newBucket(t)
	h := build(t, b)
	h.quota = 100
	_, err := h.sendParts(t, numbered(2, sized(t, 1000))...)
	wantCode(t, err, blog.CodeUploadQuota)
	if left := b.objects(t); len(left) != 0 {
		t.Errorf("%v", left)
	}
}

func TestWhatIsRefusedNeverAsksS3(t *testing.T) {
	l := newLine(t)
	h := build(t, l)
	var asked atomic.Int32
	l.breaks(func(http.ResponseWriter, *http.Request, http.Handler) bool { asked.Add(1); return false })
	_, err := h.sendParts(t, append(numbered(4, pngOf(t, 1, 1)), part{"images", "x", []byte("text")})...)
	wantCode(t, err, blog.CodeUploadType)
	if asked.Load() != 0 {
		t.Errorf("%d requests", asked.Load())
	}
}

// A delete is the row's; what cannot be removed then is swept.
func TestADeleteWhileS3IsAwayChangesNothing(t *testing.T) {
	l := newLine(t)
	h := build(t, l)
	us, err := h.sendParts(t, numbered(2, pngOf(t, 1, 1))...)
	if err != nil {
		t.Fatal(err)
	}
	l.breaks(func(w http.ResponseWriter, _ *http.Request, _ http.Handler) bool { cut(w); return true })
	wantCode(t, h.Delete(t.Context(), alice, us[0].Filename), blog.CodeUnavailable)
	l.mends()
	h.wantWhole(t, 2)
	l.breaks(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.Method == http.MethodDelete {
			cut(w)
		}
		return r.Method == http.MethodDelete
	})
	if err := h.Delete(t.Context(), alice, us[0].Filename); err != nil {
		t.Errorf("the image is not served any more, but %v", err)
	}
	l.mends()
	if w := h.get("/", "images", us[0].Filename); w.Code != http.StatusNotFound {
		t.Errorf("a deleted image: %d", w.Code)
	}
	l.swept(t, h)
	h.wantWhole(t, 1)
}

// TestAKillAtAnyRequestLeavesNothingHalf lets the process die at each of its requests to
// S3, which arrives or does not.
func TestAKillAtAnyRequestLeavesNothingHalf(t *testing.T) {
	for kill := int32(1); ; kill++ {
		for _, arrives := range []bool{false, true} {
			if !killedAtRequest(t, kill, arrives) {
				if kill < 7 {
					t.Fatalf("only %d requests were met", kill)
				}
				return
			}
		}
	}
}

func killedAtRequest(t *testing.T, kill int32, arrives bool) bool {
	l := newLine(t)
	h := build(t, l)
	var count atomic.Int32
	l.breaks(func(w http.ResponseWriter, r *http.Request, pass http.Handler) bool {
		n := count.Add(1)
		if n == kill && arrives {
			pass.ServeHTTP(httptest.NewRecorder(), r)
		}
		if n >= kill {
			cut(w)
		}
		return n >= kill
	})
	us, err := h.sendParts(t, numbered(2, pngOf(t, 1, 1))...)
	acknowledged := err == nil
	deleted := acknowledged && h.Delete(t.Context(), alice, us[0].Filename) == nil
	l.mends()
	l.swept(t, h)
	n := len(h.rows.names())
	if acknowledged && n < 1 || deleted && n != 1 {
		t.Errorf("killed at request %d: %d rows, acknowledged %t, deleted %t", kill, n, acknowledged, deleted)
	}
	h.wantWhole(t, n)
	return count.Load() >= kill
}
