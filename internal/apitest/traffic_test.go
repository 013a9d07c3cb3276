package apitest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// request is one that was answered, or not.
type request struct {
	what       string
	start, end time.Time
	answer     *answer
	err        error
}

// traffic is many clients who write and read without pause.
type traffic struct {
	s     *site
	known string

	mu       sync.Mutex
	requests []request
	posted   map[string]string // id → title, as acknowledged
	running  sync.WaitGroup
}

func (tr *traffic) repeat(ctx context.Context, c *client, method string, what func(n int) (path string, body any)) {
	tr.running.Go(func() {
		for n := 0; ctx.Err() == nil; n++ {
			path, body := what(n)
			r := request{what: method + " " + path, start: time.Now()}
			r.answer, r.err = c.Try(method, path, body)
			r.end = time.Now()
			tr.note(r, body)
			if time.Sleep(15 * time.Millisecond); r.err != nil || r.answer.Status >= 500 {
				time.Sleep(20 * time.Millisecond)
			}
		}
	})
}

func (tr *traffic) note(r request, body any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if r.err == nil && r.answer.Status == 201 && r.what == "POST /api/posts" {
		tr.posted[r.answer.Str("post.id")] = body.(object)["title"].(string)
	}
	tr.requests = append(tr.requests, r)
}

func (tr *traffic) run(ctx context.Context, writers int) {
	for i := range writers {
		u := tr.s.User()
		tr.repeat(ctx, u, "POST", func(n int) (string, any) {
			title := fmt.Sprintf("第%d位第%d篇", i, n)
			return "/api/posts", article("published", object{"title": title, "content": content(title)})
		})
		for _, path := range []string{"/api/auth/me", "/api/posts?author=" + u.ID, "/api/posts/" + tr.known, "/api/posts?search=砚"} {
			tr.repeat(ctx, u, "GET", func(int) (string, any) { return path, nil })
		}
		tr.repeat(ctx, u, []string{"POST", "DELETE"}[i%2], func(int) (string, any) { return "/api/posts/" + tr.known + "/like", nil })
	}
	u := tr.s.User()
	tr.repeat(ctx, u, "POST", func(n int) (string, any) {
		return "/api/posts/" + tr.known + "/comments", object{"content": fmt.Sprint("第", n)}
	})
	tr.repeat(ctx, u, "PUT", func(n int) (string, any) {
		return "/api/users/me", object{"profile": object{"bio": fmt.Sprint("第", n)}}
	})
	tr.repeat(ctx, tr.s.Anyone, "POST", func(int) (string, any) {
		return "/api/auth/login", object{"email": u.Email, "password": u.Password}
	})
	for _, path := range []string{"/api/posts/tags", "/api/posts/" + tr.known + "/comments", "/api/users/" + u.ID, "/readyz"} {
		tr.repeat(ctx, tr.s.Anyone, "GET", func(int) (string, any) { return path, nil })
	}
	tr.repeat(ctx, tr.s.Anyone, "GET", func(int) (string, any) { return "/health", nil })
}

// judge holds all answers to what an outage may do.
func (tr *traffic) judge(t *testing.T, outages [][2]time.Time) {
	t.Helper()
	var longest, last time.Duration
	var health []time.Duration
	failed, busy := 0, 0
	for _, r := range tr.requests {
		took := r.end.Sub(r.start)
		longest = max(longest, took)
		if r.err != nil || took > answered {
			t.Errorf("%s: after %v: %v", r.what, took, r.err)
			continue
		}
		if strings.HasSuffix(r.what, "/health") {
			health = append(health, took)
		}
		if r.answer.Status < 300 {
			continue
		}
		failed++
		code := r.answer.Str("code")
		if r.answer.Status != 503 || code != "UNAVAILABLE" && code != "BUSY" || r.answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d %s", r.what, r.answer.Status, short(string(r.answer.Body)))
		}
		if code == "BUSY" {
			busy++ // the machine has much else to do
			continue
		}
		if !slices.ContainsFunc(outages, func(o [2]time.Time) bool { return r.end.After(o[0]) && r.start.Before(o[1].Add(recovery)) }) {
			t.Errorf("%s was refused while the database was there: %s", r.what, short(string(r.answer.Body)))
		}
		for _, o := range outages {
			if r.start.After(o[1]) && r.start.Before(o[1].Add(recovery)) {
				last = max(last, r.start.Sub(o[1]))
			}
		}
	}
	slices.Sort(health)
	t.Logf("%d requests, %d answered 503 and %d more for overload, the longest took %v; the last of these began %v after the database was back; %d posts acknowledged; /health p99 %v",
		len(tr.requests), failed-busy, busy, longest, last, len(tr.posted), health[len(health)*99/100])
	if failed == busy || len(tr.posted) < 20 {
		t.Error("nothing was proved")
	}
}

func (tr *traffic) check(t *testing.T) {
	t.Helper()
	for id, title := range tr.posted {
		tr.s.Anyone.Get("/api/posts/"+id).Expect(200).Says("post.title", title).Says("post.content", content(title))
	}
}
