package apitest

import "testing"

// deed is what somebody tries to do to a post, or to the comment of a reader under it.
type deed struct {
	name string
	do   func(c *client, post, comment string) *answer
	// What each gets while the post is published, while it is a draft or archived, and when it is deleted.
	published, hidden verdicts
	deleted           string
}

// verdicts are codes of refusals, "" where it is done.
type verdicts struct{ reader, author, admin string }

var deeds = []deed{
	{"like", func(c *client, post, _ string) *answer { return c.Post("/api/posts/"+post+"/like", nil) },
		verdicts{}, verdicts{reader: "POST_FORBIDDEN"}, "POST_NOT_FOUND"},
	{"unlike", func(c *client, post, _ string) *answer { return c.Delete("/api/posts/" + post + "/like") },
		verdicts{}, verdicts{reader: "POST_FORBIDDEN"}, "POST_NOT_FOUND"},
	{"comment", func(c *client, post, _ string) *answer {
		return c.Post("/api/posts/"+post+"/comments", object{"content": "看到了"})
	}, verdicts{}, verdicts{"POST_FORBIDDEN", "POST_NOT_PUBLISHED", "POST_NOT_PUBLISHED"}, "POST_NOT_FOUND"},
	{"comment, the post in the body", func(c *client, post, _ string) *answer {
		return c.Post("/api/comments", object{"post": post, "content": "看到了"})
	}, verdicts{}, verdicts{"POST_FORBIDDEN", "POST_NOT_PUBLISHED", "POST_NOT_PUBLISHED"}, "POST_NOT_FOUND"},
	{"reply", func(c *client, post, comment string) *answer {
		return c.Post("/api/comments", object{"post": post, "content": "回复", "parent": comment})
	}, verdicts{}, verdicts{"POST_FORBIDDEN", "POST_NOT_PUBLISHED", "POST_NOT_PUBLISHED"}, "POST_NOT_FOUND"},
	{"rewrite the comment", func(c *client, _, comment string) *answer {
		return c.Put("/api/comments/"+comment, object{"content": "改过"})
	}, verdicts{author: "NOT_OWNER"}, verdicts{reader: "POST_FORBIDDEN", author: "NOT_OWNER"}, "COMMENT_NOT_FOUND"},
	{"delete the comment", func(c *client, _, comment string) *answer { return c.Delete("/api/comments/" + comment) },
		verdicts{}, verdicts{reader: "POST_FORBIDDEN"}, "COMMENT_NOT_FOUND"},
	{"replace", func(c *client, post, _ string) *answer { return c.Put("/api/posts/"+post, article("published", nil)) },
		verdicts{reader: "NOT_OWNER"}, verdicts{reader: "NOT_OWNER"}, "POST_NOT_FOUND"},
	{"change", func(c *client, post, _ string) *answer {
		return c.Patch("/api/posts/"+post, object{"status": "published"})
	}, verdicts{reader: "NOT_OWNER"}, verdicts{reader: "NOT_OWNER"}, "POST_NOT_FOUND"},
	{"delete", func(c *client, post, _ string) *answer { return c.Delete("/api/posts/" + post) },
		verdicts{reader: "NOT_OWNER"}, verdicts{reader: "NOT_OWNER"}, "POST_NOT_FOUND"},
}

// The half of the matrix in visibility_test.go that changes something: the reader
// wrote the comment while the post was published.
func TestWhoMayDoWhatToWhichPost(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		author, reader := s.User(), s.User()
		for _, d := range deeds {
			for _, status := range []string{"published", "draft", "archived", "deleted"} {
				v := map[string]verdicts{"published": d.published, "deleted": {d.deleted, d.deleted, d.deleted}}[status]
				if status == "draft" || status == "archived" {
					v = d.hidden
				}
				for _, who := range []struct {
					name, code string
					c          *client
				}{{"anonymous", "TOKEN_MISSING", s.Anyone}, {"reader", v.reader, reader}, {"author", v.author, author}, {"admin", v.admin, s.Admin}} {
					post := author.Write("published", nil)
					comment := reader.Comment(post, "来过")
					bring(author, post, status)
					a := d.do(who.c, post, comment)
					if done := a.Status < 300; a.Str("code") != who.code || done != (who.code == "") {
						t.Errorf("%s a %s post as %s: %d %q, want %q", d.name, status, who.name, a.Status, a.Str("code"), who.code)
					}
				}
			}
		}
	})
}

// bring changes a published post to the status.
func bring(author *client, post, status string) {
	author.t.Helper()
	if status == "deleted" {
		author.Delete("/api/posts/" + post).Expect(200)
	} else {
		author.Patch("/api/posts/"+post, object{"status": status}).Expect(200)
	}
}
