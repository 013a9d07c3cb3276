package apitest

import (
	"slices"
	"strconv"
	"sync"
	"testing"
)

func TestACommentIsStoredAndListedOnBothRoutes(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		post := u.Write("published", nil)
		a := u.Post("/api/posts/"+post+"/comments", object{"content": " 写得真好！ "}).Expect(201).
			Says("message", "评论发表成功").Says("comment.content", "写得真好！").Says("comment.post", post).Says("comment.author.username", u.Name)
		first := a.Str("comment.id")
		second := u.Post("/api/comments", object{"post": post, "content": "同意", "parent": first}).Expect(201).Says("comment.parent", first).Str("comment.id")
		for _, path := range []string{"/api/posts/" + post + "/comments?", "/api/comments?post=" + post + "&"} {
			if got := s.Anyone.Get(path).Expect(200).Counts("pagination.total", 2).Each("comments", "id"); !slices.Equal(got, []string{first, second}) {
				t.Errorf("%s lists %v", path, got)
			}
			s.Anyone.Get(path+"sort=-createdAt").Expect(200).Says("comments.0.id", second)
			s.Anyone.Get(path+"sort=content").Refused(400, "INVALID_SORT")
			s.Anyone.Get(path+"page=x").Refused(400, "VALIDATION_FAILED")
		}
		s.Anyone.Get("/api/comments/"+first).Expect(200).Says("comment.id", first)
		s.Anyone.Get("/api/posts/"+post).Expect(200).Counts("post.commentCount", 2).Says("post.comments.0.id", second)
	})
}

func TestWhoMayNotCommentHearsThatBeforeWhatIsWrong(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		author, other := s.User(), s.User()
		draft, gone := author.Write("draft", nil), "000000000000000000000000"
		for _, text := range []string{"", "好", repeat("长", 1001)} {
			for _, parent := range []object{{}, {"parent": "x"}} {
				body := object{"content": text}
				for k, v := range parent {
					body[k] = v
				}
				other.Post("/api/posts/"+draft+"/comments", body).Refused(403, "POST_FORBIDDEN")
				other.Post("/api/posts/"+gone+"/comments", body).Refused(404, "POST_NOT_FOUND")
				for post, want := range map[string]string{draft: "POST_FORBIDDEN", gone: "POST_NOT_FOUND", "x": "POST_NOT_FOUND"} {
					status := 404
					if post == draft {
						status = 403
					}
					body["post"] = post
					other.Post("/api/comments", body).Refused(status, want)
				}
			}
		}
	})
}

func TestACommentIsValidated(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		post, another := u.Write("published", nil), u.Write("published", nil)
		elsewhere := u.Comment(another, "别处")
		path := "/api/posts/" + post + "/comments"
		u.Post(path, object{}).Refused(400, "VALIDATION_FAILED").Says("details", "评论内容不能为空")
		u.Post(path, object{"content": " \n "}).Refused(400, "VALIDATION_FAILED").Says("details", "评论内容不能为空")
		u.Post(path, object{"content": repeat("长", 1001)}).Refused(400, "VALIDATION_FAILED").Says("details", "评论最多1000个字符")
		for _, parent := range []string{elsewhere, "000000000000000000000000", "x"} {
			u.Post(path, object{"content": "回", "parent": parent}).Refused(400, "VALIDATION_FAILED").Says("fields.parent", "回复的评论不存在")
		}
		u.Post(path, object{"content": "回", "parent": 5}).Refused(400, "VALIDATION_FAILED")
		u.Post(path, object{"content": "长", "author": u.ID}).Refused(400, "VALIDATION_FAILED")
		u.Post("/api/comments", object{"content": "无主"}).Refused(400, "VALIDATION_FAILED")
		u.Post("/api/comments", object{"content": "无主", "post": "000000000000000000000000"}).Refused(404, "POST_NOT_FOUND")
		s.Anyone.Post(path, object{"content": "匿名"}).Refused(401, "TOKEN_MISSING")
		u.Post(path, object{"content": repeat("长", 1000)}).Expect(201)
		s.Anyone.Get("/api/posts/"+post).Expect(200).Counts("post.commentCount", 1)
	})
}

func TestOnlyPublishedPostsTakeComments(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		for _, status := range []string{"draft", "archived"} {
			id := u.Write(status, nil)
			u.Post("/api/posts/"+id+"/comments", object{"content": "自己的"}).Refused(409, "POST_NOT_PUBLISHED").Says("error", "只有已发布的文章可以评论")
			s.User().Post("/api/posts/"+id+"/comments", object{"content": "别人的"}).Refused(403, "POST_FORBIDDEN")
		}
	})
}

func TestWhoMayChangeAndDeleteAComment(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		author, writer, other := s.User(), s.User(), s.User()
		post := author.Write("published", nil)
		id := writer.Comment(post, "原文")
		path := "/api/comments/" + id
		for _, c := range []*client{author, other} {
			c.Put(path, object{"content": "篡改"}).Refused(403, "NOT_OWNER")
		}
		writer.Put(path, object{"content": "改过"}).Expect(200).Says("message", "评论更新成功").Says("comment.content", "改过")
		s.Admin.Put(path, object{"content": "掌柜改"}).Expect(200).Says("comment.author.id", writer.ID)
		writer.Put(path, object{"content": ""}).Refused(400, "VALIDATION_FAILED")
		other.Delete(path).Refused(403, "NOT_OWNER")
		s.Anyone.Delete(path).Refused(401, "TOKEN_MISSING")
		for _, c := range []*client{author, writer, s.Admin} {
			c.Delete("/api/comments/"+writer.Comment(post, "可删")).Expect(200).Says("message", "评论删除成功")
		}
		s.Anyone.Get("/api/posts/"+post).Expect(200).Counts("post.commentCount", 1)
		s.Anyone.Get("/api/comments/nonsense").Refused(404, "COMMENT_NOT_FOUND").Says("error", "评论不存在")
	})
}

func TestADeletedCommentWithRepliesStaysAsAShell(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		post := u.Write("published", nil)
		top := u.Comment(post, "楼主")
		middle := u.Reply(post, top, "二楼")
		leaf := u.Reply(post, middle, "三楼")
		u.Delete("/api/comments/" + middle).Expect(200)
		a := s.Anyone.Get("/api/comments/"+middle).Expect(200).Says("comment.content", "").Says("comment.parent", top)
		if a.At("comment.deleted") != true {
			t.Errorf("no shell: %s", a.Body)
		}
		s.Anyone.Get("/api/posts/"+post).Expect(200).Counts("post.commentCount", 2)
		u.Put("/api/comments/"+middle, object{"content": "复活"}).Refused(404, "COMMENT_NOT_FOUND")
		u.Delete("/api/comments/"+middle).Refused(404, "COMMENT_NOT_FOUND")
		u.Post("/api/posts/"+post+"/comments", object{"content": "回壳", "parent": middle}).Refused(400, "VALIDATION_FAILED")
		u.Delete("/api/comments/" + leaf).Expect(200)
		s.Anyone.Get("/api/comments/"+middle).Refused(404, "COMMENT_NOT_FOUND") // the shell went with its last reply
		s.Anyone.Get("/api/posts/"+post+"/comments").Expect(200).Counts("pagination.total", 1)
	})
}

func TestTheCommentCountIsRightUnderConcurrency(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		post := u.Write("published", nil)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				a, err := u.Try("POST", "/api/posts/"+post+"/comments", object{"content": "第" + strconv.Itoa(i)})
				if err == nil && i%2 == 0 {
					_, _ = u.Try("DELETE", "/api/comments/"+a.Str("comment.id"), nil)
				}
			})
		}
		wg.Wait()
		total := s.Anyone.Get("/api/posts/" + post + "/comments").Expect(200).Int("pagination.total")
		s.Anyone.Get("/api/posts/"+post).Expect(200).Counts("post.commentCount", total).Counts("post.commentCount", 10)
	})
}

func TestASinglePostShowsTheNewestTwentyComments(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		post := u.Write("published", nil)
		last := ""
		for i := range 22 {
			last = u.Comment(post, "第"+strconv.Itoa(i))
		}
		a := s.Anyone.Get("/api/posts/"+post).Expect(200).Counts("post.commentCount", 22).Says("post.comments.0.id", last)
		if n := len(a.Each("post.comments", "id")); n != 20 {
			t.Errorf("%d comments", n)
		}
	})
}
