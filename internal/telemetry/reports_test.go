package telemetry

import (
	"bytes"
	"context"
	"log/slog"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/getsentry/sentry-go"
)

func TestWhatLeavesTheSiteIsScrubbed(t *testing.T) {
	const hexKey, base64Key = "9f86d081884c7d659a2feaa0c55ad015", "q2Vb8hX1mZk0RrTt5YpLw7NcD3fGj9SaUu4Ei6Oo=="
	for text, want := range map[string]string{
		"user mei@example.com is gone":                           "user [email] is gone",
		"梅@例子.中国 不存在":                                            "[email] 不存在",
		"dial tcp 10.0.0.7:5432: connect: connection refused":    "dial tcp [ip]: connect: connection refused",
		"from [2001:db8::7]:443, and ::ffff:192.0.2.1.":          "from [ip], and [ip].",
		"at 12:30:45 on 2026-11-26 in v1.2 at edge.go:125":       "at 12:30:45 on 2026-11-26 in v1.2 at edge.go:125",
		"parse eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiIxIn0.c2ln: x": "parse [token]: x",
		"Authorization: Bearer abc.def-1":                        "Authorization: [secret] [token]",
		"postgres://ink:p@ss@db/ink?sslmode=off":                 "postgres://[credentials]@db/[name]?sslmode=off",
		`password="a b", token=abc&x=1, "newPassword": "q"`:      `password=[secret], token=[secret]&x=1, "newPassword": [secret]`,
		"key " + hexKey + " and " + base64Key:                    "key [key] and [key]",
		"/var/lib/inkstone/uploads/images/of/somebody: no space": "/var/lib/inkstone/uploads/images/of/somebody: no space",
		"Key (username)=(梅花) already exists.":                    "Key (username)=([value]) already exists.",
		"failed to connect to `user=ink database=blog`: h: x":    "failed to connect to `user=[name] database=[name]`: h: x",
		"FATAL: database \"ink\" does not exist":                 "FATAL: database \"[name]\" does not exist",
		`{"error":"role \"ink\" is not permitted to log in"}`:    `{"error":"role \"[name]\" is not permitted to log in"}`,
		"用户 \"墨\" Password 认证失败，数据库“砚台”不存在":                      "用户 \"[name]\" Password 认证失败，数据库\"[name]\"不存在",
		"no such user: ink (SQLSTATE 08P01)":                     "no such user: [name] (SQLSTATE 08P01)",
		"cannot parse `postgres://h/ink`: user='a b' dbname=ink": "cannot parse `postgres://h/[name]`: user=[name] dbname=[name]",
		"permission denied for database ink (SQLSTATE 42501)":    "permission denied for database [name] (SQLSTATE 42501)",
		"the user is gone; the database \n\"quoted\"":            "the user is gone; the database \n\"[name]\"",
		"post 66f000000000000000000001 has gone":                 "post 66f000000000000000000001 has gone",
		"SQLITE_CONSTRAINT_UNIQUE: constraint failed":            "SQLITE_CONSTRAINT_UNIQUE: constraint failed",
		`{"user":"ink","database": "blog"}`:                      `{"user":[name],"database": [name]}`,
		"broken \xff text":                                       "broken \uFFFD text",
	} {
		if got := scrub(text, 1000); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := scrub(strings.Repeat("砚", 1000), 100); len(got) > 100 || strings.ContainsRune(got, '\uFFFD') {
		t.Errorf("%d bytes: %q", len(got), got)
	}
}

// panicking returns what debug.Stack says where a panic is recovered.
func panicking() (stack string) {
	defer func() {
		if recover() != nil {
			stack = string(debug.Stack())
		}
	}()
	origin[int]{}.explode(nil)
	return ""
}

type origin[T any] struct{}

func (origin[T]) explode(m map[string]int) { m["x"] = 1 }

func TestTheStackOfAPanicBeginsWhereItBegan(t *testing.T) {
	all := frames(panicking())
	if len(all) < 3 {
		t.Fatalf("%+v", all)
	}
	last := len(all) - 1
	for strings.HasPrefix(all[last].Module, "runtime") || all[last].Module == "internal/runtime/maps" {
		last--
	}
	f := all[last]
	if !strings.Contains(f.Function, "explode") || f.Filename != "inkstone/internal/telemetry/reports_test.go" || f.Lineno == 0 || f.AbsPath != "" || !f.InApp {
		t.Errorf("%+v", f)
	}
	if caller := all[last-1]; !strings.Contains(caller.Function, "panicking") {
		t.Errorf("it was called by %+v", caller)
	}
	for _, f := range all {
		if f.Module == "runtime/debug" {
			t.Errorf("%+v is about recovering", f)
		}
	}
	for _, odd := range []string{"", "\n", "\t", "goroutine 1 [running]:\n\tx", "a(\n\tb:c +0x"} {
		frames(odd) // does not panic
	}
}

func TestAPanicThatWasPassedOnHasItsFirstStack(t *testing.T) {
	first := "goroutine 7 [running]:\na.origin()\n\t/x/a.go:1 +0x1\n"
	second := "goroutine 8 [running]:\na.waiter()\n\t/x/a.go:2 +0x1\n"
	value, stack := innermost("boom\n"+first+"\n"+second, "goroutine 9 [running]:\na.edge()\n\t/x/a.go:3 +0x1\n")
	all := frames(stack)
	if value != "boom" || len(all) != 1 || all[0].Function != "origin" {
		t.Errorf("%q, %+v", value, all)
	}
}

func TestWhatALibraryAddsToAReportIsTakenAway(t *testing.T) {
	e := clean(&sentry.Event{
		Message: "to mei@example.com", User: sentry.User{ID: "1", IPAddress: "10.0.0.1"}, Modules: map[string]string{"a": "b"},
		Breadcrumbs: []*sentry.Breadcrumb{{Message: "x"}},
		Request:     &sentry.Request{URL: "/x", Method: "GET", Data: "body", QueryString: "token=1", Cookies: "a=b", Headers: map[string]string{"Authorization": "x"}, Env: map[string]string{"REMOTE_ADDR": "10.0.0.1"}},
	})
	r := e.Request
	if e.Message != "to [email]" || !e.User.IsEmpty() || e.Modules != nil || e.Breadcrumbs != nil || r.Data != "" || r.QueryString != "" || r.Cookies != "" || r.Headers != nil || r.Env != nil || r.URL != "/x" {
		t.Errorf("%+v", e)
	}
}

func TestEqualFailuresAndManyFailuresAreNotAllTold(t *testing.T) {
	var q quiet
	now := time.Unix(1000, 0)
	same := Failure{Method: "GET", Route: "/a", Code: "INTERNAL", Text: "x"}
	if _, ok, _ := q.take(same, now); !ok {
		t.Error("the first is not told")
	}
	for range 5 {
		if _, ok, full := q.take(same, now.Add(9*time.Second)); ok || full {
			t.Error("an equal one is told at once")
		}
	}
	if silent, ok, _ := q.take(same, now.Add(10*time.Second)); !ok || silent != 5 {
		t.Errorf("after ten seconds: %v, and %d before it", ok, silent)
	}
	told := 0
	for n := range 1000 {
		other := same
		other.Text = strings.Repeat("y", n)
		if _, ok, full := q.take(other, now.Add(11*time.Second)); ok {
			told++
		} else if !full {
			t.Error("it is no equal one")
		}
	}
	if told != reportsPerMinute-2 {
		t.Errorf("%d are told in a minute, beside two", told)
	}
	if _, ok, _ := q.take(same, now.Add(61*time.Second)); !ok {
		t.Error("the next minute tells nothing")
	}
	if len(q.told) > 2*reportsPerMinute {
		t.Errorf("%d are remembered", len(q.told))
	}
}

type asked struct{}

func TestLinesOfARequestHaveItsIDsOnce(t *testing.T) {
	var out bytes.Buffer
	log := WithIDs(slog.New(slog.NewTextHandler(&out, nil)), func(ctx context.Context) (string, string) {
		if ctx.Value(asked{}) != nil {
			return "r1", "t1"
		}
		return "", ""
	})
	ctx := context.WithValue(t.Context(), asked{}, true)
	for want, say := range map[string]func(){
		"msg=a k=v requestId=r1 traceId=t1": func() { log.InfoContext(ctx, "a", "k", "v") },
		"msg=b k=v":                         func() { log.InfoContext(t.Context(), "b", "k", "v") },
		"msg=c requestId=r2":                func() { log.InfoContext(ctx, "c", "requestId", "r2") },
		"msg=d requestId=r3":                func() { log.With("requestId", "r3").InfoContext(ctx, "d") },
		"msg=e x=1 requestId=r1 traceId=t1": func() { log.With("x", 1).InfoContext(ctx, "e") },
		"msg=f g.x=1":                       func() { log.WithGroup("g").InfoContext(ctx, "f", "x", 1) },
	} {
		out.Reset()
		say()
		if _, got, _ := strings.Cut(strings.TrimSpace(out.String()), "INFO "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
