package apitest

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestPagesCoverAListWithoutGapsOrRepeats(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		for i := range 23 {
			u.Write("published", object{"title": "第" + strconv.Itoa(i%3) + "篇"}) // ties in the title
		}
		for _, sort := range []string{"-publishedAt", "publishedAt", "createdAt", "-updatedAt", "title", "-title", "viewCount", "-likeCount", "commentCount"} {
			var byPage, byCursor []string
			for page := 1; page <= 3; page++ {
				a := s.Anyone.Get("/api/posts?limit=10&sort="+sort+"&page="+strconv.Itoa(page)).Expect(200).
					Counts("pagination.current", page).Counts("pagination.pages", 3).Counts("pagination.total", 23).Counts("pagination.limit", 10)
				byPage = append(byPage, a.Each("posts", "id")...)
			}
			next := ""
			for range 5 {
				a := s.Anyone.Get("/api/posts?limit=5&sort=" + sort + "&cursor=" + url.QueryEscape(next)).Expect(200)
				if next != "" && a.At("pagination.current") != nil {
					t.Errorf("a page by cursor has a number: %s", a.Body)
				}
				byCursor = append(byCursor, a.Each("posts", "id")...)
				if next = a.Str("pagination.next"); next == "" {
					break
				}
			}
			if !slices.Equal(byPage, byCursor) {
				t.Errorf("%s: pages %v, cursors %v", sort, byPage, byCursor)
			}
			if slices.Sort(byPage); len(slices.Compact(byPage)) != 23 {
				t.Errorf("%s: %d different posts on the pages", sort, len(slices.Compact(byPage)))
			}
		}
		s.Anyone.Get("/api/posts?page=9").Expect(200).Counts("pagination.total", 23).Counts("pagination.current", 9)
		s.Anyone.Get("/api/posts?page=1000000000").Expect(200)
	})
}

func TestTheLimitIsClampedAndGarbageIsRefused(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		s.User().Write("published", nil)
		for limit, want := range map[string]int{"-5": 1, "0": 1, "-99999999999999999999": 1, "1": 1, "100": 100, "101": 100, "99999999": 100} {
			s.Anyone.Get("/api/posts?limit="+limit).Expect(200).Counts("pagination.limit", want)
		}
		s.Anyone.Get("/api/posts").Expect(200).Counts("pagination.limit", 10).Counts("pagination.current", 1)
		for _, bad := range []string{"abc", "1.5", "1e3", "0x10", "", "%20", "NaN", "١", "1,2", "-", "--1", "+1", "1-"} {
			for _, name := range []string{"page", "limit"} {
				s.Anyone.Get("/api/posts?"+name+"="+bad).Refused(400, "VALIDATION_FAILED").Says("error", "数据验证失败")
			}
		}
		for _, bad := range []string{"page=0", "page=-1", "cursor=x", "cursor=" + repeat("A", 5000), "cursor=e30"} {
			s.Anyone.Get("/api/posts?"+bad).Refused(400, "VALIDATION_FAILED")
		}
	})
}

func TestACursorLeadsOnInItsOwnListAlone(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		tagged := object{"tags": []string{"后端"}}
		posts := []string{u.Write("published", tagged), u.Write("published", tagged), u.Write("published", nil)}
		for _, p := range posts[:2] {
			u.Comment(p, "一")
			u.Comment(p, "二")
		}
		image := pictures()[".png"]
		u.Upload("/api/upload/multiple", file{"images", "a.png", "image/png", image}, file{"images", "b.png", "image/png", image}).Expect(200)
		s.User()
		for _, c := range []struct {
			who   *client
			list  string
			same  []string
			other []string
		}{
			{s.Anyone, "/api/posts?", []string{"", "limit=100", "page=9", "status=published", "status=all", "unknown=1", "search=&tags=,", "sort=-publishedAt"},
				[]string{"category=技术", "tags=a", "author=" + u.ID, "search=标题", "from=2020-01-01", "to=2099-01-01", "sort=publishedAt", "sort=relevance"}},
			{s.Admin, "/api/posts?", []string{"", "status=published"}, []string{"status=all", "status=draft"}},
			{s.Anyone, "/api/posts/" + posts[0] + "/comments?", []string{"", "limit=3", "sort=createdAt"}, []string{"sort=-createdAt"}},
			{s.Admin, "/api/users?", []string{"", "limit=50", "sort=-createdAt"}, []string{"search=a", "role=user", "isActive=true", "sort=createdAt"}},
			{u, "/api/upload?", []string{"", "limit=5"}, nil},
		} {
			next := "&cursor=" + url.QueryEscape(c.who.Get(c.list+"limit=1").Expect(200).Str("pagination.next"))
			for _, q := range c.same {
				c.who.Get(c.list + q + next).Expect(200)
			}
			for _, q := range c.other {
				c.who.Get(c.list+q+next).Refused(400, "VALIDATION_FAILED").Says("details", "分页游标无效")
			}
		}
		next := "&cursor=" + url.QueryEscape(s.Anyone.Get("/api/posts?limit=1&tags=后端,测试").Expect(200).Str("pagination.next"))
		s.Anyone.Get("/api/posts?tags=测试,,后端" + next).Expect(200)
		s.Anyone.Get("/api/posts?tags=后端"+next).Refused(400, "VALIDATION_FAILED")
		next = "&cursor=" + url.QueryEscape(s.Anyone.Get("/api/comments?limit=1&post="+posts[0]).Expect(200).Str("pagination.next"))
		s.Anyone.Get("/api/posts/" + posts[0] + "/comments?" + next).Expect(200)
		s.Anyone.Get("/api/comments?post="+posts[1]+next).Refused(400, "VALIDATION_FAILED")
		s.Anyone.Get("/api/posts?"+next).Refused(400, "VALIDATION_FAILED")
	})
}

func TestAParameterTwiceOrAsAnArrayOrAnOperatorIsRefused(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		s.User().Write("published", nil)
		for _, q := range []string{"category[$ne]=x", "category%5B%24ne%5D=x", "tags[]=x", "tags=a&tags=b", "author[$gt]=", "status[$ne]=draft", "search[$regex]=.", "sort[]=title", "page=1&page=2", "limit[]=1"} {
			s.Anyone.Get("/api/posts?"+q).Refused(400, "VALIDATION_FAILED")
		}
		s.Anyone.Get("/api/posts?unknown=1&unknown=2&x[]=1").Expect(200)
	})
}

func TestPostsAreFilteredAndSorted(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		a := u.Write("published", object{"title": "乙", "category": "技术", "tags": []string{"Go", "砚"}})
		b := other.Write("published", object{"title": "甲", "category": "生活", "tags": []string{"墨"}})
		u.Write("draft", object{"title": "丙", "category": "技术", "tags": []string{"Go"}})
		lists := func(query string, want ...string) {
			t.Helper()
			got := s.Anyone.Get("/api/posts?sort=createdAt&"+query).Expect(200).Counts("pagination.total", len(want)).Each("posts", "id")
			if !slices.Equal(got, want) {
				t.Errorf("%s lists %v, want %v", query, got, want)
			}
		}
		lists("", a, b)
		lists("category=技术", a)
		lists("category=八卦")
		lists("tags=Go", a)
		lists("tags=砚,墨", a, b)
		lists("tags=go")
		lists("author="+u.ID, a)
		lists("author=0123456789abcdef01234567") // nobody
		lists("status=published", a, b)
		lists("from=2020-01-01&to=2099-12-31", a, b)
		lists("to=2020-01-01")
		lists("from=2099-01-01T00:00:00Z")
		lists("category=生活&tags=墨&author="+other.ID, b)
		for _, bad := range []string{"author=x", "author=000000000000000000000000", "status=secret", "from=yesterday", "to=2020-13-45"} {
			s.Anyone.Get("/api/posts?"+bad).Refused(400, "VALIDATION_FAILED")
		}
		for _, sort := range []string{"passwordHash", "--title", "-", "content", "title;drop", "Title", "_id"} {
			s.Anyone.Get("/api/posts?sort="+url.QueryEscape(sort)).Refused(400, "INVALID_SORT").Says("error", "排序字段无效")
		}
	})
}

func TestAnAuthorAndAdminsListUnpublishedPostsOnRequestOnly(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		for _, status := range []string{"draft", "published", "archived"} {
			u.Write(status, nil)
		}
		total := func(c *client, query string, want int) {
			t.Helper()
			c.Get("/api/posts?"+query).Expect(200).Counts("pagination.total", want)
		}
		for status, want := range map[string]int{"draft": 1, "archived": 1, "all": 3, "published": 1} {
			total(u, "author="+u.ID+"&status="+status, want)
			total(s.Admin, "status="+status, want)
			total(s.Admin, "author="+u.ID+"&status="+status, want)
			total(other, "author="+u.ID+"&status="+status, 1)
			total(s.Anyone, "author="+u.ID+"&status="+status, 1)
			total(u, "status="+status, 1)
		}
		total(u, "author="+u.ID, 1)
		total(s.Admin, "", 1)
	})
}

func TestChineseIsFoundByAnyRunAndWordsWithoutCase(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		texts := []object{
			{"title": "深入微服务架构", "content": "从单体应用拆分服务。Go语言实现。"},
			{"title": "分布式事务", "content": "Seata 如何保证微服务的一致性"},
			{"title": "Service Mesh 入门", "content": "网格与链路追踪"},
			{"title": "周末的砚台", "content": "100% 手工，a_b 也算"},
		}
		for _, text := range texts {
			u.Write("published", text)
		}
		u.Write("draft", object{"title": "微服务草稿", "content": "Seata"})
		for query, want := range map[string]string{
			"微服务": "深入微服务架构 分布式事务", "链路": "Service Mesh 入门", "务": "深入微服务架构 分布式事务", "砚": "周末的砚台",
			"seata": "分布式事务", "SEATA 微服务": "分布式事务", "mesh 网格": "Service Mesh 入门", "go": "深入微服务架构",
			"微务": "", "不存在的词": "", "%": "", "_": "", "'": "", `"`: "", "*": "", "mes": "", "微服务 网格": "",
		} {
			a := s.Anyone.Get("/api/posts?sort=createdAt&search=" + url.QueryEscape(query)).Expect(200)
			if query == "%" || query == "_" || query == "'" || query == `"` || query == "*" {
				continue // no word in it: what is listed is not promised, only that it answers
			}
			if got := strings.Join(a.Each("posts", "title"), " "); got != want {
				t.Errorf("search %q lists %q, want %q", query, got, want)
			}
		}
		for _, sort := range []string{"relevance", "-relevance"} { // though the other is newer
			s.Anyone.Get("/api/posts?sort="+sort+"&search=微服务").Expect(200).Says("posts.0.title", "深入微服务架构").Says("posts.1.title", "分布式事务")
		}
	})
}

func TestSearchFollowsEditsAndDeletes(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		id := u.Write("published", object{"title": "旧砚台"})
		found := func(query string, want int) {
			t.Helper()
			s.Anyone.Get("/api/posts?search="+url.QueryEscape(query)).Expect(200).Counts("pagination.total", want)
		}
		found("旧砚", 1)
		u.Patch("/api/posts/"+id, object{"title": "新笔筒"}).Expect(200)
		found("旧砚", 0)
		found("笔筒", 1)
		u.Patch("/api/posts/"+id, object{"status": "archived"}).Expect(200)
		found("笔筒", 0)
		u.Delete("/api/posts/" + id).Expect(200)
		found("笔筒", 0)
	})
}
