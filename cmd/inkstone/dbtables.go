package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"inkstone/internal/admin"
	"inkstone/internal/web"
)

// sortWords are the heads of the columns that slow statements are sorted by.
var sortWords = map[string]string{"total": "合计", "mean": "平均", "p95": "P95", "max": "最长", "count": "次数"}

// tableWidth is how many columns a table may have: as many as a terminal that nobody has widened.
const tableWidth = 80

func printSlow(w io.Writer, r admin.SlowReport) {
	since := time.Time(r.Since).Local().Format("01-02 15:04")
	none, some := "没有慢于 "+span(r.ThresholdMs)+" 的语句", "慢于 "+span(r.ThresholdMs)+" 的语句"
	if r.ThresholdMs == 0 {
		none, some = "没有记下语句", "的全部语句"
	}
	if len(r.Queries) == 0 {
		fmt.Fprintf(w, "%s 以来%s\n", since, none)
		return
	}
	fmt.Fprintf(w, "%s 以来%s，共 %d 种，按%s排列：\n\n", since, some, r.Kinds, sortWords[r.Sort])
	rows := [][]string{{"#", "次数", "合计", "平均", "P95", "最长", "行数", "最近"}}
	for i, q := range r.Queries {
		rows = append(rows, []string{
			strconv.Itoa(i + 1), strconv.FormatInt(q.Count, 10), span(q.TotalMs), span(q.MeanMs), span(q.P95Ms), span(q.MaxMs),
			strconv.FormatInt(q.Rows, 10), moment(&q.LastSeen),
		})
	}
	table := strings.SplitAfter(columns(rows), "\n")
	fmt.Fprint(w, table[0])
	for i, q := range r.Queries {
		fmt.Fprint(w, table[i+1])
		printQuery(w, q)
	}
}

// printQuery writes what stands below the numbers of a statement.
func printQuery(w io.Writer, q admin.SlowQuery) {
	paragraph(w, "    ", q.Statement)
	paragraph(w, "    ", "来自 "+callers(q.Routes))
	if q.Server != nil {
		paragraph(w, "    ", fmt.Sprintf("数据库统计：执行 %d 次，合计 %s，%d 行", q.Server.Calls, span(q.Server.TotalMs), q.Server.Rows))
	}
	for _, line := range q.Plan {
		text := strings.TrimLeft(line, " ")
		deep := min(len(line)-len(text), tableWidth/2)
		paragraph(w, strings.Repeat(" ", 6+deep), text)
	}
}

// callers names who called most often, and how many others did.
func callers(routes []admin.RouteCount) string {
	if len(routes) == 0 {
		return ""
	}
	text := routes[0].Route
	if text == "" {
		text = "程序自身"
	}
	if more := len(routes) - 1; more > 0 {
		text += fmt.Sprintf(" 等 %d 处", more+1)
	}
	return text
}

func printIndexes(w io.Writer, r admin.IndexReport) {
	rows, texts := [][]string{{"大小", "使用", "最近"}}, []string{"索引"}
	for _, i := range r.Indexes {
		rows = append(rows, []string{inBytes(i.Bytes), strconv.FormatInt(i.Uses, 10), moment(i.LastUsed)})
		texts = append(texts, fmt.Sprintf("%s ON %s (%s)%s", i.Name, i.Table, strings.Join(i.Columns, ", "), duty(i)))
	}
	fmt.Fprintln(w, besides(rows, texts))
	rows, texts = [][]string{{"大小", "行数", "整表扫描"}}, []string{"表"}
	for _, t := range r.Tables {
		rows = append(rows, []string{inBytes(t.Bytes), orUnknown(t.Rows), strconv.FormatInt(t.Scans, 10)})
		texts = append(texts, t.Name)
	}
	fmt.Fprintln(w, besides(rows, texts))
	since := ""
	if r.Since != nil {
		since = "（自 " + time.Time(*r.Since).Local().Format(time.DateTime) + " 起计）"
	}
	if len(r.Unused) > 0 {
		fmt.Fprintf(w, "从未使用的索引%s：\n", since)
		paragraph(w, "  ", strings.Join(r.Unused, " "))
		if r.Since != nil && time.Since(time.Time(*r.Since)) < enoughTime {
			fmt.Fprintln(w, "统计还不到一周，请勿据此删除")
		}
	} else {
		fmt.Fprintf(w, "没有从未使用的索引%s\n", since)
	}
	printScans(w, r)
}

// enoughTime is how long uses are counted before an index may be called unused: some requests are
// made once a week.
const enoughTime = 7 * 24 * time.Hour

// duty says what an index is there for, though nobody looks by it.
func duty(i admin.Index) string {
	switch {
	case i.Unique:
		return "，唯一"
	case i.Referred:
		return "，外键"
	}
	return ""
}

func printScans(w io.Writer, r admin.IndexReport) {
	if len(r.FullScans) == 0 {
		fmt.Fprintln(w, "没有整表扫描的慢语句")
		return
	}
	fmt.Fprintln(w, "\n整表扫描的慢语句：")
	for _, f := range r.FullScans {
		paragraph(w, "  ", fmt.Sprintf("%s（%s 行）：%d 次，合计 %s，来自 %s", f.Table, orUnknown(f.Rows), f.Count, span(f.TotalMs), callers(f.Routes)))
		paragraph(w, "    ", f.Statement)
	}
	if len(r.Suggestions) == 0 {
		fmt.Fprintln(w, "\n没有索引会对它们有帮助")
		return
	}
	fmt.Fprintln(w, "\n建议（请自行斟酌执行）：")
	for _, s := range r.Suggestions {
		paragraph(w, "  ", s.SQL+";")
		paragraph(w, "    ", s.Reason)
	}
}

func printPool(w io.Writer, p admin.Pool) {
	state := map[string]string{"ok": "正常", "busy": "一秒内没有空闲连接", "away": "无法访问"}
	rows := [][]string{{"数据库", strings.TrimSpace(p.Engine + " " + p.Version)}, {"状态", state[p.State]}, {"大小", inBytes(p.Bytes)}}
	if c := p.Connections; c != nil {
		rows = append([][]string{{"进程", p.Instance}}, rows...)
		rows = append(rows,
			[]string{"连接", fmt.Sprintf("%d 个，使用中 %d，空闲 %d，上限 %d", c.Open, c.InUse, c.Idle, c.Limit)},
			[]string{"正在等待", fmt.Sprintf("%d 个操作", c.Waiting)},
			[]string{"等待过", fmt.Sprintf("%d 次，合计 %s", c.Waits, span(c.WaitedMs))})
	}
	fmt.Fprint(w, columns(rows))
}

// span writes milliseconds for people.
func span(ms float64) string {
	switch {
	case ms < 10:
		return strconv.FormatFloat(ms, 'f', 1, 64) + "ms"
	case ms < 1000:
		return strconv.FormatFloat(ms, 'f', 0, 64) + "ms"
	case ms < 100_000:
		return strconv.FormatFloat(ms/1000, 'f', 1, 64) + "s"
	case ms < 6_000_000:
		return strconv.FormatFloat(ms/60_000, 'f', 1, 64) + "m"
	}
	return strconv.FormatFloat(ms/3_600_000, 'f', 1, 64) + "h"
}

func moment(t *web.Time) string {
	if t == nil {
		return "-"
	}
	return time.Time(*t).Local().Format("01-02 15:04:05")
}

func orUnknown(n *int64) string {
	if n == nil {
		return "?"
	}
	return strconv.FormatInt(*n, 10)
}

func inBytes(n *int64) string {
	if n == nil {
		return "?"
	}
	units := []string{"B", "KB", "MB", "GB", "TB"}
	v, u := float64(*n), 0
	for v >= 1024 && u < len(units)-1 {
		v, u = v/1024, u+1
	}
	if u == 0 {
		return strconv.FormatInt(*n, 10) + "B"
	}
	return strconv.FormatFloat(v, 'f', 1, 64) + units[u]
}
