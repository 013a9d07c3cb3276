package apitest

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

func TestBodiesOverTheLimitAreRefused(t *testing.T) {
	eachAlone(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		s.Anyone.Post("/api/auth/login", object{"email": "a@example.com", "password": repeat("a", 64<<10)}).Refused(413, "BODY_TOO_LARGE")
		fill := 10<<20 - len(`{"title":"题","category":"技术","content":""}`)
		exact := `{"title":"题","category":"技术","content":"` + repeat("a", fill) + `"}`
		u.Post("/api/posts", exact).Expect(201)
		u.Post("/api/posts", exact+" ").Refused(413, "BODY_TOO_LARGE")
	})
}

// Many clients send all of a body before they look for the answer.
func TestWhoSendsTooMuchStillReadsTheAnswer(t *testing.T) {
	eachAlone(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		for path, size := range map[string]int{"/api/posts": 10<<20 + 1, "/api/comments": 20 << 20, "/api/auth/login": 1 << 20, "/api/upload/single": 25 << 20, "/nope": 12 << 20} {
			head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", path, u.Token, size)
			if status, err := sendAll(s.url, head+repeat("a", size)); err != nil || status < 400 || status > 415 {
				t.Errorf("%s: %d, %v", path, status, err)
			}
		}
	})
}

func TestJSONIsReadStrictly(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	cases := []struct{ name, body, code string }{
		{"depth 65", deep(65), "VALIDATION_FAILED"},
		{"depth 10000", deep(10_000), "VALIDATION_FAILED"},
		{"arrays 50000 deep", strings.Repeat("[", 50_000), ""},
		{"doubled key", `{"email":"a@example.com","email":"b@example.com","password":"123456"}`, "VALIDATION_FAILED"},
		{"doubled key by escape", `{"email":"a@example.com","\u0065mail":"b@example.com","password":"123456"}`, "VALIDATION_FAILED"},
		{"key in another case", `{"Email":"a@example.com","password":"123456"}`, "VALIDATION_FAILED"},
		{"trailing garbage", `{"email":"a@example.com","password":"123456"} x`, "INVALID_JSON"},
		{"two values", `{}{}`, "INVALID_JSON"},
		{"truncated", `{"email":"a`, "INVALID_JSON"},
		{"single quotes", `{'email':1}`, "INVALID_JSON"},
		{"comment", `{/**/}`, "INVALID_JSON"},
		{"NaN", `{"email":NaN}`, "INVALID_JSON"},
		{"control character", "{\"email\":\"a\x01\"}", "INVALID_JSON"},
		{"BOM and blanks only", "\xef\xbb\xbf ", ""},
		{"invalid UTF-8", "{\"email\":\"a\xff@example.com\",\"password\":\"123456\"}", ""},
		{"overlong UTF-8", "{\"email\":\"a\xc0\xaf@example.com\",\"password\":\"123456\"}", ""},
		{"UTF-16", "{\x00\"\x00e\x00", "INVALID_JSON"},
	}
	each(t, nil, func(t *testing.T, s *site) {
		for _, c := range cases {
			a := s.Anyone.Post("/api/auth/register", c.body).Expect(400)
			if got := a.Str("code"); c.code != "" && got != c.code {
				t.Errorf("%s: code %s, want %s", c.name, got, c.code)
			}
		}
		u := s.User()
		u.Patch("/api/posts/"+u.Write("draft", nil), deep(64)).Refused(400, "VALIDATION_FAILED")
	})
}

func TestTextsThatNoDatabaseKeepsAreRefused(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		for _, text := range []string{`a\u0000b`, `\ud800`, `\udc00\ud800`, "a\xffb", "\xed\xa0\x80"} {
			for _, field := range []string{"title", "content", "excerpt", "category"} {
				body := fmt.Sprintf(`{"title":"题","content":"文","category":"技术",%q:"%s"}`, field, text)
				body = strings.Replace(body, map[string]string{"title": `"title":"题",`, "content": `"content":"文",`, "category": `"category":"技术",`}[field], "", 1)
				a := u.Post("/api/posts", body)
				if a.Status != 400 && !(a.Status == 201 && strings.Contains(text, `\u`) == strings.Contains(text, `\ud`)) {
					t.Errorf("%s %q: %d", field, text, a.Status)
				}
			}
		}
		u.Post("/api/posts", `{"title":"emoji \ud83d\ude00","content":"文","category":"技术"}`).Expect(201).Says("post.title", "emoji 😀")
	})
}

func TestOnlyJSONAndPlainFormsAreBodies(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		login := `{"email":"` + adminEmail + `","password":"` + password + `"}`
		for _, kind := range []string{"text/plain", "application/xml", "multipart/form-data; boundary=x", "application/jsonx", "text/json", "application/json, text/plain", ";", "application/json; charset=gbk"} {
			s.Anyone.With("Content-Type", kind).Post("/api/auth/login", login).Refused(415, "UNSUPPORTED_MEDIA_TYPE")
		}
		for _, kind := range []string{"application/json", "Application/JSON; Charset=UTF-8", "application/json;charset=utf-8"} {
			s.Anyone.With("Content-Type", kind).Post("/api/auth/login", login).Expect(200)
		}
		s.Anyone.With("Content-Encoding", "gzip").Post("/api/auth/login", login).Refused(415, "UNSUPPORTED_MEDIA_TYPE")
		u := s.User()
		like := "/api/posts/" + u.Write("published", nil) + "/like"
		u.With("Content-Type", "text/plain").Post(like, "hello").Refused(415, "UNSUPPORTED_MEDIA_TYPE")
		u.Post(like, "{").Refused(400, "INVALID_JSON")
		u.Post(like, `{"x":1}`).Refused(400, "VALIDATION_FAILED")
		u.Post(like, `{}`).Expect(200)
		form := s.Anyone.With("Content-Type", "application/x-www-form-urlencoded")
		form.Post("/api/auth/login", "email="+url.QueryEscape(adminEmail)+"&password="+url.QueryEscape(password)).Expect(200)
		for _, body := range []string{"email=%zz", "email=a&email=b&password=123456", "email[$ne]=&password=1", "email[]=a", "a=1;b=2", "&&&="} {
			form.Post("/api/auth/login", body).Expect(400)
		}
		s.Anyone.With("Content-Type", "").Post("/api/auth/register", "").Refused(400, "VALIDATION_FAILED") // an empty body counts as {}
		s.Anyone.Post("/api/auth/register", "  ").Expect(400)
	})
}

func TestHugeQueriesAndNumbersAreAnswered(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		for _, q := range []string{
			"page=99999999999999999999999999", "page=9223372036854775807", "page=9223372036854775808", "page=2147483648&limit=100",
			"limit=99999999999999999999", "limit=-99999999999999999999", "search=" + repeat("微", 3000), "search=" + repeat("a+", 5000),
			"tags=" + repeat("a,", 5000), "cursor=" + repeat("A", 20000), "from=99999-01-01", "from=0000-01-01", "to=9999-12-31T23:59:59.999999999Z", "x=%zz", "%=1", "search=%00", "search=%ff", "category=%ed%a0%80", "tags=%00", "tags=,,,", "author=%00",
		} {
			if a := s.Anyone.Get("/api/posts?" + q); a.Status != 200 && a.Status != 400 {
				t.Errorf("%s: %d", short(q), a.Status)
			}
		}
		a, err := s.Anyone.Try("GET", "/api/posts?search="+repeat("a", 1<<20), nil)
		if err == nil && a.Status >= 500 {
			t.Errorf("a query of 1 MB: %d", a.Status)
		}
		s.Anyone.Get("/health").Expect(200)
	})
}

func TestMalformedHTTPNeverEndsTheServer(t *testing.T) {
	requests := []string{
		"GET /api/posts HTTP/1.1\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00", "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /api/posts?%zz HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET http://other/api/posts HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"GET /api/posts HTTP/1.1\r\nHost: x\r\nX-A: " + repeat("a", 1<<20) + "\r\n\r\n", "GET /api/posts HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\rb\r\n\r\n",
		"GET //api//posts HTTP/1.1\r\nHost: x\r\n\r\n", "GET /api/../api/posts HTTP/1.1\r\nHost: x\r\n\r\n", "GET /api/posts/%2e%2e HTTP/1.1\r\nHost: x\r\n\r\n", "GET /api/posts/%2F HTTP/1.1\r\nHost: x\r\n\r\n",
	}
	each(t, nil, func(t *testing.T, s *site) {
		for _, r := range requests {
			if status := hangUp(t, s.url, r); status >= 500 && status != http.StatusNotImplemented {
				t.Errorf("%q: %d", short(r), status)
			}
		}
		s.Anyone.Get("/health").Expect(200)
	})
}

// A 2xx would make a tunnel of the connection, to a proxy in front (RFC 9110, section 9.3.6).
func TestConnectIsRefused(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		for _, target := range []string{"x:1", "/", "/health", "/metrics", "/docs", "/api/posts", "/uploads/image/a.png"} {
			if status := hangUp(t, s.url, "CONNECT "+target+" HTTP/1.1\r\nHost: x\r\n\r\n"); status < 400 || status >= 500 {
				t.Errorf("CONNECT %s: %d", target, status)
			}
		}
	})
}

// sendAll sends raw bytes, all of them, and reads the status of the answer then.
func sendAll(base, request string) (status int, err error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write([]byte(request)); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

// hangUp sends raw bytes, reads the status of an answer that comes at once (0:
// none) and cuts the connection.
func hangUp(t *testing.T, base, request string) int {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
	_, _ = conn.Write([]byte(request)) // the server may refuse to read on
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}
