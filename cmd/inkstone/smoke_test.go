package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestSmoke uses the built binary as a stranger would: start it in an empty
// folder, bring in a folder of articles twice, search them, stop it.
//
// INKSTONE_BINARY names a binary (else one is built), POSTS_DIR a folder of
// articles (else the real ones beside the checkout, else a few of our own).
func TestSmoke(t *testing.T) {
	s := startSmoke(t)
	out := s.command("import", postsDir(t), "--author", smokeEmail)
	t.Log(out)
	posts := s.allPosts()
	if len(posts) == 0 {
		t.Fatal("nothing was imported")
	}
	before := s.get("/api/posts?limit=100")
	s.command("import", postsDir(t), "--author", smokeEmail)
	if after := s.get("/api/posts?limit=100"); !bytes.Equal(before, after) {
		t.Error("a second import of the same folder changed something")
	}
	for _, query := range []string{"微服务", "链路", "事务", "Seata", "mesh 网格", "云"} {
		s.checkSearch(query, posts)
	}
	s.stop()
}

const smokeEmail = "admin@example.com"

type smoke struct {
	t      *testing.T
	binary string
	dir    string
	env    []string
	base   string
	server *exec.Cmd
}

type smokePost struct{ ID, Title, Content string }

func startSmoke(t *testing.T) *smoke {
	s := &smoke{t: t, binary: smokeBinary(t), dir: t.TempDir()}
	s.env = append(os.Environ(), "PORT=0", "HOST=127.0.0.1", "BCRYPT_COST=4", "RATE_LIMIT_MAX=0",
		"ADMIN_EMAIL="+smokeEmail, "ADMIN_USERNAME=admin", "ADMIN_PASSWORD=example-password")
	s.server = exec.Command(s.binary, "serve")
	s.server.Dir, s.server.Env = s.dir, s.env
	printed := &firstURL{found: make(chan string, 1)}
	s.server.Stdout, s.server.Stderr = printed, printed
	if err := s.server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.server.Process.Kill() })
	select {
	case s.base = <-printed.found:
	case <-time.After(30 * time.Second):
		t.Fatalf("the server printed no address:\n%s", printed.String())
	}
	return s
}

func smokeBinary(t *testing.T) string {
	if b := os.Getenv("INKSTONE_BINARY"); b != "" {
		return b
	}
	b := filepath.Join(t.TempDir(), "inkstone")
	if out, err := exec.Command("go", "build", "-o", b, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return b
}

func postsDir(t *testing.T) string {
	for _, dir := range []string{os.Getenv("POSTS_DIR"), "../../../shared/data/posts"} {
		if st, err := os.Stat(dir); dir != "" && err == nil && st.IsDir() {
			abs, err := filepath.Abs(dir)
			if err != nil {
				t.Fatal(err)
			}
			return abs
		}
	}
	abs, err := filepath.Abs("testdata/posts")
	if err != nil {
		t.Fatal(err)
	}
	return abs
}

// firstURL keeps what the server prints and finds the address in it.
type firstURL struct {
	found chan string

	mu   sync.Mutex
	text bytes.Buffer
	done bool
}

var addressPattern = regexp.MustCompile(`https?://127\.0\.0\.1:\d+`)

func (f *firstURL) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text.Write(p)
	if u := addressPattern.Find(f.text.Bytes()); u != nil && !f.done {
		f.done = true
		f.found <- string(u)
	}
	return len(p), nil
}

// String returns what was printed so far.
func (f *firstURL) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.text.String()
}

func (s *smoke) command(args ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.binary, args...)
	cmd.Dir, cmd.Env = s.dir, s.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("inkstone %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s *smoke) get(path string) []byte {
	s.t.Helper()
	r, err := http.Get(s.base + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(r.Body); err != nil || r.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: status %d, %v\n%s", path, r.StatusCode, err, b.String())
	}
	return b.Bytes()
}

// list reads all pages of a list of posts.
func (s *smoke) list(query string) (posts []smokePost, total int) {
	for page := 1; ; page++ {
		var answer struct {
			Posts      []smokePost
			Pagination struct{ Total, Pages int }
		}
		if err := json.Unmarshal(s.get(fmt.Sprintf("/api/posts?limit=100&page=%d&%s", page, query)), &answer); err != nil {
			s.t.Fatal(err)
		}
		posts = append(posts, answer.Posts...)
		if page >= answer.Pagination.Pages {
			return posts, answer.Pagination.Total
		}
	}
}

func (s *smoke) allPosts() []smokePost {
	posts, _ := s.list("")
	return posts
}

// checkSearch compares the search with a plain scan over title and content: a
// run of Chinese as a substring, a word as a whole word without regard to case.
func (s *smoke) checkSearch(query string, all []smokePost) {
	s.t.Helper()
	var want []string
	for _, p := range all {
		if scanFinds(query, p) {
			want = append(want, p.ID)
		}
	}
	found, total := s.list("search=" + url.QueryEscape(query))
	var got []string
	for _, p := range found {
		got = append(got, p.ID)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || total != len(want) {
		s.t.Errorf("search %q found %d (total %d), a plain scan %d", query, len(got), total, len(want))
	}
	s.t.Logf("search %q: %d posts", query, total)
}

var latinWords = regexp.MustCompile(`[a-z0-9]+`)

func scanFinds(query string, p smokePost) bool {
	text := strings.ToLower(p.Title + "\n" + p.Content)
	words := latinWords.FindAllString(text, -1)
	for _, q := range strings.Fields(strings.ToLower(query)) {
		if latinWords.MatchString(q) {
			if !slices.Contains(words, q) {
				return false
			}
		} else if !strings.Contains(text, q) {
			return false
		}
	}
	return true
}

// stop asks the server to end and expects it to do so cleanly.
func (s *smoke) stop() {
	s.t.Helper()
	if err := s.server.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := s.server.Wait(); err != nil {
		s.t.Errorf("after SIGTERM: %v, want exit code 0", err)
	}
}
