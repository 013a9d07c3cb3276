package sqlite

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/store/storetest"
	"inkstone/scripts/bench/cputime"
)

// benchSize is the number of bytes of a benchmark's posts: 3 KB of Chinese.
const benchSize = 3000

// benchStore fills one database for all benchmarks of a run; BENCH_POSTS says
// with how many posts (10000). BENCH_DB names a file to keep it in between runs.
var benchStore = sync.OnceValues(func() (*Store, error) {
	n, _ := strconv.Atoi(os.Getenv("BENCH_POSTS"))
	if n <= 0 {
		n = 10000
	}
	path := os.Getenv("BENCH_DB")
	if path == "" {
		dir, err := os.MkdirTemp("", "bench")
		if err != nil {
			return nil, err
		}
		benchDir = dir
		path = filepath.Join(dir, "bench.db")
	}
	s, err := Open(context.Background(), path, Options{Statement: timed})
	if err != nil {
		return nil, err
	}
	return s, fillOnce(s, n)
})

var benchDir string

// timed is told of each statement, as in the program, where hardly any is slow.
func timed(_ context.Context, query string, took time.Duration, _ int64) {
	if took > time.Minute {
		panic(query)
	}
}

func TestMain(m *testing.M) {
	code := m.Run()
	if benchDir != "" {
		_ = os.RemoveAll(benchDir)
	}
	os.Exit(code)
}

func fillOnce(s *Store, n int) error {
	ctx := context.Background()
	st, err := s.Posts().Stats(ctx)
	if err != nil || len(st.Statuses) > 0 {
		return err
	}
	var authors []*blog.User
	for i := range 10 {
		name := "author" + strconv.Itoa(i)
		u := &blog.User{ID: blog.NewID(day), Username: name, Email: name + "@example.com", Role: blog.RoleUser, Active: true, CreatedAt: day}
		if err := s.Users().Create(ctx, u); err != nil {
			return err
		}
		authors = append(authors, u)
	}
	return addArticles(ctx, s, n, benchSize, authors)
}

func bench(b *testing.B) *Store {
	b.Helper()
	s, err := benchStore()
	must(b, err)
	return s
}

func newest(limit int) blog.PostFilter {
	return blog.PostFilter{Status: blog.Published, Order: blog.Order{Field: "publishedAt", Desc: true}, Page: blog.Page{Number: 1, Limit: limit}}
}

func somePost(b *testing.B, s *Store) *blog.Post {
	b.Helper()
	l, err := s.Posts().List(b.Context(), newest(10))
	must(b, err)
	return l.Items[5]
}

func BenchmarkGet(b *testing.B) {
	s := bench(b)
	id := somePost(b, s).ID
	storetest.Measure(b, func() error { _, err := s.Posts().Get(context.Background(), id); return err })
}

// BenchmarkGetBare is the SQL of Get alone, with nothing around it.
func BenchmarkGetBare(b *testing.B) {
	s := bench(b)
	id := somePost(b, s).ID
	c, err := s.readers.take(b.Context())
	must(b, err)
	defer s.readers.put(c, false)
	storetest.Measure(b, func() error { _, err := getPost(c, id); return err })
}

func BenchmarkSession(b *testing.B) {
	s := bench(b)
	id := somePost(b, s).Author.ID
	storetest.Measure(b, func() error { _, err := s.Users().Session(context.Background(), id, "token"); return err })
}

func BenchmarkGeneration(b *testing.B) {
	s := bench(b)
	storetest.Measure(b, func() error { _, err := s.Generation(context.Background()); return err })
}

func BenchmarkTags(b *testing.B) {
	s := bench(b)
	storetest.Measure(b, func() error { _, err := s.Posts().Tags(context.Background(), 100); return err })
}

func BenchmarkList(b *testing.B) {
	s := bench(b)
	filters := map[string]func(*blog.PostFilter){
		"newest":   func(*blog.PostFilter) {},
		"category": func(f *blog.PostFilter) { f.Category = categories[0] },
		"tag":      func(f *blog.PostFilter) { f.Tags = tagNames[:1] },
		"two-tags": func(f *blog.PostFilter) { f.Tags = tagNames[:2] },
		"author":   func(f *blog.PostFilter) { f.Author = somePost(b, s).Author.ID },
		"views":    func(f *blog.PostFilter) { f.Order.Field = "viewCount" },
		"all":      func(f *blog.PostFilter) { f.Status = "" },
		"category-author-tag-title": func(f *blog.PostFilter) {
			f.Category, f.Tags, f.Author, f.Order.Field = categories[0], tagNames[:1], somePost(b, s).Author.ID, "title"
		},
	}
	for name, narrow := range filters {
		f := newest(10)
		narrow(&f)
		b.Run(name, func(b *testing.B) {
			storetest.Measure(b, func() error { _, err := s.Posts().List(context.Background(), f); return err })
		})
	}
}

func BenchmarkPage1000ByCursor(b *testing.B) {
	s := bench(b)
	f := newest(10)
	for page := 1; page < min(1000, int(benchPosts(b, s)/10)); page++ {
		l, err := s.Posts().List(b.Context(), f)
		must(b, err)
		f.Page.After = l.Next
	}
	storetest.Measure(b, func() error { _, err := s.Posts().List(context.Background(), f); return err })
}

func benchPosts(b *testing.B, s *Store) int64 {
	b.Helper()
	l, err := s.Posts().List(b.Context(), newest(1))
	must(b, err)
	return l.Total
}

func BenchmarkSearch(b *testing.B) {
	s := bench(b)
	for name, text := range map[string]string{"rare": "罕见的字眼", "common": "常见词", "word": "sqlite", "two": "微服务 缓存", "one-character": "常"} {
		for _, sort := range []string{"publishedAt", "relevance"} {
			f := newest(10)
			f.Search, f.Order.Field = blog.ParseQuery(text), sort
			b.Run(name+"/"+sort, func(b *testing.B) {
				storetest.Measure(b, func() error { _, err := s.Posts().List(context.Background(), f); return err })
			})
		}
	}
}

func BenchmarkCreateBy16(b *testing.B) {
	s := bench(b)
	author := somePost(b, s).Author
	r := rand.New(rand.NewPCG(5, 6))
	ready := make([]*blog.Post, 512)
	for i := range ready {
		ready[i] = article(i, benchSize, []*blog.User{{ID: author.ID}}, r)
	}
	var next, slowest atomic.Int64
	b.SetParallelism(8) // times GOMAXPROCS: 16 on two processors
	start := cputime.Used()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			p := *ready[int(next.Add(1))%len(ready)]
			p.ID = blog.NewID(time.Now())
			began := time.Now()
			if err := s.Posts().Create(context.Background(), &p); err != nil {
				b.Error(err)
				return
			}
			if d := int64(time.Since(began)); d > slowest.Load() {
				slowest.Store(d)
			}
		}
	})
	b.ReportMetric(float64((cputime.Used()-start).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "posts/s")
	b.ReportMetric(float64(slowest.Load())/1e6, "slowest-ms")
}
