package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"inkstone/internal/blog"
)

var searchPromises = []promise{
	{"a search finds the same set as a plain scan", searchEqualsScan},
	{"signs that mean something to an engine are only characters", signsAreCharacters},
	{"relevance puts the best hits first, then the newest, in both directions", relevanceOrder},
	{"a search goes with every other filter", searchWithFilters},
	{"a search without anything to look for finds nothing", searchForNothing},
}

// texts mix scripts, signs and forms; a line is a title and a content.
var texts = [][2]string{
	{"深入微服务架构", "微服务之间的调用链路需要追踪。分布式事务用 Seata 处理，也可以用消息队列。"},
	{"Service Mesh 网格实践", "mesh 网格把流量治理下沉到 sidecar；Istio v1.4.2 之后变化很大。"},
	{"Go语言入门", "Golang 又称 Go。安装 go1.22，然后 `go run main.go`。"},
	{"C++ 与 C# 的比较", "C 语言、C++11、F# 各有所长；c++ 编译慢。a+b=c"},
	{"Ｋ８ｓ 集群", "k8s 又叫 Kubernetes。Ｆｕｌｌ－Ｗｉｄｔｈ　ＡＢＣ１２３。"},
	{"微服務（繁體）", "這裡講的是微服務與雲原生，不是微服务。"},
	{"日本語のテスト", "カタカナとひらがな、サーバー構築。東京タワーへ行きました。"},
	{"한국어 검색", "서울에서 만나요. 검색은 어렵다."},
	{"Café del Mar", "naïve résumé façade; cafe is not café. Привет, МИР! Ελληνικά ΣΊΣΥΦΟΣ"},
	{"100% 覆盖率", "a_b 与 a-b 和 a.b；50%_off; it's o'clock; user@example.com http://example.com/a/b?q=1"},
	{"事务", "数据库事务的隔离级别：读已提交、可重复读、串行化。事。务。"},
	{"微 服 务", "微，服务；服务微；微服；务微服"},
	{"链路追踪 OpenTelemetry", "trace-id 与 span_id；OTLP/HTTP 4318，gRPC:4317。链路，链路追踪，全链路压测"},
	{"𠮷野家 と 牛丼", "𠮷野家是吉野家的本字；生僻字 㐂 䶮 龘。"},
	{"AND OR NOT NEAR", `title:x "quoted phrase" (parens) * ^ {brace} prefix* AND OR NOT NEAR(a b)`},
	{"数字 2026年01月02日", "版本 1.10.2 与 1.1 不同；2026 年；第3章；３章；42"},
}

// fixedQueries are those a person thinks of.
var fixedQueries = []string{
	"微服务", "微服務", "链路", "事务", "Seata", "mesh 网格", "微", "务", "服务", "务微", "go", "Go语言", "golang", "C", "c++", "C#", "F#", "c+", "C++11",
	"v1.4.2", "1.4.2", "4.2", "1.4", "1.1", "1.10", "v1", "k8s", "K8S", "Ｋ８Ｓ", "full width", "full-width", "abc123", "abc", "カタカナ", "サーバー", "サーバ", "ー",
	"검색", "서울", "café", "cafe", "CAFÉ", "привет мир", "σίσυφος", "a_b", "a-b", "a b", "a.b.c", "it's", "its", "user@example.com", "example", "exam",
	"事。务", "微 服", "服务 架构", "trace-id", "span_id", "id", "otlp", "𠮷", "𠮷野家", "龘", "㐂", "quoted", "near", "and", "2026", "2026年", "年", "3", "３章", "不存在的词", "微服务 不存在",
}

func searchEqualsScan(w *world) {
	u := w.user("user")
	for _, t := range texts {
		w.post(u, t[0], func(p *blog.Post) { p.Content = t[1] })
	}
	queries := append(slices.Clone(fixedQueries), cuts(rand.New(rand.NewPCG(1, 2)), 400)...)
	for _, q := range queries {
		want := []string{}
		for _, t := range texts {
			if _, ok := found(t[0], t[1], q); ok {
				want = append(want, t[0])
			}
		}
		if parsed := blog.ParseQuery(q); !parsed.IsZero() {
			w.same(fmt.Sprintf("search %q", q), w.titles(blog.PostFilter{Search: parsed}), want)
		}
	}
}

// cuts takes n pieces of the texts, some two of them together.
func cuts(r *rand.Rand, n int) []string {
	cut := func() string {
		text := []rune(texts[r.IntN(len(texts))][r.IntN(2)])
		from := r.IntN(len(text))
		return string(text[from:min(len(text), from+1+r.IntN(6))])
	}
	out := make([]string, n)
	for i := range out {
		if out[i] = cut(); i%4 == 0 {
			out[i] += " " + cut()
		}
	}
	return out
}

func signsAreCharacters(w *world) {
	u := w.user("user")
	w.post(u, "plain", func(p *blog.Post) { p.Content = "some words 一些字" })
	for _, q := range []string{"som%", "%", "_ome", "some*", `"some`, "some\x00", "'some", "(some", "some AND", "NOT some", "title:some", "^some", "-some", "{some", "NEAR(some)", "some\"\"", "\xffsome", "some;--", "$some", "字\\"} {
		_, ok := found("plain", "some words 一些字", q)
		got := w.titles(blog.PostFilter{Search: blog.ParseQuery(q)})
		w.same(fmt.Sprintf("search %q", q), len(got) == 1, ok)
	}
}

func relevanceOrder(w *world) {
	u := w.user("user")
	with := func(content string) func(*blog.Post) { return func(p *blog.Post) { p.Content = content } }
	w.post(u, "网格 mesh 旧", with("x"))
	w.post(u, "没有", with("网格 mesh"))
	w.post(u, "网格 only", with("mesh"))
	w.post(u, "mesh 网格 新", with("x"))
	w.post(u, "也没有", with("mesh 网格 网格 网格"))
	w.post(u, "无关", with("x"))
	want := []string{"mesh 网格 新", "网格 mesh 旧", "网格 only", "也没有", "没有"}
	for _, desc := range []bool{false, true} {
		order := blog.Order{Field: "relevance", Desc: desc}
		f := blog.PostFilter{Search: blog.ParseQuery("mesh 网格"), Order: order}
		for _, byCursor := range []bool{false, true} {
			got, _ := walk(w.T, 2, byCursor, func(p blog.Page) (blog.Listed[*blog.Post], error) {
				f.Page = p
				return w.Posts().List(w.ctx, f)
			})
			w.same("titles", titlesOf(got), want)
			for i, tier := range []int{2, 2, 1, 0, 0} {
				w.same("tier of "+got[i].Title, got[i].Tier, tier)
			}
		}
	}
}

func searchWithFilters(w *world) {
	a, b := w.user("a"), w.user("b")
	w.post(a, "微服务 1", tagged("x"))
	w.post(b, "微服务 2", tagged("x", "y"))
	w.post(a, "微服务 3", tagged("y"), draft)
	last := w.post(a, "微服务 4", tagged("y"), func(p *blog.Post) { p.Category = "生活" })
	q := blog.ParseQuery("微服务")
	for _, c := range []struct {
		f    blog.PostFilter
		want string
	}{
		{blog.PostFilter{}, "1 2 3 4"},
		{blog.PostFilter{Status: blog.Published}, "1 2 4"},
		{blog.PostFilter{Author: a.ID}, "1 3 4"},
		{blog.PostFilter{Tags: []string{"x", "y"}}, "1 2 3 4"},
		{blog.PostFilter{Tags: []string{"y"}, Status: blog.Published}, "2 4"},
		{blog.PostFilter{Category: "生活"}, "4"},
		{blog.PostFilter{From: last.PublishedAt}, "4"},
		{blog.PostFilter{Author: b.ID, Status: blog.Draft}, ""},
	} {
		c.f.Search = q
		got := strings.ReplaceAll(strings.Join(w.titles(c.f), " "), "微服务 ", "")
		w.same(fmt.Sprintf("%+v", c.f), got, c.want)
	}
}

func searchForNothing(w *world) {
	w.post(w.user("user"), "。！ title")
	w.same("only signs", w.titles(blog.PostFilter{Search: blog.ParseQuery("。！")}), []string{})
	w.same("nothing given", w.titles(blog.PostFilter{Search: blog.ParseQuery(" ")}), []string{"。！ title"})
}
