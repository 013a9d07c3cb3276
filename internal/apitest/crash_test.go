package apitest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The rounds of the crash test: INKSTONE_CRASH_ROUNDS, 8 by default.
func crashRounds(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("INKSTONE_CRASH_ROUNDS"))
	if err != nil {
		n = 8
	}
	if testing.Short() {
		n = 2
	}
	t.Logf("%d rounds", n)
	return n
}

// A process that is killed in the middle of writes, many times, has every write
// that it acknowledged; a write that was cut off is there whole or not at all.
func TestEveryAcknowledgedWriteOutlivesSIGKILL(t *testing.T) {
	dir := t.TempDir()
	s := usual()
	p := launch(t, dir, s)
	writers := make([]*writer, 6)
	for i := range writers {
		writers[i] = newWriter(t, p.url, i)
	}
	var starts []time.Duration
	for round := range crashRounds(t) {
		var wg sync.WaitGroup
		for _, w := range writers {
			wg.Go(w.writeUntilCutOff)
		}
		time.Sleep(time.Duration(20+rand.IntN(380)) * time.Millisecond)
		p.Kill()
		wg.Wait()

		start := time.Now()
		p = launch(t, dir, s)
		starts = append(starts, time.Since(start))
		for _, w := range writers {
			w.url = p.url
			w.verify()
		}
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	slices.Sort(starts)
	acknowledged := 0
	for _, w := range writers {
		acknowledged += w.acknowledged
	}
	t.Logf("%d writes acknowledged; restart: median %v, slowest %v", acknowledged, starts[len(starts)/2], starts[len(starts)-1])
	if acknowledged < 20*len(starts) {
		t.Errorf("only %d writes acknowledged in %d rounds: nothing was proved", acknowledged, len(starts))
	}
	if err := p.Stop(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
}

// writer is a user who writes and remembers what was acknowledged. Nobody else
// touches his posts, so he knows what they must be.
type writer struct {
	*client
	number       int
	version      int
	posts        map[string]*written
	order        []string
	uploads      map[string][]byte
	users        []string
	acknowledged int
}

// written is what is known of a post. maybe is the write that was cut off, if any.
type written struct {
	title    string
	maybe    string // another title it may have
	liked    bool
	comments []string
	gone     bool
	unsure   map[string]bool // "like", "comment", "gone": cut off, so either way is right
}

func newWriter(t *testing.T, url string, number int) *writer {
	s := &site{instance: &instance{url: url}, t: t, Anyone: &client{t: t, url: url, header: http.Header{}}}
	return &writer{client: s.User(), number: number, posts: map[string]*written{}, uploads: map[string][]byte{}}
}

func (w *writer) writeUntilCutOff() {
	for w.writeOne() == nil {
		w.acknowledged++
	}
}

var errRefused = errors.New("refused")

func (w *writer) writeOne() error {
	if len(w.order) == 0 {
		return w.create()
	}
	id := w.order[rand.IntN(len(w.order))]
	post := w.posts[id]
	switch n := rand.IntN(20); {
	case n < 6 || post.gone:
		return w.create()
	case n < 11:
		return w.update(id, post)
	case n < 14:
		return w.comment(id, post)
	case n < 16:
		return w.like(id, post)
	case n < 17:
		return w.remove(id, post)
	case n < 19:
		return w.upload()
	default:
		return w.register()
	}
}

// word returns a new word that stands nowhere else.
func (w *writer) word() string {
	w.version++
	return fmt.Sprintf("w%dv%d", w.number, w.version)
}

func body(word string) object {
	return object{"title": word, "content": word + repeat(" 砚台 "+word, 200), "category": "技术", "status": "published", "tags": []string{word}}
}

func (w *writer) do(status int, method, path string, body any) (*answer, error) {
	a, err := w.Try(method, path, body)
	if err == nil && a.Status != status {
		w.t.Errorf("%s: %d %s", a.what, a.Status, short(string(a.Body)))
		err = errRefused
	}
	return a, err
}

func (w *writer) create() error {
	word := w.word()
	a, err := w.do(201, "POST", "/api/posts", body(word))
	if err == nil {
		w.posts[a.Str("post.id")] = &written{title: word, unsure: map[string]bool{}}
		w.order = append(w.order, a.Str("post.id"))
	}
	return err
}

func (w *writer) update(id string, p *written) error {
	word := w.word()
	p.maybe = word
	if _, err := w.do(200, "PUT", "/api/posts/"+id, body(word)); err != nil {
		return err
	}
	p.title, p.maybe = word, ""
	return nil
}

func (w *writer) comment(id string, p *written) error {
	p.unsure["comment"] = true
	a, err := w.do(201, "POST", "/api/posts/"+id+"/comments", object{"content": w.word()})
	if err == nil {
		p.comments = append(p.comments, a.Str("comment.id"))
		delete(p.unsure, "comment")
	}
	return err
}

func (w *writer) like(id string, p *written) error {
	method := "POST"
	if p.liked {
		method = "DELETE"
	}
	p.unsure["like"] = true
	if _, err := w.do(200, method, "/api/posts/"+id+"/like", nil); err != nil {
		return err
	}
	p.liked = !p.liked
	delete(p.unsure, "like")
	return nil
}

func (w *writer) remove(id string, p *written) error {
	p.unsure["gone"] = true
	if _, err := w.do(200, "DELETE", "/api/posts/"+id, nil); err != nil {
		return err
	}
	p.gone = true
	return nil
}

func (w *writer) upload() error {
	content := append(pictures()[".png"], w.word()...)
	form, kind := formOf(w.t, file{"image", "a.png", "image/png", content})
	a, err := (&writer{client: w.With("Content-Type", kind)}).do(200, "POST", "/api/upload/single", form)
	if err == nil {
		w.uploads[a.Str("file.url")] = content
	}
	return err
}

func (w *writer) register() error {
	word := w.word()
	a, err := w.do(201, "POST", "/api/auth/register", object{"username": word, "email": word + "@example.com", "password": password})
	if err == nil {
		w.users = append(w.users, a.Str("user.id"))
	}
	return err
}

func (w *writer) verify() {
	for id, p := range w.posts {
		w.verifyPost(id, p)
	}
	for url, content := range w.uploads {
		if a := w.Get(url).Expect(200); !bytes.Equal(a.Body, content) {
			w.t.Errorf("%s has %d other bytes", url, len(a.Body))
		}
	}
	w.Get("/api/upload?limit=1").Expect(200)
	for _, id := range w.users {
		w.Get("/api/users/" + id).Expect(200)
	}
}

// verifyPost compares a post with what is known of it, and takes over how a
// write that was cut off ended.
func (w *writer) verifyPost(id string, p *written) {
	a := w.Get("/api/posts/" + id)
	if p.gone || p.unsure["gone"] && a.Status == 404 {
		a.Expect(404)
		p.gone = true
		w.Get("/api/posts?search="+p.title).Expect(200).Counts("pagination.total", 0)
		return
	}
	a.Expect(200)
	title := a.Str("post.title")
	if title != p.title && title != p.maybe {
		w.t.Errorf("post %s is %q, want %q or %q", id, title, p.title, p.maybe)
	}
	if a.Str("post.content") != body(title)["content"] || a.Str("post.tags.0") != title {
		w.t.Errorf("post %s is torn: %s", id, short(string(a.Body)))
	}
	w.verifySearch(id, title, p)
	w.verifyCounters(id, a, p)
	p.title, p.maybe, p.unsure = title, "", map[string]bool{}
}

func (w *writer) verifySearch(id, title string, p *written) {
	w.Get("/api/posts?search="+title).Expect(200).Counts("pagination.total", 1).Says("posts.0.id", id)
	w.Get("/api/posts?tags="+title).Expect(200).Counts("pagination.total", 1)
	for _, other := range []string{p.title, p.maybe} {
		if other != title && other != "" {
			w.Get("/api/posts?search="+other).Expect(200).Counts("pagination.total", 0)
		}
	}
}

func (w *writer) verifyCounters(id string, a *answer, p *written) {
	liked, _ := a.At("post.liked").(bool)
	if liked != p.liked && !p.unsure["like"] {
		w.t.Errorf("post %s: liked %v, want %v", id, liked, p.liked)
	}
	p.liked = liked
	want := 0
	if liked {
		want = 1
	}
	a.Counts("post.likeCount", want)

	list := w.Get("/api/posts/" + id + "/comments?limit=100").Expect(200)
	have := list.Each("comments", "id")
	for _, c := range p.comments {
		if !slices.Contains(have, c) {
			w.t.Errorf("post %s lost comment %s", id, c)
		}
	}
	if more := len(have) - len(p.comments); more > 1 || more == 1 && !p.unsure["comment"] {
		w.t.Errorf("post %s has %d comments, %d acknowledged", id, len(have), len(p.comments))
	}
	p.comments = have
	a.Counts("post.commentCount", list.Int("pagination.total"))
}
