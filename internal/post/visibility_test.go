package post_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/cache"
	"inkstone/internal/comment"
	"inkstone/internal/post"
	"inkstone/internal/store"
	"inkstone/internal/web"
)

type house struct {
	store    blog.Store
	posts    *post.Service
	comments *comment.Service
	author   blog.Actor
	other    blog.Actor
	admin    blog.Actor
}

func newHouse(t *testing.T) *house {
	t.Helper()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "test.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	answers, err := cache.New(cache.Options[*web.Answer]{Bytes: 1 << 20, TTL: time.Minute, Generation: s.Generation})
	if err != nil {
		t.Fatal(err)
	}
	views := post.NewViews(s.Posts().AddViews, func(err error) { t.Error(err) })
	t.Cleanup(func() {
		if err := views.Close(context.Background()); err != nil {
			t.Error(err)
		}
		answers.Close()
		_ = s.Close()
	})
	h := &house{store: s}
	h.posts = post.New(post.Options{Posts: s.Posts(), Comments: s.Comments(), Answers: answers, Views: views, Categories: []string{"技术"}, Now: time.Now})
	h.comments = comment.New(comment.Options{Posts: s.Posts(), Comments: s.Comments(), Answers: answers, Now: time.Now})
	h.author, h.other, h.admin = h.user(t, "author", blog.RoleUser), h.user(t, "other", blog.RoleUser), h.user(t, "admin", blog.RoleAdmin)
	return h
}

func (h *house) user(t *testing.T, name string, role blog.Role) blog.Actor {
	t.Helper()
	now := time.Now()
	u := &blog.User{ID: blog.NewID(now), Username: name, Email: name + "@example.com", Role: role, Active: true, CreatedAt: now, UpdatedAt: now}
	if err := h.store.Users().Create(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	return blog.Actor{ID: u.ID, Role: role}
}

func (h *house) post(t *testing.T, status blog.Status) *blog.Post {
	t.Helper()
	title, category := "标题", "技术"
	p, err := h.posts.Create(t.Context(), h.author, blog.PostInput{Title: &title, Content: &title, Category: &category, Status: &status})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	ok        = blog.Code("")
	forbidden = blog.CodePostForbidden
	gone      = blog.CodePostNotFound
	notOwner  = blog.CodeNotOwner
	closed    = blog.CodePostNotPublished
)

// Columns: anonymous, other, author, admin. Routes that need a token never see
// the anonymous actor: there the first column is not asked.
var matrix = map[string]map[string][4]blog.Code{
	"published": {"show": {ok, ok, ok, ok}, "comments": {ok, ok, ok, ok}, "like": {"", ok, ok, ok}, "comment": {"", ok, ok, ok}, "edit": {"", notOwner, ok, ok}},
	"draft":     {"show": {forbidden, forbidden, ok, ok}, "comments": {forbidden, forbidden, ok, ok}, "like": {"", forbidden, ok, ok}, "comment": {"", forbidden, closed, closed}, "edit": {"", notOwner, ok, ok}},
	"archived":  {"show": {forbidden, forbidden, ok, ok}, "comments": {forbidden, forbidden, ok, ok}, "like": {"", forbidden, ok, ok}, "comment": {"", forbidden, closed, closed}, "edit": {"", notOwner, ok, ok}},
	"deleted":   {"show": {gone, gone, gone, gone}, "comments": {gone, gone, gone, gone}, "like": {"", gone, gone, gone}, "comment": {"", gone, gone, gone}, "edit": {"", gone, gone, gone}},
}

func TestNobodySeesMoreThanHeMay(t *testing.T) {
	h := newHouse(t)
	actions := map[string]func(blog.Actor, blog.ID) error{
		"show": func(a blog.Actor, id blog.ID) error { _, err := h.posts.Show(t.Context(), a, id); return err },
		"comments": func(a blog.Actor, id blog.ID) error {
			f := blog.CommentFilter{Post: id, Order: blog.Order{Field: "createdAt"}, Page: blog.Page{Number: 1, Limit: 10}}
			_, err := h.comments.List(t.Context(), a, f)
			return err
		},
		"like": func(a blog.Actor, id blog.ID) error { _, err := h.posts.SetLike(t.Context(), a, id, true); return err },
		"comment": func(a blog.Actor, id blog.ID) error {
			_, err := h.comments.Create(t.Context(), a, id, blog.CommentInput{Content: "好"})
			return err
		},
		"edit": func(a blog.Actor, id blog.ID) error {
			title := "新"
			_, err := h.posts.Update(t.Context(), a, id, blog.PostInput{Title: &title}, func(int64) bool { return true })
			return err
		},
	}
	actors := []blog.Actor{{}, h.other, h.author, h.admin}
	for state, row := range matrix {
		p := h.subject(t, state)
		for action, wants := range row {
			for i, who := range actors {
				if i == 0 && action != "show" && action != "comments" {
					continue
				}
				if got := blog.CodeOf(actions[action](who, p.ID)); got != wants[i] {
					t.Errorf("%s %s by actor %d: got %q, want %q", action, state, i, got, wants[i])
				}
			}
		}
	}
}

func (h *house) subject(t *testing.T, state string) *blog.Post {
	t.Helper()
	if state != "deleted" {
		return h.post(t, blog.Status(state))
	}
	p := h.post(t, blog.Published)
	if _, err := h.posts.Show(t.Context(), blog.Actor{}, p.ID); err != nil { // so that a cache has it
		t.Fatal(err)
	}
	if err := h.posts.Delete(t.Context(), h.author, p.ID); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAChangeUnderAnOldRevisionIsRefused(t *testing.T) {
	h := newHouse(t)
	p := h.post(t, blog.Draft)
	_, err := h.posts.Update(t.Context(), h.author, p.ID, blog.PostInput{}, func(r int64) bool { return r == p.Revision+1 })
	if blog.CodeOf(err) != blog.CodePostChanged {
		t.Error(err)
	}
	_, err = h.posts.Update(t.Context(), h.other, p.ID, blog.PostInput{}, func(int64) bool { return false })
	if blog.CodeOf(err) != blog.CodeNotOwner {
		t.Errorf("who may not write is told of the revision: %v", err)
	}
}

func TestPublishingDatesOnceAndKeepsWhatIsOmitted(t *testing.T) {
	h := newHouse(t)
	p, always := h.post(t, blog.Draft), func(int64) bool { return true }
	published := blog.Published
	first, err := h.posts.Update(t.Context(), h.author, p.ID, blog.PostInput{Status: &published}, always)
	if err != nil || first.PublishedAt.IsZero() {
		t.Fatalf("no date, %v", err)
	}
	title := "又"
	again, err := h.posts.Update(t.Context(), h.author, p.ID, blog.PostInput{Title: &title}, always)
	if err != nil || again.Status != blog.Published || !again.PublishedAt.Equal(first.PublishedAt) {
		t.Errorf("%+v, %v", again, err)
	}
}
