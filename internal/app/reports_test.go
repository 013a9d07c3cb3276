package app

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
	"inkstone/internal/web"
)

// frameOf reports whether a report's stack has a function of ours, and not how it was reported.
func frameOf(r enginetest.Report, function string) (has bool) {
	for _, e := range r.Exception {
		for _, f := range e.Stacktrace.Frames {
			has = has || strings.Contains(f.Function, function) && f.InApp && f.Lineno > 0 && f.AbsPath == "" && !strings.HasPrefix(f.Filename, "/")
		}
	}
	return has
}

func TestAPanicIsReportedWithItsStackAndNothingOfAnybody(t *testing.T) {
	in := enginetest.StartInbox(t)
	o := observe(t, map[string]string{"SENTRY_DSN": in.DSN("pub1ickey"), "SENTRY_RELEASE": "ink@7", "SENTRY_ENVIRONMENT": "trial"})
	status := o.ask("GET", "/api/broken?email=mei@example.com&token=s3cr3tKey", "X-Request-Id", "abc", "Traceparent", sampled, "Cookie", "s=SessionCookie77", "User-Agent", "hunter2secret")
	if status != 500 {
		t.Fatal(status)
	}
	r := in.Wait(t, 1)[0]
	if r.Release != "ink@7" || r.Environment != "trial" || r.Level != "error" || r.Transaction != "GET /api/broken" {
		t.Errorf("%s", r.Raw)
	}
	for name, want := range map[string]string{"request_id": "abc", "trace_id": traceID, "method": "GET", "route": "/api/broken", "status": "500", "code": "INTERNAL"} {
		if r.Tags[name] != want {
			t.Errorf("%s is %q", name, r.Tags[name])
		}
	}
	if len(r.Exception) != 1 || r.Exception[0].Type != "panic" || !strings.Contains(r.Exception[0].Value, "login of [email] from [ip] and [ip] with password=[secret] failed") {
		t.Errorf("%s", r.Raw)
	}
	frames := r.Exception[0].Stacktrace.Frames
	if last := frames[len(frames)-1]; !strings.Contains(last.Function, "mountFailures") || !frameOf(r, "mountFailures") || frameOf(r, "panicked") {
		t.Errorf("the panic is said to come from %+v", last)
	}
	if len(r.User) > 0 || len(r.Modules) > 0 || len(r.Breadcrumbs) > 0 || len(r.Request) != 2 || len(r.Contexts) > 0 {
		t.Errorf("%s", r.Raw)
	}
	tellsNothing(t, r.Raw)
	if strings.Contains(r.Raw, "mei") {
		t.Error(r.Raw)
	}
	o.eventually("it is counted", func() bool { return o.metric("error_reports_sent_total") == 1 })
}

func TestAFailureIsReportedOnceInAWhile(t *testing.T) {
	in := enginetest.StartInbox(t)
	o := observe(t, map[string]string{"SENTRY_DSN": in.DSN("pub1ickey")})
	begun := time.Now()
	for range 20 {
		o.ask("POST", "/api/failing/mei@example.com?token=s3cr3tKey")
	}
	o.ask("GET", "/api/busy")
	o.ask("GET", "/api/nowhere")
	o.ask("GET", "/api/broken")
	for _, r := range in.Wait(t, 2) {
		tellsNothing(t, r.Raw)
	}
	if err := o.stop(); err != nil { // what waits is sent
		t.Error(err)
	}
	reports := in.Reports()
	var failing int
	for _, r := range reports {
		if r.Transaction == "POST /api/failing/{id}" {
			failing++
			if r.Exception[0].Type != "INTERNAL" || !strings.HasPrefix(r.Exception[0].Value, "read the post: login of [email]") || r.Tags["status"] != "500" || !strings.HasPrefix(r.Release, "inkstone@") || r.Environment != "production" {
				t.Errorf("%s", r.Raw)
			}
		}
	}
	if most := 1 + int(time.Since(begun)/(10*time.Second)); failing == 0 || failing > most || len(reports) != failing+1 {
		t.Errorf("%d reports, %d of one failure", len(reports), failing)
	}
}

func TestAPanicInAnotherGoroutineIsReportedOnceFromWhereItCame(t *testing.T) {
	in := enginetest.StartInbox(t)
	o := observe(t, map[string]string{"SENTRY_DSN": in.DSN("pub1ickey")})
	for path, origin := range map[string]string{"/api/broken-load": "breakInLoad", "/api/broken-write": "breakInWrite"} {
		before := len(in.Reports())
		if status := o.ask("GET", path); status != 500 {
			t.Fatalf("%s: %d", path, status)
		}
		r := in.Wait(t, before+1)[before]
		if !frameOf(r, origin) || strings.Contains(r.Exception[0].Value, "goroutine") || r.Transaction != "GET "+path {
			t.Errorf("%s: %s", path, r.Raw)
		}
	}
	if err := o.stop(); err != nil {
		t.Error(err)
	}
	if n := len(in.Reports()); n != 2 {
		t.Errorf("%d reports of two panics", n)
	}
}

func TestAReceiverOfReportsThatHangsOrIsGoneHoldsUpNobody(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	full := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	defer full.Close()
	for name, url := range map[string]string{"hangs": hanging(t), "gone": gone.URL, "full": full.URL} {
		t.Run(name, func(t *testing.T) {
			o := observe(t, map[string]string{"SENTRY_DSN": strings.Replace(url, "://", "://hunter2secret@", 1) + "/1"})
			for n := range 100 { // each another failure: with more than waits, and than are told in a minute
				o.mux.Handle(fmt.Sprintf("GET /api/fails/%d", n), 0, failing(n))
			}
			for n := range 100 {
				if status := o.ask("GET", fmt.Sprintf("/api/fails/%d", n)); status != 500 {
					t.Fatal(status)
				}
			}
			o.eventually("some are lost", func() bool { return o.metric("error_reports_lost_total") >= 30 })
			begun := time.Now()
			if err := o.stop(); err != nil {
				t.Error(err)
			}
			t.Logf("it ended after %v", time.Since(begun))
			if n := strings.Count(o.log.String(), "error reports could not be sent"); n == 0 && name != "hangs" {
				t.Error("nobody is told")
			}
			if strings.Contains(o.log.String(), "hunter2secret") {
				t.Error("the key is logged")
			}
		})
	}
}

func failing(n int) web.Handler {
	return func(http.ResponseWriter, *http.Request, blog.Actor) error { return fmt.Errorf("failure %d", n) }
}
