package main

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/enginetest"
)

// commands are those that open the database and then end.
var commands = [][]string{
	{"migrate"},
	{"user", "promote", "me@example.com"},
	{"user", "create", "--admin", "--email", "me@example.com", "--username", "me1", "--password-stdin"},
	{"import", ".", "--author", "me@example.com"},
	{"export", "out"},
}

// fail runs each command on a database that cannot be used.
func (i *inkstone) fail(saying, database string) {
	i.t.Helper()
	i.env["DATABASE_URL"] = database
	for _, args := range commands {
		code, out, errs := i.run("a password\n", args...)
		if code != 1 || out != "" || !strings.HasPrefix(errs, "错误：") || !strings.Contains(errs, saying) || strings.Contains(errs, "hidden") {
			i.t.Errorf("inkstone %v: exit code %d, want 1 and %q\n%s%s", args, code, saying, out, errs)
		}
	}
}

func TestADatabaseServerThatIsAwayIsToldWithWhatToDo(t *testing.T) {
	i := newInkstone(t)
	i.fail("连接不上或它没有回答，请检查 DATABASE_URL、数据库是否在运行", "postgres://u:hidden@127.0.0.1:1/d")
	i.fail("连接不上或它没有回答", "postgres://127.0.0.1:1/d?user=u&password=hidden")
	i.fail("连接不上或它没有回答", "postgres://u:hidden@no-such-host.invalid/d")
	i.fail("DATABASE_URL", "postgres://u:hidden@127.0.0.1:port/d")
	i.fail("DATABASE_URL", "postgres://u:hidden%zz@127.0.0.1/d")
	i.fail("DATABASE_URL", "mysql://u:hidden@127.0.0.1/d")
}

func TestADatabaseThatCannotBeUsedIsToldWithWhatToDo(t *testing.T) {
	address := enginetest.Postgres(t)
	i := newInkstone(t)
	other := func(how func(*url.URL)) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		how(u)
		return u.String()
	}
	i.fail("用户名或密码不被接受，请检查 DATABASE_URL", other(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "hidden") }))
	i.fail("服务器上没有这个库，请先创建它", other(func(u *url.URL) { u.Path = "missing" }))

	execute(t, address, "CREATE TABLE posts (id serial PRIMARY KEY)")
	i.fail("它是别的程序的数据库，请检查 DATABASE_URL", address)
	execute(t, address, "DROP TABLE posts")
	i.env["DATABASE_URL"] = address
	i.succeeds("", "migrate")
	execute(t, address, "INSERT INTO inkstone_schema (version, applied) VALUES (9999, now())")
	i.fail("请安装那个版本", address)
}

func TestTenProcessesMayMigrateAtOnce(t *testing.T) {
	address, program, dir := enginetest.Postgres(t), builtOnce(t), t.TempDir()
	var migrating sync.WaitGroup
	for range 10 {
		migrating.Go(func() {
			cmd := exec.Command(program, "migrate")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "DATABASE_URL="+address)
			if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "数据库结构已") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	migrating.Wait()
	i := newInkstone(t, "DATABASE_URL="+address)
	if out := i.succeeds("", "migrate"); !strings.Contains(out, "数据库结构已是最新") {
		t.Error(out)
	}
}

func execute(t *testing.T, address, sql string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(t.Context())
	if _, err := c.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// serving runs the server in this process until end is called, which returns its exit code
// and all that it printed.
func (i *inkstone) serving() (base string, end func() (code int, said string)) {
	i.t.Helper()
	ctx, cancel := context.WithCancel(i.t.Context())
	out := &firstURL{found: make(chan string, 1)}
	lookup := func(name string) (string, bool) {
		v, ok := i.env[name]
		return v, ok
	}
	ended := make(chan int, 1)
	go func() { ended <- run(ctx, []string{"serve"}, lookup, strings.NewReader(""), out, out) }()
	end = sync.OnceValues(func() (int, string) {
		cancel()
		return <-ended, out.String()
	})
	i.t.Cleanup(func() { end() })
	select {
	case base = <-out.found:
	case <-time.After(20 * time.Second):
		i.t.Fatalf("the server printed no address:\n%s", out.String())
	}
	return base, end
}

func get(t *testing.T, address string) (status int, body string) {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(b)
}

func TestAServerWhoseDatabaseIsAwayStaysAndSaysSo(t *testing.T) {
	i := newInkstone(t, "HOST=127.0.0.1", "PORT=0", "DATABASE_URL=postgres://u:hidden@127.0.0.1:1/d",
		"ADMIN_EMAIL=me@example.com", "ADMIN_USERNAME=me1", "ADMIN_PASSWORD=hidden too")
	base, end := i.serving()
	for path, want := range map[string]int{"/health": 200, "/livez": 200, "/readyz": 503, "/api/posts": 503} {
		if status, body := get(t, base+path); status != want || strings.Contains(body, `"service":"database"`) != (path == "/readyz") {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
	i.fails("未就绪：状态 503", "", "healthcheck", "--url", base+"/readyz")
	code, said := end()
	if code != 0 || !strings.Contains(said, "正在反复尝试") || !strings.Contains(said, "连接不上或它没有回答") || strings.Contains(said, "hidden") {
		t.Errorf("exit code %d\n%s", code, said)
	}
}

func TestAServerWithARefusedURLEndsWithOne(t *testing.T) {
	i := newInkstone(t, "HOST=127.0.0.1", "PORT=0", "DATABASE_URL=postgres://u:hidden@127.0.0.1:port/d")
	code, out, errs := i.run("", "serve")
	if code != 1 || !strings.Contains(errs, "DATABASE_URL") || strings.Contains(out+errs, "hidden") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}
