package postgres

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

func TestTenMayStartAtOnceOnAnEmptyDatabase(t *testing.T) {
	address := enginetest.Postgres(t)
	var starting sync.WaitGroup
	for range 10 {
		starting.Go(func() {
			s, err := Open(t.Context(), address, Options{MaxConns: 2})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(s.Ping(t.Context()), s.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	s := openStore(t, address, Options{NoMigrate: true})
	var steps, newest int
	if err := s.pool.QueryRow(t.Context(), "SELECT count(*), max(version) FROM inkstone_schema").Scan(&steps, &newest); err != nil || steps != newest || steps == 0 {
		t.Errorf("%d steps to version %d: %v", steps, newest, err)
	}
}

func TestWhoMustNotMigrateTellsAnEmptyDatabaseFromAnOldOne(t *testing.T) {
	older := newDatabase(t)
	run(t, older, "DELETE FROM inkstone_schema WHERE version > 1")
	for url, want := range map[string]error{older: blog.ErrOldSchema, enginetest.Postgres(t): blog.ErrEmpty} {
		if s, err := Open(t.Context(), url, Options{NoMigrate: true}); !errors.Is(err, want) {
			t.Errorf("got %v %v, want %v", s, err, want)
		}
	}
}

// change returns a URL with something else in it.
func change(t *testing.T, address string, how func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	how(u)
	return u.String()
}

// run runs statements by another client, each by itself.
func run(t *testing.T, address string, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	for _, sql := range statements {
		if _, err := c.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatPreventsTheUseOfADatabaseIsNamedWithoutThePassword(t *testing.T) {
	address := newDatabase(t)
	const hidden = "hidden-word"
	password := func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), hidden) }
	latin := enginetest.Postgres(t)
	name := strings.Trim(change(t, latin, func(u *url.URL) { u.Scheme, u.Host, u.User, u.RawQuery = "", "", nil, "" }), "/") + "_ascii"
	run(t, latin, "CREATE DATABASE "+name+" ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
	t.Cleanup(func() { drop(t, latin, "DROP DATABASE "+name) })
	newer := newDatabase(t)
	run(t, newer, "INSERT INTO inkstone_schema (version, applied) VALUES (9999, now())")
	foreign := enginetest.Postgres(t)
	run(t, foreign, "CREATE TABLE posts (id serial PRIMARY KEY, body text)")
	for what, c := range map[string]struct {
		url  string
		want error
	}{
		"wrong password":    {change(t, address, password), ErrPassword},
		"unknown user":      {change(t, address, func(u *url.URL) { u.User = url.UserPassword("nobody", hidden) }), ErrPassword},
		"no database":       {change(t, address, func(u *url.URL) { u.Path = "missing" }), ErrNoDatabase},
		"other encoding":    {change(t, latin, func(u *url.URL) { u.Path = name }), ErrEncoding},
		"newer schema":      {newer, blog.ErrNewerSchema},
		"another program's": {foreign, blog.ErrForeign},
		"no port":           {"postgres://u:" + hidden + "@127.0.0.1:port/d", ErrURL},
		"no escape":         {"postgres://u:" + hidden + "%zz@127.0.0.1/d", ErrURL},
		"no such setting":   {"postgres://u:" + hidden + "@127.0.0.1/d?sslmode=sometimes", ErrURL},
		"nobody listens":    {"postgres://u:" + hidden + "@127.0.0.1:1/d", nil},
		"no such host":      {"postgres://u:" + hidden + "@no-such-host.invalid/d", nil},
		"password apart":    {"postgres://127.0.0.1:1/d?user=u&password=" + hidden, nil},
	} {
		for how, err := range attempts(t.Context(), c.url) {
			switch {
			case err == nil:
				t.Errorf("%s: %s succeeds", what, how)
			case c.want != nil && !errors.Is(err, c.want):
				t.Errorf("%s: %s: %v, want %v", what, how, err, c.want)
			case c.want == nil && blog.CodeOf(err) != blog.CodeUnavailable:
				t.Errorf("%s: %s: %v, want %s", what, how, err, blog.CodeUnavailable)
			}
			if u, err2 := url.Parse(c.url); err != nil && (strings.Contains(err.Error(), hidden) || err2 == nil && contains(err.Error(), u)) {
				t.Errorf("%s: %s prints the password: %v", what, how, err)
			}
		}
	}
}

// Since PostgreSQL 15 only the owner of a database makes tables in it, unless others were let.
func TestAUserWhoMayMakeNoTablesIsTold(t *testing.T) {
	t.Parallel()
	server := enginetest.PrivatePostgres(t)
	run(t, server.URL(), "REVOKE CREATE ON SCHEMA public FROM PUBLIC", "CREATE USER guest PASSWORD 'example-password'")
	address := change(t, server.URL(), func(u *url.URL) { u.User = url.UserPassword("guest", "example-password") })
	for how, err := range attempts(t.Context(), address) {
		if how != "ping" && !errors.Is(err, ErrPrivilege) {
			t.Errorf("%s: %v", how, err)
		}
	}
}

func contains(text string, u *url.URL) bool {
	password, set := u.User.Password()
	return set && strings.Contains(text, password)
}

func drop(t *testing.T, address, sql string) {
	c, err := pgx.Connect(context.Background(), address)
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close(context.Background())
	if _, err := c.Exec(context.Background(), sql); err != nil {
		t.Error(err)
	}
}

// attempts are the ways in which a database is opened, and how they ended. The one in the
// background is told by what it reports first, or by its refusal of the URL.
func attempts(ctx context.Context, address string) map[string]error {
	all := map[string]error{}
	s, err := Open(ctx, address, Options{})
	if err == nil {
		s.Close()
	}
	all["open"] = err
	_, _, all["migrate"] = Migrate(ctx, address, Options{})
	told := make(chan error, 100)
	if s, err = Open(ctx, address, Options{Report: func(err error) { told <- err }}); err != nil {
		all["report"] = err
		return all
	}
	all["report"] = <-told
	all["ping"] = s.Ping(ctx)
	s.Close()
	return all
}

func TestALockIsHeldByOneOfAllProcessesUntilItsConnectionEnds(t *testing.T) {
	address := newDatabase(t)
	locks(t, address, Options{}, address, Options{})
}

func TestALockIsHeldThroughPgBouncerToo(t *testing.T) {
	address := newDatabase(t)
	bouncer := enginetest.PgBouncer(t, address)
	locks(t, bouncer, Options{Pooled: true}, address, Options{})
	locks(t, address, Options{}, bouncer, Options{Pooled: true})
	locks(t, bouncer, Options{Pooled: true}, bouncer, Options{Pooled: true})
}

// locks has one take the lock one way and another the other way.
func locks(t *testing.T, one string, oneOpt Options, other string, otherOpt Options) {
	t.Helper()
	first, ok, err := Lock(t.Context(), one, "import", oneOpt)
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	if _, ok, err := Lock(t.Context(), other, "import", otherOpt); ok || err != nil {
		t.Errorf("a second time: %v, %v", ok, err)
	}
	apart, ok, err := Lock(t.Context(), other, "other", otherOpt)
	if err != nil || !ok {
		t.Fatalf("another name: %v, %v", ok, err)
	}
	defer apart.Close()
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	free := func() bool {
		again, ok, err := Lock(t.Context(), other, "import", otherOpt)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			again.Close()
		}
		return ok
	}
	enginetest.Within(t, 10*time.Second, "the lock is free after Close", free)

	enginetest.Within(t, 10*time.Second, "it is taken again", func() bool {
		if first, ok, err = Lock(t.Context(), one, "import", oneOpt); err != nil {
			t.Fatal(err)
		}
		return ok
	})
	if free() {
		t.Error("taken by two")
	}
	first.(connection).PgConn().Conn().Close() // as when the process is killed
	enginetest.Within(t, 10*time.Second, "the lock is free after its process", free)
}
