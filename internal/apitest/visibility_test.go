package apitest

import (
	"bytes"
	"net/url"
	"strings"
	"testing"
)

// treasure is a word that stands in hidden posts only: wherever a stranger meets it, something leaked.
const treasure = "秘藏之宝"

// The matrix {anonymous, other, author, admin} × {draft, published, archived,
// deleted} over every route that shows a post, its comments or its likes.
func TestWhoSeesWhichPost(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		author, other := s.User(), s.User()
		readers := []struct {
			name string
			c    *client
			owns bool
		}{{"anonymous", s.Anyone, false}, {"other", other, false}, {"author", author, true}, {"admin", s.Admin, true}}
		for _, status := range []string{"draft", "published", "archived", "deleted"} {
			post, comment := hiddenPost(author, status)
			for _, r := range readers {
				want, code := 200, ""
				switch {
				case status == "deleted":
					want, code = 404, "POST_NOT_FOUND"
				case status != "published" && !r.owns:
					want, code = 403, "POST_FORBIDDEN"
				}
				t.Run(status+" by "+r.name, func(t *testing.T) { seesPost(r.c.As(t), post, comment, want, code) })
			}
		}
	})
}

// hiddenPost makes a post with a comment and brings it to the status.
func hiddenPost(author *client, status string) (post, comment string) {
	post = author.Write("published", object{"title": treasure, "tags": []string{treasure}, "content": treasure + status})
	comment = author.Comment(post, treasure)
	bring(author, post, status)
	return post, comment
}

func seesPost(c *client, post, comment string, want int, code string) {
	c.t.Helper()
	answers := []*answer{
		c.Get("/api/posts/" + post),
		c.Get("/api/posts/" + post + "/"),
		c.Get("/api/posts/" + post + "/comments"),
		c.Get("/api/comments?post=" + post),
		c.With("If-None-Match", "*").Get("/api/posts/" + post),
		c.With("If-None-Match", `"x"`).Get("/api/posts/" + post + "/comments"),
	}
	if c.Token != "" {
		answers = append(answers, c.Post("/api/posts/"+post+"/like", nil), c.Delete("/api/posts/"+post+"/like"))
	}
	for _, a := range answers {
		if want == 200 && a.Status == 304 {
			continue // If-None-Match: *
		}
		a.Expect(want)
		if code != "" {
			a.Refused(want, code)
		}
		if want != 200 && (bytes.Contains(a.Body, []byte(treasure)) || a.Header.Get("ETag") != "") {
			c.t.Errorf("%s: a refusal tells of the post: %v %s", a.what, a.Header, a.Body)
		}
	}
	for _, path := range []string{"/api/posts/" + post, "/api/posts/" + post + "/comments", "/api/comments?post=" + post, "/api/comments/" + comment} {
		c.Head(path).Expect(want)
	}
	if a := c.With("If-None-Match", "*").Get("/api/comments/" + comment); a.Status != want && (want != 200 || a.Status != 304) {
		c.t.Errorf("%s, conditional: %d", a.what, a.Status)
	}
	a := c.Get("/api/comments/" + comment)
	if code == "POST_NOT_FOUND" {
		code = "COMMENT_NOT_FOUND"
	}
	if a.Expect(want); want != 200 {
		a.Refused(want, code)
	}
}

func TestNothingOfAHiddenPostShowsInListsSearchCountsOrTags(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		author, other := s.User(), s.User()
		for _, status := range []string{"draft", "archived", "deleted"} {
			hiddenPost(author, status)
		}
		for _, c := range []*client{s.Anyone, other, author, s.Admin} {
			for _, q := range []string{"", "search=" + treasure, "search=秘藏&sort=relevance", "tags=" + treasure, "category=生活", "status=draft", "status=archived", "status=all", "author=" + author.ID, "author=" + author.ID + "&status=all", "from=2020-01-01&to=2099-12-31", "page=2&limit=1",
				"sort=-viewCount", "sort=title", "sort=commentCount", "search=" + treasure + "&tags=" + treasure + "&category=生活&author=" + author.ID + "&sort=-likeCount"} {
				if owner := c == author || c == s.Admin; owner && strings.Contains(q, "status=") {
					continue // on request they see them, see list_test.go
				}
				a := c.Get("/api/posts?"+q).Expect(200).Counts("pagination.total", 0)
				if bytes.Contains(a.Body, []byte(treasure)) {
					t.Errorf("%q lists %s", q, a.Body)
				}
			}
			if a := c.Get("/api/posts/tags").Expect(200); bytes.Contains(a.Body, []byte(treasure)) {
				t.Errorf("the tag shows: %s", a.Body)
			}
		}
	})
}

func TestACursorOfTheAuthorGivesAStrangerNothing(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		author := s.User()
		for range 3 {
			author.Write("draft", object{"title": treasure})
		}
		q := "/api/posts?limit=1&status=all&author=" + author.ID
		next := url.QueryEscape(author.Get(q).Expect(200).Counts("pagination.total", 3).Str("pagination.next"))
		author.Get(q+"&cursor="+next).Expect(200).Says("posts.0.title", treasure)
		for _, c := range []*client{s.Anyone, s.User()} {
			c.Get(q+"&cursor="+next).Refused(400, "VALIDATION_FAILED")
		}
	})
}
