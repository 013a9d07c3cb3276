package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"inkstone/internal/admin"
	"inkstone/internal/web"
)

// narrow fails for each line that a terminal of 80 columns would break, and for a text that is not in what was printed.
func narrow(t *testing.T, printed string, texts ...string) {
	t.Helper()
	for line := range strings.Lines(printed) {
		if n := uniseg.StringWidth(strings.TrimSuffix(line, "\n")); n > 80 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	dense := func(s string) string { return strings.Join(strings.Fields(s), "") }
	for _, text := range texts {
		if !strings.Contains(dense(printed), dense(text)) {
			t.Errorf("%.80q is not in\n%s", text, printed)
		}
	}
}

func TestTablesOfSlowStatementsFitIntoATerminalAndSayAll(t *testing.T) {
	last := web.Time(time.Date(2026, 12, 31, 23, 59, 59, 0, time.Local))
	long := "SELECT p.key, p.title, 作者 FROM posts p INDEXED BY posts_category WHERE p.status = ? AND p.category = '" + strings.Repeat("微服务架构", 40) + "' ORDER BY 2 DESC LIMIT +?"
	plan := []string{strings.Repeat(" ", 60) + "SCAN p", "  ->  Index Scan using posts_category on public.posts p  (cost=0.29..8.31 rows=1 width=2034)", "SCAN " + strings.Repeat("表", 60)}
	r := admin.SlowReport{ThresholdMs: 100, Kinds: 5000, Sort: "total"}
	for i := range 100 {
		r.Queries = append(r.Queries, admin.SlowQuery{
			Statement: long, Count: 123_456_789, TotalMs: 359_999_999, MeanMs: 99_999, P95Ms: 59_999.9, MaxMs: 9.96, Rows: 987_654_321_012, LastSeen: last, Plan: plan,
			Routes: []admin.RouteCount{{Route: "GET /api/posts/{id}/comments/" + fmt.Sprint(i), Count: 9}, {Route: "", Count: 3}},
			Server: &admin.ServerCount{Calls: 123_456_789_012, TotalMs: 359_999_999, Rows: 987_654_321_012},
		})
	}
	var b strings.Builder
	printSlow(&b, r)
	narrow(t, b.String(), append(plan, long, "来自 GET /api/posts/{id}/comments/99 等 2 处", "执行 123456789012 次", "123456789 100.0h 100.0s 60.0s 10.0ms 987654321012 12-31 23:59:59")...)
}

func TestTablesOfIndexesFitIntoATerminalAndSayAll(t *testing.T) {
	last := web.Time(time.Date(2026, 12, 31, 23, 59, 59, 0, time.Local))
	n, long := int64(987_654_321_012), strings.Repeat("a_long_name_", 5)+"xyz" // as long as PostgreSQL lets it be
	scan := admin.FullScan{Table: long, Rows: &n, Statement: "SELECT " + long + " FROM " + long + " WHERE b = ?", Count: n, TotalMs: 359_999_999, Routes: []admin.RouteCount{{Route: "GET /api/posts/{id}/comments", Count: 4}}}
	r := admin.IndexReport{
		Since: &last, Unused: []string{long, "posts_title", long},
		Indexes: []admin.Index{
			{Name: long, Table: long, Columns: []string{long, "b", "(lower(" + long + "))"}, Unique: true, Bytes: &n, Uses: n, LastUsed: &last},
			{Name: "sqlite_autoindex_post_counts_1", Table: "post_counts", Columns: []string{"status", "author", "category", "tag"}, Referred: true},
			{Name: strings.Repeat("很长的索引名", 20), Table: "表", Columns: []string{"列"}},
		},
		Tables:    []admin.Table{{Name: long, Rows: &n, Bytes: &n, Scans: n}, {Name: "posts"}},
		FullScans: []admin.FullScan{scan, scan},
		Suggestions: []admin.Suggestion{{
			SQL:    "CREATE INDEX CONCURRENTLY " + long + " ON " + long + " (" + long + ", b)",
			Reason: "2 种慢语句整表扫描 " + long + "（约 987654321012 行），共慢 123456789 次、359999.9 秒；它们按 " + long + "、b 查找或排序",
		}},
	}
	var b strings.Builder
	printIndexes(&b, r)
	narrow(t, b.String(), scan.Statement, r.Suggestions[0].SQL+";", r.Suggestions[0].Reason, "posts_title", "，外键", strings.Join(r.Unused, " "))
	if !strings.Contains(b.String(), long+"\n") {
		t.Errorf("a name is broken in two:\n%s", b.String())
	}
}

func TestAReportOfAllStatementsDoesNotCallThemSlow(t *testing.T) {
	for _, r := range []admin.SlowReport{{Sort: "total"}, {Sort: "total", Kinds: 1, Queries: []admin.SlowQuery{{Statement: "SELECT a"}}}} {
		var b strings.Builder
		printSlow(&b, r)
		if strings.Contains(b.String(), "慢于") || len(r.Queries) > 0 && !strings.Contains(b.String(), "以来的全部语句，共 1 种") || len(r.Queries) == 0 && !strings.HasSuffix(b.String(), "以来没有记下语句\n") {
			t.Errorf("%s", b.String())
		}
	}
}

func TestATextIsBrokenAtBlanksIntoLinesThatFit(t *testing.T) {
	for _, text := range []string{strings.Repeat("SELECT ", 40), strings.Repeat("微服务", 40), "短", "", "a  b", "SELECT " + strings.Repeat("x", 200) + " FROM y", " 前有空格"} {
		for width := 2; width < 120; width++ {
			lines := wrap(text, width)
			for _, line := range lines {
				if uniseg.StringWidth(line) > width {
					t.Errorf("%q of %d in %d", line, uniseg.StringWidth(line), width)
				}
			}
			if got := strings.Join(strings.Fields(strings.Join(lines, "")), ""); got != strings.Join(strings.Fields(text), "") {
				t.Errorf("%q became %q", text, got)
			}
		}
	}
	if lines := wrap("SELECT key FROM posts", 10); strings.Join(lines, "|") != "SELECT key|FROM posts" {
		t.Errorf("%q", lines)
	}
}
