package comment

import (
	"context"
	"errors"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// one is a store that holds one post and one comment.
type one struct {
	post    blog.Post
	comment blog.Comment
	written bool
}

type posts struct {
	blog.Posts
	one *one
}

func (o posts) Peek(context.Context, blog.ID, int64) (*blog.Post, int64, error) {
	return &o.one.post, 0, nil
}

type comments struct {
	blog.Comments
	one *one
}

func (o comments) Get(context.Context, blog.ID) (*blog.Comment, blog.PostRef, error) {
	c := o.one.comment
	return &c, o.one.post.Ref(), nil
}

func (o comments) Create(_ context.Context, c *blog.Comment, check func(blog.PostRef) error) error {
	if err := check(o.one.post.Ref()); err != nil {
		return err
	}
	o.one.comment, o.one.written = *c, true
	return nil
}

func (o comments) Update(_ context.Context, _ blog.ID, change func(*blog.Comment, blog.PostRef) error) (*blog.Comment, error) {
	c := o.one.comment
	if err := change(&c, o.one.post.Ref()); err != nil {
		return nil, err
	}
	o.one.comment, o.one.written = c, true
	return &c, nil
}

func (o comments) Delete(_ context.Context, _ blog.ID, check func(*blog.Comment, blog.PostRef) error) error {
	if err := check(&o.one.comment, o.one.post.Ref()); err != nil {
		return err
	}
	o.one.written = true
	return nil
}

var (
	now       = time.Date(2024, 3, 13, 8, 0, 0, 123456789, time.FixedZone("CST", 8*3600))
	owner     = blog.Actor{ID: blog.NewID(now), Role: blog.RoleUser}
	commenter = blog.Actor{ID: blog.NewID(now), Role: blog.RoleUser}
	stranger  = blog.Actor{ID: blog.NewID(now), Role: blog.RoleUser}
	admin     = blog.Actor{ID: blog.NewID(now), Role: blog.RoleAdmin}
	nobody    = blog.Actor{}
)

func house(status blog.Status) (*Service, *one) {
	o := &one{post: blog.Post{ID: blog.NewID(now), Author: blog.Author{ID: owner.ID}, Status: status}}
	o.comment = blog.Comment{ID: blog.NewID(now), Post: o.post.ID, Author: blog.Author{ID: commenter.ID}, Content: "原文"}
	return New(Options{Posts: posts{one: o}, Comments: comments{one: o}, Now: func() time.Time { return now }}), o
}

// TestEveryActorMayDoWhatIsHisAndNoMore is the whole table of permissions: each deed, under a post of
// each status, by each kind of actor. The empty code means it is allowed.
func TestEveryActorMayDoWhatIsHisAndNoMore(t *testing.T) {
	const (
		ok        = blog.Code("")
		forbidden = blog.CodePostForbidden
		notOwner  = blog.CodeNotOwner
		closed    = blog.CodePostNotPublished
	)
	deeds := map[string]func(*Service, *one, blog.Actor) error{
		"read": func(s *Service, o *one, who blog.Actor) error {
			_, err := s.Get(context.Background(), who, o.comment.ID)
			return err
		},
		"create": func(s *Service, o *one, who blog.Actor) error {
			_, err := s.Create(context.Background(), who, o.post.ID, blog.CommentInput{Content: "新的"})
			return err
		},
		"update": func(s *Service, o *one, who blog.Actor) error {
			_, err := s.Update(context.Background(), who, o.comment.ID, blog.CommentInput{Content: "改过"})
			return err
		},
		"may write": func(s *Service, o *one, who blog.Actor) error {
			return s.MayWrite(context.Background(), who, o.comment.ID)
		},
		"delete": func(s *Service, o *one, who blog.Actor) error {
			return s.Delete(context.Background(), who, o.comment.ID)
		},
	}
	actors := []blog.Actor{nobody, stranger, commenter, owner, admin}
	for _, c := range []struct {
		deed      string
		published bool
		want      [5]blog.Code // nobody, stranger, commenter, owner of the post, admin
	}{
		{"read", true, [5]blog.Code{ok, ok, ok, ok, ok}},
		{"read", false, [5]blog.Code{forbidden, forbidden, forbidden, ok, ok}},
		{"create", true, [5]blog.Code{ok, ok, ok, ok, ok}}, // that somebody is signed in is the route's to ask
		{"create", false, [5]blog.Code{forbidden, forbidden, forbidden, closed, closed}},
		{"update", true, [5]blog.Code{notOwner, notOwner, ok, notOwner, ok}},
		{"update", false, [5]blog.Code{forbidden, forbidden, forbidden, notOwner, ok}},
		{"may write", true, [5]blog.Code{notOwner, notOwner, ok, notOwner, ok}},
		{"may write", false, [5]blog.Code{forbidden, forbidden, forbidden, notOwner, ok}},
		{"delete", true, [5]blog.Code{notOwner, notOwner, ok, ok, ok}},
		{"delete", false, [5]blog.Code{forbidden, forbidden, forbidden, ok, ok}},
	} {
		statuses := []blog.Status{blog.Draft, blog.Archived}
		if c.published {
			statuses = []blog.Status{blog.Published}
		}
		for _, status := range statuses {
			for i, who := range actors {
				s, o := house(status)
				err := deeds[c.deed](s, o, who)
				if got := code(err); got != c.want[i] {
					t.Errorf("%s under %s by actor %d: %q, want %q", c.deed, status, i, got, c.want[i])
				}
				if err != nil && o.written {
					t.Errorf("%s under %s by actor %d was refused and done", c.deed, status, i)
				}
			}
		}
	}
}

func code(err error) blog.Code {
	if err == nil {
		return ""
	}
	return blog.CodeOf(err)
}

func TestAShellIsNotWorthABody(t *testing.T) {
	s, o := house(blog.Published)
	o.comment.Deleted = true
	if err := s.MayWrite(t.Context(), admin, o.comment.ID); code(err) != blog.CodeCommentNotFound {
		t.Error(err)
	}
}

func TestCreateSetsWhatNoClientMaySet(t *testing.T) {
	s, o := house(blog.Published)
	parent := o.comment.ID
	given := parent.String()
	c, err := s.Create(t.Context(), stranger, o.post.ID, blog.CommentInput{Content: " \t 好文 \n", Parent: &given})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2024, 3, 13, 0, 0, 0, 123e6, time.UTC)
	want := blog.Comment{ID: c.ID, Post: o.post.ID, Author: blog.Author{ID: stranger.ID}, Parent: parent, Content: "好文", CreatedAt: at, UpdatedAt: at}
	if *c != want || c.ID.IsZero() || o.comment != want {
		t.Errorf("%+v, want %+v", *c, want)
	}
}

func TestUpdateChangesTextAndTimeAlone(t *testing.T) {
	s, o := house(blog.Published)
	want := o.comment
	want.Content, want.UpdatedAt = "改过", time.Date(2024, 3, 13, 0, 0, 0, 123e6, time.UTC)
	got, err := s.Update(t.Context(), commenter, o.comment.ID, blog.CommentInput{Content: " 改过 "})
	if err != nil || *got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// TestPermissionIsToldBeforeTheText: who may not write hears that, whatever he wrote.
func TestPermissionIsToldBeforeTheText(t *testing.T) {
	s, o := house(blog.Published)
	if _, err := s.Update(t.Context(), stranger, o.comment.ID, blog.CommentInput{}); code(err) != blog.CodeNotOwner {
		t.Error(err)
	}
	if _, err := s.Update(t.Context(), commenter, o.comment.ID, blog.CommentInput{}); code(err) != blog.CodeInvalid || o.written {
		t.Error(err, o.written)
	}
	var e *blog.Error
	if _, err := s.Create(t.Context(), stranger, o.post.ID, blog.CommentInput{Content: "\u3000 "}); !errors.As(err, &e) || e.Fields[0].Rule != blog.RuleCommentRequired || o.written {
		t.Error(err, o.written)
	}
	hidden, h := house(blog.Draft)
	if _, err := hidden.Create(t.Context(), stranger, h.post.ID, blog.CommentInput{}); code(err) != blog.CodePostForbidden || h.written {
		t.Error(err, h.written)
	}
	if _, err := hidden.Create(t.Context(), owner, h.post.ID, blog.CommentInput{}); code(err) != blog.CodePostNotPublished || h.written {
		t.Error(err, h.written)
	}
}
