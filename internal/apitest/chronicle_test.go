package apitest

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// chronicle is a writer who knows what his part of the site was after each of his writes,
// one after the other. A copy of the site must show one of these moments, exactly.
type chronicle struct {
	*writer
	moments []string // how it stood after so many acknowledged writes; see moment
	last    atomic.Int64
}

func newChronicles(c *crash) (all []*chronicle) {
	for _, w := range c.writers {
		w.touched = map[string]bool{}
		h := &chronicle{writer: w}
		h.moments = []string{h.moment()}
		all = append(all, h)
	}
	return all
}

// writeUntil writes until stop is closed.
func (h *chronicle) writeUntil(stop <-chan struct{}) {
	for n := len(h.moments); ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		write := h.writeOne
		if len(h.uploads) > 3 && n%7 == 0 {
			write = h.removeUpload
		}
		if err := write(); err != nil {
			h.t.Errorf("a write fails: %v", err)
			return
		}
		h.moments = append(h.moments, h.moment())
		h.last.Store(int64(n))
	}
}

func (h *chronicle) removeUpload() error {
	for url := range h.uploads {
		_, err := h.send(attempt{"upload delete", url, ""}, 200, "DELETE", "/api/upload/"+url[strings.LastIndex(url, "/")+1:], nil)
		if err == nil {
			delete(h.uploads, url)
		}
		return err
	}
	return nil
}

// moment is the writer's part of the site as he knows it, in one word.
func (h *chronicle) moment() string {
	var lines []string
	for id, p := range h.posts {
		if !p.gone {
			lines = append(lines, postLine(id, p.word, p.status, p.liked, p.comments))
		}
	}
	for id, r := range h.comments {
		if !r.gone {
			lines = append(lines, commentLine(id, r.word))
		}
	}
	for url := range h.uploads {
		lines = append(lines, "upload "+url)
	}
	for id, name := range h.users {
		lines = append(lines, "user "+id+" "+name)
	}
	return digestOf(append(lines, "bio "+h.bio))
}

func postLine(id, word, status string, liked bool, comments int) string {
	return fmt.Sprintf("post %s %s %s %v %d", id, word, status, liked, comments)
}

func commentLine(id, word string) string { return "comment " + id + " " + word }

func digestOf(lines []string) string {
	slices.Sort(lines)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, "\n"))))
}

// shows tells whether a copy of the site shows one of the moments from the given one on.
func (h *chronicle) shows(t *testing.T, url, shared string, since int) bool {
	t.Helper()
	there := *h.writer
	there.client = h.As(t)
	there.url = url
	lines, commented := []string{}, []string{shared}
	for _, p := range there.own() {
		if p.Content != content(p.Title) || len(p.Tags) != 1 || p.Tags[0] != p.Title || p.LikeCount > 1 {
			t.Errorf("post %s is torn: %q, tags %q, %d likes, %q", p.ID, p.Title, p.Tags, p.LikeCount, short(p.Content))
		}
		found := 0
		if p.Status == "published" {
			found = 1
		}
		there.Get("/api/posts?limit=1&search="+p.Title).Expect(200).Counts("pagination.total", found)
		lines = append(lines, postLine(p.ID, p.Title, p.Status, p.LikeCount == 1, p.CommentCount))
		if p.CommentCount > 0 {
			commented = append(commented, p.ID)
		}
	}
	for _, post := range commented {
		lines = append(lines, there.remarksOn(post)...)
	}
	for _, f := range there.files() {
		lines = append(lines, "upload "+f)
	}
	for id := range h.users {
		if a := there.Get("/api/users/" + id); a.Status == 200 {
			lines = append(lines, "user "+id+" "+a.Str("user.username"))
		}
	}
	lines = append(lines, "bio "+there.Get("/api/auth/me").Expect(200).Str("user.profile.bio"))
	return slices.Contains(h.moments[since:], digestOf(lines))
}

// remarksOn are the lines of the writer's own comments on a post.
func (w *writer) remarksOn(post string) (lines []string) {
	type comment struct {
		ID, Content string
		Author      struct{ ID string }
	}
	for _, c := range pages[comment](w, "/api/posts/"+post+"/comments?sort=createdAt", "comments") {
		if c.Author.ID == w.ID {
			lines = append(lines, commentLine(c.ID, c.Content))
		}
	}
	return lines
}

// checkUploads compares the images of a copy with what was sent. One that was deleted
// while the copy was made may be away.
func (h *chronicle) checkUploads(t *testing.T, url string) {
	t.Helper()
	there := *h.writer
	there.client = h.As(t)
	there.url = url
	for _, f := range there.files() {
		a := there.Get(f)
		if sent, kept := h.uploads[f]; kept && string(a.Expect(200).Body) != string(sent) {
			t.Errorf("%s has %d other bytes", f, len(a.Body))
		}
	}
}
