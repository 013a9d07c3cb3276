package apitest

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
)

// eachPair runs f with two processes on one database, without anything between them but that.
func eachPair(t *testing.T, f func(t *testing.T, one, two *site)) {
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		f(t, siteOf(t, dir, usual()), siteOf(t, dir, usual()))
	})
	t.Run("postgres", func(t *testing.T) {
		s := usual()
		s["DATABASE_URL"] = migrated(t)
		f(t, siteOf(t, t.TempDir(), s), siteOf(t, t.TempDir(), s))
	})
}

func siteOf(t *testing.T, dir string, s settings) *site {
	t.Helper()
	p := launch(t, dir, s)
	return &site{instance: &instance{url: p.url}, t: t, Anyone: &client{t: t, url: p.url, header: http.Header{}}}
}

// through returns the same user sending to another process.
func (c *client) through(s *site) *client {
	n := *c
	n.url = s.url
	return &n
}

// What one process acknowledged shows in the other's next answer, though that
// has just kept the answer to the same question.
func TestAWriteThroughOneProcessShowsThroughTheOtherAtOnce(t *testing.T) {
	eachPair(t, writeShowsThroughTheOther)
}

func writeShowsThroughTheOther(t *testing.T, one, two *site) {
	u := one.User()
	id := u.Write("published", object{"tags": []string{"初"}})
	for round := range rounds(t, "INKSTONE_SHARED_ROUNDS", 24) {
		writer, reader := one, two
		if round%2 == 1 {
			writer, reader = two, one
		}
		showsAtOnce(t, u.through(writer), reader.Anyone, id, round)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
}

// showsAtOnce has the reader keep its answers, writes, and asks the reader again.
func showsAtOnce(t *testing.T, writer, reader *client, id string, round int) {
	t.Helper()
	path, word := "/api/posts/"+id, fmt.Sprintf("稿%d", round)
	questions := []string{path, "/api/posts", "/api/posts?tags=" + word, "/api/posts?search=" + word, "/api/posts/tags", path + "/comments?limit=1"}
	for _, q := range questions {
		reader.Get(q).Expect(200)
	}
	writer.Patch(path, object{"title": word, "tags": []string{word}}).Expect(200)
	reader.Get(path).Says("post.title", word)
	reader.Get("/api/posts").Says("posts.0.title", word)
	reader.Get("/api/posts?tags="+word).Counts("pagination.total", 1)
	reader.Get("/api/posts?search="+word).Counts("pagination.total", 1)
	reader.Get("/api/posts/tags").Says("tags.0.name", word)

	comment := writer.Comment(id, word)
	reader.Get(path+"/comments?limit=1").Counts("pagination.total", 1)
	reader.Get(path).Counts("post.commentCount", 1)
	writer.Delete("/api/comments/" + comment).Expect(200)
	reader.Get(path+"/comments?limit=1").Counts("pagination.total", 0)

	method, likes := "POST", 1
	if round/2%2 == 1 {
		method, likes = "DELETE", 0
	}
	writer.Send(method, path+"/like", nil).Expect(200)
	reader.Get("/api/posts").Counts("posts.0.likeCount", likes)

	writer.Patch(path, object{"status": "draft"}).Expect(200)
	reader.Get(path).Refused(403, "POST_FORBIDDEN")
	reader.Get("/api/posts").Counts("pagination.total", 0)
	writer.Patch(path, object{"status": "published"}).Expect(200)
	reader.Get(path).Expect(200)
}

// Writers through both at once wait for each other; none is told that the
// database is locked, and each finds its own write through the other process.
func TestWritersThroughTwoProcessesWaitForEachOther(t *testing.T) {
	eachPair(t, writersThroughBoth)
}

func writersThroughBoth(t *testing.T, one, two *site) {
	shared := one.User().Write("published", nil)
	const writers = 8
	each := max(1, rounds(t, "INKSTONE_SHARED_ROUNDS", 24)/writers)
	var wg sync.WaitGroup
	for range writers {
		u := one.User()
		wg.Go(func() { writeThroughBoth(t, u, one, two, shared, each) })
	}
	wg.Wait()
	for _, s := range []*site{one, two} {
		s.Anyone.Get("/api/posts/"+shared).Counts("post.commentCount", writers*each)
		s.Anyone.Get("/api/posts?limit=1").Counts("pagination.total", 1+writers*each)
	}
}

func writeThroughBoth(t *testing.T, u *client, one, two *site, shared string, rounds int) {
	for round := range rounds {
		writer, reader := u.through(one), two.Anyone
		if round%2 == 1 {
			writer, reader = u.through(two), one.Anyone
		}
		title := fmt.Sprintf("%s 第%d篇", u.Name, round)
		a, err := writer.Try("POST", "/api/posts", article("published", object{"title": title}))
		if err != nil || a.Status != 201 {
			t.Errorf("create: %v, %+v", err, a)
			return
		}
		id := a.Str("post.id")
		if a, err := reader.Try("GET", "/api/posts/"+id, nil); err != nil || a.Str("post.title") != title {
			t.Errorf("read through the other: %v, %+v", err, a)
		}
		if a, err := writer.Try("POST", "/api/posts/"+shared+"/comments", object{"content": title}); err != nil || a.Status != 201 {
			t.Errorf("comment: %v, %+v", err, a)
		}
	}
}
