package apitest

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Routes that anybody may call, and those for admins only. Whatever is mounted
// beside them is for the signed-in, a new route too until it is named here.
var (
	openRoutes = []string{
		"POST /api/auth/register", "POST /api/auth/login", "GET /api/posts", "GET /api/posts/tags", "GET /api/posts/{id}", "GET /api/posts/{id}/comments",
		"GET /api/comments", "GET /api/comments/{id}", "GET /api/users/{id}", "GET /uploads/{field}/{filename}",
	}
	adminRoutes = []string{
		"GET /api/posts/stats/overview", "GET /api/users", "PATCH /api/users/{id}",
		"GET /api/admin/database/slow-queries", "GET /api/admin/database/indexes", "GET /api/admin/database/pool",
	}
)

func TestEveryRouteOfTheAPIIsClosedUnlessItIsNamedAsOpen(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		for _, r := range s.routes {
			name := r.Method + " " + template(r.Pattern)
			if !strings.HasPrefix(r.Pattern, "/api/") || slices.Contains(openRoutes, name) {
				continue
			}
			path := strings.NewReplacer("{id}", s.Admin.ID, "{filename}", "a.png").Replace(r.Pattern)
			for _, body := range []any{nil, `{"role":`} {
				s.Anyone.Send(r.Method, path, body).Refused(401, "TOKEN_MISSING")
			}
			if slices.Contains(adminRoutes, name) {
				u.Send(r.Method, path, nil).Refused(403, "FORBIDDEN")
			}
		}
	})
}

// cell is a post as it stands in a list.
type cell struct {
	id, status string
	by         *client
	dated      bool // was published at some time
}

// What each lists, by every filter, status and order, page by page and by cursor:
// exactly what he may see, and no more is counted.
func TestEverybodyListsAndCountsWhatHeMaySee(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		author, other := s.User(), s.User()
		var posts []cell
		for _, by := range []*client{author, other} {
			posts = append(posts, cell{by.Write("draft", seen), "draft", by, false}, cell{by.Write("published", seen), "published", by, true})
			for _, status := range []string{"archived", "deleted"} {
				id := by.Write("published", seen)
				bring(by, id, status)
				posts = append(posts, cell{id, status, by, true})
			}
		}
		for _, reader := range []*client{s.Anyone, other, author, s.Admin} {
			for _, filter := range []string{"", "category=生活", "tags=砚,无", "search=池墨", "from=2020-01-01", "author=" + author.ID,
				"category=生活&tags=砚&search=池墨&to=2099-12-31&author=" + author.ID} {
				for _, status := range []string{"", "draft", "published", "archived", "all"} {
					want := visible(posts, reader, s.Admin, filter, status)
					q := "/api/posts?limit=2&" + filter
					if status != "" {
						q += "&status=" + status
					}
					listsOnly(reader.As(t), q, want)
				}
			}
		}
	})
}

var seen = object{"tags": []string{"砚"}}

// visible returns the ids of the posts that the reader's question is answered with.
func visible(posts []cell, reader, admin *client, filter, status string) (ids []string) {
	for _, p := range posts {
		ofAuthor, inTime := strings.Contains(filter, "author="), strings.Contains(filter, "-01-01") || strings.Contains(filter, "-12-31")
		if ofAuthor && !strings.Contains(filter, p.by.ID) || inTime && !p.dated || p.status == "deleted" {
			continue
		}
		asked := status
		if owns := reader == admin || ofAuthor && reader == p.by; !owns || asked == "" {
			asked = "published"
		}
		if asked == "all" || asked == p.status {
			ids = append(ids, p.id)
		}
	}
	slices.Sort(ids)
	return ids
}

func listsOnly(c *client, q string, want []string) {
	c.t.Helper()
	for _, sort := range []string{"publishedAt", "createdAt", "updatedAt", "viewCount", "likeCount", "commentCount", "title", "relevance"} {
		for _, sort := range []string{sort, "-" + sort} {
			var got []string
			for next := "&page=1"; next != ""; {
				a := c.Get(q+"&sort="+sort+next).Expect(200).Counts("pagination.total", len(want))
				got = append(got, a.Each("posts", "id")...)
				if next = a.Str("pagination.next"); next != "" {
					next = "&cursor=" + url.QueryEscape(next)
				}
			}
			if slices.Sort(got); !slices.Equal(got, want) {
				c.t.Errorf("%s lists %v sorted by %s, want %v", q, got, sort, want)
			}
		}
	}
}

// A condition must not tell what the answer does not: neither with the tags that
// the author sees, nor with those a stranger saw while it was his to see.
func TestAConditionTellsAStrangerNothing(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		author, other := s.User(), s.User()
		for _, status := range []string{"draft", "archived", "deleted"} {
			post := author.Write("published", object{"title": treasure})
			comment := other.Comment(post, treasure)
			other.Reply(post, comment, treasure)
			paths := []string{
				"/api/posts/" + post, "/api/posts/" + post + "/comments", "/api/posts/" + post + "/comments?sort=-createdAt&limit=1", "/api/comments?post=" + post,
				"/api/comments/" + comment, "/api/posts?status=all&author=" + author.ID, "/api/posts?search=" + treasure + "&status=all&author=" + author.ID,
			}
			strangers := []*client{s.Anyone, other}
			tags := tagsOf(paths, s.Anyone, other, author)
			bring(author, post, status)
			tags = append(tags, tagsOf(paths, author, s.Admin)...)
			for _, c := range strangers {
				for _, path := range paths {
					plain := c.Get(path)
					c := c.With("If-None-Match", strings.Join(tags, ", "))
					for _, a := range []*answer{c.Get(path), c.Head(path)} {
						if a.Status != plain.Status || a.Header.Get("ETag") != plain.Header.Get("ETag") || bytes.Contains(a.Body, []byte(treasure)) {
							t.Errorf("%s, %s: %d %q, without a condition %d", a.what, status, a.Status, a.Header.Get("ETag"), plain.Status)
						}
					}
				}
			}
		}
	})
}

// tagsOf returns the ETags that those clients see.
func tagsOf(paths []string, clients ...*client) (tags []string) {
	for _, c := range clients {
		for _, path := range paths {
			if a := c.Get(path); a.Status == 200 && a.Int("pagination.total") != 0 {
				tags = append(tags, a.Header.Get("ETag"))
			}
		}
	}
	return tags
}

// Who may not write is told so, whatever revision he names and whatever he sends.
func TestPermissionIsToldBeforeTheRevisionAndTheBody(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		author, other := s.User(), s.User()
		for _, status := range []string{"draft", "published", "archived", "deleted"} {
			post := author.Write("published", nil)
			bring(author, post, status)
			path, right := "/api/posts/"+post, author.Get("/api/posts/"+post).Header.Get("ETag")
			for _, match := range []string{`"0-x"`, right, "*"} {
				for _, body := range []any{article("published", nil), object{"title": "", "role": "admin"}, `{"title":`} {
					for _, method := range []string{"PUT", "PATCH", "DELETE"} {
						s.Anyone.With("If-Match", match).Send(method, path, body).Refused(401, "TOKEN_MISSING")
						if status == "deleted" {
							other.With("If-Match", match).Send(method, path, body).Refused(404, "POST_NOT_FOUND")
						} else {
							other.With("If-Match", match).Send(method, path, body).Refused(403, "NOT_OWNER")
						}
					}
				}
			}
			if status != "deleted" {
				for _, c := range []*client{author, s.Admin} {
					c.With("If-Match", `"0-x"`).Patch(path, object{"title": "旧稿"}).Refused(412, "POST_CHANGED")
				}
				author.With("If-Match", right).Patch(path, object{"title": "新稿"}).Expect(200)
			}
		}
	})
}
