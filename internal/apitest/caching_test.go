package apitest

import (
	"slices"
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

// What only its author sees changes nothing that is kept, so it must not be kept either.
func TestAnAuthorSeesEachChangeOfHisDraftsAtOnce(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("draft", nil)
		path := "/api/posts/" + id
		for _, title := range []string{"初稿", "二稿", "三稿"} {
			u.Patch(path, object{"title": title}).Expect(200)
			for _, c := range []*client{u, s.Admin} {
				c.Get("/api/posts?status=draft&author="+u.ID).Says("posts.0.title", title)
				c.Get("/api/posts?status=all&author="+u.ID+"&search="+title).Counts("pagination.total", 1)
				c.Get(path).Says("post.title", title)
			}
		}
		u.Delete(path).Expect(200)
		u.Get("/api/posts?status=draft&author="+u.ID).Counts("pagination.total", 0)
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

// Else a stranger could fill the cache with spellings of one question.
func TestAllSpellingsOfAQuestionShareOneKeptAnswer(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		s.User().Write("published", object{"tags": []string{"砚", "墨"}})
		for _, spellings := range [][]string{
			{"category=生活&limit=5", "limit=5&category=生活", "utm=1&limit=05&category=生活&X[]=2", "category=%e7%94%9F%E6%B4%BB&lim%69t=5", "category=+生活+&limit=5&page=1", "category=生活&limit=5&sort=-publishedAt", "category=生活&limit=5&status=draft"},
			{"tags=砚,墨", "tags=墨,砚", "tags=墨,,砚,+墨", "tags=墨,砚&status=all", "tags=墨,砚&limit=10"},
			{"search=池墨+今天", "search=今天+池墨", "search=今天,池墨!", "search=今天　池墨+今天"},
			{"from=2020-01-01", "from=2020-01-01T00:00:00Z", "from=2020-01-01T08:00:00%2B08:00"},
		} {
			first, misses := s.Anyone.Get("/api/posts?"+spellings[0]).Expect(200), s.misses()
			for _, q := range spellings[1:] {
				if a := s.Anyone.Get("/api/posts?" + q); string(a.Body) != string(first.Body) || s.misses() != misses {
					t.Errorf("%s is loaded apart from %s", q, spellings[0])
				}
			}
		}
	})
}

// misses returns how many answers the cache did not have.
func (s *site) misses() string {
	a, err := s.Anyone.Try("GET", "/metrics", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(a.Body), `cache_requests_total{level="memory",result="miss"} `)
	n, _, _ := strings.Cut(after, "\n")
	return n
}

func TestEveryKindOfWriteShowsAtOnceInWhatIsKept(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		author, reader := s.User(), s.User()
		post := author.Write("published", object{"title": "存证", "tags": []string{"存"}})
		comment := reader.Comment(post, "好")
		path := "/api/posts/" + post
		lists := []string{"/api/posts", "/api/posts?tags=存", "/api/posts?search=存证", "/api/posts?author=" + author.ID, path}
		remarks := []string{path, path + "/comments", "/api/comments?post=" + post, "/api/comments/" + comment}
		for _, w := range []struct {
			what  string
			shows []string
			write func() *answer
		}{
			{"rename", lists, func() *answer { return author.Put("/api/users/me", object{"username": "新名字"}) }},
			{"avatar", lists, func() *answer {
				return author.Put("/api/users/me", object{"avatar": "https://example.com/a.png"})
			}},
			{"full name", lists, func() *answer {
				return author.Put("/api/users/me", object{"profile": object{"firstName": "砚"}})
			}},
			{"rename of a commenter", remarks, func() *answer { return reader.Put("/api/users/me", object{"username": "新读者"}) }},
			{"like", lists, func() *answer { return reader.Post(path+"/like", nil) }},
			{"unlike", lists, func() *answer { return reader.Delete(path + "/like") }},
			{"comment", slices.Concat(lists, remarks[:3]), func() *answer {
				return author.Post("/api/comments", object{"post": post, "content": "谢", "parent": comment})
			}},
			{"edit of a comment", remarks, func() *answer { return reader.Put("/api/comments/"+comment, object{"content": "改"}) }},
			{"deletion of a comment", slices.Concat(lists, remarks), func() *answer { return reader.Delete("/api/comments/" + comment) }},
			{"category", slices.Concat(lists, []string{"/api/posts?category=技术", "/api/posts?category=生活"}), func() *answer { return author.Patch(path, object{"category": "技术"}) }},
			{"tags", slices.Concat(lists, []string{"/api/posts/tags", "/api/posts?tags=新"}), func() *answer { return author.Patch(path, object{"tags": []string{"存", "新"}}) }},
			{"archiving", slices.Concat(lists, remarks, []string{"/api/posts/tags"}), func() *answer { return author.Patch(path, object{"status": "archived"}) }},
			{"publishing", slices.Concat(lists, remarks, []string{"/api/posts/tags"}), func() *answer { return author.Patch(path, object{"status": "published"}) }},
			{"deletion of the author", slices.Concat(lists, remarks, []string{"/api/posts/tags"}), func() *answer { return s.Admin.Delete("/api/users/" + author.ID) }},
		} {
			before := map[string]string{}
			for range 2 { // the second time from the cache
				for _, q := range w.shows {
					before[q] = s.shown(q)
				}
			}
			if a := w.write(); a.Status >= 300 {
				t.Fatalf("%s: %d %s", w.what, a.Status, a.Body)
			}
			for _, q := range w.shows {
				if s.shown(q) == before[q] {
					t.Errorf("%s does not show in %s", w.what, q)
				}
			}
		}
	})
}

// shown returns what a stranger is answered: a body, or why not.
func (s *site) shown(q string) string {
	a := s.Anyone.Get(q)
	if a.Status != 200 {
		return a.Str("code")
	}
	return string(a.Body)
}

func TestQuestionsThatDifferInNanosecondsHaveTheirOwnAnswers(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		at := strings.TrimSuffix(u.Get("/api/posts/"+u.Write("published", nil)).Str("post.publishedAt"), "Z")
		s.Anyone.Get("/api/posts?from="+at+"Z").Counts("pagination.total", 1)
		s.Anyone.Get("/api/posts?from="+at+"000001Z").Counts("pagination.total", 0)
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
