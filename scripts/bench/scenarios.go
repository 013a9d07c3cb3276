package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"inkstone/internal/blog"
)

// bench runs the scenarios one after the other, each against servers of its own.
type bench struct {
	ctx      context.Context
	binary   string
	data     string
	database string
	redis    string // "": none
	filling  filling
	length   time.Duration
	only     string        // the one scenario to run; "": all
	crowd    int           // clients of an overload
	hasty    float64       // share of them who take no notice of Retry-After
	haste    time.Duration // how soon these come back
	rounds   int           // how often an overload is repeated
	mix      string        // the one thing they ask for; "": each in turn
	cpus     string        // the servers' processors; "": any

	searches atomic.Int64 // asked for so far
}

const clients = 8

func (b *bench) all() error {
	for _, s := range []struct {
		name string
		run  func() error
	}{{"cached", b.cached}, {"uncached", b.uncached}, {"writes", b.writes}, {"logins", b.logins}, {"overload", b.overload}, {"backups", b.backups}, {"gateway", b.gateway}, {"instances", b.instances}} {
		if b.only != s.name && (b.only != "" || s.name == "instances" || s.name == "gateway") {
			continue
		}
		if err := s.run(); err != nil {
			return err
		}
	}
	return nil
}

// server starts Inkstone on the filled database as in production, with limits
// off, metrics on and a log line for each request.
func (b *bench) server(env ...string) (*process, error) {
	env = append([]string{"NODE_ENV=production", "JWT_SECRET=" + rand.Text() + rand.Text(), "DATA_DIR=" + b.data, "DATABASE_URL=" + b.database, "LOG_DIR=", "RATE_LIMIT_MAX=0", "RATE_LIMIT_USER_MAX=0", "LOGIN_LIMIT_MAX=0", "LOGIN_LIMIT_IP_MAX=0",
		"ADMIN_EMAIL=bench@example.com", "ADMIN_USERNAME=bench", "ADMIN_PASSWORD=bench-password"}, env...)
	return startProcess(b.ctx, b.log(), b.cpus, env, b.binary, "serve")
}

func (b *bench) log() string { return filepath.Join(b.data, "server.log") }

func get(p *process, path string) func(int) (*http.Request, error) {
	return func(int) (*http.Request, error) { return http.NewRequest("GET", p.base+path, nil) }
}

func fetch(p *process, path string) ([]byte, error) {
	r, err := http.Get(p.base + path)
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	return io.ReadAll(r.Body)
}

// load is what most scenarios send, for a part of the time that one takes.
func (b *bench) load(request func(int) (*http.Request, error), parts int) load {
	return load{clients: clients, length: b.length / time.Duration(parts), request: request, expect: http.StatusOK, database: b.database}
}

// measure prints a load's figures under a name. A search that takes too long is refused.
func (b *bench) measure(p *process, name string, l load) error {
	l.refusal = http.StatusServiceUnavailable
	r, err := l.run(b.ctx, p)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Printf("%-28s %s\n", name, r)
	return nil
}

// cached compares answers from the cache with a bare handler of the same bytes.
func (b *bench) cached() error {
	p, err := b.server()
	if err != nil {
		return err
	}
	defer p.stop()
	idle, _, err := p.rss()
	if err != nil {
		return err
	}
	fmt.Printf("idle %d MiB\n", idle)
	ids, err := shortIDs(p, 1)
	if err != nil {
		return err
	}
	for _, c := range []struct{ name, path string }{{"cached list of 10", "/api/posts"}, {"cached single post", "/api/posts/" + ids[0]}} {
		if err := b.besideBare(p, c.name, c.path); err != nil {
			return err
		}
	}
	now, peak, err := p.rss()
	fmt.Printf("under load %d MiB, at most %d MiB\n", now, peak)
	return err
}

// postIDs returns the newest posts' ids, of so many pages of a hundred.
func postIDs(p *process, pages int) ([]string, error) {
	return idsOf(p, pages, func(int) bool { return true })
}

// shortIDs is postIDs without posts that have comments, as overload leaves them: these
// are three times as long, and take two queries.
func shortIDs(p *process, pages int) ([]string, error) {
	return idsOf(p, pages, func(comments int) bool { return comments == 0 })
}

func idsOf(p *process, pages int, wanted func(comments int) bool) ([]string, error) {
	var ids []string
	for page := range pages {
		body, err := fetch(p, fmt.Sprintf("/api/posts?limit=100&page=%d", page+1))
		if err != nil {
			return nil, err
		}
		var list struct {
			Posts []struct {
				ID           string
				CommentCount int
			}
		}
		if err := json.Unmarshal(body, &list); err != nil {
			return nil, fmt.Errorf("reading the list: %w", err)
		}
		for _, post := range list.Posts {
			if wanted(post.CommentCount) {
				ids = append(ids, post.ID)
			}
		}
	}
	return ids, nil
}

// uncached asks a server without an answer cache, so that every answer comes
// from the database.
func (b *bench) uncached() error {
	p, err := b.server("CACHE_BYTES=0")
	if err != nil {
		return err
	}
	defer p.stop()
	fmt.Printf("start on an existing database %v\n", p.start.Round(time.Millisecond))
	ids, err := shortIDs(p, 10)
	if err != nil {
		return err
	}
	if err := b.besideSQL(p, "single post", ids); err != nil {
		return err
	}
	author, err := firstAuthor(p)
	if err != nil {
		return err
	}
	newest := blog.PostFilter{Status: blog.Published, Order: blog.Order{Field: "publishedAt", Desc: true}}
	deep := blog.Cursor{Int: newPost(max(b.filling.posts-10*1000, 1), make([]blog.ID, 1), 1).PublishedAt.UnixMilli(), ID: blog.ID{1}}.Encode(newest.List())
	for _, c := range []struct{ name, path string }{
		{"list of 10", "/api/posts"},
		{"  by category", "/api/posts?category=" + url.QueryEscape(categories[0])},
		{"  by tag", "/api/posts?tags=" + url.QueryEscape(tag(7))},
		{"  by author", "/api/posts?author=" + author},
		{"  by title", "/api/posts?sort=title"},
		{"  page 1000 by cursor", "/api/posts?cursor=" + deep},
		{"tag list", "/api/posts/tags"},
		{"search of a rare word", "/api/posts?search=" + url.QueryEscape(rareWord)},
		{"search of a common word", "/api/posts?search=" + url.QueryEscape(commonWord)},
		{"  by relevance", "/api/posts?sort=relevance&search=" + url.QueryEscape(commonWord)},
		{"search of a common phrase", "/api/posts?search=" + url.QueryEscape(commonPhrase)},
	} {
		if err := b.measure(p, c.name, b.load(get(p, c.path), 1)); err != nil {
			return err
		}
	}
	alone := b.load(get(p, "/api/posts?search="+url.QueryEscape(commonPhrase)), 1)
	alone.clients = 1
	if err := b.measure(p, "  by one client", alone); err != nil {
		return err
	}
	now, peak, err := p.rss()
	fmt.Printf("without cache %d MiB, at most %d MiB\n", now, peak)
	return err
}

func firstAuthor(p *process) (string, error) {
	body, err := fetch(p, "/api/posts?limit=1")
	if err != nil {
		return "", err
	}
	var list struct {
		Posts []struct{ Author struct{ ID string } }
	}
	if err := json.Unmarshal(body, &list); err != nil || len(list.Posts) == 0 {
		return "", fmt.Errorf("reading the list: %w", err)
	}
	return list.Posts[0].Author.ID, nil
}

// writes creates posts by 16 writers at once; they are removed with the
// database, or stay in it where it is kept.
func (b *bench) writes() error {
	p, err := b.server("BCRYPT_COST=10")
	if err != nil {
		return err
	}
	defer p.stop()
	token, err := signIn(p)
	if err != nil {
		return err
	}
	start := time.Now()
	r, err := b.creating(p, token, 16).run(b.ctx, p)
	if err != nil {
		return err
	}
	fmt.Printf("%-28s %s  %.0f posts/s\n", "create, 16 writers", r, float64(r.requests)/time.Since(start).Seconds())
	return nil
}

// createRequest creates the n-th article as a draft.
func (b *bench) createRequest(p *process, token string, n int) (*http.Request, error) {
	title, content := article(n, b.filling.bytes)
	body, err := json.Marshal(map[string]any{"title": title, "content": content, "category": categories[0], "tags": []string{tag(1), tag(2)}, "status": "draft"})
	if err != nil {
		return nil, err
	}
	return jsonRequest(p.base+"/api/posts", string(body), token)
}

func jsonRequest(target, body, token string) (*http.Request, error) {
	req, err := http.NewRequest("POST", target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

func signIn(p *process) (string, error) {
	r, err := http.Post(p.base+"/api/auth/login", "application/json", strings.NewReader(`{"email":"bench@example.com","password":"bench-password"}`))
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	var answer struct{ Token string }
	if err := json.NewDecoder(r.Body).Decode(&answer); err != nil || answer.Token == "" {
		return "", fmt.Errorf("signing in: status %d: %w", r.StatusCode, err)
	}
	return answer.Token, nil
}

// floodPause is between the tries of one of the flood's clients: without it the
// load itself, which shares the cores, would be what is measured.
const floodPause = 100 * time.Millisecond

// logins floods the server with wrong passwords at the full cost of bcrypt while
// a few readers go on and the right one is tried each second.
func (b *bench) logins() error {
	p, err := b.server("BCRYPT_COST=12")
	if err != nil {
		return err
	}
	defer p.stop()
	if _, err := signIn(p); err != nil {
		return err
	}
	var wrong [][]byte
	for i := range 10000 {
		wrong = append(wrong, rawRequest("POST", "/api/auth/login", "", fmt.Sprintf(`{"email":"nobody%d@example.com","password":"wrong-password"}`, i)))
	}
	readers := crowd{clients: 2, length: b.length, mix: []dish{{"list", 1, anyOf([][]byte{rawRequest("GET", "/api/posts", "", "")})}}}
	flood := crowd{clients: 32, length: b.length, pause: floodPause, hasty: 1, also: http.StatusUnauthorized, mix: []dish{{"login", 1, anyOf(wrong)}}}
	idle := readers.run(b.ctx, p)
	var busy, refusals *seen
	var right []time.Duration
	var wg sync.WaitGroup
	wg.Go(func() { busy = readers.run(b.ctx, p) })
	wg.Go(func() { refusals = flood.run(b.ctx, p) })
	wg.Go(func() { right = b.signIns(p) })
	wg.Wait()
	fmt.Printf("reads, idle     %s\nreads in flood  %s\nwrong logins    %s\n", idle, busy, refusals)
	fmt.Printf("reads' p99 %.2f x idle, right logins %v\n", float64(quantile(busy.served, 0.99))/float64(quantile(idle.served, 0.99)), right)
	return nil
}

// signIns tells how long it takes to get in with the right password for one who
// tries again a second after each refusal, as often as there is time.
func (b *bench) signIns(p *process) (took []time.Duration) {
	start := time.Now()
	for first := start; time.Since(start) < b.length; time.Sleep(time.Second) {
		if _, err := signIn(p); err == nil {
			took = append(took, time.Since(first).Round(time.Millisecond))
			first = time.Now().Add(time.Second)
		}
	}
	return took
}
