package apitest

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/enginetest"
)

const (
	// recovery is how soon after the database nobody may notice any more that it was away.
	recovery = 5 * time.Second
	// answered is how long a request may take in an outage, on a machine with much else to do.
	answered = 5*time.Second + 2*time.Second
)

// onServer runs the program on a database server that may be stopped, with its whole log.
func onServer(t *testing.T, server *enginetest.Server, over settings) *site {
	t.Helper()
	s := usual()
	s["DATABASE_URL"], s["LOG_LEVEL"] = server.URL(), "debug"
	for name, value := range over {
		s[name] = value
	}
	log := &lastLines{}
	t.Cleanup(func() { // the log is whole when the program has ended
		said := log.String()
		for _, hidden := range []string{passwordOf(t, server.URL()), password, secret} {
			if strings.Contains(said, hidden) {
				t.Error("the log holds a password")
			}
		}
		if !strings.Contains(said, "the database is reached") || strings.Contains(said, "panic") {
			t.Errorf("the log is not whole, or tells of a panic:\n%s", short(said))
		}
	})
	i := startLogged(t, s, log)
	return &site{instance: i, t: t, Anyone: &client{t: t, url: i.url, header: http.Header{}}}
}

func passwordOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := u.User.Password()
	return p
}

func (a *answer) away() *answer {
	a.t.Helper()
	a.Refused(503, "UNAVAILABLE").Says("error", "服务暂时不可用")
	if a.Header.Get("Retry-After") == "" {
		a.t.Errorf("%s: 503 without Retry-After", a.what)
	}
	return a
}

func TestStartedWhileTheDatabaseIsDownItServesAsSoonAsItComes(t *testing.T) {
	t.Parallel()
	server := enginetest.PrivatePostgres(t)
	server.Stop()
	s := onServer(t, server, nil)
	for range 2 {
		s.Anyone.Get("/livez").Expect(200)
		s.Anyone.Get("/health").Expect(200)
		s.Anyone.Get("/readyz").away().Says("service", "database")
		s.Anyone.Get("/api/posts").away()
		s.Anyone.Get("/api/posts?search=墨").away()
		s.Anyone.Get("/api/posts/0123456789abcdef01234567/comments").away()
		s.Anyone.Post("/api/auth/login", object{"email": adminEmail, "password": password}).away()
		s.Anyone.Post("/api/auth/register", object{"username": "somebody", "email": "somebody@example.com", "password": password}).away()
		s.Anyone.Get("/metrics").Expect(200)
		time.Sleep(1500 * time.Millisecond) // the pauses between the tries grow
	}
	server.Start()
	ready := enginetest.Within(t, recovery, "it is ready", func() bool { return s.Anyone.Get("/readyz").Status == 200 })
	s.Anyone.Get("/api/posts").Expect(200)
	admin := enginetest.Within(t, recovery, "the first admin is there", func() bool {
		return s.Anyone.Post("/api/auth/login", object{"email": adminEmail, "password": password}).Status == 200
	})
	t.Logf("ready %v after the database, the admin could log in %v later", ready, admin)
	s.Login(adminEmail, password).Write("published", nil)
}

// A server that can be reached but not used is as one that is away.
func TestWithAWrongPasswordItIsNotReadyAndSaysWhy(t *testing.T) {
	t.Parallel()
	server := enginetest.PrivatePostgres(t)
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(u.User.Username(), "hidden-word")
	log := &lastLines{}
	settings := usual()
	settings["DATABASE_URL"] = u.String()
	i := startLogged(t, settings, log)
	c := &client{t: t, url: i.url, header: http.Header{}}
	c.Get("/livez").Expect(200)
	c.Get("/readyz").away().Says("service", "database")
	enginetest.Within(t, recovery, "the log says why", func() bool { return strings.Contains(log.String(), "用户名或密码不被接受") })
	if strings.Contains(log.String(), "hidden-word") {
		t.Errorf("the log says %s", log.String())
	}
}

func TestKillsAndRestartsOfTheDatabaseAreAnswered503AndLoseNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes half a minute")
	}
	server := enginetest.PrivatePostgres(t)
	s := onServer(t, server, settings{"DB_MAX_CONNS": "8", "LOG_LEVEL": "info"})
	tr := &traffic{s: s, known: s.User().Write("published", nil), posted: map[string]string{}}
	before := runtime.NumGoroutine()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	tr.run(ctx, 6)
	var outages [][2]time.Time
	for _, end := range []func(){server.Kill, server.Stop, server.Kill} {
		time.Sleep(time.Second)
		from := time.Now()
		end()
		time.Sleep(time.Second)
		server.Start()
		outages = append(outages, [2]time.Time{from, time.Now()})
		time.Sleep(recovery + 500*time.Millisecond)
	}
	stop()
	tr.running.Wait()
	tr.judge(t, outages)
	tr.check(t)
	transport.CloseIdleConnections()
	enginetest.Within(t, 20*time.Second, "the goroutines are gone", func() bool { return runtime.NumGoroutine() <= before+8 }) // a connection may have one
}

func TestAFrozenDatabaseIsAnswered503InTime(t *testing.T) {
	server := enginetest.PrivatePostgres(t)
	s := onServer(t, server, settings{"CACHE_BYTES": "0"})
	u := s.User()
	post := u.Write("published", nil)
	admin := s.Login(adminEmail, password)
	server.Pause()
	frozen := time.Now()
	var asking sync.WaitGroup
	ask := func(c *client, method, path string, body any) {
		for range 10 {
			asking.Go(func() {
				a, err := c.Try(method, path, body)
				if err != nil || a.Status != 503 || a.Header.Get("Retry-After") == "" {
					t.Errorf("%s %s: %+v, %v", method, path, a, err)
				}
				if took := time.Since(frozen); took > answered {
					t.Errorf("%s %s took %v", method, path, took)
				}
			})
		}
	}
	ask(s.Anyone, "GET", "/api/posts", nil)
	ask(s.Anyone, "GET", "/api/posts?search=墨", nil)
	ask(s.Anyone, "GET", "/api/posts/"+post, nil)
	ask(s.Anyone, "POST", "/api/auth/login", object{"email": adminEmail, "password": password})
	ask(u, "POST", "/api/posts", article("published", nil))
	ask(u, "PUT", "/api/posts/"+post, article("published", nil))
	ask(u, "POST", "/api/posts/"+post+"/like", nil)
	ask(u, "POST", "/api/posts/"+post+"/comments", object{"content": "墨"})
	ask(admin, "DELETE", "/api/users/"+u.ID, nil)
	ask(s.Anyone, "GET", "/readyz", nil)
	crowd := newCrowd(t, s.url, 100)
	stalls, begun := enginetest.Stalls(t), time.Now()
	s.Anyone.Get("/livez").Expect(200)
	s.Anyone.Get("/health").Expect(200)
	if took := time.Since(begun); took > time.Second+5*stalls() {
		t.Errorf("/livez and /health took %v", took)
	}
	asking.Wait()
	crowd.stop()
	if crowd.served.Load() > 0 || crowd.refused.Load() == 0 {
		t.Errorf("of a crowd %d were served and %d refused", crowd.served.Load(), crowd.refused.Load())
	}
	t.Logf("all answered within %v", time.Since(frozen))
	server.Resume()
	took := enginetest.Within(t, recovery, "it is ready", func() bool { return s.Anyone.Get("/readyz").Status == 200 })
	t.Logf("ready after %v", took)
	enginetest.Within(t, recovery, "it serves", func() bool { return u.Post("/api/posts", article("published", nil)).Status == 201 })
}

// Who waits for a locked table keeps neither sessions nor logins from the database.
func TestALockedTableHurtsNoOtherRoutes(t *testing.T) {
	database := migrated(t)
	s := usual()
	s["DATABASE_URL"], s["CACHE_BYTES"], s["DB_STATEMENT_TIMEOUT"] = database, "0", "3s"
	site := newSite(t, startMono(t, s))
	u := site.User()
	post := u.Write("published", nil)
	others := func() (slowest time.Duration) {
		for _, ask := range []func(){
			func() { site.Anyone.Get("/health").Expect(200) },
			func() { u.Get("/api/auth/me").Expect(200) },
			func() { site.Login(u.Email, u.Password) },
		} {
			start := time.Now()
			ask()
			slowest = max(slowest, time.Since(start))
		}
		return slowest
	}
	others()
	stalls := enginetest.Stalls(t)
	before := runtime.NumGoroutine()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	release := lockTable(t, database)
	var waiting sync.WaitGroup
	for i := range 40 {
		waiting.Go(func() {
			for n := i; ctx.Err() == nil; n += 40 { // no two ask for the same
				c, method, path, body := u, "GET", fmt.Sprintf("/api/posts?status=all&author=%s&limit=%d", u.ID, n%100+1), any(nil)
				switch i % 4 {
				case 1:
					c, path = site.Anyone, fmt.Sprintf("/api/posts?limit=%d", n%100+1)
				case 2:
					path = fmt.Sprintf("/api/posts?search=%d", n)
				case 3:
					method, path, body = "POST", "/api/posts", article("published", nil)
				}
				start := time.Now()
				a, err := c.Try(method, path, body)
				if err != nil || a.Status != 503 && ctx.Err() == nil || time.Since(start) > answered {
					t.Errorf("%s %s: after %v: %v, %v", method, path, time.Since(start), a, err)
					return
				}
			}
		})
	}
	var slowest time.Duration
	most := 0
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
		slowest = max(slowest, others())
		most = max(most, runtime.NumGoroutine())
	}
	stop()
	release()
	waiting.Wait()
	t.Logf("the slowest of the other routes took %v; at most %d goroutines, %d before", slowest, most, before)
	if slowest > 2*time.Second+5*stalls() {
		t.Errorf("another route took %v", slowest)
	}
	if most > before+40*8 {
		t.Errorf("%d goroutines, %d before", most, before)
	}
	enginetest.Within(t, recovery, "all is well", func() bool { return u.Get("/api/posts/"+post).Status == 200 })
}

func lockTable(t *testing.T, database string) (release func()) {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.Connect(ctx, database)
	if err != nil {
		t.Fatal(err)
	}
	release = sync.OnceFunc(func() { _ = c.Close(ctx) })
	t.Cleanup(release)
	if _, err := c.Exec(ctx, "BEGIN; LOCK TABLE posts IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	return release
}
