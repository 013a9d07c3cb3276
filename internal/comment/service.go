// Package comment is the service of the remarks under articles. Articles
// themselves are package post's.
package comment

import (
	"context"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/cache"
	"inkstone/internal/web"
)

// Options are what the service needs. All must be set.
type Options struct {
	Posts    blog.Posts
	Comments blog.Comments
	Answers  *cache.Cache[*web.Answer]
	Now      func() time.Time
}

// Service holds the rules of comments.
type Service struct {
	posts    blog.Posts
	comments blog.Comments
	answers  *cache.Cache[*web.Answer]
	clock    func() time.Time
}

// New makes the service.
func New(o Options) *Service { return &Service{o.Posts, o.Comments, o.Answers, o.Now} }

func (s *Service) now() time.Time { return blog.ToMillisecond(s.clock()) }

// List answers a post's comments; an anonymous reader's answer is kept.
// CodePostNotFound, CodePostForbidden.
func (s *Service) List(ctx context.Context, who blog.Actor, f blog.CommentFilter) (*web.Answer, error) {
	load := func(ctx context.Context) (*web.Answer, error) { return s.list(ctx, who, f) }
	if !who.Anonymous() {
		return load(ctx)
	}
	return s.answers.Get(ctx, f.List().Page(f.Page), load)
}

func (s *Service) list(ctx context.Context, who blog.Actor, f blog.CommentFilter) (*web.Answer, error) {
	if err := s.MayRead(ctx, who, f.Post); err != nil {
		return nil, err
	}
	l, err := s.comments.List(ctx, f)
	if err != nil {
		return nil, err
	}
	return web.Encode(struct {
		Comments   []web.Comment  `json:"comments"`
		Pagination web.Pagination `json:"pagination"`
	}{web.Each(l.Items, web.NewComment), web.NewPagination(f.Page, l.Total, l.Next)})
}

// MayRead returns nil, CodePostNotFound or CodePostForbidden.
func (s *Service) MayRead(ctx context.Context, who blog.Actor, post blog.ID) error {
	p, _, err := s.posts.Peek(ctx, post, 0)
	if err != nil {
		return err
	}
	return who.MayRead(p.Ref())
}

// Get returns a comment of a post that the actor may read. CodeCommentNotFound, CodePostForbidden.
func (s *Service) Get(ctx context.Context, who blog.Actor, id blog.ID) (*blog.Comment, error) {
	c, post, err := s.comments.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return c, who.MayRead(post)
}

// Create adds a comment of the actor's under a published post. CodePostNotFound,
// CodePostForbidden, CodePostNotPublished; only who may comment hears CodeInvalid.
func (s *Service) Create(ctx context.Context, who blog.Actor, post blog.ID, in blog.CommentInput) (*blog.Comment, error) {
	now := s.now()
	c := &blog.Comment{ID: blog.NewID(now), Post: post, Author: blog.Author{ID: who.ID}, CreatedAt: now, UpdatedAt: now}
	invalid := in.Apply(c)
	err := s.comments.Create(ctx, c, func(p blog.PostRef) error {
		if err := mayComment(who, p); err != nil {
			return err
		}
		return invalid
	})
	if err != nil {
		return nil, err
	}
	return c, nil
}

func mayComment(who blog.Actor, p blog.PostRef) error {
	if err := who.MayRead(p); err != nil {
		return err
	}
	if p.Status != blog.Published {
		return blog.Fail(blog.CodePostNotPublished)
	}
	return nil
}

// MayWrite tells before a body is read whether it is worth it: codes as Update.
func (s *Service) MayWrite(ctx context.Context, who blog.Actor, id blog.ID) error {
	c, post, err := s.comments.Get(ctx, id)
	switch {
	case err != nil:
		return err
	case c.Deleted:
		return blog.Fail(blog.CodeCommentNotFound)
	}
	return mayWrite(who, c, post)
}

func mayWrite(who blog.Actor, c *blog.Comment, post blog.PostRef) error {
	if err := who.MayRead(post); err != nil {
		return err
	}
	if !who.Owns(c.Author.ID) {
		return blog.Fail(blog.CodeNotOwner)
	}
	return nil
}

// Update changes a comment's text, for its author and admins.
// CodeCommentNotFound, CodePostForbidden, CodeNotOwner, CodeInvalid.
func (s *Service) Update(ctx context.Context, who blog.Actor, id blog.ID, in blog.CommentInput) (*blog.Comment, error) {
	return s.comments.Update(ctx, id, func(c *blog.Comment, post blog.PostRef) error {
		if err := mayWrite(who, c, post); err != nil {
			return err
		}
		if err := in.Apply(c); err != nil {
			return err
		}
		c.UpdatedAt = s.now()
		return nil
	})
}

// Delete removes a comment, for its author, the post's author and admins.
// CodeCommentNotFound, CodePostForbidden, CodeNotOwner.
func (s *Service) Delete(ctx context.Context, who blog.Actor, id blog.ID) error {
	return s.comments.Delete(ctx, id, func(c *blog.Comment, post blog.PostRef) error {
		if who.Is(post.Author) {
			return nil
		}
		return mayWrite(who, c, post)
	})
}
