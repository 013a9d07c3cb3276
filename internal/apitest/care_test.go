package apitest

import (
	"bytes"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

// Every statement is slow to these instances.
var allSlow = settings{"SLOW_QUERY_THRESHOLD": "0"}

const database = "/api/admin/database/"

func TestTheCareOfTheDatabaseIsForAdmins(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		for _, name := range []string{"slow-queries", "indexes", "pool"} {
			s.Anyone.Get(database+name).Refused(401, "TOKEN_MISSING")
			u.Get(database+name).Refused(403, "FORBIDDEN")
			if a := s.Admin.Get(database + name).Expect(200); a.Header.Get("Cache-Control") != "private, no-store" {
				t.Errorf("%s may be kept: %s", name, a.Header.Get("Cache-Control"))
			}
		}
	})
}

func TestASlowStatementIsToldWithWhoCausedItAndWithoutItsValues(t *testing.T) {
	each(t, allSlow, func(t *testing.T, s *site) {
		u := s.User()
		u.Write("published", object{"content": "松烟墨 " + treasure, "tags": []string{treasure}})
		for range 5 {
			s.Anyone.Get("/api/posts?search=" + url.QueryEscape(treasure) + "&tags=" + treasure).Expect(200)
		}
		var a *answer
		enginetest.Within(t, time.Minute, "a statement of a new post is told, be it by another process", func() bool {
			a = s.Admin.Get(database + "slow-queries?limit=100&explain=1").Expect(200)
			return bytes.Contains(a.Body, []byte("POST /api/posts"))
		})
		if bytes.Contains(a.Body, []byte(treasure)) || bytes.Contains(a.Body, []byte("松烟墨")) {
			t.Errorf("a value is told: %s", a.Body)
		}
		planned := 0
		for i, text := range a.Each("queries", "statement") {
			if a.At("queries."+strconv.Itoa(i)+".plan") != nil {
				planned++
			}
			if text == "" || strings.Contains(text, "'") {
				t.Errorf("statement %q", text)
			}
		}
		if planned == 0 {
			t.Errorf("no plan: %s", a.Body)
		}
		if b := s.Admin.Get(database + "slow-queries").Expect(200); bytes.Contains(b.Body, []byte(`"plan"`)) {
			t.Errorf("plans that nobody asked for: %s", b.Body)
		}
	})
}

func TestSlowStatementsAreSortedAndBounded(t *testing.T) {
	each(t, allSlow, func(t *testing.T, s *site) {
		u := s.User()
		for range 3 {
			post := u.Write("published", nil)
			u.Delete("/api/posts/" + post).Expect(200)
		}
		for sort, field := range map[string]string{"total": "totalMs", "mean": "meanMs", "p95": "p95Ms", "max": "maxMs", "count": "count"} {
			a := s.Admin.Get(database+"slow-queries?limit=100&sort="+sort).Expect(200).Says("sort", sort)
			queries, _ := a.At("queries").([]any)
			if len(queries) == 0 || len(queries) > a.Int("kinds") {
				t.Fatalf("%d kinds of %d", len(queries), a.Int("kinds"))
			}
			last := queries[0].(map[string]any)[field].(float64)
			for _, q := range queries {
				now := q.(map[string]any)[field].(float64)
				if now > last {
					t.Errorf("by %s, %v follows %v", sort, now, last)
				}
				last = now
			}
		}
		if a := s.Admin.Get(database + "slow-queries?limit=1").Expect(200); len(a.Each("queries", "statement")) != 1 {
			t.Errorf("not one: %s", a.Body)
		}
		for _, bad := range []string{"limit=x", "explain=yes", "sort=total&sort=max", "limit[]=1", "explain=yes&sort=x"} {
			s.Admin.Get(database+"slow-queries?"+bad).Refused(400, "VALIDATION_FAILED")
		}
		for _, out := range []string{"0", "-1", "101", "99999999999"} { // as with every list
			s.Admin.Get(database + "slow-queries?limit=" + out).Expect(200)
		}
		for _, bad := range []string{"1.5", "x", ""} {
			s.Admin.Get(database+"slow-queries?limit="+bad).Refused(400, "VALIDATION_FAILED").Says("details", "语句种数必须是整数").Says("fields.limit", "语句种数必须是整数")
		}
		s.Admin.Get(database+"slow-queries?sort=-total").Refused(400, "INVALID_SORT")
	})
}

func TestUsesOfAnIndexAreCounted(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		u := s.User()
		post := u.Write("draft", nil)
		uses := func() int {
			a := s.Admin.Get(database + "indexes").Expect(200)
			indexes, _ := a.At("indexes").([]any)
			for _, i := range indexes {
				index := i.(map[string]any)
				columns, _ := index["columns"].([]any)
				if index["table"] == "posts" && len(columns) == 1 && columns[0] == "id" {
					return int(index["uses"].(float64))
				}
			}
			t.Fatalf("no index of posts by id: %s", a.Body)
			return 0
		}
		before := uses()
		for range 10 {
			u.Get("/api/posts/" + post).Expect(200)
		}
		end := time.Now().Add(time.Minute)
		for uses() < before+10 { // a server tells of them a little later
			if time.Now().After(end) {
				t.Fatalf("%d uses, then ten reads, and %d uses", before, uses())
			}
			time.Sleep(50 * time.Millisecond)
		}
	})
}

func TestThePoolIsThatOfTheInstanceThatAnswers(t *testing.T) {
	each(t, nil, func(t *testing.T, s *site) {
		a := s.Admin.Get(database+"pool").Expect(200).Says("state", "ok")
		named := func(base string) bool {
			address, _ := url.Parse(base)
			return strings.Contains(a.Str("instance"), ":"+address.Port()+"/")
		}
		processes := s.others // behind a gateway one of them
		if len(processes) == 0 {
			processes = []string{s.url}
		}
		if !slices.ContainsFunc(processes, named) {
			t.Errorf("instance %q of %s", a.Str("instance"), processes)
		}
		if a.Int("connections.open") < 1 || a.Int("connections.limit") < a.Int("connections.open") || a.Int("bytes") <= 0 || a.Str("version") == "" {
			t.Errorf("%s", a.Body)
		}
	})
}
