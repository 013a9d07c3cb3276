package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"

	"inkstone/internal/store"
)

// inkstone runs a command in the test's own folder.
type inkstone struct {
	t   *testing.T
	env map[string]string
}

func newInkstone(t *testing.T, env ...string) *inkstone {
	t.Chdir(t.TempDir())
	i := &inkstone{t: t, env: map[string]string{"BCRYPT_COST": "4", "LOG_DIR": ""}}
	for _, pair := range env {
		name, value, _ := strings.Cut(pair, "=")
		i.env[name] = value
	}
	return i
}

func (i *inkstone) run(stdin string, args ...string) (code int, out, errs string) {
	i.t.Helper()
	var stdout, stderr bytes.Buffer
	lookup := func(name string) (string, bool) {
		v, ok := i.env[name]
		return v, ok
	}
	code = run(context.Background(), args, lookup, strings.NewReader(stdin), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func (i *inkstone) succeeds(stdin string, args ...string) string {
	i.t.Helper()
	code, out, errs := i.run(stdin, args...)
	if code != 0 {
		i.t.Fatalf("inkstone %v: exit code %d\n%s", args, code, errs)
	}
	return out
}

func (i *inkstone) fails(saying, stdin string, args ...string) {
	i.t.Helper()
	code, _, errs := i.run(stdin, args...)
	if code != 1 || !strings.Contains(errs, saying) || strings.Contains(errs, "goroutine") {
		i.t.Errorf("inkstone %v: exit code %d, want 1 and %q\n%s", args, code, saying, errs)
	}
}

func TestEveryCommandHasAnExample(t *testing.T) {
	var check func(c *cobra.Command)
	check = func(c *cobra.Command) {
		if c.Example == "" || c.Short == "" {
			t.Errorf("%s: example %q, short %q", c.CommandPath(), c.Example, c.Short)
		}
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				check(sub)
			}
		}
	}
	check((&program{}).root())
}

func TestWrongUseIsToldInOneLineAndEndsWithOne(t *testing.T) {
	i := newInkstone(t)
	i.fails("没有命令", "", "bogus")
	i.fails("没有命令", "", "user", "bogus")
	i.fails("没有选项 --bogus", "", "serve", "--bogus")
	i.fails("没有选项 -x", "", "serve", "-x")
	i.fails("选项 --author 缺少值", "", "import", "--author")
	i.fails(`选项 --dry-run 的值 "maybe" 无效`, "", "import", "--dry-run=maybe")
	i.fails("缺少参数", "", "user", "promote")
	i.fails("多余的参数", "", "export", "a", "b")
	i.fails("--author", "", "import", ".")
	i.fails("缺少 --email 与 --username", "", "user", "create")
	i.fails("缺少 --username\n", "", "user", "create", "--email", "me@example.com")
	i.fails("没有命令", "", "help", "bogus")
	i.fails("没有命令", "", "help", "user", "bogus")
	i.fails("--markdown", "", "config", "--markdown", "fr")
}

func TestUsersAreMadeAndChanged(t *testing.T) {
	i := newInkstone(t)
	create := func(name string, more ...string) []string {
		return append([]string{"user", "create", "--email", name + "@example.com", "--username", name, "--password-stdin"}, more...)
	}
	if out := i.succeeds("a password\n", create("first", "--admin")...); !strings.Contains(out, "管理员 first") {
		t.Errorf("printed %q", out)
	}
	i.succeeds("a password", create("second")...)
	i.fails("邮箱已被注册", "a password\n", create("first")...)
	i.fails("密码至少", "short\n", create("third")...)
	i.fails("密码至少", strings.Repeat("x", 73)+"\n", create("third")...)
	i.fails("不是终端", "", "user", "password", "first@example.com")
	i.fails("没有这个用户", "", "user", "promote", "nobody@example.com")
	i.fails("至少需要保留一位管理员", "", "user", "disable", "first@example.com")
	i.succeeds("", "user", "promote", "SECOND@example.com")
	i.succeeds("", "user", "disable", "first@example.com")
	i.succeeds("", "user", "enable", "first@example.com")
	i.succeeds("another password\n", "user", "password", "first@example.com", "--password-stdin")
}

func TestNoCommandPrintsASecret(t *testing.T) {
	i := newInkstone(t, "JWT_SECRET=hidden-a", "ADMIN_PASSWORD=hidden-b", "REDIS_URL=redis://:hidden-c@h", "DATABASE_URL=postgres://u:hidden-d@h/d")
	for _, command := range []string{"config", "serve", "migrate", "healthcheck"} {
		_, out, errs := i.run("", command)
		if strings.Contains(out+errs, "hidden") {
			t.Errorf("%s prints a secret:\n%s%s", command, out, errs)
		}
	}
}

func TestConfigShowsValuesWithTheirSourceAndAllMistakes(t *testing.T) {
	i := newInkstone(t, "PORT=70000", "LOG_LEVEL=loud")
	if err := os.WriteFile(".env", []byte("HOST=::1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errs := i.run("", "config")
	if code != 1 || strings.Count(errs, "错误：") != 2 {
		t.Errorf("exit code %d\n%s", code, errs)
	}
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "HOST ") && !(strings.Contains(line, "::1") && strings.Contains(line, ".env")) {
			t.Errorf("%s", line)
		}
	}
}

func TestColumnsAreStraightWhereCharactersAreWide(t *testing.T) {
	got := columns([][]string{{"A", "技术,生活", "默认"}, {"LONG", "x", ".env"}, {"B", "", ""}})
	if want := "A     技术,生活  默认\nLONG  x          .env\nB\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestTheHelpOfEachCommandIsChineseAndStraight(t *testing.T) {
	i := newInkstone(t)
	var all []*cobra.Command
	var add func(*cobra.Command)
	add = func(c *cobra.Command) {
		all = append(all, c)
		for _, sub := range c.Commands() {
			add(sub)
		}
	}
	add((&program{}).root())
	for _, c := range all {
		help := i.succeeds("", append(strings.Fields(c.CommandPath())[1:], "--help")...)
		for _, english := range []string{"(default", "[flags]", " int ", " string ", "Usage"} {
			if strings.Contains(help, english) {
				t.Errorf("%s: %q in\n%s", c.CommandPath(), english, help)
			}
		}
		_, options, _ := strings.Cut(help, "\n选项：\n")
		options, _, _ = strings.Cut(options, "\n\n")
		column := 0
		for line := range strings.Lines(options) {
			name := regexp.MustCompile(`^ +(?:-\w, )?--[\w-]+(?: \S+)? {2,}`).FindString(line)
			if at := uniseg.StringWidth(name); at == 0 || column > 0 && at != column {
				t.Errorf("%s: %d columns, not %d: %s", c.CommandPath(), at, column, line)
			} else {
				column = at
			}
		}
	}
	if help := i.succeeds("", "db", "slow", "--help"); !strings.Contains(help, "（默认 10）") || !strings.Contains(help, "（默认 total）") {
		t.Error(help)
	}
}

func TestAnInterruptionIsToldInOneWord(t *testing.T) {
	if got := explain(fmt.Errorf("a.md：%w", context.Canceled)); got != "已中断" {
		t.Errorf("%q", got)
	}
}

func TestADatabaseThatCannotBeOpenedIsTold(t *testing.T) {
	i := newInkstone(t)
	if err := os.WriteFile("taken", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	i.env["DATA_DIR"] = "taken"
	i.fails("DATA_DIR", "", "migrate")
	i.fails("DATA_DIR", "", "serve")
	i.env["DATA_DIR"], i.env["DATABASE_URL"] = "data", "sqlite:text"
	if err := os.WriteFile("text", bytes.Repeat([]byte("no database\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	i.fails("DATABASE_URL", "", "serve")
}

func TestAServerThatIsStoppedWhileItStartsEndsWithoutAnError(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out bytes.Buffer
	lookup := func(string) (string, bool) { return "", false }
	if code := run(ctx, []string{"serve"}, lookup, strings.NewReader(""), &out, &out); code != 0 || out.Len() > 0 {
		t.Errorf("exit code %d\n%s", code, out.String())
	}
}

func TestAnImportIsRepeatableAndItsExportChangesNothing(t *testing.T) {
	i := newInkstone(t)
	i.succeeds("a password\n", "user", "create", "--email", "me@example.com", "--username", "me1", "--password-stdin")
	if err := os.Mkdir("posts", 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"a.md": "---\ntitle: 砚\ndate: 2024-01-02\n---\n磨墨。\n", "b.md": "+++\ntitle = '墨'\n+++\n松烟。\n", "bad.md": "\x00\xff\x00",
	} {
		if err := os.WriteFile(filepath.Join("posts", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(want string, args ...string) {
		t.Helper()
		if out := i.succeeds("", append(args, "--author", "me@example.com")...); !strings.Contains(out, want) {
			t.Errorf("%v printed %q, want %q", args, out, want)
		}
	}
	expect("试运行，未写入。新增 2，更新 0，未变 0，拒绝 1", "import", "posts", "--dry-run")
	expect("新增 2，更新 0，未变 0，拒绝 1", "import", "posts")
	expect("拒绝  bad.md", "import", "posts")
	if err := os.WriteFile("posts/\x1b[2J\n.md", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	expect(`拒绝  "\x1b[2J\n.md"：没有正文`, "import", "posts")
	if err := os.Remove("posts/\x1b[2J\n.md"); err != nil {
		t.Fatal(err)
	}
	expect("新增 0，更新 0，未变 2，拒绝 1", "import", "posts")
	expect("导出 2 篇", "export", "out")
	expect("新增 0，更新 0，未变 2，拒绝 0", "import", "out")
	stray := "out/2024-01-02-" + strings.Repeat("0", 23)
	for _, n := range []string{"1", "2", "3", "4"} {
		if err := os.WriteFile(stray+n+".md", nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	name := filepath.Base(stray)
	expect("提示  文件夹中有 4 个以前导出的文件不在此次之内，未删除；其文章已删除或未选中，再导入会恢复："+
		name+"1.md、"+name+"2.md、"+name+"3.md 等\n导出 2 篇", "export", "out")
	i.fails("没有这个文件", "", "import", "missing", "--author", "me@example.com")
	if err := os.WriteFile("file", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	i.fails("无法读取 file/below", "", "import", "file/below", "--author", "me@example.com")
	i.fails("无法写入文件夹 file", "", "export", "file")
}

func TestTwoImportsAtATimeAreRefused(t *testing.T) {
	i := newInkstone(t)
	i.succeeds("a password\n", "user", "create", "--email", "me@example.com", "--username", "me1", "--password-stdin")
	if err := os.WriteFile("a.md", []byte("磨墨。\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"import", "a.md", "--author", "me@example.com"}
	first, err := store.Lock(t.Context(), "sqlite:data/inkstone.db", "import", store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	i.fails("另一个导入正在进行", "", args...)
	i.succeeds("", append(args, "--dry-run")...)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		i.succeeds("", args...)
	}
}

func TestHealthcheckFailsWhereNothingListens(t *testing.T) {
	newInkstone(t).fails("无法连接", "", "healthcheck", "--url", "http://127.0.0.1:1/readyz")
}

func TestOpenAPIAndVersionPrint(t *testing.T) {
	i := newInkstone(t)
	if out := i.succeeds("", "openapi"); !strings.HasPrefix(out, "openapi: 3.1") && !strings.Contains(out, "\nopenapi: 3.1") {
		t.Errorf("%.80q", out)
	}
	if out := i.succeeds("", "openapi", "--json"); !strings.HasPrefix(out, "{") {
		t.Errorf("%.80q", out)
	}
	out := i.succeeds("", "version")
	if asFlag := i.succeeds("", "--version"); !strings.HasPrefix(out, "inkstone ") || asFlag != out {
		t.Errorf("%q, --version %q", out, asFlag)
	}
}

func TestHelpIsACommandToo(t *testing.T) {
	i := newInkstone(t)
	for _, command := range [][]string{nil, {"serve"}, {"user", "create"}} {
		want := i.succeeds("", append(command, "--help")...)
		if got := i.succeeds("", append([]string{"help"}, command...)...); got != want {
			t.Errorf("help %v:\n%s", command, got)
		}
	}
}

func TestCommandsThatServeNobodyNeedNoSecretOfTokens(t *testing.T) {
	i := newInkstone(t)
	i.env["NODE_ENV"], i.env["BCRYPT_COST"] = "production", "10"
	i.succeeds("", "migrate")
	i.succeeds("a password\n", "user", "create", "--admin", "--email", "me@example.com", "--username", "me1", "--password-stdin")
	i.succeeds("", "db", "slow")
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	i.env["PORT"] = portOf(t, server.URL)
	i.fails("JWT_SECRET：缺失", "", "db", "pool") // but this signs a token
	if _, err := os.Stat("data/jwt-secret"); err == nil {
		t.Error("a secret was made")
	}
	i.fails("JWT_SECRET：生产环境必须设置", "", "serve")
	i.fails("JWT_SECRET：生产环境必须设置", "", "config")
}
