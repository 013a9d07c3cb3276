package apitest

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"inkstone/internal/app"
	"inkstone/internal/config"
	"inkstone/internal/enginetest"
	"inkstone/internal/store"
	"inkstone/internal/store/postgres"
	"inkstone/internal/web"
)

// settings are environment variables of the contract's section 8.
type settings map[string]string

// environment is a shape of deployment on an engine. start runs an instance
// that ends with the test.
type environment struct {
	name  string
	start func(t testing.TB, s settings) *instance
}

// instance is what an environment runs.
type instance struct {
	url    string // where clients come
	routes []web.Route
	others []string // URLs of the processes behind that
}

var environments = []environment{
	{"mono/sqlite", startMono},
	{"mono/postgres", onPostgres(startMono)},
	{"split/sqlite", startSplit},
	{"split/postgres", onPostgres(startSplit)},
}

// here are the environments of this run. The race detector, which takes ten times as long, has seen
// PostgreSQL in one process, and the split on SQLite.
func here() []environment {
	if enginetest.Raced {
		return environments[:3]
	}
	return environments
}

// each runs f in every environment at once, on a new instance with these settings over
// the usual ones.
func each(t *testing.T, over settings, f func(t *testing.T, s *site)) {
	t.Run("each", func(t *testing.T) { // ends when all have ended
		for _, e := range here() {
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				e.run(t, over, f)
			})
		}
	})
}

// eachAlone is each with nothing beside it: for what measures time, and for what needs
// all that the process may take, such as the memory that large bodies share.
func eachAlone(t *testing.T, over settings, f func(t *testing.T, s *site)) {
	for _, e := range here() {
		t.Run(e.name, func(t *testing.T) { e.run(t, over, f) })
	}
}

func (e environment) run(t *testing.T, over settings, f func(t *testing.T, s *site)) {
	s := usual()
	maps.Copy(s, over)
	f(t, newSite(t, e.start(t, s)))
}

// usual are the settings of an instance that no limit but the tested one gets in the way of.
func usual() settings {
	return settings{
		"HOST": "127.0.0.1", "PORT": "0", "LOG_DIR": "", "LOG_LEVEL": "error", "BCRYPT_COST": "4",
		"RATE_LIMIT_MAX": "0", "RATE_LIMIT_USER_MAX": "0", "LOGIN_LIMIT_MAX": "0", "LOGIN_LIMIT_IP_MAX": "0",
		"JWT_SECRET":  secret,
		"ADMIN_EMAIL": adminEmail, "ADMIN_USERNAME": "掌柜的", "ADMIN_PASSWORD": password,
	}
}

const (
	secret     = "a secret that only the black-box suite uses, 0123456789"
	adminEmail = "keeper@example.com"
	password   = "松烟墨与古砚"
)

// site is a running instance with those who use it.
type site struct {
	*instance
	t      *testing.T
	Admin  *client
	Anyone *client
}

func newSite(t *testing.T, i *instance) *site {
	s := &site{instance: i, t: t}
	s.Anyone = &client{t: t, url: i.url, header: http.Header{}}
	s.Admin = s.Login(adminEmail, password)
	return s
}

// Login returns a client with a new token of an account.
func (s *site) Login(email, password string) *client {
	s.t.Helper()
	a := s.Anyone.Post("/api/auth/login", object{"email": email, "password": password}).Expect(200)
	return s.signedIn(a, email, password)
}

var users atomic.Int64

// User registers a new user.
func (s *site) User() *client {
	s.t.Helper()
	n := users.Add(1)
	email := fmt.Sprintf("reader%d@example.com", n)
	a := s.Anyone.Post("/api/auth/register", object{"username": fmt.Sprintf("读者%d号", n), "email": email, "password": password}).Expect(201)
	return s.signedIn(a, email, password)
}

func (s *site) signedIn(a *answer, email, password string) *client {
	c := s.Anyone.WithToken(a.Str("token"))
	c.ID, c.Name, c.Email, c.Password = a.Str("user.id"), a.Str("user.username"), email, password
	return c
}

// object is a JSON object.
type object = map[string]any

// article is a valid post with the given status; fields of over replace its own.
func article(status string, over object) object {
	o := object{"title": "砚边随笔", "content": "今天磨了一池墨，写了几行字。", "category": "生活", "status": status}
	for k, v := range over {
		o[k] = v
	}
	return o
}

// Write creates a post and returns its id.
func (c *client) Write(status string, over object) string {
	c.t.Helper()
	return c.Post("/api/posts", article(status, over)).Expect(201).Str("post.id")
}

// Comment comments on a post and returns the comment's id.
func (c *client) Comment(post, content string) string {
	c.t.Helper()
	return c.Post("/api/posts/"+post+"/comments", object{"content": content}).Expect(201).Str("comment.id")
}

// Reply answers a comment of a post and returns the reply's id.
func (c *client) Reply(post, parent, content string) string {
	c.t.Helper()
	return c.Post("/api/posts/"+post+"/comments", object{"content": content, "parent": parent}).Expect(201).Str("comment.id")
}

func repeat(s string, n int) string { return strings.Repeat(s, n) }

// onPostgres gives a start a PostgreSQL database of its own.
func onPostgres(start func(testing.TB, settings) *instance) func(testing.TB, settings) *instance {
	return func(t testing.TB, s settings) *instance {
		t.Helper()
		if s["DATABASE_URL"] == "" {
			s["DATABASE_URL"] = migrated(t)
		}
		s["DB_STATEMENT_TIMEOUT"] = cmp.Or(s["DB_STATEMENT_TIMEOUT"], "1m") // a slow machine is none of most cases
		return start(t, s)
	}
}

// migrated is the URL of a new PostgreSQL database that needs no migration any more.
func migrated(t testing.TB) string {
	t.Helper()
	return enginetest.PostgresClone(t, postgres.SchemaDigest(), func(ctx context.Context, url string) error {
		_, _, err := store.Migrate(ctx, url, store.Options{})
		return err
	})
}

// startMono runs the whole program in this process, on SQLite if nothing else is said.
func startMono(t testing.TB, s settings) *instance {
	t.Helper()
	return startLogged(t, s, io.Discard)
}

// startLogged is startMono with a place for the log.
func startLogged(t testing.TB, s settings, log io.Writer) *instance {
	t.Helper()
	s["DATA_DIR"] = t.TempDir()
	a := run(t, s, log)
	return &instance{url: a.URL(), routes: a.Routes()}
}

// run runs the program in this process until the test ends.
func run(t testing.TB, s settings, log io.Writer) *app.App {
	t.Helper()
	cfg, _, err := config.Load(func(name string) (string, bool) { v, ok := s[name]; return v, ok }, s["DATA_DIR"])
	if err != nil {
		t.Fatal(err)
	}
	a, err := app.New(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background()) // the test's own context ends before its cleanups
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the instance ended with %v", err)
		}
	})
	return a
}

// in returns the same site with another test to report to.
func (s *site) in(t *testing.T) *site {
	return &site{instance: s.instance, t: t, Admin: s.Admin.As(t), Anyone: s.Anyone.As(t)}
}
