package apitest

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// An answer is kept for whoever asks the same, so questions that differ in one
// thing, however small, must not be taken for the same.
func TestQuestionsThatDifferInOneThingHaveTheirOwnAnswers(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u, other := s.User(), s.User()
		u.Write("published", object{"title": "乙 微服务", "category": "技术", "tags": []string{"a", "c"}})
		other.Write("published", object{"title": "丙 砚台", "tags": []string{"b"}})
		last := u.Post("/api/posts", article("published", object{"title": "甲 砚台", "tags": []string{"a b"}})).Expect(201).Str("post.publishedAt")
		next := s.Anyone.Get("/api/posts?limit=1").Str("pagination.next")
		afterNext := s.Anyone.Get("/api/posts?limit=1&cursor=" + next).Str("pagination.next")
		for _, questions := range [][]string{
			{"", "category=技术", "category=生活", "category=思考"},
			{"", "tags=a", "tags=b", "tags=a,b", "tags=a b", "tags=a,a b"},
			{"", "author=" + u.ID, "author=" + other.ID},
			{"", "search=砚", "search=微服务", "search=。"},
			{"", "from=" + last, "from=" + strings.Replace(last, "Z", "1Z", 1)},
			{"", "to=2020-01-01", "to=" + earlier(t, last)},
			{"to=0001-01-01T00:00:00Z", "to=2099-01-01"},
			{"sort=title", "sort=-title", "sort=createdAt", "sort=-createdAt"},
			{"limit=1", "limit=1&page=2", "limit=1&page=3", "limit=2", "limit=2&page=2", "limit=1&cursor=" + next, "limit=1&cursor=" + afterNext},
		} {
			asked := map[string]string{}
			for _, q := range questions {
				body := string(s.Anyone.Get("/api/posts?" + strings.ReplaceAll(q, " ", "%20")).Expect(200).Body)
				if same, ok := asked[body]; ok {
					t.Errorf("%q and %q have one answer: %s", same, q, short(body))
				}
				asked[body] = q
			}
		}
	})
}

// earlier returns a time of the wire one millisecond before.
func earlier(t *testing.T, at string) string {
	t.Helper()
	was, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t.Fatal(err)
	}
	return was.Add(-time.Millisecond).Format(time.RFC3339Nano)
}

func TestFromAndToHoldBothEndsToTheMillisecond(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		at := u.Post("/api/posts", article("published", nil)).Expect(201).Str("post.publishedAt")
		u.Post("/api/posts", article("draft", nil)).Expect(201)
		published, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		const wire = "2006-01-02T15:04:05.000Z07:00"
		day := func(n int) string { return published.AddDate(0, 0, n).Format(time.DateOnly) }
		shifted := func(d time.Duration) string { return published.Add(d).Format("2006-01-02T15:04:05.0000Z07:00") }
		shanghai := published.In(time.FixedZone("", 8*3600)).Format(wire)
		for query, want := range map[string]int{
			"from=" + at: 1, "to=" + at: 1, "from=" + at + "&to=" + at: 1,
			"from=" + shifted(100*time.Microsecond): 0, "from=" + shifted(-100*time.Microsecond): 1, "from=" + shifted(time.Millisecond): 0,
			"to=" + shifted(100*time.Microsecond): 1, "to=" + shifted(-100*time.Microsecond): 0, "to=" + shifted(-time.Millisecond): 0,
			"from=" + url.QueryEscape(shanghai) + "&to=" + url.QueryEscape(shanghai): 1, "from=" + shanghai + "&to=" + shanghai: 1,
			"from=" + day(0): 1, "to=" + day(0): 1, "from=" + day(0) + "&to=" + day(0): 1, "from=" + day(1): 0, "to=" + day(-1): 0,
			"from=2199-12-31": 0, "from=9999-12-31": 0, "to=9999-12-31": 1, "from=0001-01-01T00:00:00Z": 1, "to=0001-01-01T00:00:00Z": 0, "to=1969-12-31": 0, "from=1969-12-31": 1,
		} {
			for _, more := range []string{"", "&sort=title", "&search=墨", "&search=墨&sort=title", "&search=墨&sort=relevance", "&tags=&category=生活", "&author=" + u.ID} {
				s.Anyone.Get("/api/posts?"+query+more).Expect(200).Counts("pagination.total", want)
			}
			s.Admin.Get("/api/posts?status=all&"+query).Expect(200).Counts("pagination.total", want)
		}
	})
}

func TestFiltersAreReadAsTheyWereMeant(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		u.Write("published", object{"category": "技术", "tags": []string{"砚", "Go 语言"}})
		u.Write("published", object{"category": "生活"})
		var many []string
		for i := range 20 {
			many = append(many, repeat("t", i+1))
		}
		for query, want := range map[string]int{
			"category=%20技术%20": 1, "category=": 2, "category=%20": 2, "tags=": 2, "tags=,%20,": 2, "tags=%20砚%20,": 1, "tags=x,%20Go%20语言": 1, "tags=Go": 0,
			"tags=砚,砚,Go%20语言": 1, "tags=" + strings.Join(many, ","): 0, "tags=砚," + strings.Join(many[1:], ","): 1,
			"author=": 2, "status=": 2, "search=": 2, "search=%20": 2, "sort=": 2, "from=&to=": 2, "cursor=": 2, "search=。": 0,
		} {
			s.Anyone.Get("/api/posts?"+query).Expect(200).Counts("pagination.total", want)
		}
		s.Anyone.Get("/api/posts?tags=砚,"+strings.Join(many, ",")).Refused(400, "VALIDATION_FAILED").Says("error", "数据验证失败")
		s.Anyone.Get("/api/posts?sort=x&page=x").Refused(400, "VALIDATION_FAILED") // not the sort alone
	})
}

func TestTheFirstPageHasTheNewestAndPagesAreCounted(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		s.Anyone.Get("/api/posts").Expect(200).Counts("pagination.total", 0).Counts("pagination.pages", 0).Counts("pagination.current", 1)
		early := u.Write("draft", nil)
		middle := u.Write("published", nil)
		time.Sleep(2 * time.Millisecond) // published in another millisecond
		u.Patch("/api/posts/"+early, object{"status": "published"}).Expect(200)
		late := u.Write("published", nil)
		time.Sleep(2 * time.Millisecond)
		u.Patch("/api/posts/"+middle, object{"excerpt": "改过"}).Expect(200)
		for sort, want := range map[string][]string{
			"": {late, early, middle}, "-publishedAt": {late, early, middle}, "publishedAt": {middle, early, late}, "relevance": {late, early, middle},
			"createdAt": {early, middle, late}, "-createdAt": {late, middle, early}, "-updatedAt": {middle, late, early}, "updatedAt": {early, late, middle},
		} {
			if got := s.Anyone.Get("/api/posts?sort="+sort).Expect(200).Each("posts", "id"); !slices.Equal(got, want) {
				t.Errorf("by %q: %v, want %v", sort, got, want)
			}
		}
		for limit, pages := range map[string]int{"1": 3, "2": 2, "3": 1, "4": 1} {
			a := s.Anyone.Get("/api/posts?limit="+limit).Expect(200).Counts("pagination.pages", pages)
			if more := a.Str("pagination.next") != ""; more != (pages > 1) {
				t.Errorf("limit %s: next %q", limit, a.Str("pagination.next"))
			}
		}
	})
}

func TestACursorIsForItsOwnOrderOnly(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		for range 3 {
			u.Write("published", nil)
		}
		next := s.Anyone.Get("/api/posts?limit=1&sort=title").Str("pagination.next")
		q := "/api/posts?limit=1&sort=title&cursor=" + next
		s.Anyone.Get(q+"&page=7").Expect(200).Counts("pagination.total", 3).Says("posts.0.id", s.Anyone.Get(q).Str("posts.0.id")) // the cursor wins
		for _, sort := range []string{"", "-title", "createdAt"} {
			s.Anyone.Get("/api/posts?sort="+sort+"&cursor="+next).Refused(400, "VALIDATION_FAILED")
		}
	})
}
