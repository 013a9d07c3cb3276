package sqlite

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

var day = time.Date(2024, 5, 1, 8, 0, 0, 0, time.UTC)

func open(t testing.TB, opt Options) *Store {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "test.db"), opt)
}

func openAt(t testing.TB, path string, opt Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func addUser(t testing.TB, s *Store, name string) *blog.User {
	t.Helper()
	u := &blog.User{ID: blog.NewID(day), Username: name, Email: name + "@example.com", Role: blog.RoleUser, Active: true, CreatedAt: day, UpdatedAt: day}
	must(t, s.Users().Create(t.Context(), u))
	return u
}

func newPost(author blog.ID, title string) *blog.Post {
	return &blog.Post{
		ID: blog.NewID(day), Author: blog.Author{ID: author}, Title: title, Content: title + "的内容", Category: "技术",
		Tags: []string{"go"}, Status: blog.Published, PublishedAt: day, CreatedAt: day, UpdatedAt: day,
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantCode(t testing.TB, err error, code blog.Code) {
	t.Helper()
	if blog.CodeOf(err) != code {
		t.Fatalf("got error %v, want code %q", err, code)
	}
}

// queued waits until so many writes wait for the writer.
func queued(t testing.TB, s *Store, n int) {
	t.Helper()
	enginetest.Within(t, 20*time.Second, fmt.Sprintf("%d writes wait", n), func() bool { return len(s.writer.queue) >= n })
}

func yes(blog.PostRef) error { return nil }

// words is a small vocabulary from which articles are made that look like real
// ones to an index: frequent words and rare ones.
var words = strings.Fields(`微服务 架构 数据库 事务 索引 缓存 并发 分布式 链路 追踪 网关 注册 发现 配置 中心 消息 队列 日志 监控 部署 容器 编排 测试
	性能 优化 内存 泄漏 协程 通道 接口 泛型 编译 链接 语法 函数 变量 结构 指针 切片 映射 循环 错误 处理 生活 思考 教程 早晨 咖啡 城市 旅行 读书 电影 音乐 朋友 家人
	我们 他们 这个 那个 因为 所以 但是 如果 然后 可以 需要 使用 实现 问题 方法 系统 设计 开发 程序 代码 Go Rust Python SQLite Redis Kafka Docker Kubernetes gRPC HTTP`)

var (
	categories = []string{"技术", "生活", "思考", "教程"}
	tagNames   = []string{"go", "数据库", "微服务", "随笔", "Linux", "前端", "算法", "读书", "旅行", "k8s"}
)

// article makes the n-th post of a filled database: about size bytes of Chinese.
func article(n, size int, authors []*blog.User, r *rand.Rand) *blog.Post {
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(words[int(float64(len(words))*r.Float64()*r.Float64())])
		if r.IntN(9) == 0 {
			b.WriteString("，")
		}
	}
	if n%2 == 0 {
		b.WriteString("。常见词")
	}
	if n%1000 == 7 {
		b.WriteString("。罕见的字眼")
	}
	at := day.Add(time.Duration(n) * time.Minute)
	p := &blog.Post{
		ID: blog.NewID(at), Author: blog.Author{ID: authors[n%len(authors)].ID}, Content: b.String(),
		Title:   fmt.Sprintf("%s与%s %d", words[r.IntN(len(words))], words[r.IntN(len(words))], n),
		Excerpt: "摘要", Category: categories[r.IntN(4)], Status: blog.Published, PublishedAt: at, CreatedAt: at, UpdatedAt: at,
		Tags: []string{tagNames[r.IntN(5)], tagNames[5+r.IntN(5)]},
	}
	switch n % 20 {
	case 0:
		p.Status, p.PublishedAt = blog.Draft, time.Time{}
	case 1:
		p.Status = blog.Archived
	}
	return p
}

// fill adds n articles by ten authors.
func fill(t testing.TB, s *Store, n, size int) []*blog.User {
	t.Helper()
	var authors []*blog.User
	for i := range 10 {
		authors = append(authors, addUser(t, s, fmt.Sprintf("author%d", i)))
	}
	must(t, addArticles(context.Background(), s, n, size, authors))
	return authors
}

// bulk is how many articles addArticles writes in one transaction.
const bulk = 200

func addArticles(ctx context.Context, s *Store, n, size int, authors []*blog.User) error {
	r := rand.New(rand.NewPCG(1, 2))
	for from := 0; from < n; from += bulk {
		err := s.write(ctx, "test", func(c *conn) error {
			for i := from; i < min(n, from+bulk); i++ {
				if _, err := createPost(c, *article(i, size, authors, r)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
