package web

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
)

type sample struct {
	Name  *string    `json:"name"`
	Role  *blog.Role `json:"role"`
	On    *bool      `json:"on"`
	Tags  *[]string  `json:"tags"`
	Up    *string    `json:"up" null:"absent"`
	Inner *struct {
		Bio *string `json:"bio"`
	} `json:"inner"`
}

func decodeText(contentType, body string) (sample, error) {
	return decodeUpTo(1<<20, contentType, body)
}

// decodeUpTo ends its request, as a server does: until then a large body holds its share.
func decodeUpTo(most int64, contentType, body string) (s sample, err error) {
	ctx, end := context.WithCancel(context.Background())
	defer end()
	r := httptest.NewRequestWithContext(ctx, "POST", "/", strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return s, Decode(r, most, &s)
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	const lone = `\ud800`
	deep := `{"name":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`
	for _, c := range []struct{ kind, body, want string }{
		{"application/json", `{"name":"a","on":true,"tags":["x"],"inner":{"bio":"b"},"up":null}`, ""},
		{"application/json; charset=UTF-8", `{}`, ""},
		{"", ``, ""},
		{"text/plain", ``, ""},
		{"text/plain", `{}`, "UNSUPPORTED_MEDIA_TYPE"},
		{"application/json; charset=gbk", `{}`, "UNSUPPORTED_MEDIA_TYPE"},
		{"application/json", `{`, "INVALID_JSON"},
		{"application/json", `{} x`, "INVALID_JSON"},
		{"application/json", "{\"name\":\"\xff\"}", "INVALID_JSON"},
		{"application/json", `{"name":"` + lone + `"}`, "INVALID_JSON"},
		{"application/json", `{"name":"` + lone + `\u0041"}`, "INVALID_JSON"},
		{"application/json", `{"name":"\ud83d\ude00"}`, ""},
		{"application/json", `null`, "VALIDATION_FAILED :any.object"},
		{"application/json", `[1]`, "VALIDATION_FAILED :any.object"},
		{"application/json", `7`, "VALIDATION_FAILED :any.object"},
		{"application/json", `{"name":null}`, "VALIDATION_FAILED name:any.type"},
		{"application/json", `{"name":{"$gt":""}}`, "VALIDATION_FAILED name:any.type"},
		{"application/json", `{"tags":["a",null]}`, "VALIDATION_FAILED tags:any.type"},
		{"application/json", `{"Name":"x"}`, "VALIDATION_FAILED Name:any.unknown"},
		{"application/json", `{"inner":{"x":1}}`, "VALIDATION_FAILED inner.x:any.unknown"},
		{"application/json", `{"name":"a","n\u0061me":"b"}`, "VALIDATION_FAILED name:any.twice"},
		{"application/json", `{"name":"a\u0000"}`, "VALIDATION_FAILED name:any.text"},
		{"application/json", deep, "VALIDATION_FAILED name:any.type"},
		{"application/json", `{"inner":` + strings.Repeat(`{"x":`, 70) + `["]}\"", 1]` + strings.Repeat("}", 70) + `,"on":1}`, "VALIDATION_FAILED inner.x:any.type on:any.type"},
		{"application/json", `{"tags":` + strings.Repeat("[", 63) + "[[],[],{}]" + strings.Repeat("]", 63) + `,"on":true}`, "VALIDATION_FAILED tags:any.type"},
		{"application/x-www-form-urlencoded", `name=a&on=true`, ""},
		{"application/x-www-form-urlencoded", `name=a&name=b`, "VALIDATION_FAILED name:any.twice"},
		{"application/x-www-form-urlencoded", `tags=a`, "VALIDATION_FAILED tags:any.type"},
	} {
		_, err := decodeText(c.kind, c.body)
		got := ""
		if e, ok := errors.AsType[*blog.Error](err); ok {
			got = (&blog.Error{Code: e.Code, Fields: e.Fields}).Error()
		}
		if got != c.want {
			t.Errorf("%s %.60q: got %q, want %q", c.kind, c.body, got, c.want)
		}
	}
}

func TestADoubledKeyIsFoundAmongManyToo(t *testing.T) {
	for _, n := range []int{1, 16, 17, 100} {
		var keys []string
		for i := range n {
			keys = append(keys, fmt.Sprintf(`"k%d":1`, i))
		}
		twice := append(slices.Clone(keys), keys[n-1])
		_, err := decodeText("application/json", "{"+strings.Join(twice, ",")+"}")
		e, ok := errors.AsType[*blog.Error](err)
		if want := (blog.Field{Name: fmt.Sprint("k", n-1), Rule: blog.RuleTwice}); !ok || !slices.Contains(e.Fields, want) {
			t.Errorf("of %d keys the last is doubled, told %v", n, err)
		}
		if _, err := decodeText("application/json", "{"+strings.Join(keys, ",")+"}"); strings.Contains(err.Error(), string(blog.RuleTwice)) {
			t.Errorf("of %d keys none is doubled, told %v", n, err)
		}
	}
}

func TestAnArrayHasABoundedNumberOfElements(t *testing.T) {
	for n, want := range map[int]blog.Code{maxElements: "", maxElements + 1: blog.CodeInvalid} {
		got, err := decodeText("application/json", `{"tags":["t"`+strings.Repeat(`,"t"`, n-1)+`]}`)
		if blog.CodeOf(err) != want || err == nil && len(*got.Tags) != n {
			t.Errorf("%d elements: %v", n, err)
		}
	}
}

func TestACompressedBodyIsNotRead(t *testing.T) {
	for coding, want := range map[string]blog.Code{"": "", "identity": "", "gzip": blog.CodeUnsupportedMediaType, "br": blog.CodeUnsupportedMediaType} {
		r := httptest.NewRequest("POST", "/", strings.NewReader(`{"name":"a"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Content-Encoding", coding)
		if err := Decode(r, 1<<20, &sample{}); blog.CodeOf(err) != want {
			t.Errorf("%q: %v, want %q", coding, err, want)
		}
	}
}

func TestDecodeKeepsWhatWasSent(t *testing.T) {
	s, err := decodeText("application/json", `{"name":"中\n","role":"admin","on":false,"tags":[],"inner":{"bio":"b"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if *s.Name != "中\n" || *s.Role != "admin" || *s.On || len(*s.Tags) != 0 || *s.Inner.Bio != "b" || s.Up != nil {
		t.Errorf("got %+v", s)
	}
}

func TestDecodeOfHostileBodiesEndsSoon(t *testing.T) {
	for name, body := range map[string]string{
		"brackets": strings.Repeat("[", MaxBody),
		"objects":  `{"a":[` + strings.Repeat(`{"a":1},`, MaxBody/8-4) + `1]}`,
		"keys":     `{` + strings.Repeat(`"a":1,`, MaxBody/6-4) + `"b":1}`,
		"escapes":  `{"name":"` + strings.Repeat(`\u0000`, MaxBody/6-4) + `"}`,
		"texts":    `{"tags":[` + strings.Repeat(`"",`, MaxBody/3-8) + `""]}`,
	} {
		released(t, largeBodies, allBodies)
		start := time.Now()
		_, err := decodeUpTo(MaxBody, "application/json", body)
		if err == nil || blog.CodeOf(err) == blog.CodeBusy {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("%s: took %v", name, took)
		} else {
			t.Log(name, took)
		}
	}
}

// A name of the client's is told with every field in it, so its length counts that often.
func TestALongNameIsToldShort(t *testing.T) {
	long, members := strings.Repeat("k", 1<<20), ""
	for i := range 500 {
		members += fmt.Sprintf(`"a%d":1,"a%d":1,`, i, i)
	}
	for kind, body := range map[string]string{
		"application/json":                  `{"` + long + `":{` + members + `"b":1}}`,
		"application/x-www-form-urlencoded": long + "=1",
	} {
		released(t, largeBodies, allBodies)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := decodeUpTo(MaxBody, kind, body)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; took > 16<<20 {
			t.Errorf("%s: %d MB for a body of 1 MB", kind, took>>20)
		}
		w := httptest.NewRecorder()
		WriteError(w, httptest.NewRequest("POST", "/", nil), err)
		if w.Body.Len() > 64<<10 || !strings.Contains(w.Body.String(), strings.Repeat("k", 100)+"…") {
			t.Errorf("%s: %d bytes of answer: %.200s", kind, w.Body.Len(), w.Body)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"a\u0000","inner":{"bio":1},"tags":["x"]}`))
	f.Add([]byte(`{"a":{"b":{"c":[{"d":"\ud83d\ude00"}]}}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := decodeText("application/json", string(body))
		if err == nil && s.Name != nil && !blog.CleanText(*s.Name) {
			t.Errorf("%q let %q pass", body, *s.Name)
		}
		if err != nil && blog.CodeOf(err) == blog.CodeInternal {
			t.Error(err)
		}
	})
}
