package apitest

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// One case for each defect of the original application that this one must not
// have, in the order in which they were told.
func TestTheOriginalsDefectsAreGone(t *testing.T) {
	cases := []struct {
		defect string
		gone   func(s *site)
	}{
		{"an owner cannot read his draft", func(s *site) {
			u := s.User()
			u.Get("/api/posts/" + u.Write("draft", nil)).Expect(200)
		}},
		{"PUT without status un-publishes", func(s *site) {
			u := s.User()
			body := article("published", nil)
			id := u.Write("published", nil)
			delete(body, "status")
			u.Put("/api/posts/"+id, body).Expect(200).Says("post.status", "published")
		}},
		{"publishing by PUT never sets publishedAt", func(s *site) {
			u := s.User()
			if a := u.Put("/api/posts/"+u.Write("draft", nil), article("published", nil)).Expect(200); a.Str("post.publishedAt") == "" {
				s.t.Errorf("no date: %s", a.Body)
			}
		}},
		{"limit is unbounded", func(s *site) {
			s.Anyone.Get("/api/posts?limit=100000").Expect(200).Counts("pagination.limit", 100)
			s.Anyone.Get("/api/posts?limit=0").Expect(200).Counts("pagination.limit", 1)
		}},
		{"a negative page crashes", func(s *site) { s.Anyone.Get("/api/posts?page=-1").Refused(400, "VALIDATION_FAILED") }},
		{"category[$ne]=x reaches the query", func(s *site) {
			s.Anyone.Get("/api/posts?category[$ne]=x").Refused(400, "VALIDATION_FAILED")
		}},
		{"tags[]=x crashes", func(s *site) { s.Anyone.Get("/api/posts?tags[]=x").Refused(400, "VALIDATION_FAILED") }},
		{"a malformed id gives 500", func(s *site) {
			u := s.User()
			for _, a := range []*answer{s.Anyone.Get("/api/posts/1"), u.Put("/api/posts/1", article("draft", nil)), u.Delete("/api/posts/1"), u.Post("/api/posts/1/like", nil), s.Anyone.Get("/api/posts/1/comments")} {
				a.Refused(404, "POST_NOT_FOUND")
			}
		}},
		{"likes without end", func(s *site) {
			u := s.User()
			like := "/api/posts/" + u.Write("published", nil) + "/like"
			u.Post(like, nil)
			u.Post(like, nil).Expect(200).Counts("likeCount", 1)
		}},
		{"likes on another's draft", func(s *site) {
			s.User().Post("/api/posts/"+s.User().Write("draft", nil)+"/like", nil).Refused(403, "POST_FORBIDDEN")
		}},
		{"uploads are never served", func(s *site) {
			a := s.User().Upload("/api/upload/single", file{"image", "a.png", "image/png", pictures()[".png"]}).Expect(200)
			s.Anyone.Get(a.Str("file.url")).Expect(200)
		}},
		{"an upload trusts the client's type and name", func(s *site) {
			s.User().Upload("/api/upload/single", file{"image", "a.png", "image/png", []byte("<html>")}).Refused(400, "UPLOAD_TYPE")
		}},
		{"the URL of an upload is no valid coverImage", func(s *site) {
			s.User().Write("draft", object{"coverImage": "/uploads/image/image-1-a.png"})
		}},
		{"javascript: is a valid coverImage", func(s *site) {
			s.User().Post("/api/posts", article("draft", object{"coverImage": "javascript:alert(1)"})).Refused(400, "VALIDATION_FAILED")
		}},
		{"deleting a post leaves its comments", func(s *site) {
			u := s.User()
			post := u.Write("published", nil)
			comment := u.Comment(post, "评论")
			u.Delete("/api/posts/" + post).Expect(200)
			s.Anyone.Get("/api/comments/"+comment).Refused(404, "COMMENT_NOT_FOUND")
		}},
		{"logout does nothing", func(s *site) {
			u := s.User()
			u.Post("/api/auth/logout", nil).Expect(200)
			u.Get("/api/auth/me").Refused(401, "TOKEN_INVALID")
		}},
		{"malformed JSON gives 500", func(s *site) {
			s.Anyone.Post("/api/auth/login", `{"email":`).Refused(400, "INVALID_JSON").Says("error", "请求体不是有效的 JSON")
		}},
		{"passwords are cut at 72 bytes", func(s *site) {
			s.Anyone.Post("/api/auth/register", object{"username": "长密码的人", "email": "long@example.com", "password": repeat("a", 73)}).Refused(400, "VALIDATION_FAILED")
			s.Anyone.Post("/api/auth/register", object{"username": "长密码的人", "email": "long@example.com", "password": repeat("a", 72)}).Expect(201)
			s.Anyone.Post("/api/auth/login", object{"email": "long@example.com", "password": repeat("a", 73)}).Expect(401)
		}},
		{"null, arrays and numbers where an object or string is expected", func(s *site) {
			u := s.User()
			for _, body := range []string{"null", "[]", "1", `"x"`, "true"} {
				a := u.Post("/api/posts", body)
				if a.Status != 400 {
					s.t.Errorf("%s: %d", body, a.Status)
				}
			}
			for _, v := range []any{nil, 1, true, []string{}, object{}} {
				u.Post("/api/posts", article("draft", object{"title": v})).Refused(400, "VALIDATION_FAILED")
			}
		}},
		{"a raw token without its scheme is accepted", func(s *site) {
			s.Anyone.With("Authorization", s.User().Token).Get("/api/auth/me").Expect(401)
		}},
		{"a mail address in another case gets the wrong message", func(s *site) {
			u := s.User()
			s.Anyone.Post("/api/auth/register", object{"username": "大小写", "email": strings.ToUpper(u.Email), "password": password}).Refused(400, "EMAIL_TAKEN")
		}},
		{"views and likes change updatedAt", func(s *site) {
			u := s.User()
			a := u.Post("/api/posts", article("published", nil)).Expect(201)
			u.Post("/api/posts/"+a.Str("post.id")+"/like", nil).Expect(200)
			s.Anyone.Get("/api/posts/"+a.Str("post.id")).Says("post.updatedAt", a.Str("post.updatedAt"))
		}},
		{"any field can be sorted by", func(s *site) { s.Anyone.Get("/api/posts?sort=author.password").Refused(400, "INVALID_SORT") }},
		{"Chinese words inside sentences are not found", func(s *site) {
			s.User().Write("published", object{"title": "深入微服务架构"})
			s.Anyone.Get("/api/posts?search=微服务").Expect(200).Counts("pagination.total", 1)
		}},
		{"an oversize body gives 500", func(s *site) {
			s.User().Post("/api/posts", article("draft", object{"content": repeat("a", 10<<20)})).Refused(413, "BODY_TOO_LARGE").Says("error", "请求体过大")
		}},
		{"a post with 9.9 MB of content fails", func(s *site) {
			s.User().Post("/api/posts", article("draft", object{"content": repeat("a", 9<<20)})).Expect(201)
		}},
	}
	eachAlone(t, nil, func(t *testing.T, s *site) {
		for _, c := range cases {
			t.Run(c.defect, func(t *testing.T) { c.gone(s.in(t)) })
		}
	})
}

// The original's process ended when an upload was cut off.
func TestACutOffUploadLeavesNothingAndTheServerLives(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		image := append(pictures()[".png"], make([]byte, 1<<20)...)
		for range 5 {
			head := "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"
			hangUp(t, s.url, "POST /api/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+u.Token+
				"\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 9000000\r\n\r\n"+head+string(image))
		}
		time.Sleep(100 * time.Millisecond)
		s.Anyone.Get("/health").Expect(200)
		if a := u.Get("/api/upload").Expect(200); bytes.Contains(a.Body, []byte("a.png")) {
			t.Errorf("something is left: %s", a.Body)
		}
	})
}
