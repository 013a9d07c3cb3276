package apitest

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/enginetest"
	"inkstone/internal/redis"
)

// instances are two of the program on one database and one Redis.
func instances(t *testing.T, redis string, over settings) []*site {
	t.Helper()
	s := usual()
	s["DATABASE_URL"], s["REDIS_URL"] = migrated(t), redis
	maps.Copy(s, over)
	var all []*site
	for range 2 {
		i := startMono(t, maps.Clone(s))
		all = append(all, &site{instance: i, t: t, Anyone: &client{t: t, url: i.url, header: http.Header{}}})
	}
	return all
}

// usesRedis reports what /metrics says.
func (s *site) usesRedis() bool {
	s.t.Helper()
	return strings.Contains(string(s.Anyone.Get("/metrics").Expect(200).Body), "\nredis_up 1\n")
}

var redisErrors = regexp.MustCompile(`redis_errors_total\{kind="\w+"\} (\d+)`)

// failedCalls counts the calls that Redis did not answer in time.
func failedCalls(sites []*site) (n int) {
	for _, s := range sites {
		for _, m := range redisErrors.FindAllSubmatch(s.Anyone.Get("/metrics").Expect(200).Body, -1) {
			one, _ := strconv.Atoi(string(m[1]))
			n += one
		}
	}
	return n
}

// passesExactly refuses all but want with the status. Each call that failed, as on a
// machine that runs other tests, may be one more or, in the place of a refund, one less.
func passesExactly(failed int, got map[int]int, status, want int) error {
	if over := got[status] - want; max(over, -over) > failed {
		return fmt.Errorf("answers %v, want %d of %d; %d calls failed", got, want, status, failed)
	}
	return nil
}

func (s *site) waitForRedis(bound time.Duration) {
	s.t.Helper()
	enginetest.Within(s.t, bound, "Redis is used", s.usesRedis)
}

// statuses counts the answers to n requests, sent by many at once and to all sites in turn.
// That one takes longer than bound, and than this machine explains, is a failure.
func statuses(t *testing.T, sites []*site, n int, bound time.Duration, send func(c *client) (*answer, error)) map[int]int {
	t.Helper()
	stalls := enginetest.Stalls(t)
	var mu sync.Mutex
	var all sync.WaitGroup
	counts := map[int]int{}
	const senders = 16
	for sender := range senders {
		all.Go(func() {
			for i := sender; i < n; i += senders {
				begun := time.Now()
				a, err := send(sites[i%len(sites)].Anyone)
				if err != nil {
					t.Error(err)
					return
				}
				if took := time.Since(begun); took > bound+5*stalls() {
					t.Errorf("an answer of %d took %v", a.Status, took)
				}
				mu.Lock()
				counts[a.Status]++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return counts
}

func list(c *client) (*answer, error) { return c.Try("GET", "/api/posts", nil) }

// nothing asks for what needs no database, so that it can't be what takes its time.
func nothing(c *client) (*answer, error) { return c.Try("GET", "/api/nothing", nil) }

// Who stands still for long enough that Redis is given up counts for himself.
func TestInstancesOnOneRedisShareTheLimitExactly(t *testing.T) {
	enginetest.Undisturbed(t, redis.Bound/4, func() error { return shareTheLimit(t) })
}

func shareTheLimit(t *testing.T) error {
	both := instances(t, enginetest.PrivateRedis(t).URL(), settings{"RATE_LIMIT_MAX": "100", "RATE_LIMIT_USER_MAX": "40"})
	for _, s := range both {
		s.waitForRedis(2 * time.Second)
	}
	u := both[0].User() // the first of the hundred
	got := statuses(t, both, 300, time.Minute, list)
	if err := passesExactly(failedCalls(both), got, 200, 99); err != nil {
		return err
	}
	one, two := both[0].Anyone.Get("/api/posts").Expect(429), both[1].Anyone.Get("/api/posts").Refused(429, "RATE_LIMITED")
	for _, name := range []string{"RateLimit-Limit", "RateLimit-Remaining", "X-RateLimit-Limit", "X-RateLimit-Remaining"} {
		if one.Header.Get(name) != two.Header.Get(name) || one.Header.Get(name) == "" {
			return fmt.Errorf("%s: %q and %q", name, one.Header.Get(name), two.Header.Get(name))
		}
	}
	got = statuses(t, both, 90, time.Minute, func(c *client) (*answer, error) { return c.WithToken(u.Token).Try("GET", "/api/posts", nil) })
	return passesExactly(failedCalls(both), got, 200, 40)
}

func TestInstancesOnOneRedisShareTheFailedLogins(t *testing.T) {
	both := instances(t, enginetest.PrivateRedis(t).URL(), settings{"LOGIN_LIMIT_MAX": "10", "LOGIN_LIMIT_IP_MAX": "25"})
	u, other := both[0].User(), both[0].User()
	for i := range 12 { // right ones do not count
		both[i%2].Login(u.Email, password)
	}
	fail := func(email string) func(c *client) (*answer, error) {
		return func(c *client) (a *answer, err error) {
			for { // who is told to come again has not tried
				if a, err = c.Try("POST", "/api/auth/login", object{"email": email, "password": "not " + password}); err != nil || a.Status != 503 {
					return a, err
				}
			}
		}
	}
	got := statuses(t, both, 40, time.Minute, fail(u.Email))
	if err := passesExactly(failedCalls(both), got, 401, 10); err != nil {
		t.Error(err)
	}
	for _, s := range both {
		s.Anyone.Post("/api/auth/login", object{"email": u.Email, "password": password}).Refused(429, "RATE_LIMITED")
		s.Login(other.Email, password)
	}
	got = statuses(t, both, 10, time.Minute, fail(other.Email))
	if err := passesExactly(failedCalls(both), got, 401, 10); err != nil {
		t.Error(err)
	}
	got = statuses(t, both, 20, time.Minute, fail("nobody@example.com"))
	if err := passesExactly(failedCalls(both), got, 401, 5); err != nil {
		t.Error(err)
	}
}

// soon is what a request may take that waits for Redis: 50 ms, and its own work among that of 15 others.
const soon = 100 * time.Millisecond

func TestARedisThatStopsFailsNoRequest(t *testing.T) {
	const most = 60
	server := enginetest.PrivateRedis(t)
	both := instances(t, server.URL(), settings{"RATE_LIMIT_MAX": fmt.Sprint(most)})
	both[0].waitForRedis(2 * time.Second)
	both[1].waitForRedis(2 * time.Second)
	only := func(what string, got map[int]int) {
		t.Helper()
		for status := range got {
			if status != 404 && status != 429 {
				t.Errorf("%s: %v", what, got)
			}
		}
	}

	before := statuses(t, both, 40, soon, nothing)
	only("before", before)
	server.Kill()
	for i, s := range both {
		got := statuses(t, both[i:i+1], 200, soon, nothing)
		only("without", got)
		if got[404] != most-20 { // each has seen half of the forty
			t.Errorf("instance %d: %v without Redis, want %d that pass", i, got, most-20)
		}
		if s.usesRedis() {
			t.Error("redis_up is 1")
		}
		if !regexp.MustCompile(`redis_errors_total\{kind="connection"\} [1-9]`).Match(s.Anyone.Get("/metrics").Body) {
			t.Error("the failures are not counted")
		}
	}
	server.Start()
	for _, s := range both {
		s.waitForRedis(2 * time.Second)
	}
	failed := failedCalls(both)
	got := statuses(t, both, 200, time.Minute, nothing)
	if err := passesExactly(failedCalls(both)-failed, got, 404, most); err != nil {
		t.Error(err)
	}
}

func TestASlowRedisFailsNoRequestAndIsUsedAgain(t *testing.T) {
	proxy := enginetest.SlowProxy(t, enginetest.PrivateRedis(t).URL())
	both := instances(t, proxy.URL(), settings{"RATE_LIMIT_MAX": "1000", "LOGIN_LIMIT_MAX": "10"})
	u := both[0].User()
	statuses(t, both, 20, time.Minute, nothing)
	proxy.Delay(time.Second)
	both[0].Login(u.Email, password) // asks three times; how long it waits, see internal/web
	for range 5 {
		if got := statuses(t, both, 100, soon, nothing); got[404] != 100 {
			t.Errorf("slow: %v", got)
		}
		time.Sleep(300 * time.Millisecond)
	}
	proxy.Delay(0)
	for _, s := range both {
		s.waitForRedis(3 * time.Second)
	}
	if got := statuses(t, both, 20, time.Minute, nothing); got[404] != 20 {
		t.Errorf("back: %v", got)
	}
}
