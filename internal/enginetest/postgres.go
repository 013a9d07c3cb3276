package enginetest

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Postgres is the URL of a new, empty database for this test.
func Postgres(t testing.TB) string {
	t.Helper()
	return create(t, need(t, "PostgreSQL", "TEST_POSTGRES_URL"), "template0")
}

// PostgresClone is the URL of a new database with what prepare has put into
// another one, once: that is kept for later tests, also of other processes, under
// the key, which therefore stands for all that prepare does, as a digest of the
// migrations. Prepare closes its connections.
func PostgresClone(t testing.TB, key string, prepare func(ctx context.Context, url string) error) string {
	t.Helper()
	server := need(t, "PostgreSQL", "TEST_POSTGRES_URL")
	template := "template_" + key
	if err := prepareOnce(t.Context(), server, template, prepare); err != nil {
		t.Fatal(err)
	}
	return create(t, server, template)
}

// PgBouncer is the same database as Postgres or PostgresClone gave, but through
// PgBouncer, which hands out a connection for a transaction at a time.
func PgBouncer(t testing.TB, postgres string) string {
	t.Helper()
	return through(t, postgres, need(t, "PgBouncer", "TEST_PGBOUNCER_URL"))
}

// PgBouncerSession is as PgBouncer, but each client keeps a connection until he leaves.
func PgBouncerSession(t testing.TB, postgres string) string {
	t.Helper()
	return through(t, postgres, need(t, "PgBouncer in session mode", "TEST_PGBOUNCER_SESSION_URL"))
}

func through(t testing.TB, postgres, pooler string) string {
	t.Helper()
	bouncer, err := url.Parse(pooler)
	if err != nil {
		t.Fatal(err)
	}
	return with(t, postgres, func(u *url.URL) { u.Host = bouncer.Host })
}

// PrivatePostgres is a server of this test's own, empty, for its superuser.
// Settings are as "max_connections=10".
func PrivatePostgres(t testing.TB, settings ...string) *Server {
	t.Helper()
	bin := need(t, "PostgreSQL", "TEST_POSTGRES_BIN")
	dir, password, port := folder(t), rand.Text(), freePort(t)
	initdb(t, bin, dir, password)
	command := []string{filepath.Join(bin, "postgres"), "-D", filepath.Join(dir, "data"),
		"-c", "listen_addresses=127.0.0.1", "-c", "port=" + port, "-c", "unix_socket_directories="}
	for _, s := range settings {
		command = append(command, "-c", s)
	}
	return begin(&Server{
		t: t, dir: dir, command: command, answers: pingPostgres,
		stop: syscall.SIGINT, // SIGTERM would wait until the clients leave
		url:  "postgres://inkstone:" + password + "@" + net.JoinHostPort("127.0.0.1", port) + "/postgres?sslmode=disable",
	})
}

func initdb(t testing.TB, bin, dir, password string) {
	t.Helper()
	pwfile := filepath.Join(dir, "password")
	if err := os.WriteFile(pwfile, []byte(password), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(bin, "initdb"), "--pgdata="+filepath.Join(dir, "data"), "--username=inkstone",
		"--pwfile="+pwfile, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync")
	var said strings.Builder
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
	p, err := start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if <-p.gone; !cmd.ProcessState.Success() {
		t.Fatalf("initdb: %s\n%s", cmd.ProcessState, said.String())
	}
}

func pingPostgres(ctx context.Context, url string) error {
	return onPostgres(ctx, url, func(c *pgx.Conn) error { return c.Ping(ctx) })
}

// onPostgres does something with a connection that is closed afterwards.
func onPostgres(ctx context.Context, url string, do func(*pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	return do(c)
}

func execute(ctx context.Context, url, sql string) error {
	return onPostgres(ctx, url, func(c *pgx.Conn) error {
		_, err := c.Exec(ctx, sql)
		return err
	})
}

// create makes a database for the rest of the test.
func create(t testing.TB, server, template string) string {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	if err := execute(t.Context(), server, "CREATE DATABASE "+name+" TEMPLATE "+quote(template)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := drop(server, name); err != nil {
			t.Error(err)
		}
	})
	return with(t, server, func(u *url.URL) { u.Path = name })
}

// drop removes a database and whoever is connected to it. Who is no superuser may not end
// an autovacuum that is at work there, which then has to be waited for.
func drop(server, name string) (err error) {
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		err = execute(context.Background(), server, "DROP DATABASE "+name+" WITH (FORCE)")
		if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != "42501" { // insufficient_privilege
			return err
		}
	}
	return err
}

// prepareOnce makes a template aside and renames it: one is whole or not there.
func prepareOnce(ctx context.Context, server, template string, prepare func(context.Context, string) error) error {
	return onPostgres(ctx, server, func(c *pgx.Conn) error {
		// Of all who want it, one prepares. The lock goes with the connection.
		if _, err := c.Exec(ctx, "SELECT pg_advisory_lock(hashtext($1))", template); err != nil {
			return err
		}
		var done bool
		err := c.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", template).Scan(&done)
		if err != nil || done {
			return err
		}
		aside := template + "_aside"
		for _, sql := range []string{"DROP DATABASE IF EXISTS " + quote(aside) + " WITH (FORCE)", "CREATE DATABASE " + quote(aside) + " TEMPLATE template0"} {
			if _, err := c.Exec(ctx, sql); err != nil {
				return err
			}
		}
		u, err := url.Parse(server)
		if err != nil {
			return err
		}
		u.Path = aside
		if err := prepare(ctx, u.String()); err != nil {
			return err
		}
		_, err = c.Exec(ctx, "ALTER DATABASE "+quote(aside)+" RENAME TO "+quote(template))
		return err
	})
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func with(t testing.TB, address string, change func(*url.URL)) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	change(u)
	return u.String()
}
