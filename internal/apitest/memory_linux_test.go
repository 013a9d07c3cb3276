package apitest

import (
	"bytes"
	bytesof "encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// hostile are bodies of the largest size that is read, each dear in another way.
func hostile() map[string]string {
	const size = 10 << 20
	fill := func(before, each, after string) string {
		return before + strings.Repeat(each, (size-len(before)-len(after))/len(each)) + after
	}
	var wide strings.Builder
	for wide.WriteString(`{"title":"t"`); wide.Len() < size-32; {
		fmt.Fprintf(&wide, `,"k%d":0`, wide.Len())
	}
	return map[string]string{
		"deep":     fill("", "[", ""),
		"objects":  fill("", `{"a":`, ""),
		"wide":     wide.String() + "}",
		"one key":  fill(`{"a":0`, `,"a":0`, "}"),
		"array":    fill(`{"tags":["a"`, `,"a"`, "]}"),
		"empties":  fill(`{"tags":[[]`, `,[]`, "]}"),
		"title":    fill(`{"title":"`, "墨", `","content":"c","category":"技术"}`),
		"content":  fill(`{"title":"t","category":"no","content":"`, "墨 ", `"}`),
		"escapes":  fill(`{"title":"`, `\u58a8`, `","content":"c","category":"技术"}`),
		"lone":     fill(`{"title":"t","category":"技术","content":"`, `\ud800`, `"}`),
		"key":      fill(`{"`, `\u58a8`, `":0}`),
		"number":   fill(`{"title":`, "9", "}"),
		"blanks":   fill("", " ", `{"title":1}`),
		"not json": fill(`{"title":"`, "x", ""),
	}
}

// most is by how many MB a process may grow over what it has when idle.
const most = 64

// load is a fresh process and what it has when idle.
type load struct {
	t     *testing.T
	p     *process
	user  *client
	most  int // MB that it may grow by
	idle  int // RSS in KiB, before any work
	warm  int // and after some
	files int
	tasks int
}

// eachLoad runs f on each engine.
func eachLoad(t *testing.T, f func(t *testing.T, l *load)) {
	t.Run("sqlite", func(t *testing.T) { f(t, newLoad(t, nil)) })
	t.Run("postgres", func(t *testing.T) { // few connections, so that all are open when the work begins
		f(t, newLoad(t, settings{"DATABASE_URL": migrated(t), "DB_MAX_CONNS": "4", "DB_STATEMENT_TIMEOUT": "1m"}))
	})
}

func newLoad(t *testing.T, over settings) *load {
	t.Helper()
	all := usual()
	maps.Copy(all, over)
	return loadOf(t, launch(t, t.TempDir(), all))
}

// loadOf is that of a process which clients face.
func loadOf(t *testing.T, p *process) *load {
	t.Helper()
	s := newSite(t, &instance{url: p.url})
	l := &load{t: t, p: p, user: s.User(), most: most}
	l.idle = l.status("VmRSS")
	l.warmUp()
	transport.CloseIdleConnections()
	time.Sleep(300 * time.Millisecond)
	l.warm, l.files, l.tasks = l.status("VmRSS"), l.open(), l.goroutines()
	return l
}

// warmUp makes the process open all the connections to its database. It opens one when
// all others work, so searches, few of which work at once, and other reads come together,
// until five times have brought no more.
func (l *load) warmUp() {
	id := l.user.Write("published", object{"content": repeat("砚", 1000)})
	for files, again := 0, 5; again > 0; again-- {
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() { _, _ = l.user.Try("GET", fmt.Sprintf("/api/posts?search=砚&limit=%d", 1+i%100), nil) })
			wg.Go(func() { _, _ = l.user.Try("GET", "/api/posts/"+id, nil) })
		}
		wg.Wait()
		transport.CloseIdleConnections()
		time.Sleep(100 * time.Millisecond)
		if n := l.open(); n > files {
			files, again = n, 5
		}
	}
}

// status reads a number of /proc/PID/status.
func (l *load) status(field string) int {
	l.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.p.cmd.Process.Pid))
	if err != nil {
		l.t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + field + `:\s+(\d+)`).FindSubmatch(text)
	n, _ := strconv.Atoi(string(m[1]))
	return n
}

var goroutinesPattern = regexp.MustCompile(`(?m)^go_goroutines (\d+)`)

func (l *load) goroutines() int {
	l.t.Helper()
	a, err := (&client{t: l.t, url: l.p.url, header: http.Header{}}).Try("GET", "/metrics", nil)
	if err != nil {
		l.t.Fatal(err)
	}
	n, _ := strconv.Atoi(string(goroutinesPattern.FindSubmatch(a.Body)[1]))
	return n
}

// together sends as many at once. Each must have one of those statuses, and the
// process must not grow by more than l.most.
func (l *load) together(name string, n int, send func() (*answer, error), want ...int) {
	l.t.Helper()
	// The high-water mark starts anew.
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", l.p.cmd.Process.Pid), []byte("5"), 0); err != nil {
		l.t.Skip(err)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	var slowest time.Duration
	statuses := map[int]int{}
	for range n {
		wg.Go(func() {
			start := time.Now()
			a, err := send()
			mu.Lock()
			defer mu.Unlock()
			if err != nil || !slices.Contains(want, a.Status) {
				l.t.Errorf("%s: %v, %+v", name, err, a)
				return
			}
			slowest = max(slowest, time.Since(start))
			statuses[a.Status]++
		})
	}
	wg.Wait()
	grown := (l.status("VmHWM") - l.idle) >> 10
	l.t.Logf("%-13s × %2d: %3d MB more than idle, slowest %v, %v", name, n, grown, slowest.Round(time.Millisecond), statuses)
	if grown > l.most {
		l.t.Errorf("%s × %d: the process grew by %d MB", name, n, grown)
	}
}

// Without INKSTONE_MEMORY only a few of the bodies are tried, and fewer at once.
var allOfThem = os.Getenv("INKSTONE_MEMORY") != ""

func atOnce() int {
	if allOfThem {
		return 50
	}
	return 12
}

func TestHostileBodiesAtOnceCostLittleMemory(t *testing.T) {
	l := newLoad(t, nil)
	for name, body := range hostile() {
		if !allOfThem && !slices.Contains([]string{"objects", "escapes", "key"}, name) {
			continue
		}
		for _, n := range []int{1, atOnce()} {
			l.together(name, n, func() (*answer, error) { return l.user.Try("POST", "/api/posts", body) }, 400, 503)
		}
	}
	l.settles()
}

func TestAPostOfTheLargestSizeCostsBoundedMemory(t *testing.T) {
	eachLoad(t, aPostOfTheLargestSizeCostsBoundedMemory)
}

func aPostOfTheLargestSizeCostsBoundedMemory(t *testing.T, l *load) {
	const size = 10<<20 - 200
	again := func(text string) string { return strings.Repeat(text, size/len(text)) }
	var different strings.Builder
	for n := 1 << 30; different.Len() < size-8; n++ {
		different.WriteString(strconv.FormatInt(int64(n), 36) + " ")
	}
	for name, text := range map[string]string{"run": again("墨"), "one word": again("a"), "prose": prose(size), "sentences": again("砚台，读写相宜。\\n"), "words": again("ink stone "), "different": different.String()} {
		if !allOfThem && name != "run" && name != "prose" {
			continue
		}
		body := `{"title":"t","category":"技术","content":"` + text + `"}`
		path := ""
		l.together(name, 1, func() (*answer, error) {
			a, err := l.user.Try("POST", "/api/posts", body)
			if err == nil {
				path = "/api/posts/" + a.Str("post.id")
			}
			return a, err
		}, 201)
		for _, n := range []int{1, atOnce()} {
			l.together(name+" again", n, func() (*answer, error) { return l.user.Try("PUT", path, strings.Replace(body, `"t"`, `"title"`, 1)) }, 200, 503)
			l.together(name+" read", n, func() (*answer, error) { return l.user.Try("GET", path, nil) }, 200, 503)
			l.together(name+" new", n, func() (*answer, error) { return l.user.Try("POST", "/api/posts", body) }, 201, 503)
		}
		l.together(name+" gone", 1, func() (*answer, error) { return l.user.Try("DELETE", path, nil) }, 200)
	}
	l.settles()
}

// TestLargeTextsReadAtOnceCostBoundedMemory: many may read what only a few may have in memory.
func TestLargeTextsReadAtOnceCostBoundedMemory(t *testing.T) {
	eachLoad(t, largeTextsReadAtOnceCostBoundedMemory)
}

func largeTextsReadAtOnceCostBoundedMemory(t *testing.T, l *load) {
	var paths []string
	for i := range 6 {
		id := l.user.Write("published", object{"title": fmt.Sprint(i), "content": repeat("a", 9<<20)})
		paths = append(paths, "/api/posts/"+id)
	}
	for range 10 {
		l.user.Write("draft", object{"content": repeat("a", 390<<10)})
	}
	drafts := "/api/posts?status=draft&author=" + l.user.Get("/api/auth/me").Expect(200).Str("user.id")
	anybody := &client{t: t, url: l.p.url, header: http.Header{}}
	var next atomic.Int64
	turn := func() string { return paths[int(next.Add(1))%len(paths)] }
	for _, n := range []int{len(paths), atOnce()} {
		if n > len(paths) {
			l.most = most * 3 / 2 // what was read last time may still wait to be collected
		}
		l.together("posts by members", n, func() (*answer, error) { return l.user.Try("GET", turn(), nil) }, 200, 503)
		l.together("lists by members", n, func() (*answer, error) { return l.user.Try("GET", drafts, nil) }, 200, 503)
		l.together("lists of all", n, func() (*answer, error) { return anybody.Try("GET", "/api/posts", nil) }, 200, 503)
		l.together("posts by anybody", n, func() (*answer, error) { return anybody.Try("GET", turn(), nil) }, 200, 503)
		l.together("changes", n, func() (*answer, error) { return l.user.Try("PATCH", turn(), object{"excerpt": "摘要"}) }, 200, 503)
	}
	l.settles()
}

// prose is made of three thousand characters, some of them far more often than others,
// in sentences: it has nearly as many different terms as are indexed of a text.
func prose(size int) string {
	r := rand.New(rand.NewPCG(1, 2))
	common := rand.NewZipf(r, 1.2, 20, 3000)
	var b strings.Builder
	for b.Len() < size-20 {
		for range 4 + r.IntN(12) {
			b.WriteRune('\u4e00' + rune(common.Uint64()))
		}
		b.WriteString("。")
	}
	return b.String()
}

// Ten posts on a page could be a hundred megabytes.
func TestAListOfLargePostsIsNeverInMemoryWhole(t *testing.T) {
	eachLoad(t, aListOfLargePostsIsNeverInMemoryWhole)
}

func aListOfLargePostsIsNeverInMemoryWhole(t *testing.T, l *load) {
	const posts, size = 8, 4 << 20
	for i := range posts {
		l.user.Write("published", object{"title": fmt.Sprint(i), "tags": []string{"large"}, "content": strings.Repeat("墨，", size/6)})
	}
	anybody := &client{t: t, url: l.p.url, header: http.Header{}}
	for name, reader := range map[string]*client{"anybody": anybody, "the author": l.user} {
		path := "/api/posts?tags=large&sort=createdAt&limit=100"
		l.together(name, 2, func() (*answer, error) { return reader.Try("GET", path, nil) }, 200)
		whole, err := reader.Try("GET", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Posts      []struct{ Title, Content string }
			Pagination struct{ Total int }
		}
		if err := json.Unmarshal(whole.Body, &list); err != nil {
			t.Fatal(err)
		}
		for i, p := range list.Posts {
			if p.Title != fmt.Sprint(i) || len(p.Content) != size/6*6 {
				t.Errorf("%s: post %d is %q of %d bytes", name, i, p.Title, len(p.Content))
			}
		}
		if len(list.Posts) != posts || list.Pagination.Total != posts || whole.Header.Get("ETag") != "" || whole.Header.Get("Cache-Control") != "private, no-store" {
			t.Errorf("%s: %d posts, %+v, %v", name, len(list.Posts), list.Pagination, whole.Header)
		}
		head, err := reader.Try("HEAD", path, nil)
		if err != nil || head.Status != 200 || len(head.Body) != 0 {
			t.Errorf("%s: HEAD %+v, %v", name, head, err)
		}
	}
}

// hugePNG claims a size and holds nothing of it.
func hugePNG(width, height uint32) []byte {
	ihdr := []byte("IHDR")
	ihdr = bytesof.BigEndian.AppendUint32(bytesof.BigEndian.AppendUint32(ihdr, width), height)
	ihdr = append(ihdr, 8, 6, 0, 0, 0)
	b := append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x0d"), ihdr...)
	b = bytesof.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(ihdr))
	return append(b, make([]byte, 5<<20-len(b))...)
}

func TestUploadsAtOnceCostLittleMemory(t *testing.T) {
	l := newLoad(t, nil)
	gif := append([]byte("GIF89a\xff\xff\xff\xff\xf7\x00\x00"), bytes.Repeat([]byte{0xff}, 5<<20-13)...)
	for name, content := range map[string][]byte{"sound": sized(5 << 20), "huge": hugePNG(1<<31-1, 1<<31-1), "51 megapixels": hugePNG(10200, 5000), "gif": gif} {
		form, kind := formOf(t, file{"image", "a.png", "image/png", content})
		user := l.user.With("Content-Type", kind)
		want := 400
		if name == "sound" {
			want = 200
		}
		for _, n := range []int{1, atOnce()} {
			l.together(name, n, func() (*answer, error) { return user.Try("POST", "/api/upload/single", form) }, want)
		}
	}
	l.settles()
}

// settles waits until the process is as it was: goroutines, files, memory.
func (l *load) settles() {
	l.t.Helper()
	transport.CloseIdleConnections()
	var files, tasks, memory int
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		files, tasks, memory = l.open(), l.goroutines(), l.status("VmRSS")
		if files <= l.files+4 && tasks <= l.tasks+4 && memory < l.warm*13/10+slack {
			l.t.Logf("after: %d files (%d), %d goroutines (%d), RSS %d MB (%d)", files, l.files, tasks, l.tasks, memory>>10, l.warm>>10)
			return
		}
	}
	l.t.Errorf("does not settle: %d files, %d before; %d goroutines, %d before; RSS %d KiB, %d before", files, l.files, tasks, l.tasks, memory, l.warm)
}

// slack is for what the database's pages take, in KiB: there are more than before.
const slack = 8 << 10

// open counts the open files.
func (l *load) open() int { return count(l.t, fmt.Sprintf("/proc/%d/fd", l.p.cmd.Process.Pid)) }
