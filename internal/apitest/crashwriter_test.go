package apitest

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"testing"
)

// crash is what is known of a site whose process gets killed.
type crash struct {
	t         *testing.T
	dir       string
	writers   []*writer
	shared    string // a post that every writer comments on
	cut, kept int    // writes cut off, and those of them that were there after all
}

func newCrash(t *testing.T, dir, url string, writers int) *crash {
	s := &site{instance: &instance{url: url}, t: t, Anyone: &client{t: t, url: url, header: http.Header{}}}
	c := &crash{t: t, dir: dir, shared: s.User().Write("published", nil)}
	for i := range writers {
		c.writers = append(c.writers, &writer{
			client: s.User(), number: i, shared: c.shared, done: map[string]int{},
			posts: map[string]*written{}, comments: map[string]*remark{}, uploads: map[string][]byte{}, users: map[string]string{},
		})
	}
	return c
}

func (c *crash) acknowledged() (n int) {
	for _, count := range c.kinds() {
		n += count
	}
	return n
}

// kinds counts the acknowledged writes of each kind.
func (c *crash) kinds() map[string]int {
	all := map[string]int{}
	for _, w := range c.writers {
		for kind, n := range w.done {
			all[kind] += n
		}
	}
	return all
}

// writer is a user who writes and remembers what was acknowledged. Nobody else
// touches his posts, so he knows what they must be.
type writer struct {
	*client
	number   int
	version  int
	shared   string
	done     map[string]int // acknowledged, by kind
	cut      *attempt       // the write without an answer
	posts    map[string]*written
	order    []string // living posts
	comments map[string]*remark
	remarks  []string // living comments
	uploads  map[string][]byte
	users    map[string]string // id → name
	bio      string
	touched  map[string]bool // ids and addresses written to since the last comparison
}

// attempt is a write that was sent: the kind, what it is about, its new text.
type attempt struct{ kind, id, word string }

// written is what a post must be. The text stands for title, content and tags.
type written struct {
	word, status string
	liked, gone  bool
	comments     int
}

// remark is what a comment must be.
type remark struct {
	post, word string
	gone       bool
}

func (w *writer) writeUntilCutOff() {
	w.touched = map[string]bool{}
	for w.writeOne() == nil {
		w.done[w.cut.kind]++
		w.cut = nil
	}
}

func (w *writer) writeOne() error {
	if len(w.order) == 0 {
		return w.create()
	}
	id := w.order[rand.IntN(len(w.order))]
	switch n := rand.IntN(40); {
	case n < 9:
		return w.create()
	case n < 17:
		return w.update(id)
	case n < 24:
		return w.comment(id)
	case n < 27 && len(w.remarks) > 0:
		return w.changeComment(w.remarks[rand.IntN(len(w.remarks))])
	case n < 31:
		return w.like(id)
	case n < 33:
		return w.remove(id)
	case n < 36:
		return w.upload()
	case n < 38:
		return w.describe()
	default:
		return w.register()
	}
}

// word returns a new word that stands nowhere else.
func (w *writer) word() string {
	w.version++
	return fmt.Sprintf("w%dv%d", w.number, w.version)
}

func body(word, status string) object {
	return object{"title": word, "content": content(word), "category": "技术", "status": status, "tags": []string{word}}
}

func content(word string) string { return word + repeat(" 砚台 "+word, 200) }

// statusOf a text: one in four is a draft.
func statusOf(version int) string {
	if version%4 == 0 {
		return "draft"
	}
	return "published"
}

var errRefused = errors.New("refused")

// send notes what is being tried, and sends it. Only an answer is an acknowledgement.
func (w *writer) send(as attempt, status int, method, path string, body any) (*answer, error) {
	w.cut = &as
	if as.id != "" {
		w.touched[as.id] = true
	}
	a, err := w.Try(method, path, body)
	if err == nil && a.Status != status {
		w.t.Errorf("%s: %d %s", a.what, a.Status, short(string(a.Body)))
		err = errRefused
	}
	return a, err
}

func (w *writer) create() error {
	word := w.word()
	status := statusOf(w.version)
	a, err := w.send(attempt{"create", "", word}, 201, "POST", "/api/posts", body(word, status))
	if err == nil {
		w.keepPost(a.Str("post.id"), &written{word: word, status: status})
	}
	return err
}

func (w *writer) keepPost(id string, p *written) {
	w.posts[id] = p
	w.order = append(w.order, id)
	w.touched[id] = true
}

func (w *writer) update(id string) error {
	word := w.word()
	status := statusOf(w.version)
	if w.posts[id].comments > 0 || w.posts[id].liked {
		status = "published"
	}
	_, err := w.send(attempt{"update", id, word + " " + status}, 200, "PUT", "/api/posts/"+id, body(word, status))
	if err == nil {
		w.posts[id].word, w.posts[id].status = word, status
	}
	return err
}

// comment goes to an own post, and one in four to the post of all.
func (w *writer) comment(id string) error {
	if rand.IntN(4) == 0 || w.posts[id].status == "draft" {
		id = w.shared
	}
	word := w.word()
	a, err := w.send(attempt{"comment", id, word}, 201, "POST", "/api/posts/"+id+"/comments", object{"content": word})
	if err == nil {
		w.keepComment(a.Str("comment.id"), &remark{post: id, word: word})
	}
	return err
}

func (w *writer) keepComment(id string, r *remark) {
	w.comments[id] = r
	w.remarks = append(w.remarks, id)
	w.touched[id] = true
	if p := w.posts[r.post]; p != nil {
		p.comments++
		w.touched[r.post] = true
	}
}

// changeComment writes a comment anew, or deletes it.
func (w *writer) changeComment(id string) error {
	r := w.comments[id]
	if rand.IntN(3) > 0 {
		word := w.word()
		_, err := w.send(attempt{"comment update", id, word}, 200, "PUT", "/api/comments/"+id, object{"content": word})
		if err == nil {
			r.word = word
		}
		return err
	}
	_, err := w.send(attempt{"comment delete", id, ""}, 200, "DELETE", "/api/comments/"+id, nil)
	if err == nil {
		w.dropComment(id)
	}
	return err
}

func (w *writer) dropComment(id string) {
	r := w.comments[id]
	r.gone = true
	w.remarks = without(w.remarks, id)
	if p := w.posts[r.post]; p != nil {
		p.comments--
		w.touched[r.post] = true
	}
}

func (w *writer) like(id string) error {
	p := w.posts[id]
	if p.status == "draft" {
		return w.update(id)
	}
	kind, method := "like", "POST"
	if p.liked {
		kind, method = "unlike", "DELETE"
	}
	_, err := w.send(attempt{kind, id, ""}, 200, method, "/api/posts/"+id+"/like", nil)
	if err == nil {
		p.liked = !p.liked
	}
	return err
}

func (w *writer) remove(id string) error {
	_, err := w.send(attempt{"delete", id, ""}, 200, "DELETE", "/api/posts/"+id, nil)
	if err == nil {
		w.dropPost(id)
	}
	return err
}

func (w *writer) dropPost(id string) {
	w.posts[id].gone = true
	w.order = without(w.order, id)
	for _, comment := range w.remarks {
		if w.comments[comment].post == id {
			w.comments[comment].gone = true
			w.touched[comment] = true
		}
	}
	w.remarks = keep(w.remarks, func(comment string) bool { return !w.comments[comment].gone })
}

func (w *writer) upload() error {
	word := w.word()
	form, kind := formOf(w.t, file{"image", "a.png", "image/png", picture(word)})
	typed := *w
	typed.client = w.With("Content-Type", kind)
	a, err := typed.send(attempt{"upload", "", word}, 200, "POST", "/api/upload/single", form)
	w.cut = typed.cut
	if err == nil {
		w.uploads[a.Str("file.url")] = picture(word)
		w.touched[a.Str("file.url")] = true
	}
	return err
}

func picture(word string) []byte { return append(pictures()[".png"], word...) }

// describe changes three fields of the writer's own profile at once.
func (w *writer) describe() error {
	word := w.word()
	_, err := w.send(attempt{"profile", "", word}, 200, "PUT", "/api/users/me",
		object{"profile": object{"firstName": word, "bio": word, "location": word}})
	if err == nil {
		w.bio = word
	}
	return err
}

func (w *writer) register() error {
	word := w.word()
	a, err := w.send(attempt{"register", "", word}, 201, "POST", "/api/auth/register", account(word))
	if err == nil {
		w.keepUser(a.Str("user.id"), word)
	}
	return err
}

func (w *writer) keepUser(id, name string) {
	w.users[id] = name
	w.touched[id] = true
}

func account(name string) object {
	return object{"username": name, "email": name + "@example.com", "password": password}
}

func without(all []string, one string) []string {
	return keep(all, func(s string) bool { return s != one })
}

func keep(all []string, wanted func(string) bool) []string {
	var out []string
	for _, s := range all {
		if wanted(s) {
			out = append(out, s)
		}
	}
	return out
}

// published counts the posts of all writers that everybody sees.
func (c *crash) published() int {
	n := 1 // the shared one
	for _, w := range c.writers {
		for p := range maps.Values(w.posts) {
			if !p.gone && p.status == "published" {
				n++
			}
		}
	}
	return n
}
