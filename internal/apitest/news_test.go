package apitest

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"inkstone/internal/enginetest"
)

// shown is how soon a write shows through the other instance, as the contract has it.
const shown = 100 * time.Millisecond

// change is a write, and how it is seen.
type change struct {
	do   func(c *client)
	path string
	is   func(a *answer) bool
}

// changeOf is one of several kinds, in turns: what they change and undo can be told from
// what the rounds before have left.
func changeOf(round int, post string) change {
	path, word := "/api/posts/"+post, fmt.Sprintf("稿%d", round)
	like := func(method string, n int) change {
		return change{func(c *client) { c.Send(method, path+"/like", nil).Expect(200) }, path, func(a *answer) bool { return a.Int("post.likeCount") == n }}
	}
	status := func(s string, total int) change {
		return change{func(c *client) { c.Patch(path, object{"status": s}).Expect(200) }, "/api/posts", func(a *answer) bool { return a.Int("pagination.total") == total }}
	}
	switch round % 6 {
	case 0:
		return change{func(c *client) { c.Patch(path, object{"title": word}).Expect(200) }, path, func(a *answer) bool { return a.Str("post.title") == word }}
	case 1:
		return like("POST", 1)
	case 2:
		return like("DELETE", 0)
	case 3:
		return status("draft", 0)
	case 4:
		return status("published", 1)
	}
	return change{func(c *client) { c.Patch(path, object{"tags": []string{word}}).Expect(200) }, "/api/posts/tags", func(a *answer) bool { return a.Str("tags.0.name") == word }}
}

// shows has u make the change here, where it is seen at once, and waits until it is seen
// there. It returns how long that took, at most shown and what the machine stalls.
func (d change) shows(u *client, here, there *site, stalls func() time.Duration) time.Duration {
	t := here.t
	t.Helper()
	d.do(u.through(here))
	acknowledged := time.Now()
	if !d.is(here.Anyone.Get(d.path)) {
		t.Fatalf("%s: a write does not show where it was made", d.path)
	}
	for !d.is(there.Anyone.Get(d.path)) {
		if since := time.Since(acknowledged); since > shown+5*stalls() {
			t.Fatalf("%s: a write does not show elsewhere after %v", d.path, since)
		}
	}
	return time.Since(acknowledged)
}

func TestAWriteShowsHereAtOnceAndElsewhereSoon(t *testing.T) {
	both := instances(t, enginetest.PrivateRedis(t).URL(), nil)
	waitForNews(t, both)
	u := both[0].User()
	id := u.Write("published", nil)
	stalls := enginetest.Stalls(t)
	var took []time.Duration
	for round := range rounds(t, "INKSTONE_NEWS_ROUNDS", 1000) {
		here, there := both[round%2], both[1-round%2]
		d := changeOf(round, id)
		there.Anyone.Get(d.path) // so that it is kept there
		took = append(took, d.shows(u, here, there, stalls))
	}
	slices.Sort(took)
	t.Logf("seen elsewhere after %v (median), %v at most", took[len(took)/2], took[len(took)-1])
}

// waitForNews returns when the instances answer from what they keep without asking the
// database: they hear of each other's changes then.
func waitForNews(t *testing.T, all []*site) {
	t.Helper()
	for _, s := range all {
		s.waitForRedis(2 * time.Second)
		for begun := time.Now(); ; time.Sleep(20 * time.Millisecond) {
			s.Anyone.Get("/api/posts").Expect(200)
			if s.hears() {
				break
			}
			if time.Since(begun) > 5*time.Second {
				t.Fatal("no news are heard")
			}
		}
	}
}

func (s *site) hears() bool {
	s.t.Helper()
	return strings.Contains(string(s.Anyone.Get("/metrics").Expect(200).Body), "\ncache_news 1\n")
}

// foundInRedis is how many look-ups in Redis had what was wanted.
func (s *site) foundInRedis() int {
	s.t.Helper()
	m := regexp.MustCompile(`cache_requests_total\{level="redis",result="hit"\} (\d+)`).FindSubmatch(s.Anyone.Get("/metrics").Expect(200).Body)
	if m == nil {
		s.t.Fatal("not told")
	}
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

func TestWhatOneInstanceHasLoadedTheOtherFindsInRedis(t *testing.T) {
	both := instances(t, enginetest.PrivateRedis(t).URL(), nil)
	waitForNews(t, both)
	u := both[0].User()
	paths := []string{"/api/posts/" + u.Write("published", nil), "/api/posts", "/api/posts?search=磨了", "/api/posts/tags"}
	for _, path := range paths {
		want := both[0].Anyone.Get(path).Expect(200)
		for begun, found := time.Now(), both[1].foundInRedis(); ; time.Sleep(10 * time.Millisecond) {
			got := both[1].Anyone.Get(path).Expect(200)
			if string(got.Body) != string(want.Body) || got.Header.Get("ETag") != want.Header.Get("ETag") || got.Header.Get("Content-Type") != want.Header.Get("Content-Type") {
				t.Fatalf("%s: %s, %v", path, got.Body, got.Header)
			}
			if both[1].foundInRedis() > found {
				break
			}
			if time.Since(begun) > 2*time.Second {
				t.Fatalf("%s is not found in redis", path)
			}
			u.Patch(paths[0], object{"title": fmt.Sprint(time.Now())}).Expect(200) // it was loaded before it could be found
			want = both[0].Anyone.Get(path).Expect(200)
			time.Sleep(20 * time.Millisecond)
		}
		if status := both[1].Anyone.With("If-None-Match", want.Header.Get("ETag")).Get(path).Status; status != 304 {
			t.Errorf("%s: %d for who has it", path, status)
		}
	}
}

// Without Redis each answer asks the database, so what was missed meanwhile is known, too.
func TestARedisThatGoesAndComesBackBringsNothingOldBack(t *testing.T) {
	server := enginetest.PrivateRedis(t, "appendonly=yes", "appendfsync=always")
	both := instances(t, server.URL(), nil)
	waitForNews(t, both)
	u := both[0].User()
	id := u.Write("published", nil)
	stalls := enginetest.Stalls(t)
	follow := func(round int) {
		t.Helper()
		changeOf(round, id).shows(u, both[round%2], both[1-round%2], stalls)
	}
	round := 0
	for range 3 {
		for end := round + 12; round < end; round++ {
			follow(round)
		}
		server.Kill()
		for end := round + 12; round < end; round++ { // Redis does not hear of these
			follow(round)
		}
		server.Start()
		for begun := time.Now(); time.Since(begun) < 2*time.Second || !both[0].hears() || !both[1].hears(); round++ {
			follow(round)
			if time.Since(begun) > 10*time.Second {
				t.Fatal("no news are heard again")
			}
		}
	}
}

func TestARedisThatIsEmptiedAllTheTimeFailsNothing(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	both := instances(t, server.URL(), nil)
	waitForNews(t, both)
	raw := rawRedis(t, server.URL())
	u := both[0].User()
	id := u.Write("published", nil)
	stop := make(chan struct{})
	var emptying sync.WaitGroup
	emptying.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				raw.Do(t.Context(), raw.B().Flushall().Build())
			}
		}
	})
	for round := range 60 {
		d := changeOf(round, id)
		d.do(u.through(both[round%2]))
		if !d.is(both[round%2].Anyone.Get(d.path)) {
			t.Errorf("round %d: a write does not show", round)
		}
		both[1-round%2].Anyone.Get("/api/posts").Expect(200)
	}
	close(stop)
	emptying.Wait()
}

func TestNobodyWaitsForASlowRedisToReadOrWrite(t *testing.T) {
	proxy := enginetest.SlowProxy(t, enginetest.PrivateRedis(t).URL())
	both := instances(t, proxy.URL(), nil)
	waitForNews(t, both)
	u := both[0].User()
	id := u.Write("published", nil)
	proxy.Delay(time.Second)
	stalls := enginetest.Stalls(t)
	for round := range 60 {
		d := changeOf(round, id)
		for what, send := range map[string]func(){
			"write": func() { d.do(u.through(both[round%2])) },
			"read":  func() { both[1-round%2].Anyone.Get(d.path + "?limit=1") },
		} {
			begun := time.Now()
			send()
			if took := time.Since(begun); took > soon+5*stalls() {
				t.Errorf("round %d: a %s took %v", round, what, took)
			}
		}
	}
}

func TestNothingPrivateIsInRedis(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	both := instances(t, server.URL(), settings{"RATE_LIMIT_MAX": "100000", "RATE_LIMIT_USER_MAX": "100000"})
	waitForNews(t, both)
	u, reader := both[0].User(), both[0].User()
	public := u.Write("published", object{"title": "公开的题目"})
	draft := u.Write("draft", object{"title": "机密的草稿", "content": "只有作者能读的内容。", "tags": []string{"秘签"}})
	archived := u.Write("archived", object{"title": "机密的旧文"})
	admin := both[0].Login(adminEmail, password)
	reader.Post("/api/posts/"+public+"/like", nil).Expect(200)
	for range 2 {
		for _, s := range both {
			for _, c := range []*client{s.Anyone, u.through(s), reader.through(s), admin.through(s)} {
				for _, path := range []string{
					"/api/posts", "/api/posts?status=draft", "/api/posts?search=机密", "/api/posts?author=" + u.ID, "/api/posts?tag=秘签", "/api/posts/tags",
					"/api/posts/" + public, "/api/posts/" + draft, "/api/posts/" + archived, "/api/posts/" + draft + "/comments",
					"/api/auth/me", "/api/users/" + u.ID, "/api/users", "/api/admin/stats",
				} {
					c.Get(path)
				}
			}
		}
	}
	time.Sleep(200 * time.Millisecond) // what is kept is on its way
	all := contents(t, server.URL())
	if !strings.Contains(all, "公开的题目") {
		t.Error("nothing public is there: this test has nothing to look into")
	}
	for _, secret := range []string{"机密", "只有作者能读", "秘签", draft, archived, u.Email, reader.Email, adminEmail, u.Token, reader.Token, password, `"liked"`, `"email"`, "passwordHash"} {
		if strings.Contains(all, secret) {
			t.Errorf("redis holds %q", secret)
		}
	}
	both[1].Anyone.Get("/api/posts/"+draft).Refused(403, "POST_FORBIDDEN")
}

// contents is everything that a Redis holds: keys and values.
func contents(t *testing.T, url string) string {
	t.Helper()
	raw := rawRedis(t, url)
	keys, err := raw.Do(t.Context(), raw.B().Keys().Pattern("*").Build()).AsStrSlice()
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, key := range keys {
		value, _ := raw.Do(t.Context(), raw.B().Get().Key(key).Build()).ToString()
		fmt.Fprintln(&all, key, value)
		if !strings.HasPrefix(key, "inkstone:v1:") {
			t.Errorf("the key %q has no prefix and version", key)
		}
		if ms, err := raw.Do(t.Context(), raw.B().Pttl().Key(key).Build()).AsInt64(); err != nil || ms == -1 {
			t.Errorf("the key %q has no end, %v", key, err)
		}
	}
	return all.String()
}

func rawRedis(t *testing.T, url string) rueidis.Client {
	t.Helper()
	opt := rueidis.MustParseURL(url)
	opt.DisableCache, opt.ForceSingleClient = true, true
	raw, err := rueidis.NewClient(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(raw.Close)
	return raw
}

// Two databases that began as the same one have the same generations, but for the leap
// that each makes when it is opened.
func TestTwoSitesOnOneRedisKeepApart(t *testing.T) {
	url := enginetest.PrivateRedis(t).URL()
	var sites []*site
	for _, s := range []settings{{"DATABASE_URL": migrated(t)}, {"DATABASE_URL": migrated(t)}, {}, {}} {
		over := usual()
		maps.Copy(over, s)
		over["REDIS_URL"] = url
		i := startMono(t, over)
		sites = append(sites, &site{instance: i, t: t, Anyone: &client{t: t, url: i.url, header: http.Header{}}})
	}
	for i, s := range sites {
		s.waitForRedis(2 * time.Second)
		s.User().Write("published", object{"title": fmt.Sprintf("第%d家", i)})
	}
	for range 3 {
		for i, s := range sites {
			s.Anyone.Get("/api/posts").Expect(200).Counts("pagination.total", 1).Says("posts.0.title", fmt.Sprintf("第%d家", i))
		}
		time.Sleep(50 * time.Millisecond)
	}
}
