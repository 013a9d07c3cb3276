package apitest

import (
	"bytes"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAPostIsStoredAsItWasGiven(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		a := u.Post("/api/posts", object{
			"title": "  深入微服务架构  ", "content": "  前面的空格留着\n```go\nfunc main() {}\n```\n", "excerpt": " 摘要 ", "category": "技术",
			"tags": []string{" 微服务 ", "Go", "Go"}, "coverImage": "/uploads/image/image-1-a.png", "status": "published",
		}).Expect(201).Says("message", "文章创建成功")
		id := a.Str("post.id")
		for _, a := range []*answer{a, s.Anyone.Get("/api/posts/" + id).Expect(200)} {
			a.Says("post._id", id).Says("post.title", "深入微服务架构").Says("post.content", "  前面的空格留着\n```go\nfunc main() {}\n```\n")
			a.Says("post.excerpt", "摘要").Says("post.tags.0", "微服务").Says("post.tags.1", "Go").Says("post.coverImage", "/uploads/image/image-1-a.png")
			a.Says("post.author.username", u.Name).Says("post.author.id", u.ID).Counts("post.viewCount", 0).Counts("post.commentCount", 0)
			if a.Str("post.publishedAt") == "" || len(a.At("post.tags").([]any)) != 2 {
				t.Errorf("%s", a.Body)
			}
		}
	})
}

func TestAPostIsADraftUnlessSaidOtherwise(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		a := s.User().Post("/api/posts", object{"title": "题", "content": "文", "category": "思考"}).Expect(201).Says("post.status", "draft")
		if a.At("post.publishedAt") != nil {
			t.Errorf("a draft has a date: %s", a.Body)
		}
	})
}

func TestAPostNamesWhatIsWrong(t *testing.T) {
	cases := []struct {
		field   string
		value   any
		message string
	}{
		{"title", "  ", "标题不能为空"},
		{"title", repeat("长", 101), "标题最多100个字符"},
		{"content", "", "内容不能为空"},
		{"content", " \n", "内容不能为空"},
		{"excerpt", repeat("长", 201), "摘要最多200个字符"},
		{"category", "", "分类不能为空"},
		{"category", "八卦", "分类无效"},
		{"coverImage", "javascript:alert(1)", "封面图片地址无效"},
		{"coverImage", "//example.com/a.png", "封面图片地址无效"},
		{"coverImage", "/uploads/../secret", "封面图片地址无效"},
		{"status", "deleted", "状态无效"},
		{"status", "", "状态无效"},
	}
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("draft", nil)
		for _, c := range cases {
			body := article("draft", object{c.field: c.value})
			for _, a := range []*answer{u.Post("/api/posts", body), u.Put("/api/posts/"+id, body), u.Patch("/api/posts/"+id, object{c.field: c.value})} {
				a.Refused(400, "VALIDATION_FAILED").Says("details", c.message).Says("fields."+c.field, c.message)
			}
		}
		many := make([]string, 21)
		for i := range many {
			many[i] = "签" + strconv.Itoa(i)
		}
		for _, c := range []struct {
			tags    any
			message string
		}{
			{many, "标签最多20个"}, {[]string{""}, "标签须为1到50个字符，不能有逗号"}, {[]string{"a,b"}, "标签须为1到50个字符，不能有逗号"},
			{[]string{repeat("长", 51)}, "标签须为1到50个字符，不能有逗号"}, {[]any{1}, "字段类型不正确: tags"}, {[]any{nil}, "字段类型不正确: tags"},
			{"a,b", "字段类型不正确: tags"}, {nil, "字段类型不正确: tags"}, {object{"$ne": 1}, "字段类型不正确: tags"},
		} {
			u.Post("/api/posts", article("draft", object{"tags": c.tags})).Refused(400, "VALIDATION_FAILED").Says("details", c.message)
		}
		u.Post("/api/posts", "{}").Refused(400, "VALIDATION_FAILED").Says("details", "标题不能为空").
			Says("fields.title", "标题不能为空").Says("fields.content", "内容不能为空").Says("fields.category", "分类不能为空")
		for _, forged := range []string{"author", "viewCount", "likeCount", "commentCount", "publishedAt", "createdAt", "updatedAt", "_id", "id", "liked"} {
			a := u.Post("/api/posts", article("draft", object{forged: "x"})).Refused(400, "VALIDATION_FAILED")
			if a.Str("fields."+forged) == "" {
				t.Errorf("%s is not named: %s", forged, a.Body)
			}
		}
		u.Post("/api/posts", article("draft", object{"title": repeat("长", 100), "excerpt": repeat("长", 200), "tags": many[:20]})).Expect(201)
	})
}

func TestTheCategoriesAreThoseOfTheSettings(t *testing.T) {
	each(t, settings{"POST_CATEGORIES": "笔, 墨"}, func(t *testing.T, s *site) {
		u := s.User()
		u.Write("published", object{"category": " 墨 "})
		s.Anyone.Get("/api/posts?category=墨").Expect(200).Counts("pagination.total", 1)
		u.Post("/api/posts", article("draft", object{"category": "技术"})).Refused(400, "VALIDATION_FAILED").Says("details", "分类无效")
	})
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		for _, category := range []string{"技术", "生活", "思考", "教程"} {
			u.Write("draft", object{"category": category})
		}
	})
}

func TestAFormMakesAPostWithoutTags(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		form := s.User().With("Content-Type", "application/x-www-form-urlencoded")
		const fields = "title=题&content=文&category=生活&status=published"
		form.Post("/api/posts", fields).Expect(201).Says("post.title", "题").Says("post.status", "published")
		form.Post("/api/posts", fields+"&tags=Go").Refused(400, "VALIDATION_FAILED").Says("details", "字段类型不正确: tags")
		form.Post("/api/posts", fields+"&viewCount=9").Refused(400, "VALIDATION_FAILED").Says("details", "不支持的字段: viewCount")
	})
}

func TestAPostNamesItsAuthorAndASingleOneTellsOfHim(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		u.Put("/api/users/me", object{"avatar": "https://example.com/a.png", "profile": object{"firstName": "砚", "lastName": "墨", "bio": "写字"}}).Expect(200)
		made := u.Post("/api/posts", article("published", nil)).Expect(201)
		path := "/api/posts/" + made.Str("post.id")
		named := func(a *answer, author string) {
			t.Helper()
			a.Says(author+"._id", u.ID).Says(author+".id", u.ID).Says(author+".username", u.Name).
				Says(author+".avatar", "https://example.com/a.png").Says(author+".fullName", "砚 墨")
		}
		named(made, "post.author")
		named(u.Patch(path, object{"excerpt": "改"}), "post.author")
		named(s.Anyone.Get(path), "post.author")
		named(s.Anyone.Get("/api/posts"), "posts.0.author")
		s.Anyone.Get(path).Says("post.author.profile.bio", "写字").Says("post.author.profile.lastName", "墨")
	})
}

func TestAnEditMovesUpdatedAtAndNothingElseThatDates(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		made := u.Post("/api/posts", article("published", nil)).Expect(201)
		at, path := made.Str("post.createdAt"), "/api/posts/"+made.Str("post.id")
		made.Says("post.updatedAt", at).Says("post.publishedAt", at)
		for _, edit := range []func() *answer{
			func() *answer { return u.Patch(path, object{"tags": []string{"新"}}) },
			func() *answer { return s.Admin.Put(path, article("archived", nil)) },
		} {
			before := u.Get(path).Str("post.updatedAt")
			time.Sleep(2 * time.Millisecond)
			edit().Expect(200)
			if a := u.Get(path).Says("post.createdAt", at).Says("post.publishedAt", at); a.Str("post.updatedAt") <= before {
				t.Errorf("updatedAt was %s: %s", before, a.Body)
			}
		}
	})
}

func TestWhoMayNotWriteIsNotToldWhatIsWrongWithHisBody(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		path := "/api/posts/" + u.Write("draft", nil)
		for _, method := range []string{"PUT", "PATCH"} {
			for _, body := range []string{"{", "{}", `{"title":""}`, `{"x":1}`} {
				other.With("If-Match", `"0-x"`).Send(method, path, body).Refused(403, "NOT_OWNER")
				u.Send(method, "/api/posts/0123456789abcdef01234567", body).Refused(404, "POST_NOT_FOUND")
				u.Send(method, "/api/posts/0123456789ABCDEF01234567", body).Refused(404, "POST_NOT_FOUND").Says("error", "文章不存在")
			}
			u.With("If-Match", `"0-x"`).Send(method, path, object{"title": "题", "content": "文", "category": "八卦"}).Refused(412, "POST_CHANGED")
		}
	})
}

func TestPutKeepsWhatIsOmittedAndClearsWhatIsEmpty(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("published", object{"excerpt": "摘要", "tags": []string{"砚"}, "coverImage": "https://example.com/a.png"})
		base := object{"title": "新题", "content": "新文", "category": "思考"}
		u.Put("/api/posts/"+id, base).Expect(200).Says("message", "文章更新成功").Says("post.title", "新题").
			Says("post.status", "published").Says("post.excerpt", "摘要").Says("post.tags.0", "砚")
		base["excerpt"], base["tags"], base["coverImage"] = "", []string{}, ""
		a := u.Put("/api/posts/"+id, base).Expect(200).Says("post.excerpt", "").Says("post.coverImage", "")
		if len(a.At("post.tags").([]any)) != 0 {
			t.Errorf("tags stay: %s", a.Body)
		}
		for _, field := range []string{"title", "content", "category"} {
			less := object{"title": "题", "content": "文", "category": "思考"}
			delete(less, field)
			if a := u.Put("/api/posts/"+id, less).Refused(400, "VALIDATION_FAILED"); a.Str("fields."+field) == "" {
				t.Errorf("%s is not named: %s", field, a.Body)
			}
		}
		u.Patch("/api/posts/"+id, object{"title": "只改题"}).Expect(200).Says("post.title", "只改题").Says("post.content", "新文")
		u.Patch("/api/posts/"+id, "{}").Expect(200).Says("post.title", "只改题").Says("post.category", "思考").Says("post.status", "published")
		all := object{"title": "甲", "content": "乙", "excerpt": "丙", "category": "教程", "tags": []string{"丁"}, "coverImage": "/uploads/image/a.png", "status": "archived"}
		for field, value := range all { // one at a time
			u.Patch("/api/posts/"+id, object{field: value}).Expect(200)
		}
		u.Get("/api/posts/"+id).Says("post.title", "甲").Says("post.content", "乙").Says("post.excerpt", "丙").Says("post.category", "教程").
			Says("post.tags.0", "丁").Says("post.coverImage", "/uploads/image/a.png").Says("post.status", "archived")
	})
}

func TestPublishedAtIsSetOnceByWhateverPublishes(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("draft", nil)
		a := u.Put("/api/posts/"+id, article("published", nil)).Expect(200)
		at := a.Str("post.publishedAt")
		if at == "" {
			t.Fatalf("no date: %s", a.Body)
		}
		u.Patch("/api/posts/"+id, object{"status": "archived"}).Expect(200).Says("post.publishedAt", at)
		u.Patch("/api/posts/"+id, object{"status": "published"}).Expect(200).Says("post.publishedAt", at)
	})
}

func TestOnlyTheAuthorAndAdminsChangeAPost(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		id := u.Write("published", nil)
		other.Put("/api/posts/"+id, article("draft", nil)).Refused(403, "NOT_OWNER").Says("error", "无权访问此资源")
		other.Patch("/api/posts/"+id, object{"title": "x"}).Refused(403, "NOT_OWNER")
		other.Delete("/api/posts/"+id).Refused(403, "NOT_OWNER")
		s.Anyone.Post("/api/posts", article("draft", nil)).Refused(401, "TOKEN_MISSING")
		s.Anyone.Put("/api/posts/"+id, article("draft", nil)).Refused(401, "TOKEN_MISSING")
		s.Anyone.Delete("/api/posts/"+id).Refused(401, "TOKEN_MISSING")
		s.Admin.Patch("/api/posts/"+id, object{"title": "掌柜改的"}).Expect(200).Says("post.author.id", u.ID)
		s.Admin.Delete("/api/posts/"+id).Expect(200).Says("message", "文章删除成功")
		u.Delete("/api/posts/"+id).Refused(404, "POST_NOT_FOUND")
	})
}

func TestIfMatchRefusesToOverwriteAnotherEdit(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("published", nil)
		etag := u.Get("/api/posts/" + id).Expect(200).Header.Get("ETag")
		s.User().Post("/api/posts/"+id+"/like", nil).Expect(200) // no edit
		u.With("If-Match", etag).Patch("/api/posts/"+id, object{"title": "第一次"}).Expect(200)
		u.With("If-Match", etag).Put("/api/posts/"+id, article("draft", nil)).Refused(412, "POST_CHANGED").Says("error", "文章已被修改，请刷新后重试")
		u.With("If-Match", `"nonsense"`).Patch("/api/posts/"+id, object{"title": "x"}).Refused(412, "POST_CHANGED")
		u.With("If-Match", "*").Patch("/api/posts/"+id, object{"title": "第二次"}).Expect(200)
	})
}

func TestOfEditsOfOneRevisionOneIsMade(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		path := "/api/posts/" + u.Write("draft", nil)
		editor := u.With("If-Match", u.Get(path).Header.Get("ETag"))
		var made, refused atomic.Int64
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				switch a, err := editor.Try("PATCH", path, object{"title": strconv.Itoa(i)}); {
				case err == nil && a.Status == 200:
					made.Add(1)
				case err == nil && a.Status == 412:
					refused.Add(1)
				}
			})
		}
		wg.Wait()
		if made.Load() != 1 || refused.Load() != 7 {
			t.Errorf("%d edits were made and %d refused, want 1 and 7", made.Load(), refused.Load())
		}
	})
}

func TestDeletingAPostTakesCommentsLikesAndTagsAlong(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("published", object{"tags": []string{"稍纵即逝"}})
		comment := u.Comment(id, "评论")
		u.Post("/api/posts/"+id+"/like", nil).Expect(200)
		u.Delete("/api/posts/" + id).Expect(200)
		s.Anyone.Get("/api/posts/"+id).Refused(404, "POST_NOT_FOUND").Says("error", "文章不存在")
		s.Anyone.Get("/api/posts/"+id+"/comments").Refused(404, "POST_NOT_FOUND")
		s.Anyone.Get("/api/comments/"+comment).Refused(404, "COMMENT_NOT_FOUND")
		u.Post("/api/posts/"+id+"/like", nil).Refused(404, "POST_NOT_FOUND")
		if names := s.Anyone.Get("/api/posts/tags").Expect(200).Each("tags", "name"); len(names) != 0 {
			t.Errorf("tags %v", names)
		}
	})
}

func TestALikeCountsOncePerUser(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		id := u.Write("published", nil)
		like := "/api/posts/" + id + "/like"
		before := u.Get("/api/posts/" + id).Expect(200).Str("post.updatedAt")
		u.Post(like, nil).Expect(200).Says("message", "点赞成功").Counts("likeCount", 1)
		u.Post(like, nil).Expect(200).Counts("likeCount", 1)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() { _, _ = other.Try("POST", like, nil) })
		}
		wg.Wait()
		a := u.Get("/api/posts/"+id).Expect(200).Counts("post.likeCount", 2).Says("post.updatedAt", before)
		if a.At("post.liked") != true {
			t.Errorf("liked: %s", a.Body)
		}
		u.Delete(like).Expect(200).Says("message", "已取消点赞").Counts("likeCount", 1)
		u.Delete(like).Expect(200).Counts("likeCount", 1)
		if a := u.Get("/api/posts/" + id).Expect(200); a.At("post.liked") != false {
			t.Errorf("liked: %s", a.Body)
		}
		if a := s.Anyone.Get("/api/posts/" + id).Expect(200); a.At("post.liked") != nil {
			t.Errorf("liked without a token: %s", a.Body)
		}
		s.Anyone.Post(like, nil).Refused(401, "TOKEN_MISSING")
	})
}

func TestViewsCountReadersOnlyAndShowWithinFiveSeconds(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("draft", nil)
		path := "/api/posts/" + id
		s.Admin.Get(path).Expect(200) // a draft has no readers
		s.Anyone.Get(path).Expect(403)
		u.Patch(path, object{"status": "published"}).Expect(200)
		s.Anyone.Get("/api/posts").Expect(200).Counts("posts.0.viewCount", 0)
		a := s.Anyone.Get(path).Expect(200) // 1
		s.User().Get(path).Expect(200)      // 2
		s.Admin.Get(path).Expect(200)       // 3
		u.Get(path).Expect(200)
		s.Anyone.Head(path).Expect(200)
		s.Anyone.With("If-None-Match", a.Header.Get("ETag")).Get(path).Expect(304)
		count := func() int { return u.Get(path).Expect(200).Int("post.viewCount") }
		for end := time.Now().Add(6 * time.Second); count() < 3 && time.Now().Before(end); {
			time.Sleep(50 * time.Millisecond)
		}
		u.Get(path).Counts("post.viewCount", 3).Says("post.updatedAt", a.Str("post.updatedAt"))
		s.Admin.Get("/api/posts/stats/overview").Counts("statusStats.0.totalViews", 3)
		for _, kept := range []*answer{s.Anyone.Get(path), s.Anyone.Get("/api/posts")} { // from the cache, which held 0
			if !bytes.Contains(kept.Body, []byte(`"viewCount":3`)) {
				t.Errorf("%s: no new count: %s", kept.what, kept.Body)
			}
		}
	})
}

func TestTagsOfPublishedPostsAreListedMostUsedFirst(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		u.Write("published", object{"tags": []string{"Go", "微服务"}})
		id := u.Write("published", object{"tags": []string{"微服务"}})
		u.Write("draft", object{"tags": []string{"秘密", "微服务"}})
		a := s.Anyone.Get("/api/posts/tags").Expect(200).Says("tags.0.name", "微服务").Counts("tags.0.count", 2)
		if got := a.Each("tags", "name"); !slices.Equal(got, []string{"微服务", "Go"}) {
			t.Errorf("tags %v", got)
		}
		var many []string
		for i := range 20 {
			many = append(many, "签"+strconv.Itoa(i))
		}
		other := u.Write("published", object{"tags": many})
		if got := s.Anyone.Get("/api/posts/tags").Each("tags", "name"); len(got) != 22 {
			t.Errorf("%d tags are listed, want 22", len(got))
		}
		u.Delete("/api/posts/" + other).Expect(200)
		u.Patch("/api/posts/"+id, object{"status": "archived"}).Expect(200)
		s.Anyone.Get("/api/posts/tags").Expect(200).Counts("tags.0.count", 1)
	})
}

func TestStatsAreForAdminsAndCountRight(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("published", object{"category": "技术"})
		u.Write("published", object{"category": "技术"})
		u.Write("published", object{"category": "生活"})
		draft := u.Write("draft", object{"category": "思考"})
		u.Write("archived", object{"category": "教程"})
		u.Post("/api/posts/"+id+"/like", nil).Expect(200)
		s.Admin.Post("/api/posts/"+id+"/like", nil).Expect(200)
		u.Post("/api/posts/"+draft+"/like", nil).Expect(200)
		a := s.Admin.Get("/api/posts/stats/overview").Expect(200)
		want := []any{
			object{"_id": "archived", "count": 1., "totalViews": 0., "totalLikes": 0.},
			object{"_id": "draft", "count": 1., "totalViews": 0., "totalLikes": 1.},
			object{"_id": "published", "count": 3., "totalViews": 0., "totalLikes": 2.},
		}
		if diff := cmp.Diff(want, a.At("statusStats")); diff != "" {
			t.Errorf("statusStats: %s", diff)
		}
		want = []any{object{"_id": "技术", "count": 2.}, object{"_id": "生活", "count": 1.}}
		if diff := cmp.Diff(want, a.At("categoryStats")); diff != "" {
			t.Errorf("categoryStats: %s", diff)
		}
		u.Get("/api/posts/stats/overview").Refused(403, "FORBIDDEN")
		s.Anyone.Get("/api/posts/stats/overview").Refused(401, "TOKEN_MISSING")
	})
}
