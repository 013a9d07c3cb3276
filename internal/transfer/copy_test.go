package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
	"inkstone/internal/importer"
	"inkstone/internal/store"
	"inkstone/internal/store/storetest"
)

// open opens a store that ends with the test.
func open(t *testing.T, url string, opt store.Options) blog.Store {
	t.Helper()
	s, err := store.Open(context.Background(), url, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func sqliteURL(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") }

func newSQLite(t *testing.T) blog.Store {
	t.Helper()
	return open(t, sqliteURL(t), store.Options{})
}

func newPostgres(t *testing.T) blog.Store {
	t.Helper()
	return open(t, enginetest.Postgres(t), store.Options{})
}

// copied copies and expects both to be the same.
func copied(t *testing.T, from, to blog.Store, opt Options) Report {
	t.Helper()
	r, err := Copy(t.Context(), from, to, opt)
	if err != nil {
		t.Fatal(err)
	}
	if !r.Same() {
		t.Errorf("not the same: %+v", r)
	}
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestRandomWorkGoesToPostgreSQLAndBackUnchanged(t *testing.T) {
	t.Parallel()
	from, there, back := newSQLite(t), newPostgres(t), newSQLite(t)
	storetest.Random(t, from, 7)
	first := copied(t, from, there, Options{Source: "from"})
	second := copied(t, there, back, Options{Source: "there"})
	for i, kind := range first.Kinds {
		if kind != second.Kinds[i] || kind.Source.Count == 0 {
			t.Errorf("there %+v, back %+v", kind, second.Kinds[i])
		}
	}
	storetest.Same(t, there, from)
	storetest.Same(t, back, from)
}

func TestArticlesGoToPostgreSQLAndBackUnchanged(t *testing.T) {
	t.Parallel()
	from, there, back := newSQLite(t), newPostgres(t), newSQLite(t)
	importArticles(t, from)
	copied(t, from, there, Options{Source: "from"})
	copied(t, there, back, Options{Source: "there"})
	storetest.Same(t, there, from)
	storetest.Same(t, back, from)
	// An import finds its files again.
	r, err := importer.Import(t.Context(), importOptions(t, back))
	if err != nil || r.Imported+r.Updated > 0 || r.Unchanged == 0 {
		t.Errorf("imported again: %+v, %v", r, err)
	}
}

// importArticles imports the articles of POSTS_DIR, or skips the test.
func importArticles(t *testing.T, to blog.Store) {
	t.Helper()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	must(t, to.Users().Create(t.Context(), &blog.User{ID: blog.NewID(now), Username: "author", Email: "author@example.com",
		PasswordHash: "hash", Role: blog.RoleAdmin, Active: true, CreatedAt: now, UpdatedAt: now}))
	_, err := importer.Import(t.Context(), importOptions(t, to))
	for try := 1; try < 10 && blog.CodeOf(err) == blog.CodeUnavailable; try++ { // the machine is slow today
		_, err = importer.Import(t.Context(), importOptions(t, to))
	}
	must(t, err)
}

func importOptions(t *testing.T, to blog.Store) importer.Options {
	t.Helper()
	for _, dir := range []string{os.Getenv("POSTS_DIR"), "../../../shared/data/posts"} {
		if st, err := os.Stat(dir); dir != "" && err == nil && st.IsDir() {
			return importer.Options{Posts: to.Posts(), Users: to.Users(), Sources: to.Sources(), Path: dir, Author: "author@example.com", Categories: []string{"教程"}}
		}
	}
	t.Skip("POSTS_DIR names no folder of articles")
	return importer.Options{}
}

// engines run a test on each engine as the target.
func engines(t *testing.T, test func(t *testing.T, target string)) {
	for name, url := range map[string]func(*testing.T) string{
		"sqlite":   sqliteURL,
		"postgres": func(t *testing.T) string { return enginetest.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, url(t))
		})
	}
}

func TestACopyGoesOnWhereItWasCutOff(t *testing.T) {
	engines(t, func(t *testing.T, target string) {
		from := newSQLite(t)
		storetest.Random(t, from, 8)
		for try := 1; ; try++ {
			to, err := store.Open(t.Context(), target, store.Options{Copying: true})
			must(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			records := 0
			r, err := copyInPieces(ctx, from, to, func(n int) {
				if records += n; records > 10 {
					cancel()
				}
			})
			cancel()
			must(t, to.Close())
			if err == nil {
				if !r.Same() || try < 4 {
					t.Errorf("after %d tries: %+v", try, r)
				}
				break
			}
			if !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			if s, err := store.Open(t.Context(), target, store.Options{}); !errors.Is(err, store.ErrUnfinished) {
				t.Fatalf("half a copy is opened: %v %v", s, err)
			}
		}
		storetest.Same(t, open(t, target, store.Options{}), from)
	})
}

// copyInPieces is Copy that tells of each record it puts.
func copyInPieces(ctx context.Context, from, to blog.Store, put func(n int)) (Report, error) {
	return Copy(ctx, from, piecemeal{to, put}, Options{Source: "from"})
}

// piecemeal puts records one by one.
type piecemeal struct {
	blog.Store
	put func(n int)
}

func (p piecemeal) Copies() blog.Copies { return pieces{p.Store.Copies(), p.put} }

type pieces struct {
	blog.Copies
	put func(n int)
}

func (p pieces) Put(ctx context.Context, records []blog.Record) error {
	for len(records) > 0 {
		n := min(len(records), 7)
		if err := p.Copies.Put(ctx, records[:n]); err != nil {
			return err
		}
		records = records[n:]
		p.put(n)
	}
	return ctx.Err()
}

func TestAnotherSourceOrAFullTargetIsRefused(t *testing.T) {
	engines(t, func(t *testing.T, target string) {
		from, to := newSQLite(t), open(t, target, store.Options{})
		storetest.Random(t, from, 9)
		must(t, to.Copies().Begin(t.Context(), "one"))
		if _, err := Copy(t.Context(), from, to, Options{Source: "another"}); !errors.Is(err, blog.ErrOtherSource) {
			t.Errorf("another source: %v", err)
		}
		copied(t, from, to, Options{Source: "one"})
		if _, err := Copy(t.Context(), from, to, Options{Source: "one"}); !errors.Is(err, blog.ErrNotEmpty) {
			t.Errorf("a full target: %v", err)
		}
	})
}

func TestWhatIsWrittenToTheSourceMeanwhileIsNotCopied(t *testing.T) {
	for name, newSource := range map[string]func(*testing.T) blog.Store{"sqlite": newSQLite, "postgres": newPostgres} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to, before := newSource(t), newSQLite(t), newSQLite(t)
			storetest.Random(t, from, 10)
			copied(t, from, before, Options{Source: "from"})
			writes := 0
			copied(t, from, to, Options{Source: "from", Progress: func(int, int) {
				now := time.Now()
				u := &blog.User{ID: blog.NewID(now), Username: fmt.Sprint("late", writes), Email: fmt.Sprint("late", writes), Role: blog.RoleUser, CreatedAt: now, UpdatedAt: now}
				must(t, from.Users().Create(t.Context(), u))
				p := &blog.Post{ID: blog.NewID(now), Title: "late", Content: "late", Author: blog.Author{ID: u.ID}, Status: blog.Published, PublishedAt: now, CreatedAt: now, UpdatedAt: now}
				must(t, from.Posts().Create(t.Context(), p))
				writes++
			}})
			if writes < 10 {
				t.Errorf("only %d writes", writes)
			}
			storetest.Same(t, to, before)
		})
	}
}

func TestATargetThatDiffersAtTheEndIsToldAndStaysUnfinished(t *testing.T) {
	engines(t, func(t *testing.T, target string) {
		from, to := newSQLite(t), open(t, target, store.Options{})
		storetest.Random(t, from, 11)
		must(t, to.Copies().Begin(t.Context(), "from"))
		must(t, to.Copies().Put(t.Context(), []blog.Record{altered(t, from)}))
		r, err := Copy(t.Context(), from, to, Options{Source: "from"})
		must(t, err)
		for _, kind := range r.Kinds {
			if same := kind.Kind != blog.KindUser; kind.Same() != same || kind.Source.Count != kind.Target.Count {
				t.Errorf("%+v", kind)
			}
		}
		if _, err := store.Open(t.Context(), target, store.Options{}); !errors.Is(err, store.ErrUnfinished) {
			t.Errorf("opened: %v", err)
		}
	})
}

// altered is the first user with another name.
func altered(t *testing.T, from blog.Store) (u *blog.User) {
	t.Helper()
	must(t, from.Copies().Snapshot(t.Context(), func(s blog.Snapshot) error {
		for r, err := range s.Records(blog.KindUser, "") {
			must(t, err)
			u = r.(*blog.User)
			break
		}
		return nil
	}))
	u.Profile.Bio = "another"
	return u
}

func TestACopyIntoAnExistingStoreKeepsWhatIsThere(t *testing.T) {
	engines(t, func(t *testing.T, target string) {
		from, to, both := newSQLite(t), open(t, target, store.Options{}), newSQLite(t)
		importSome(t, to, "own")
		importSome(t, from, "their")
		copied(t, from, both, Options{IntoExisting: true})
		copied(t, to, both, Options{IntoExisting: true})
		for range 2 { // again is the same
			copied(t, from, to, Options{IntoExisting: true})
			storetest.Same(t, to, both)
		}
		if _, err := store.Open(t.Context(), target, store.Options{}); err != nil {
			t.Error(err)
		}
		comeBy(t, to)
		copied(t, from, to, Options{IntoExisting: true})
		comeBy(t, both)
		u := altered(t, from)
		must(t, errors.Join(from.Users().Delete(t.Context(), u.ID, func(*blog.User) error { return nil }), from.Copies().Put(t.Context(), []blog.Record{u})))
		_, err := Copy(t.Context(), from, to, Options{IntoExisting: true})
		if refused, ok := errors.AsType[*blog.RecordError](err); !ok || refused.Record.Key() != u.Key() || !errors.Is(err, blog.ErrDiffers) {
			t.Errorf("a user who differs: %v", err)
		}
		storetest.Same(t, to, both)
	})
}

// comeBy views all posts, and logs all users in.
func comeBy(t *testing.T, s blog.Store) {
	t.Helper()
	views := map[blog.ID]int64{}
	posts, err := s.Posts().List(t.Context(), blog.PostFilter{Status: blog.Published, Order: blog.Order{Field: "createdAt"}, Page: blog.Page{Number: 1, Limit: 100}})
	must(t, err)
	for _, p := range posts.Items {
		views[p.ID] = 3
	}
	must(t, s.Posts().AddViews(t.Context(), views))
	users, err := s.Users().List(t.Context(), blog.UserFilter{Order: blog.Order{Field: "createdAt"}, Page: blog.Page{Number: 1, Limit: 100}})
	must(t, err)
	for _, u := range users.Items {
		_, err := s.Users().Update(t.Context(), u.ID, func(u *blog.User) error { u.LastLogin = time.Date(2026, 5, 6, 7, 8, 9, 0, time.UTC); return nil })
		must(t, err)
	}
}

// importSome makes two users, posts, likes, comments, uploads and notes, named so.
func importSome(t *testing.T, to blog.Store, name string) {
	t.Helper()
	now := time.Date(2026, 3, 4, 5, 6, 7, 8e6, time.UTC)
	agree := func(blog.PostRef) error { return nil }
	for i := range 3 {
		u := &blog.User{ID: blog.NewID(now), Username: fmt.Sprint(name, i), Email: fmt.Sprint(name, i, "@example.com"), Role: blog.RoleAdmin, Active: true, CreatedAt: now, UpdatedAt: now}
		must(t, to.Users().Create(t.Context(), u))
		for j := range 5 {
			p := &blog.Post{ID: blog.NewID(now), Title: fmt.Sprint(name, j), Content: strings.Repeat(name+" 内容 ", 20), Author: u.Author(), Category: "技术",
				Tags: []string{name, "go"}, Status: blog.Published, PublishedAt: now, CreatedAt: now, UpdatedAt: now}
			must(t, to.Posts().Create(t.Context(), p))
			_, err := to.Posts().SetLike(t.Context(), p.ID, u.ID, true, agree)
			must(t, err)
			c := &blog.Comment{ID: blog.NewID(now), Post: p.ID, Author: u.Author(), Content: name, CreatedAt: now, UpdatedAt: now}
			must(t, to.Comments().Create(t.Context(), c, agree))
			must(t, to.Sources().Set(t.Context(), u.ID, fmt.Sprint(j), p.ID, "digest"))
		}
		must(t, to.Uploads().Create(t.Context(), []blog.Upload{{Filename: fmt.Sprint(name, i), Field: "image", Owner: u.ID, Size: 10, CreatedAt: now}}, 0))
	}
}

func TestProgressGoesUpToAll(t *testing.T) {
	from, to := newSQLite(t), newSQLite(t)
	importSome(t, from, "some")
	last, calls := 0, 0
	copied(t, from, to, Options{Source: "from", Progress: func(done, total int) {
		calls++
		if done < last || done > total {
			t.Errorf("%d of %d after %d", done, total, last)
		}
		last = done
		if total != 2*(3+15+15+15+3+15) {
			t.Errorf("%d in all", total)
		}
	}})
	if last != 2*(3+15+15+15+3+15) || calls < 8 {
		t.Errorf("%d at the end, in %d calls", last, calls)
	}
}
