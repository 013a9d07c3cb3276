package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"inkstone/internal/admin"
	"inkstone/internal/web"
)

// withAdmin makes a site with an admin.
func withAdmin(t *testing.T) *inkstone {
	i := newInkstone(t)
	i.succeeds("a password\n", "user", "create", "--admin", "--email", "me@example.com", "--username", "me1", "--password-stdin")
	return i
}

func portOf(t *testing.T, base string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

func decoded[T any](t *testing.T, out string) (v T) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return v
}

func TestTheDatabaseIsLookedAtWhileAServerRunsAndAfterwards(t *testing.T) {
	builtOnce(t) // before the folder changes
	i := withAdmin(t)
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, dir, "SLOW_QUERY_THRESHOLD=0")
	i.env["PORT"] = portOf(t, s.base)
	resp, err := http.Get(s.base + "/api/posts")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()

	pool := decoded[admin.Pool](t, i.succeeds("", "db", "pool", "--json"))
	if pool.Connections == nil || pool.Connections.Limit < 1 || pool.State != "ok" || !strings.HasSuffix(pool.Instance, "/"+strconv.Itoa(s.cmd.Process.Pid)) {
		t.Errorf("%+v", pool)
	}
	out := i.succeeds("", "db", "pool")
	for _, word := range []string{"进程", pool.Instance, "正常", "上限 " + strconv.Itoa(pool.Connections.Limit)} {
		if !strings.Contains(out, word) {
			t.Errorf("no %q in\n%s", word, out)
		}
	}
	if out := i.succeeds("", "db", "indexes"); !strings.Contains(out, "posts_title") || !strings.Contains(out, "从未使用的索引") {
		t.Errorf("%s", out)
	} else if !strings.Contains(out, "不到一周") {
		t.Errorf("a database of today is called unused: %s", out)
	}
	i.env["JWT_SECRET"] = "of another site, and long enough for all: 0123456789"
	i.fails("不接受本命令的凭证", "", "db", "pool")
	delete(i.env, "JWT_SECRET")

	s.signal(syscall.SIGTERM)
	if code, _ := s.ends(20 * time.Second); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	report := i.succeeds("", "db", "slow", "--json", "--limit", "100", "--explain")
	if !strings.Contains(report, "GET /api/posts") || !strings.Contains(report, `"plan"`) {
		t.Errorf("%s", report)
	}
	out = i.succeeds("", "db", "slow", "--sort", "count", "--limit", "3")
	if !strings.Contains(out, "次数") || !strings.Contains(out, "\n3  ") || strings.Contains(out, "\n4  ") {
		t.Errorf("%s", out)
	}
	code, out, errs := i.run("", "db", "pool")
	if code != 0 || !strings.Contains(errs, "没有服务应答") || !strings.Contains(out, "sqlite") || strings.Contains(out, "上限") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

func TestLookingAtADatabaseMakesNoneAndMigratesNone(t *testing.T) {
	i := newInkstone(t)
	for _, name := range []string{"slow", "indexes", "pool"} {
		i.fails("没有这个文件", "", "db", name)
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) > 0 {
		t.Errorf("%v was made, %v", entries, err)
	}
}

func TestWrongOptionsOfDBAreTold(t *testing.T) {
	i := newInkstone(t)
	i.fails("--sort 只能是", "", "db", "slow", "--sort", "loudest")
	for _, limit := range []string{"0", "-1", "101"} {
		i.fails("--limit 必须是 1 到 100 的整数", "", "db", "slow", "--limit", limit)
	}
	i.fails("没有命令", "", "db", "vacuum")
	i.fails("多余的参数", "", "db", "indexes", "posts")
}

func TestWhatIsSlowIsShownAsATable(t *testing.T) {
	var b strings.Builder
	last := web.Time(time.Date(2026, 1, 2, 3, 4, 5, 0, time.Local))
	printSlow(&b, admin.SlowReport{ThresholdMs: 100, Kinds: 2, Sort: "total", Queries: []admin.SlowQuery{
		{Statement: "SELECT a FROM 表", Count: 12, TotalMs: 125_000, MeanMs: 1500, P95Ms: 250, MaxMs: 7.25, Rows: 3, LastSeen: last,
			Routes: []admin.RouteCount{{Route: "GET /api/posts", Count: 9}, {Route: "", Count: 3}}, Plan: []string{"SCAN 表"}, Server: &admin.ServerCount{Calls: 7, TotalMs: 1, Rows: 2}},
		{Statement: "COMMIT", Count: 1, Routes: []admin.RouteCount{{Route: "", Count: 1}}, LastSeen: last},
	}})
	for _, line := range []string{
		"以来慢于 100ms 的语句，共 2 种，按合计排列", "#  次数  合计   平均   P95    最长   行数  最近\n",
		"1  12    2.1m   1.5s   250ms  7.2ms  3     01-02 03:04:05\n    SELECT a FROM 表\n    来自 GET /api/posts 等 2 处\n    数据库统计：执行 7 次，合计 1.0ms，2 行\n      SCAN 表\n",
		"2  1     0.0ms  0.0ms  0.0ms  0.0ms  0     01-02 03:04:05\n    COMMIT\n    来自 程序自身\n",
	} {
		if !strings.Contains(b.String(), line) {
			t.Errorf("no line %qin\n%s", line, b.String())
		}
	}
}

func TestASuggestionIsShownWithItsReason(t *testing.T) {
	var b strings.Builder
	rows := int64(5000)
	scan := admin.FullScan{Table: "posts", Rows: &rows, Statement: "SELECT a FROM posts WHERE b = ?", Count: 4, TotalMs: 800, Routes: []admin.RouteCount{{Route: "GET /x", Count: 4}}}
	printIndexes(&b, admin.IndexReport{
		Indexes: []admin.Index{{Name: "i", Table: "posts", Columns: []string{"a", "b"}, Unique: true}}, Unused: []string{"j", "k"},
		FullScans: []admin.FullScan{scan}, Suggestions: []admin.Suggestion{{SQL: "CREATE INDEX posts_b ON posts (b)", Reason: "理由", Because: []admin.FullScan{scan}}},
	})
	for _, text := range []string{"?     0     -     i ON posts (a, b)，唯一\n", "  j k\n", "posts（5000 行）：4 次，合计 800ms，来自 GET /x", "CREATE INDEX posts_b ON posts (b);\n    理由\n"} {
		if !strings.Contains(b.String(), text) {
			t.Errorf("no %q in\n%s", text, b.String())
		}
	}
}

func TestSpansAndSizesAreReadable(t *testing.T) {
	for ms, want := range map[float64]string{0: "0.0ms", 9.96: "10.0ms", 12: "12ms", 1500: "1.5s", 90_000: "90.0s", 3_600_000: "60.0m", 36_000_000: "10.0h"} {
		if got := span(ms); got != want {
			t.Errorf("%v: %s, want %s", ms, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0B", 1023: "1023B", 1536: "1.5KB", 15 << 30: "15.0GB", 1 << 60: "1048576.0TB"} {
		if got := inBytes(&n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
