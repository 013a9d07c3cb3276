package web

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"inkstone/internal/blog"
	"inkstone/internal/telemetry"
)

func TestAnAnswerIsNotSentTwice(t *testing.T) {
	a, err := EncodeRevision(Message{strings.Repeat("中<", 600)}, 7)
	if err != nil {
		t.Fatal(err)
	}
	get := func(header, value string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set(header, value)
		w := httptest.NewRecorder()
		if err := Write(w, r, 200, a); err != nil {
			t.Fatal(err)
		}
		return w
	}
	plain, packed := get("X", "x"), get("Accept-Encoding", "br, gzip;q=0.5")
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Body.Len() >= plain.Body.Len() || !strings.Contains(plain.Body.String(), "<") {
		t.Errorf("packed: %v", packed.Header())
	}
	if got := get("Accept-Encoding", "gzip;q=0, *"); got.Header().Get("Content-Encoding") != "" {
		t.Error("gzip for a client that refuses it")
	}
	for _, tag := range []string{plain.Header().Get("ETag"), "W/" + packed.Header().Get("ETag"), `"x", ` + packed.Header().Get("ETag"), "*"} {
		if w := get("If-None-Match", tag); w.Code != 304 || w.Body.Len() != 0 {
			t.Errorf("%s: %d", tag, w.Code)
		}
	}
}

func TestIfMatchLooksAtTheRevision(t *testing.T) {
	for tag, want := range map[string]bool{`"7-abc"`: true, `"7-abc-gz"`: true, `W/"7-x"`: true, `"6-abc"`: false, `*`: true, `"6-a", "7-b"`: true, `7`: false} {
		r := httptest.NewRequest("PUT", "/", nil)
		r.Header.Set("If-Match", tag)
		if MatchRevision(r, 7) != want {
			t.Errorf("%s: want %v", tag, want)
		}
	}
}

func TestQueryTellsWhatCannotBeRead(t *testing.T) {
	for query, want := range map[string]blog.Code{
		"": "", "page=2&limit=5000": "", "x=%zz": blog.CodeInvalid, "page=0": blog.CodeInvalid, "page=-1": blog.CodeInvalid, "page=": blog.CodeInvalid,
		"limit=abc": blog.CodeInvalid, "limit=1.5": blog.CodeInvalid, "page=1&page=2": blog.CodeInvalid, "category[$ne]=x": blog.CodeInvalid, "category[]=x": blog.CodeInvalid,
		"other[]=x&other=1&other=2": "", "category=%00": blog.CodeInvalid, "category=%ff": blog.CodeInvalid, "sort=nope": blog.CodeInvalidSort, "sort=nope&page=x": blog.CodeInvalid,
		"cursor=junk": blog.CodeInvalid, "from=2024-02-30": blog.CodeInvalid, "from=2024-01-08T00:00:00Z": "", "page=99999999999999999999999": "",
	} {
		if got := readAll(query); blog.CodeOf(got) != want {
			t.Errorf("%q: %v, want %q", query, got, want)
		}
	}
}

func readAll(query string) error {
	r := httptest.NewRequest("GET", "/", nil)
	r.URL.RawQuery = query
	q := ReadQuery(r, "page", "limit", "cursor", "sort", "category", "from")
	q.Order([]string{"title"}, "-title")
	q.Page("list")
	q.Time("from", true)
	return q.Err()
}

func TestAnAbsentTimeIsTheZeroTimeAndNoOtherIs(t *testing.T) {
	for text, want := range map[string]string{
		"": "0001-01-01T00:00:00Z", "0001-01-01": "0001-01-01T00:00:00.000000001Z", "0001-01-01T08:00:00%2B08:00": "0001-01-01T00:00:00.000000001Z",
		"2024-02-29": "2024-02-29T00:00:00Z", "2024-01-08T08:00:00.5+08:00": "2024-01-08T00:00:00.5Z",
	} {
		r := httptest.NewRequest("GET", "/?from="+text, nil)
		q := ReadQuery(r, "from")
		if got := q.Time("from", false).Format(time.RFC3339Nano); got != want || q.Err() != nil {
			t.Errorf("%q: %s, %v, want %s", text, got, q.Err(), want)
		}
	}
	q := ReadQuery(httptest.NewRequest("GET", "/?to=2024-02-29", nil), "to")
	if got := q.Time("to", true).Format(time.RFC3339Nano); got != "2024-02-29T23:59:59.999Z" {
		t.Errorf("the end of a day is %s", got)
	}
}

func FuzzQuery(f *testing.F) {
	f.Add("page=1&category[$ne]=%ff&sort=-title&cursor=abc&from=2024-01-08")
	f.Fuzz(func(t *testing.T, query string) {
		if err := readAll(query); blog.CodeOf(err) == blog.CodeInternal {
			t.Error(err)
		}
	})
}

func TestTheSizeOfAnAnswerIsAtLeastWhatItHolds(t *testing.T) {
	for _, text := range []string{"", "短", strings.Repeat("文章 and text. ", 10_000)} {
		a, err := Encode(Message{text})
		if err != nil {
			t.Fatal(err)
		}
		if held := len(a.body) + len(a.gzip().body); a.Size() < held || a.Size() > 2*held+512 {
			t.Errorf("%d bytes are counted of %d", a.Size(), held)
		}
	}
}

func TestVaryNamesEachHeaderOnce(t *testing.T) {
	h := http.Header{"Vary": {"Origin, Accept-Encoding"}}
	for _, name := range []string{"accept-encoding", "Accept-Language", "Accept-Language", "Origin"} {
		addVary(h, name)
	}
	if got := strings.Join(h["Vary"], ", "); got != "Origin, Accept-Encoding, Accept-Language" {
		t.Errorf("Vary: %s", got)
	}
}

func TestOnlyWhatAnonymousReadersGetMayBeShared(t *testing.T) {
	m := NewMux()
	ok := func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		return JSON(w, r, http.StatusOK, Message{"ok"})
	}
	m.Handle("GET /api/posts", Anyone, ok)
	m.Handle("POST /api/posts", Anyone, ok)
	h := edgeOf(m, telemetry.NewMetrics())
	for _, c := range []struct{ method, token, want string }{
		{"GET", "", publicCache[0]}, {"HEAD", "", publicCache[0]}, {"POST", "", privateCache[0]},
		{"GET", "Bearer good", privateCache[0]}, {"HEAD", "Bearer good", privateCache[0]}, {"GET", "Bearer bad", privateCache[0]},
	} {
		var header []string
		if c.token != "" {
			header = []string{"Authorization", c.token}
		}
		if got := ask(h, c.method, "/api/posts", header...).Header.Get("Cache-Control"); got != c.want {
			t.Errorf("%s with token %q: %q", c.method, c.token, got)
		}
	}
}

func TestAnAnswerIsTheSameOnceItsBytesAreParsed(t *testing.T) {
	list, err := Encode(PostList{Posts: []Post{{Title: "砚台", Tags: []string{}}}})
	if err != nil {
		t.Fatal(err)
	}
	post, err := EncodeRevision(PostAnswer{Post: Post{Title: "砚台", Tags: []string{}}}, 12)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []*Answer{list, post} {
		got, err := ParseAnswer(want.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		w, expected := httptest.NewRecorder(), httptest.NewRecorder()
		for a, w := range map[*Answer]http.ResponseWriter{got: w, want: expected} {
			if err := Write(w, httptest.NewRequest("GET", "/", nil), http.StatusOK, a); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(expected.Result().Header, w.Result().Header); diff != "" || w.Body.String() != expected.Body.String() {
			t.Errorf("%s\n%s", w.Body, diff)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x0312-{}"))
	f.Add([]byte("\xff" + strings.Repeat("x", 300)))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseAnswer(data)
		if err == nil && !bytes.Equal(a.body, data[1+int(data[0]):]) {
			t.Errorf("%q of %q", a.body, data)
		}
	})
}
