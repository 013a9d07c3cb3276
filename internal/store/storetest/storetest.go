// Package storetest is what a store must do, written as tests. Every engine
// runs it; a newcomer reads it as the specification of blog.Store, a file per
// aggregate. Beside the single promises, random.go holds an engine against
// model.go, a store in memory that is too simple to be wrong, and search.go
// against a plain scan of the texts.
package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"inkstone/internal/blog"
)

// promise is one thing a store keeps, checked on an empty one.
type promise struct {
	name  string
	check func(w *world)
}

// Run checks every promise of blog.Store, each on a store of its own. open
// returns an empty store and arranges for its end with t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) blog.Store) {
	groups := []struct {
		name     string
		promises []promise
	}{
		{"users", userPromises},
		{"admins", adminPromises},
		{"sessions", sessionPromises},
		{"posts", postPromises},
		{"likes and views", counterPromises},
		{"summaries", summaryPromises},
		{"comments", commentPromises},
		{"uploads", uploadPromises},
		{"sources", sourcePromises},
		{"lists", listPromises},
		{"search", searchPromises},
		{"copies", copyPromises},
		{"generation", generationPromises},
		{"every method", commonPromises},
		{"model", modelPromises},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, p := range g.promises {
				t.Run(p.name, func(t *testing.T) { p.check(newWorld(t, open(t))) })
			}
		})
	}
}

// world is a store with hands to fill it and eyes to check it.
type world struct {
	*testing.T
	blog.Store
	ctx context.Context
	now time.Time // moves on by a second with every document that is made
}

// patience bounds one subtest, so that a store that hangs fails instead.
const patience = 2 * time.Minute

func newWorld(t *testing.T, s blog.Store) *world {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return &world{T: t, Store: s, ctx: ctx, now: time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)}
}

func (w *world) tick() time.Time {
	w.now = w.now.Add(time.Second)
	return w.now
}

// newUser describes an active user nobody has created yet.
func (w *world) newUser(name string) *blog.User {
	now := w.tick()
	id := blog.NewID(now)
	return &blog.User{
		ID: id, Username: name, Email: id.String() + "@example.com",
		PasswordHash: "$2a$04$hash", Role: blog.RoleUser, Active: true, CreatedAt: now, UpdatedAt: now,
	}
}

func (w *world) user(name string) *blog.User {
	w.Helper()
	u := w.newUser(name)
	w.ok(w.Users().Create(w.ctx, u))
	return u
}

func (w *world) admin(name string) *blog.User {
	w.Helper()
	u := w.newUser(name)
	u.Role = blog.RoleAdmin
	w.ok(w.Users().Create(w.ctx, u))
	return u
}

// newPost describes a published post nobody has created yet.
func (w *world) newPost(author blog.ID, title string) *blog.Post {
	now := w.tick()
	return &blog.Post{
		ID: blog.NewID(now), Title: title, Content: "内容 of " + title, Author: blog.Author{ID: author},
		Category: "技术", Tags: []string{"go"}, Status: blog.Published, PublishedAt: now, CreatedAt: now, UpdatedAt: now, Revision: 1,
	}
}

// post creates a published post, after the edits.
func (w *world) post(author *blog.User, title string, edits ...func(*blog.Post)) *blog.Post {
	w.Helper()
	p := w.newPost(author.ID, title)
	for _, edit := range edits {
		edit(p)
	}
	w.ok(w.Posts().Create(w.ctx, p))
	return p
}

func draft(p *blog.Post) { p.Status, p.PublishedAt = blog.Draft, time.Time{} }

func tagged(tags ...string) func(*blog.Post) { return func(p *blog.Post) { p.Tags = tags } }

// newComment describes a comment nobody has written yet.
func (w *world) newComment(p *blog.Post, author *blog.User) *blog.Comment {
	now := w.tick()
	return &blog.Comment{
		ID: blog.NewID(now), Post: p.ID, Author: blog.Author{ID: author.ID},
		Content: "说得好 " + author.Username, CreatedAt: now, UpdatedAt: now,
	}
}

// comment creates a comment of author under p; above is its parent or nil.
func (w *world) comment(p *blog.Post, author *blog.User, above *blog.Comment) *blog.Comment {
	w.Helper()
	c := w.newComment(p, author)
	if above != nil {
		c.Parent = above.ID
	}
	w.ok(w.Comments().Create(w.ctx, c, anyPost))
	return c
}

func (w *world) like(p *blog.Post, u *blog.User, like bool) int64 {
	w.Helper()
	n, err := w.Posts().SetLike(w.ctx, p.ID, u.ID, like, anyPost)
	w.ok(err)
	return n
}

// stored returns the post as the store has it.
func (w *world) stored(p *blog.Post) *blog.Post {
	w.Helper()
	got, err := w.Posts().Get(w.ctx, p.ID)
	w.ok(err)
	return got
}

func (w *world) storedUser(u *blog.User) *blog.User {
	w.Helper()
	got, err := w.Users().Get(w.ctx, u.ID)
	w.ok(err)
	return got
}

func (w *world) generation() uint64 {
	w.Helper()
	n, err := w.Generation(w.ctx)
	w.ok(err)
	return n
}

// Checks that agree with everything.
func anyUser(*blog.User) error                     { return nil }
func anyPost(blog.PostRef) error                   { return nil }
func anyComment(*blog.Comment, blog.PostRef) error { return nil }

// errRefused stands for what a caller's function objects.
var errRefused = errors.New("refused by the function")

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("unexpected error: %v", err)
	}
}

// fails checks that err is a *blog.Error of that code.
func (w *world) fails(err error, code blog.Code) {
	w.Helper()
	if e, ok := errors.AsType[*blog.Error](err); !ok || e.Code != code {
		w.Fatalf("error is %v, want code %s", err, code)
	}
}

func (w *world) refused(err error) {
	w.Helper()
	if err != errRefused {
		w.Fatalf("error is %v, want the function's own, as it is", err)
	}
}

// same compares two values; nil and empty slices are equal, and so are two
// readings of one instant.
func (w *world) same(what string, got, want any) {
	w.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		w.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// together calls f n times at once and returns what each call returned.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var start, done sync.WaitGroup
	start.Add(1)
	for i := range n {
		done.Go(func() {
			start.Wait()
			errs[i] = f(i)
		})
	}
	start.Done()
	done.Wait()
	return errs
}

// outcome counts the errors by code; "" stands for success.
func outcome(errs []error) map[blog.Code]int {
	n := map[blog.Code]int{}
	for _, err := range errs {
		n[blog.CodeOf(err)]++
	}
	return n
}

func (w *world) allOK(errs []error) {
	w.Helper()
	for _, err := range errs {
		w.ok(err)
	}
}
