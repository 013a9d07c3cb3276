package app

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"inkstone/internal/blog"
	"inkstone/internal/config"
	"inkstone/scripts/bench/cputime"
)

// The benchmarks compare answers from the cache, with logs and metrics on, with
// a bare handler that writes the same bytes. Both go over a socket, read by a
// client that costs next to nothing.

func BenchmarkCachedList(b *testing.B) { benchmarkAnswer(b, runApp(b, cacheBytes), "/api/posts") }

func BenchmarkCachedPost(b *testing.B) { benchmarkPost(b, cacheBytes) }

func BenchmarkUncachedPost(b *testing.B) { benchmarkPost(b, "0") }

func BenchmarkUncachedList(b *testing.B) { benchmarkAnswer(b, runApp(b, "0"), "/api/posts") }

const cacheBytes = "67108864"

func benchmarkPost(b *testing.B, cacheBytes string) {
	url := runApp(b, cacheBytes)
	var list struct{ Posts []struct{ ID string } }
	if err := json.Unmarshal(fetch(b, url+"/api/posts"), &list); err != nil {
		b.Fatal(err)
	}
	benchmarkAnswer(b, url, "/api/posts/"+list.Posts[0].ID)
}

func BenchmarkBareList(b *testing.B) { benchmarkBare(b, 34<<10) }

func BenchmarkBarePost(b *testing.B) { benchmarkBare(b, 3600) }

func benchmarkBare(b *testing.B, size int) {
	body := []byte(strings.Repeat("x", size))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(size))
		_, _ = w.Write(body)
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = server.Serve(l) }()
	b.Cleanup(func() { server.Close() })
	benchmarkAnswer(b, "http://"+l.Addr().String(), "/")
}

// benchmarkAnswer asks for one path again and again over one connection.
func benchmarkAnswer(b *testing.B, url, path string) {
	size := len(fetch(b, url+path))
	c := newAsker(b, url, path, size)
	b.ReportAllocs()
	before := cputime.Used()
	for b.Loop() {
		if err := c.ask(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cputime.Used()-before)/float64(b.N), "cpu-ns/op") // the client's part with it
	b.ReportMetric(float64(size), "bytes")
}

// crowd asks over eight connections at once, so that all processors are busy: what is done after
// an answer does not pass for free then, nor for dearer than it is, as where it only comes in the
// way of the one client who has his answer already.
type crowd [8]*asker

func newCrowd(b *testing.B, url, path string) (c crowd) {
	size := len(fetch(b, url+path))
	for i := range c {
		c[i] = newAsker(b, url, path, size)
	}
	return c
}

// ask asks requests times, all together.
func (c crowd) ask(requests int) error {
	var running errgroup.Group
	for _, one := range c {
		running.Go(func() error {
			for range requests / len(c) {
				if err := one.ask(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return running.Wait()
}

// asker asks for one path over one connection, and costs next to nothing.
type asker struct {
	net.Conn
	request []byte
	in      *bufio.Reader
	size    int // of the answer's body
}

// userAgent is as long as a browser's.
const userAgent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"

func newAsker(b *testing.B, url, path string, size int) *asker {
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	request := "GET " + path + " HTTP/1.1\r\nHost: bench\r\nUser-Agent: " + userAgent + "\r\n\r\n"
	return &asker{c, []byte(request), bufio.NewReaderSize(c, 64<<10), size}
}

func (a *asker) ask() (err error) {
	if _, err := a.Write(a.request); err != nil {
		return err
	}
	for line := []byte("-"); len(line) > 2; {
		if line, err = a.in.ReadSlice('\n'); err != nil {
			return err
		}
	}
	_, err = a.in.Discard(a.size)
	return err
}

// runApp runs the program as in production with ten posts of 3 KB, and with more settings,
// and returns where.
func runApp(b testing.TB, cacheBytes string, more ...string) string {
	return serveApp(b, newApp(b, cacheBytes, more...))
}

// newApp opens what serveApp runs.
func newApp(b testing.TB, cacheBytes string, more ...string) *App {
	dir := b.TempDir()
	settings := map[string]string{
		"DATA_DIR": dir, "LOG_DIR": filepath.Join(dir, "logs"), "HOST": "127.0.0.1", "PORT": "0", "NODE_ENV": "production",
		"JWT_SECRET": "benchmarks-only-5d0c2a7be94f4c13a86e", "RATE_LIMIT_MAX": "1000000000", "BCRYPT_COST": "10", "CACHE_BYTES": cacheBytes,
	}
	for i := 0; i < len(more); i += 2 {
		settings[more[i]] = more[i+1]
	}
	cfg, _, err := config.Load(func(name string) (string, bool) { v, ok := settings[name]; return v, ok }, dir)
	if err != nil {
		b.Fatal(err)
	}
	console, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	a, err := New(context.Background(), cfg, console)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { console.Close() })
	return a
}

func serveApp(b testing.TB, a *App) (url string) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	b.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	})
	writePosts(b, a.Store())
	return a.URL()
}

func writePosts(b testing.TB, s blog.Store) {
	now := time.Now().UTC()
	u := blog.User{ID: blog.NewID(now), Username: "bench", Email: "bench@example.com", Role: blog.RoleUser, Active: true, CreatedAt: now, UpdatedAt: now}
	if err := s.Users().Create(b.Context(), &u); err != nil {
		b.Fatal(err)
	}
	for i := range 10 {
		p := blog.Post{ID: blog.NewID(now), Title: fmt.Sprintf("第 %d 篇", i), Content: strings.Repeat("砚台磨墨", 250), Author: blog.Author{ID: u.ID},
			Category: "技术", Status: blog.Published, PublishedAt: now, CreatedAt: now, UpdatedAt: now}
		if err := s.Posts().Create(b.Context(), &p); err != nil {
			b.Fatal(err)
		}
	}
}

func fetch(t testing.TB, url string) []byte {
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", url, resp.StatusCode, err)
	}
	return body
}
