package sqlite

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// allStatements runs every method, with every sort and filter, and returns the statements
// that ran, and the path of the database.
func allStatements(t *testing.T) (statements []string, path string) {
	path = filepath.Join(t.TempDir(), "test.db")
	var mu sync.Mutex
	seen := map[string]bool{}
	s := openAt(t, path, Options{prepared: func(q string) {
		mu.Lock()
		defer mu.Unlock()
		seen[q] = true
	}})
	authors := fill(t, s, 200, 200)
	lists(t, s, authors[0].ID)
	withSparse(t, 0)
	lists(t, s, authors[0].ID)
	withFewHits(t, 1)
	exercise(t, s, authors)
	for q := range seen {
		verb, _, _ := strings.Cut(strings.TrimSpace(q), " ")
		if slices.Contains([]string{"SELECT", "UPDATE", "DELETE", "INSERT"}, verb) {
			statements = append(statements, q)
		}
	}
	if len(statements) < 100 {
		t.Errorf("only %d statements were seen", len(statements))
	}
	return statements, path
}

// TestNoRequestScansATable asks SQLite how it finds the rows of each statement.
func TestNoRequestScansATable(t *testing.T) {
	statements, path := allStatements(t)
	c, err := openReader(path, nil)
	must(t, err)
	defer c.Close()
	for _, q := range statements {
		if line := scanning(t, c, q); line != "" {
			t.Errorf("plan %q of %s", line, q)
		}
	}
	if scanning(t, c, "SELECT key FROM posts WHERE cover = ?") == "" {
		t.Error("a scan is not seen")
	}
}

// TestNoStatementIsPreparedAnewForItsValues: see the package's page.
func TestNoStatementIsPreparedAnewForItsValues(t *testing.T) {
	statements, path := allStatements(t)
	c, err := openConn(path, time.Second, writerCacheKiB)
	must(t, err)
	defer c.Close()
	compiled := 0 // SQLite asks the authorizer while it compiles
	must(t, c.SetAuthorizer(sqlite.AuthorizeFunc(func(sqlite.Action) sqlite.AuthResult {
		compiled++
		return sqlite.AuthResultOK
	})))
	must(t, c.script("BEGIN"))
	run := func(stmt *sqlite.Stmt) {
		for i := range stmt.BindParamCount() {
			stmt.BindInt64(i+1, 2)
		}
		_, _ = stmt.Step() // 2 need not make sense
		_ = stmt.Reset()
	}
	preparedAnew := func(q string) bool {
		stmt, err := c.Prepare(q)
		must(t, err)
		for range 2 {
			run(stmt) // in which FTS5 prepares what it needs itself
		}
		compiled = 0
		run(stmt)
		return compiled > 0
	}
	for _, q := range statements {
		if preparedAnew(q) {
			t.Errorf("prepared anew: %s", q)
		}
	}
	if !preparedAnew("SELECT n FROM post_counts WHERE status = ?") {
		t.Error("what is prepared anew is not seen")
	}
}

// scanning returns the line of a statement's plan that passes a whole table, or "".
func scanning(t *testing.T, c *conn, q string) (line string) {
	t.Helper()
	err := c.each("EXPLAIN QUERY PLAN "+q, func(s *sqlite.Stmt) error {
		if scans(s.ColumnText(3)) {
			line = s.ColumnText(3)
		}
		return nil
	})
	must(t, err)
	return line
}

// scans reports whether a line of a query plan passes all rows of a table. What
// a subquery or an inner query has already narrowed is no table, and a virtual
// table says by its plan ("M": a match, "=": a row) what it was asked.
func scans(line string) bool {
	rest, ok := strings.CutPrefix(line, "SCAN ")
	if !ok {
		return false
	}
	if name, plan, virtual := strings.Cut(rest, " VIRTUAL TABLE INDEX "); virtual {
		return name != "few" && !strings.ContainsAny(plan, "M=") // few are the statement's own argument
	}
	return rest != "f" && rest != "sqlite_master" && rest != "CONSTANT ROW" && !strings.HasPrefix(rest, "(")
}

// TestFewPostsAreNotLookedForAlongAnIndexOfAll: SQLite calls that a search, but it
// passes every post there is.
func TestFewPostsAreNotLookedForAlongAnIndexOfAll(t *testing.T) {
	var walked []string
	s := open(t, Options{Readers: 1, prepared: func(q string) {
		if strings.Contains(q, "INDEXED BY") {
			walked = append(walked, q)
		}
	}})
	authors := fill(t, s, 400, 60)
	for i := range 6 {
		p := newPost(authors[0].ID, "少见")
		p.Tags = []string{"少见", []string{"罕见", "稀有", "绝无"}[i%3]}
		must(t, s.Posts().Create(t.Context(), p))
	}
	for _, status := range []blog.Status{blog.Published, ""} {
		for _, tags := range [][]string{{"罕见"}, {"罕见", "稀有"}, {"少见", "罕见", "稀有", "绝无"}} {
			for _, sort := range blog.PostSorts {
				f := blog.PostFilter{Status: status, Tags: tags, Order: blog.Order{Field: sort}, Page: blog.Page{Number: 1, Limit: 10}}
				l, err := s.Posts().List(t.Context(), f)
				must(t, err)
				if want := 2 * min(len(tags), 3); len(l.Items) != want || l.Total != int64(want) {
					t.Errorf("%q by %s: %d posts of %d, want %d", tags, sort, len(l.Items), l.Total, want)
				}
			}
		}
	}
	withSparse(t, 0)
	p := newPost(addUser(t, s, "another").ID, "殊途")
	p.Category = "别处" // of which no other post has the tag
	must(t, s.Posts().Create(t.Context(), p))
	for range 20 {
		p = newPost(p.Author.ID, "同归")
		p.Category, p.Tags = "别处", []string{"别的"}
		must(t, s.Posts().Create(t.Context(), p))
	}
	for _, sort := range blog.PostSorts {
		f := blog.PostFilter{Status: blog.Published, Category: "别处", Tags: []string{"go"}, Order: blog.Order{Field: sort}, Page: blog.Page{Number: 1, Limit: 10}}
		l, err := s.Posts().List(t.Context(), f)
		must(t, err)
		if len(l.Items) != 1 || l.Items[0].Title != "殊途" {
			t.Errorf("a category and a tag that meet once, by %s: %d posts", sort, len(l.Items))
		}
	}
	for _, q := range walked {
		t.Errorf("few posts were looked for by %s", q)
	}
}

// exercise calls every method that a request can reach.
func exercise(t *testing.T, s *Store, authors []*blog.User) {
	ctx := t.Context()
	lists(t, s, authors[0].ID)
	userLists(t, s)
	l, err := s.Posts().List(ctx, blog.PostFilter{Order: blog.Order{Field: "publishedAt", Desc: true}, Page: blog.Page{Number: 1, Limit: 10}})
	must(t, err)
	post, me := l.Items[0], authors[1].ID
	_, err = s.Posts().Liked(ctx, post.ID, me)
	must(t, err)
	_, err = s.Posts().SetLike(ctx, post.ID, me, true, yes)
	must(t, err)
	_, err = s.Posts().SetLike(ctx, post.ID, me, false, yes)
	must(t, err)
	must(t, s.Posts().AddViews(ctx, map[blog.ID]int64{post.ID: 2}))
	_, err = s.Posts().Tags(ctx, 10)
	must(t, err)
	_, err = s.Posts().Stats(ctx)
	must(t, err)
	_, err = s.Posts().Update(ctx, post.ID, func(p *blog.Post) error { p.Title = "新的标题"; return nil })
	must(t, err)
	remarks(t, s, post.ID, me)
	files(t, s, post.ID, me)
	must(t, s.Posts().Delete(ctx, post.ID, yes))
	_, err = s.Users().Update(ctx, me, func(u *blog.User) error { u.Username = "renamed"; return nil })
	must(t, err)
	_, err = s.Users().Session(ctx, me, "token")
	must(t, err)
	must(t, s.Users().RevokeToken(ctx, me, "token", day))
	_, err = s.Users().GetByEmail(ctx, authors[1].Email)
	must(t, err)
	_, err = s.Users().CreateFirstAdmin(ctx, &blog.User{ID: blog.NewID(day), Username: "root", Email: "root@example.com", Role: blog.RoleAdmin, Active: true})
	must(t, err)
	must(t, s.Users().Delete(ctx, me, func(*blog.User) error { return nil }))
	must(t, s.Ping(ctx))
}

func lists(t *testing.T, s *Store, author blog.ID) {
	for _, sort := range blog.PostSorts {
		for mask := range 32 {
			f := blog.PostFilter{Order: blog.Order{Field: sort, Desc: mask&1 == 0}, Page: blog.Page{Number: 1, Limit: 3}}
			if mask&2 != 0 {
				f.Status = blog.Published
			}
			if mask&4 != 0 {
				f.Category = categories[0]
			}
			if mask&8 != 0 {
				f.Author = author
			}
			f.Tags = tagNames[:mask>>4*(1+mask&1)]
			for _, search := range []string{"", "缓存 Go"} {
				f.Search = blog.ParseQuery(search)
				for _, to := range []time.Time{{}, day.Add(2 * time.Hour)} {
					f.To, f.Page.After = to, nil
					l, err := s.Posts().List(t.Context(), f)
					must(t, err)
					if f.Page.After = l.Next; l.Next != nil {
						_, err = s.Posts().List(t.Context(), f)
						must(t, err)
					}
				}
			}
		}
	}
}

func userLists(t *testing.T, s *Store) {
	active := true
	for _, sort := range blog.UserSorts {
		for mask := range 16 {
			f := blog.UserFilter{Order: blog.Order{Field: sort, Desc: mask&1 == 0}, Page: blog.Page{Number: 1, Limit: 3}}
			if mask&2 != 0 {
				f.Role = blog.RoleUser
			}
			if mask&4 != 0 {
				f.Active = &active
			}
			if mask&8 != 0 {
				f.Search = "AUTHOR"
			}
			l, err := s.Users().List(t.Context(), f)
			must(t, err)
			if f.Page.After = l.Next; l.Next != nil {
				_, err = s.Users().List(t.Context(), f)
				must(t, err)
			}
		}
	}
}

func remarks(t *testing.T, s *Store, post, author blog.ID) {
	ctx := t.Context()
	a := &blog.Comment{ID: blog.NewID(day), Post: post, Author: blog.Author{ID: author}, Content: "一", CreatedAt: day, UpdatedAt: day}
	must(t, s.Comments().Create(ctx, a, yes))
	b := &blog.Comment{ID: blog.NewID(day), Post: post, Author: blog.Author{ID: author}, Content: "二", Parent: a.ID, CreatedAt: day, UpdatedAt: day}
	must(t, s.Comments().Create(ctx, b, yes))
	f := blog.CommentFilter{Post: post, Order: blog.Order{Field: "createdAt"}, Page: blog.Page{Number: 1, Limit: 1}}
	l, err := s.Comments().List(ctx, f)
	must(t, err)
	f.Page.After = l.Next
	_, err = s.Comments().List(ctx, f)
	must(t, err)
	_, err = s.Comments().Update(ctx, a.ID, func(m *blog.Comment, _ blog.PostRef) error { m.Content = "三"; return nil })
	must(t, err)
	for _, id := range []blog.ID{a.ID, b.ID} {
		must(t, s.Comments().Delete(ctx, id, func(*blog.Comment, blog.PostRef) error { return nil }))
	}
	if _, _, err := s.Comments().Get(ctx, a.ID); blog.CodeOf(err) != blog.CodeCommentNotFound {
		t.Errorf("a shell without replies stayed: %v", err)
	}
}

func files(t *testing.T, s *Store, post, owner blog.ID) {
	ctx := t.Context()
	us := []blog.Upload{{Filename: "a.png", Field: "images", Owner: owner, Size: 5, CreatedAt: day}, {Filename: "b.png", Field: "images", Owner: owner, Size: 6, CreatedAt: day}}
	must(t, s.Uploads().Create(ctx, us, 11))
	wantCode(t, s.Uploads().Create(ctx, []blog.Upload{{Filename: "c.png", Owner: owner, Size: 1}}, 11), blog.CodeUploadQuota)
	f := blog.UploadFilter{Owner: owner, Page: blog.Page{Number: 1, Limit: 1}}
	l, err := s.Uploads().List(ctx, f)
	must(t, err)
	f.Page.After = l.Next
	l, err = s.Uploads().List(ctx, f)
	must(t, err)
	if len(l.Items) != 1 || l.Items[0].Filename != "b.png" || l.Total != 2 {
		t.Errorf("second page: %+v", l)
	}
	must(t, s.Uploads().Delete(ctx, "a.png"))
	_, err = s.Uploads().Ownerless(ctx, 10)
	must(t, err)
	must(t, s.Sources().Set(ctx, owner, "a.md", post, "1"))
	if id, _, ok, err := s.Sources().Get(ctx, owner, "a.md"); err != nil || !ok || id != post {
		t.Errorf("source: %v %v %v", id, ok, err)
	}
}
