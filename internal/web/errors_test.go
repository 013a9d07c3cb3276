package web

import (
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"inkstone/internal/blog"
)

func TestEveryCodeAndRuleHasWords(t *testing.T) {
	for _, c := range blog.Codes() {
		if r := codes[c]; r.status < 400 || r.zh == "" || r.en == "" {
			t.Errorf("%s: %+v", c, r)
		}
	}
	for _, r := range blog.Rules() {
		if w := rules[r]; w[0] == "" || w[1] == "" {
			t.Errorf("%s: %v", r, w)
		}
	}
}

func TestErrorsSpeakTheClientsLanguage(t *testing.T) {
	for header, want := range map[string]string{
		"": "文章不存在", "en": "Post not found", "en-US,en;q=0.9": "Post not found", "zh-CN,en;q=0.8": "文章不存在",
		"en;q=0": "文章不存在", "fr, en;q=0.5": "Post not found", "*": "文章不存在", "en;q=x": "文章不存在",
	} {
		r := httptest.NewRequest("GET", "/x", nil)
		r.Header.Set("Accept-Language", header)
		w := httptest.NewRecorder()
		WriteError(w, r, blog.Fail(blog.CodePostNotFound))
		if !strings.Contains(w.Body.String(), want) || w.Code != 404 {
			t.Errorf("%q: %d %s", header, w.Code, w.Body)
		}
		if vary := w.Header().Values("Vary"); !slices.Contains(vary, "Accept-Language") {
			t.Errorf("a cache would not know that the language counts: %v", vary)
		}
	}
}

func TestErrorBodiesTellFieldsAndHideCauses(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		want   errorBody
	}{
		{blog.Invalid("role", blog.RuleUnknown), 400, errorBody{Error: "数据验证失败", Code: "VALIDATION_FAILED", Details: "不支持的字段: role", Fields: map[string]string{"role": "不支持的字段: role"}}},
		{errors.New("sql: secret"), 500, errorBody{Error: "服务器内部错误", Code: "INTERNAL", Message: "请稍后重试"}},
		{RetryAfter(blog.Fail(blog.CodeRateLimited), 7), 429, errorBody{Error: "请求过于频繁，请稍后再试", Code: "RATE_LIMITED"}},
		{blog.Fail(blog.CodeBusy), 503, errorBody{Error: "服务繁忙，请稍后再试", Code: "BUSY"}},
	} {
		w := httptest.NewRecorder()
		WriteError(w, httptest.NewRequest("GET", "/x", nil), c.err)
		var got errorBody
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		g, _ := json.Marshal(got)
		want, _ := json.Marshal(c.want)
		if w.Code != c.status || string(g) != string(want) {
			t.Errorf("%v: %d %s, want %s", c.err, w.Code, g, want)
		}
	}
}

func TestAnErrorHasNoHeadersOfTheAnswerThatWasNotGiven(t *testing.T) {
	w := httptest.NewRecorder()
	for _, name := range []string{"ETag", "Content-Encoding", "Last-Modified", "Content-Disposition"} {
		w.Header().Set(name, "x")
	}
	w.Header().Set("Cache-Control", "public")
	WriteError(w, httptest.NewRequest("GET", "/x", nil), blog.Fail(blog.CodePostNotFound))
	for _, name := range []string{"ETag", "Content-Encoding", "Last-Modified", "Content-Disposition"} {
		if got := w.Header().Get(name); got != "" {
			t.Errorf("%s is %q", name, got)
		}
	}
	if got := w.Header().Get("Cache-Control"); got != "private, no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
}

func TestOnlyAMissingOrBadTokenIsChallenged(t *testing.T) {
	for code, want := range map[blog.Code]string{
		blog.CodeTokenMissing: "Bearer", blog.CodeTokenInvalid: "Bearer", blog.CodeTokenExpired: "Bearer", blog.CodeUserDisabled: "Bearer",
		blog.CodeBadCredentials: "", blog.CodeForbidden: "",
	} {
		w := httptest.NewRecorder()
		WriteError(w, httptest.NewRequest("GET", "/x", nil), blog.Fail(code))
		if got := w.Header().Get("WWW-Authenticate"); got != want {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
}

func TestWhoMayTryAgainIsToldWhen(t *testing.T) {
	for want, err := range map[string]error{
		"7": RetryAfter(blog.Fail(blog.CodeRateLimited), 7), "1": RetryAfter(blog.Fail(blog.CodeRateLimited), 0), "": blog.Fail(blog.CodeForbidden),
	} {
		w := httptest.NewRecorder()
		WriteError(w, httptest.NewRequest("GET", "/x", nil), err)
		if got := w.Header().Get("Retry-After"); got != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
	for _, code := range []blog.Code{blog.CodeBusy, blog.CodeUnavailable, blog.CodeStorageFull} {
		w := httptest.NewRecorder()
		WriteError(w, httptest.NewRequest("GET", "/x", nil), blog.Fail(code))
		if got := w.Header().Get("Retry-After"); got != "1" {
			t.Errorf("%s: %q", code, got)
		}
	}
}
