package enginetest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What is missing is told here, engine by engine.
func TestEveryEngineAnswers(t *testing.T) {
	t.Run("PostgreSQL", func(t *testing.T) {
		if err := pingPostgres(t.Context(), Postgres(t)); err != nil {
			t.Error(err)
		}
	})
	t.Run("PgBouncer", func(t *testing.T) {
		if err := pingPostgres(t.Context(), need(t, "PgBouncer", "TEST_PGBOUNCER_URL")); err != nil {
			t.Error(err)
		}
	})
	t.Run("PgBouncer in session mode", func(t *testing.T) {
		if err := pingPostgres(t.Context(), need(t, "PgBouncer in session mode", "TEST_PGBOUNCER_SESSION_URL")); err != nil {
			t.Error(err)
		}
	})
	t.Run("S3", func(t *testing.T) {
		endpoint, _, _ := S3(t)
		answer, err := http.Get(endpoint) // without a name, so it is a refusal
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode >= http.StatusInternalServerError {
			t.Error(answer.Status)
		}
	})
	t.Run("ACME", func(t *testing.T) {
		directory, client := ACME(t, ACMEPorts{}, time.Hour)
		if err := fetch(t.Context(), client, directory); err != nil {
			t.Error(err)
		}
	})
	t.Run("Redis", func(t *testing.T) {
		if err := pingRedis(t.Context(), Redis(t)); err != nil {
			t.Error(err)
		}
	})
	t.Run("Consul", func(t *testing.T) {
		if err := pingConsul(t.Context(), Consul(t).URL(), ""); err != nil {
			t.Error(err)
		}
	})
}

func TestADatabaseIsOneTestsOwnAndGoneAfterIt(t *testing.T) {
	lasting := Postgres(t)
	var name string
	t.Run("another", func(t *testing.T) {
		c := connect(t, Postgres(t)) // stays open: the database goes nevertheless
		name = c.Config().Database
		do(t, c, "CREATE TABLE mine ()")
	})
	c := connect(t, lasting)
	do(t, c, "CREATE TABLE mine ()")
	if n := one[int](t, c, "SELECT count(*) FROM pg_database WHERE datname = $1", name); n != 0 {
		t.Errorf("database %s is still there", name)
	}
}

func TestClientsOfPgBouncerShareConnectionsExceptInSessionMode(t *testing.T) {
	direct := Postgres(t)
	if n := connectionsOf(t, 30, PgBouncer(t, direct), direct); n > 3 {
		t.Errorf("%d connections", n)
	}
	direct = Postgres(t)
	if n := connectionsOf(t, 10, PgBouncerSession(t, direct), direct); n < 10 {
		t.Errorf("%d connections in session mode", n)
	}
}

// connectionsOf counts those to a database when so many clients have asked and none has left.
func connectionsOf(t *testing.T, clients int, through, direct string) int {
	t.Helper()
	var all []*pgx.Conn
	for range clients {
		all = append(all, connect(t, through))
	}
	for _, c := range all {
		do(t, c, "SELECT 1")
	}
	return one[int](t, connect(t, direct), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
}

func TestATemplateIsPreparedOnceForAll(t *testing.T) {
	// A server of its own, for templates stay.
	t.Setenv("TEST_POSTGRES_URL", PrivatePostgres(t).URL())
	var prepared atomic.Int32
	prepare := func(ctx context.Context, url string) error {
		prepared.Add(1)
		return execute(ctx, url, "CREATE TABLE copied AS SELECT 7 AS n")
	}
	t.Run("together", func(t *testing.T) {
		for range 4 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				c := connect(t, PostgresClone(t, "k-1", prepare))
				if n := one[int](t, c, "SELECT n FROM copied"); n != 7 {
					t.Errorf("n = %d", n)
				}
				do(t, c, "DROP TABLE copied")
			})
		}
	})
	if n := prepared.Load(); n != 1 {
		t.Errorf("prepared %d times", n)
	}
}

func TestATemplateThatFailedIsPreparedAgain(t *testing.T) {
	server := PrivatePostgres(t).URL()
	fails := func(context.Context, string) error { return context.Canceled }
	if err := prepareOnce(t.Context(), server, "template_x", fails); err != context.Canceled {
		t.Errorf("err = %v", err)
	}
	works := func(context.Context, string) error { return nil }
	if err := prepareOnce(t.Context(), server, "template_x", works); err != nil {
		t.Error(err)
	}
}

func TestARowSurvivesKillAndStop(t *testing.T) {
	s := PrivatePostgres(t, "max_connections=7")
	do(t, connect(t, s.URL()), "CREATE TABLE rows (n int)")
	for n, end := range []func(){s.Kill, s.Stop, s.Kill} {
		c := connect(t, s.URL())
		do(t, c, "INSERT INTO rows VALUES (0)")
		end()
		if err := c.Ping(t.Context()); err == nil {
			t.Error("a connection outlives the server")
		}
		if err := pingPostgres(t.Context(), s.URL()); err == nil {
			t.Error("a server that is down answers")
		}
		s.Start()
		if got := one[int](t, connect(t, s.URL()), "SELECT count(*) FROM rows"); got != n+1 {
			t.Errorf("%d rows of %d", got, n+1)
		}
	}
	if got := one[string](t, connect(t, s.URL()), "SHOW max_connections"); got != "7" {
		t.Errorf("max_connections = %s", got)
	}
}

func TestARunningQueryDiesWithItsServer(t *testing.T) {
	s := PrivatePostgres(t)
	c := connect(t, s.URL())
	failed := make(chan error)
	go func() {
		_, err := c.Exec(context.Background(), "SELECT pg_sleep(60)")
		failed <- err
	}()
	for other := connect(t, s.URL()); one[int](t, other, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == 0; {
		time.Sleep(10 * time.Millisecond)
	}
	s.Kill()
	select {
	case err := <-failed:
		if err == nil {
			t.Error("the query went well")
		}
	case <-time.After(5 * time.Second):
		t.Error("the query goes on")
	}
}

func TestAPausedServerAnswersAfterwards(t *testing.T) {
	for name, test := range map[string]struct {
		begin func(testing.TB, ...string) *Server
		ping  func(context.Context, string) error
	}{"PostgreSQL": {PrivatePostgres, pingPostgres}, "Redis": {PrivateRedis, pingRedis}} {
		t.Run(name, func(t *testing.T) {
			s := test.begin(t)
			s.Pause()
			answered := make(chan error, 1)
			go func() { answered <- test.ping(t.Context(), s.URL()) }()
			select {
			case err := <-answered:
				t.Errorf("a paused server is done with: %v", err)
			case <-time.After(100 * time.Millisecond):
			}
			s.Resume()
			if err := <-answered; err != nil {
				t.Error(err)
			}
			s.Pause() // and Stop ends that one too
			s.Stop()
		})
	}
}

func TestRedisKeepsAKeyIfToldTo(t *testing.T) {
	for setting, want := range map[string]string{"appendonly=yes": ":1", "appendonly=no": ":0"} {
		for name, end := range map[string]func(*Server){"kill": (*Server).Kill, "stop": (*Server).Stop} {
			t.Run(setting+"/"+name, func(t *testing.T) {
				s := PrivateRedis(t, setting, "appendfsync=always")
				ask(t, s, "SET k v", "+OK")
				end(s)
				if err := pingRedis(t.Context(), s.URL()); err == nil {
					t.Error("a server that is down answers")
				}
				s.Start()
				ask(t, s, "EXISTS k", want)
			})
		}
	}
}

func TestConsulForgetsEverythingWhenItEnds(t *testing.T) {
	s := Consul(t)
	for name, end := range map[string]func(){"kill": s.Kill, "stop": s.Stop} {
		if err := askConsul(t.Context(), http.MethodPut, s.URL()+"/v1/agent/service/register", "", `{"Name":"x"}`, nil); err != nil {
			t.Fatal(err)
		}
		end()
		if err := pingConsul(t.Context(), s.URL(), ""); err == nil {
			t.Errorf("%s: an agent that is down answers", name)
		}
		s.Start()
		var services map[string]any
		if err := askConsul(t.Context(), http.MethodGet, s.URL()+"/v1/agent/services", "", "", &services); err != nil || len(services) != 0 {
			t.Errorf("%s: %v, %v", name, services, err)
		}
	}
}

func TestConsulWithACLsRefusesWhoHasNoToken(t *testing.T) {
	s, token := ConsulWithACLs(t)
	if err := pingConsul(t.Context(), s.URL(), token); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"", token + "x"} {
		if err := askConsul(t.Context(), http.MethodGet, s.URL()+"/v1/agent/self", wrong, "", nil); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("with token %q: %v", wrong, err)
		}
	}
}

func TestAPasswordIsAsked(t *testing.T) {
	postgres, redis := PrivatePostgres(t).URL(), PrivateRedis(t).URL()
	wrong := func(url string) string { return strings.Replace(url, "@", "x@", 1) }
	if err := pingPostgres(t.Context(), wrong(postgres)); err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("PostgreSQL: %v", err)
	}
	if err := pingRedis(t.Context(), wrong(redis)); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("Redis: %v", err)
	}
}

// heard is a test that goes on after it has been skipped or has failed.
type heard struct {
	testing.TB
	said string
}

func (h *heard) Skipf(format string, a ...any)  { h.said += "skip: " + fmt.Sprintf(format, a...) }
func (h *heard) Fatalf(format string, a ...any) { h.said += "fail: " + fmt.Sprintf(format, a...) }
func (h *heard) Error(a ...any)                 { h.said += "error: " + fmt.Sprint(a...) }

func TestAMissingEngineIsToldAndUnderCIFails(t *testing.T) {
	t.Setenv("TEST_POSTGRES_URL", "")
	for ci, want := range map[string]string{"": "skip: PostgreSQL is left out", "true": "fail: PostgreSQL must not be left out"} {
		t.Setenv("CI", ci)
		h := &heard{TB: t}
		need(h, "PostgreSQL", "TEST_POSTGRES_URL")
		if !strings.HasPrefix(h.said, want) || !strings.Contains(h.said, "scripts/services up") {
			t.Errorf("CI=%s: %s", ci, h.said)
		}
	}
}

func TestAMissingProgramIsToldAndUnderCIFails(t *testing.T) {
	for ci, want := range map[string]string{"": "skip: no-such-a or no-such-b is left out", "true": "fail: no-such-a or no-such-b must not be left out"} {
		t.Setenv("CI", ci)
		h := &heard{TB: t}
		if path := Program(h, "no-such-a", "no-such-b"); path != "" || !strings.HasPrefix(h.said, want) {
			t.Errorf("CI=%s: %s%s", ci, h.said, path)
		}
	}
	if Program(t, "no-such-a", "go") == "" {
		t.Error("the second name is not looked up")
	}
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

func do(t *testing.T, c *pgx.Conn, sql string) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
}

func one[T any](t *testing.T, c *pgx.Conn, sql string, a ...any) T {
	t.Helper()
	var v T
	if err := c.QueryRow(t.Context(), sql, a...).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func ask(t *testing.T, s *Server, command, want string) {
	t.Helper()
	if got, err := askRedis(t.Context(), s.URL(), command); err != nil || got != want {
		t.Fatalf("%s: %s, %v; want %s", command, got, err, want)
	}
}
