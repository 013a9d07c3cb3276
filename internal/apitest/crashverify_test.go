package apitest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// verify compares the site with all that is known of it.
func (c *crash) verify(url string) {
	c.t.Helper()
	for _, w := range c.writers {
		w.url = url
		if w.cut != nil {
			c.cut++
			if w.settle() {
				c.kept++
			}
			w.cut = nil
		}
		w.verify()
	}
	anyone := *c.writers[0].client
	anyone.header = nil
	anyone.Get("/api/posts?limit=1").Expect(200).Counts("pagination.total", c.published())
	anyone.Get("/api/posts?category=技术&limit=1").Expect(200).Counts("pagination.total", c.published()-1)
	auditDatabase(c.t, filepath.Join(c.dir, "inkstone.db"))
	auditUploads(c.t, c.dir)
}

// settle looks how the write that was cut off ended, takes it over if it was
// kept, and reports whether it was. What else it may have done, verify finds.
func (w *writer) settle() (kept bool) {
	w.t.Helper()
	switch cut := *w.cut; cut.kind {
	case "create":
		return w.settleCreate(cut.word)
	case "update":
		return w.settleUpdate(cut.id, cut.word)
	case "comment":
		return w.settleComment(cut.id, cut.word)
	case "comment update":
		kept = w.Get("/api/comments/"+cut.id).Expect(200).Str("comment.content") == cut.word
		if kept {
			w.comments[cut.id].word = cut.word
		}
	case "comment delete":
		if kept = w.Get("/api/comments/"+cut.id).Status == 404; kept {
			w.dropComment(cut.id)
		}
	case "like", "unlike":
		kept = w.Get("/api/posts/"+cut.id).Expect(200).At("post.liked") == (cut.kind == "like")
		w.posts[cut.id].liked = kept == (cut.kind == "like")
	case "delete":
		if kept = w.Get("/api/posts/"+cut.id).Status == 404; kept {
			w.dropPost(cut.id)
		}
	case "upload":
		return w.settleUpload(cut.word)
	case "profile":
		if kept = w.Get("/api/auth/me").Str("user.profile.bio") == cut.word; kept {
			w.bio = cut.word
		}
	case "register":
		return w.settleRegister(cut.word)
	default:
		w.t.Fatalf("nobody knows how to settle %q", cut.kind)
	}
	return kept
}

func (w *writer) settleCreate(word string) bool {
	for _, p := range w.own() {
		if p.Title == word {
			w.keepPost(p.ID, &written{word: word, status: p.Status})
			return true
		}
	}
	return false
}

func (w *writer) settleUpdate(id, texts string) bool {
	word, status, _ := strings.Cut(texts, " ")
	if w.Get("/api/posts/"+id).Expect(200).Str("post.title") != word {
		return false
	}
	w.posts[id].word, w.posts[id].status = word, status
	return true
}

func (w *writer) settleComment(post, word string) bool {
	a := w.Get("/api/posts/" + post + "/comments?sort=-createdAt&limit=100").Expect(200)
	ids := a.Each("comments", "id")
	for i, text := range a.Each("comments", "content") {
		if text == word {
			w.keepComment(ids[i], &remark{post: post, word: word})
			return true
		}
	}
	return false
}

func (w *writer) settleUpload(word string) bool {
	for _, url := range w.files() {
		if w.uploads[url] == nil {
			w.uploads[url] = picture(word)
			w.touched[url] = true
			return true
		}
	}
	return false
}

// settleRegister: a name that can't sign in is free, else half of it is there.
func (w *writer) settleRegister(name string) bool {
	a := w.Post("/api/auth/login", object{"email": name + "@example.com", "password": password})
	kept := a.Status == 200
	if !kept {
		a = w.Post("/api/auth/register", account(name)).Expect(201)
	}
	w.keepUser(a.Str("user.id"), name)
	return kept
}

// listed is a post as a list shows it.
type listed struct {
	ID, Title, Content, Status string
	Tags                       []string
	LikeCount, CommentCount    int
}

// own reads the list of the writer's posts, page by page.
func (w *writer) own() []listed {
	return pages[listed](w, "/api/posts?status=all&sort=-createdAt&author="+w.ID, "posts")
}

// files reads the addresses of the writer's uploads.
func (w *writer) files() []string {
	var urls []string
	for _, f := range pages[struct{ URL string }](w, "/api/upload?", "files") {
		urls = append(urls, f.URL)
	}
	return urls
}

func pages[T any](w *writer, path, field string) (all []T) {
	for page := 1; ; page++ {
		a, err := w.Try("GET", fmt.Sprintf("%s&limit=100&page=%d", path, page), nil)
		if err != nil {
			w.t.Fatal(err)
		}
		var answer struct{ Pagination struct{ Pages, Total int } }
		lists := map[string]json.RawMessage{}
		var some []T
		for _, err := range []error{json.Unmarshal(a.Expect(200).Body, &answer), json.Unmarshal(a.Body, &lists), json.Unmarshal(lists[field], &some)} {
			if err != nil {
				w.t.Fatalf("%s: %v", a.what, err)
			}
		}
		if all = append(all, some...); page >= answer.Pagination.Pages {
			if len(all) != answer.Pagination.Total {
				w.t.Errorf("%s: %d listed, the total is %d", a.what, len(all), answer.Pagination.Total)
			}
			return all
		}
	}
}

// verify compares everything of the writer with the lists, and each by itself
// what was written to since the last time, and some of the rest.
func (w *writer) verify() {
	w.verifyList()
	w.verifyUploads()
	for id, p := range w.posts {
		if w.due(id) {
			w.verifyPost(id, p)
		}
	}
	for id, r := range w.comments {
		if w.due(id) {
			w.verifyComment(id, r)
		}
	}
	for id, name := range w.users {
		if w.due(id) {
			w.Get("/api/users/"+id).Expect(200).Says("user.username", name)
			w.Post("/api/auth/login", object{"email": name + "@example.com", "password": password}).Expect(200)
		}
	}
	w.Get("/api/auth/me").Expect(200).Says("user.profile.bio", w.bio).Says("user.profile.firstName", w.bio).Says("user.profile.location", w.bio)
}

func (w *writer) due(id string) bool { return w.touched[id] || rand.IntN(100) == 0 }

func (w *writer) verifyList() {
	seen := map[string]bool{}
	for _, l := range w.own() {
		p := w.posts[l.ID]
		switch {
		case p == nil:
			w.t.Errorf("post %s, %q, was acknowledged to nobody", l.ID, l.Title)
			continue
		case p.gone:
			w.t.Errorf("post %s, %q, was deleted", l.ID, l.Title)
		case seen[l.ID]:
			w.t.Errorf("post %s is listed twice", l.ID)
		case l.Title != p.word || l.Content != content(p.word) || len(l.Tags) != 1 || l.Tags[0] != p.word || l.Status != p.status:
			w.t.Errorf("post %s is lost or torn: %q, tags %q, %s, %q; want %q %s", l.ID, l.Title, l.Tags, l.Status, short(l.Content), p.word, p.status)
		}
		if l.CommentCount != p.comments || (l.LikeCount == 1) != p.liked || l.LikeCount > 1 {
			w.t.Errorf("post %s: %d likes and %d comments, want %v and %d", l.ID, l.LikeCount, l.CommentCount, p.liked, p.comments)
		}
		seen[l.ID] = true
	}
	for id, p := range w.posts {
		if !p.gone && !seen[id] {
			w.t.Errorf("post %s, %q, is lost", id, p.word)
		}
	}
}

func (w *writer) verifyUploads() {
	seen := map[string]bool{}
	for _, url := range w.files() {
		if w.uploads[url] == nil || seen[url] {
			w.t.Errorf("upload %s is there twice or was acknowledged to nobody", url)
		}
		seen[url] = true
	}
	for url, content := range w.uploads {
		if !seen[url] {
			w.t.Errorf("upload %s is lost", url)
		}
		if !w.due(url) {
			continue
		}
		if a := w.Get(url).Expect(200); !bytes.Equal(a.Body, content) {
			w.t.Errorf("%s has %d other bytes", url, len(a.Body))
		}
	}
}

func (w *writer) verifyPost(id string, p *written) {
	a := w.Get("/api/posts/" + id)
	found := 0
	switch {
	case p.gone:
		a.Expect(404)
	case p.status == "published":
		found = 1
		fallthrough
	default:
		a.Expect(200).Says("post.title", p.word).Says("post.content", content(p.word)).Says("post.tags.0", p.word).Says("post.status", p.status)
		w.Get("/api/posts/"+id+"/comments?limit=1").Expect(200).Counts("pagination.total", p.comments)
	}
	w.Get("/api/posts?search="+p.word).Expect(200).Counts("pagination.total", found)
	w.Get("/api/posts?tags="+p.word).Expect(200).Counts("pagination.total", found)
}

func (w *writer) verifyComment(id string, r *remark) {
	a := w.Get("/api/comments/" + id)
	if r.gone {
		a.Expect(404)
		return
	}
	a.Expect(200).Says("comment.content", r.word).Says("comment.post", r.post)
}

// audits find rows that should not be: counters unlike their rows, rows of
// nothing, an index that differs from what it is of.
var audits = map[string]string{
	"likes":        "SELECT key, likes FROM posts p WHERE likes <> (SELECT count(*) FROM likes WHERE post = p.key)",
	"comments":     "SELECT key, comments FROM posts p WHERE comments <> (SELECT count(*) FROM comments WHERE post = p.key AND NOT deleted)",
	"posts":        "SELECT status, n FROM post_counts c WHERE author = 0 AND category = '' AND tag = '' AND n <> (SELECT count(*) FROM posts WHERE status = c.status)",
	"of an author": "SELECT author, n FROM post_counts c WHERE author > 0 AND category = '' AND tag = '' AND n <> (SELECT count(*) FROM posts WHERE status = c.status AND author = c.author)",
	"of a tag":     "SELECT tag, n FROM post_counts c WHERE author = 0 AND category = '' AND tag > '' AND n <> (SELECT count(*) FROM post_tags WHERE status = c.status AND tag = c.tag)",
	"tags":         "SELECT p.key, t.value FROM posts p, json_each(p.tags) t WHERE NOT EXISTS (SELECT 1 FROM post_tags WHERE tag = t.value AND status = p.status AND rank = p.rank)",
	"search":       "SELECT rank, 0 FROM posts EXCEPT SELECT rowid, 0 FROM posts_fts UNION ALL SELECT rowid, 1 FROM posts_fts WHERE rowid NOT IN (SELECT rank FROM posts)",
	"users":        "SELECT role, n FROM user_counts c WHERE n <> (SELECT count(*) FROM users WHERE role = c.role AND active = c.active)",
	"quotas":       "SELECT key, uploads FROM users u WHERE uploads <> (SELECT count(*) FROM uploads WHERE owner = u.key)",
	"pages":        "SELECT 0, integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'",
	"foreign keys": `SELECT "table", rowid FROM pragma_foreign_key_check`,
}

func auditDatabase(t *testing.T, path string) {
	t.Helper()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for name, query := range audits {
		err := sqlitex.ExecuteTransient(c, query, &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			t.Errorf("%s: %s %s", name, s.ColumnText(0), s.ColumnText(1))
			return nil
		}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// auditUploads holds the files in the upload folder to the rows: no half files.
func auditUploads(t *testing.T, dir string) {
	t.Helper()
	c, err := sqlite.OpenConn(filepath.Join(dir, "inkstone.db"), sqlite.OpenReadOnly)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	rows := map[string]int64{}
	err = sqlitex.ExecuteTransient(c, "SELECT field || '/' || filename, size FROM uploads", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
		rows[s.ColumnText(0)] = s.ColumnInt64(1)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Join(dir, "uploads")
	err = fs.WalkDir(os.DirFS(root), ".", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(path, ".") {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		if rows[path] != info.Size() {
			t.Errorf("file %s has %d bytes, its row says %d", path, info.Size(), rows[path])
		}
		delete(rows, path)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	for path := range rows {
		t.Errorf("the file of %s is lost", path)
	}
}
