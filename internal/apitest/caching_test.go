package apitest

import (
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestPublicAnswersCarryAnETagAndAre304WhenUnchanged(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("published", object{"tags": []string{"砚"}})
		comment := u.Comment(id, "好")
		for _, path := range []string{"/api/posts", "/api/posts/" + id, "/api/posts/tags", "/api/posts/" + id + "/comments", "/api/comments/" + comment, "/api/users/" + u.ID, "/api/posts?search=砚"} {
			a := s.Anyone.Get(path).Expect(200)
			etag := a.Header.Get("ETag")
			if etag == "" || a.Header.Get("Cache-Control") != "public, max-age=0, must-revalidate" {
				t.Errorf("%s: ETag %q, Cache-Control %q", path, etag, a.Header.Get("Cache-Control"))
				continue
			}
			for _, match := range []string{etag, "W/" + strings.TrimPrefix(etag, "W/"), `"x", ` + etag, "*"} {
				if got := s.Anyone.With("If-None-Match", match).Get(path); got.Status != 304 {
					t.Errorf("%s with If-None-Match %s: %d", path, match, got.Status)
				}
			}
			s.Anyone.With("If-None-Match", etag).Head(path).Expect(304)
			s.Anyone.With("If-None-Match", `"other"`).Get(path).Expect(200)
		}
	})
}

func TestAnswersToTheSignedInAreNeverShared(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("published", nil)
		for _, path := range []string{"/api/posts", "/api/posts/" + id, "/api/auth/me", "/api/users/" + u.ID, "/api/posts/nope", "/api/upload"} {
			a := u.Get(path)
			if got := a.Header.Get("Cache-Control"); !strings.Contains(got, "no-store") {
				t.Errorf("%s: Cache-Control %q", path, got)
			}
			if vary := strings.Join(a.Header.Values("Vary"), ","); !strings.Contains(vary, "Origin") {
				t.Errorf("%s: Vary %q", path, vary)
			}
		}
	})
}

func TestAWriterReadsHisOwnWrite(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("published", nil)
		var wg sync.WaitGroup
		stop := make(chan struct{})
		for range 4 { // readers that fill the cache all the time
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						_, _ = s.Anyone.Try("GET", "/api/posts", nil)
						_, _ = s.Anyone.Try("GET", "/api/posts/"+id, nil)
					}
				}
			})
		}
		for i := range 100 {
			title := "第" + strconv.Itoa(i) + "稿"
			u.Patch("/api/posts/"+id, object{"title": title}).Expect(200)
			s.Anyone.Get("/api/posts").Says("posts.0.title", title)
			s.Anyone.Get("/api/posts/"+id).Says("post.title", title)
		}
		close(stop)
		wg.Wait()
		u.Patch("/api/posts/"+id, object{"status": "draft"}).Expect(200)
		s.Anyone.Get("/api/posts").Counts("pagination.total", 0)
		s.Anyone.Get("/api/posts/"+id).Refused(403, "POST_FORBIDDEN")
	})
}

// What shows to nobody else makes no new generation: it must not be kept at all.
func TestAnAuthorReadsHisDraftsAsTheyAre(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("draft", nil)
		for _, title := range []string{"一稿", "二稿"} {
			u.Patch("/api/posts/"+id, object{"title": title}).Expect(200)
			for _, c := range []*client{u, s.Admin} {
				c.Get("/api/posts?status=draft&author="+u.ID).Says("posts.0.title", title)
				c.Get("/api/posts?status=all&author="+u.ID).Says("posts.0.title", title)
				c.Get("/api/posts/"+id).Says("post.title", title)
			}
		}
	})
}

func TestLikesAndCommentsOfOneDoNotShowAsAnothers(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		id := u.Write("published", nil)
		path := "/api/posts/" + id
		s.Anyone.Get(path).Expect(200)
		u.Post(path+"/like", nil).Expect(200)
		if a := u.Get(path); a.At("post.liked") != true {
			t.Errorf("own like: %s", a.Body)
		}
		if a := other.Get(path); a.At("post.liked") != false {
			t.Errorf("another's like: %s", a.Body)
		}
		s.Anyone.Get(path).Counts("post.likeCount", 1)
		s.Anyone.Get("/api/posts").Counts("posts.0.likeCount", 1)
		u.Comment(id, "评")
		s.Anyone.Get("/api/posts").Counts("posts.0.commentCount", 1)
	})
}

func TestUnknownParametersAndTheirOrderGiveTheSameAnswer(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		s.User().Write("published", nil)
		a := s.Anyone.Get("/api/posts?category=生活&limit=5")
		b := s.Anyone.Get("/api/posts?utm=1&limit=5&category=生活")
		if string(a.Body) != string(b.Body) {
			t.Errorf("%s\n%s", a.Body, b.Body)
		}
	})
}

func TestAnswersAreCompressedForWhoAsks(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		s.User().Write("published", object{"content": repeat("长文一篇。", 1000)})
		a, err := s.Anyone.With("Accept-Encoding", "gzip").Try("GET", "/api/posts", nil)
		if err != nil {
			t.Fatal(err)
		}
		if a.Header.Get("Content-Encoding") != "gzip" || len(a.Body) > 5000 || !strings.Contains(strings.Join(a.Header.Values("Vary"), ","), "Accept-Encoding") {
			t.Errorf("%d bytes, %v", len(a.Body), a.Header)
		}
		if a := s.Anyone.With("Accept-Encoding", "identity").Get("/api/posts"); a.Header.Get("Content-Encoding") != "" {
			t.Errorf("compressed unasked: %v", a.Header)
		}
	})
}
