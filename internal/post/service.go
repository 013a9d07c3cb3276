// Package post is the service of articles: reading, writing, likes, views, tags
// and the overview. Comments are another service's; the newest show here.
package post

import (
	"context"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/cache"
	"inkstone/internal/web"
)

const (
	newestComments = 20
	maxTagsListed  = 1000
)

// Options are what the service needs. All must be set.
type Options struct {
	Posts      blog.Posts
	Comments   blog.Comments
	Answers    *cache.Cache[*web.Answer]
	Views      *Views
	Categories []string
	Now        func() time.Time
}

// Service holds the rules of articles.
type Service struct {
	posts      blog.Posts
	comments   blog.Comments
	answers    *cache.Cache[*web.Answer]
	views      *Views
	categories []string
	clock      func() time.Time
}

// New makes the service.
func New(o Options) *Service {
	return &Service{o.Posts, o.Comments, o.Answers, o.Views, o.Categories, o.Now}
}

func (s *Service) now() time.Time { return blog.ToMillisecond(s.clock()) }

// check reports what is broken of in, on whichever post: CodeInvalid.
func (s *Service) check(in blog.PostInput) error {
	return in.Apply(&blog.Post{}, s.categories, s.now())
}

// Create adds a post of the actor's. CodeInvalid.
func (s *Service) Create(ctx context.Context, who blog.Actor, in blog.PostInput) (*blog.Post, error) {
	in.RequireAll()
	now := s.now()
	p := &blog.Post{
		ID: blog.NewID(now), Author: blog.Author{ID: who.ID}, Tags: []string{},
		CreatedAt: now, UpdatedAt: now, Revision: 1,
	}
	if err := in.Apply(p, s.categories, now); err != nil {
		return nil, err
	}
	if err := s.posts.Create(ctx, p); err != nil {
		return nil, err
	}
	return p, nil
}

// MayWrite tells before a body is read whether it is worth it, and reserves memory for
// what a large post was before: CodePostNotFound, CodeNotOwner, CodeBusy. Update asks
// again, in one step with the change.
func (s *Service) MayWrite(ctx context.Context, who blog.Actor, id blog.ID) error {
	p, size, err := s.posts.Peek(ctx, id, 0)
	if err != nil {
		return err
	}
	if err := who.MayWrite(p.Ref()); err != nil {
		return err
	}
	return web.Reserve(ctx, size)
}

// Update changes a post if match agrees with its revision. CodePostNotFound,
// CodeNotOwner, CodePostChanged, CodeInvalid.
func (s *Service) Update(ctx context.Context, who blog.Actor, id blog.ID, in blog.PostInput, match func(revision int64) bool) (*blog.Post, error) {
	return s.posts.Update(ctx, id, func(p *blog.Post) error {
		if err := who.MayWrite(p.Ref()); err != nil {
			return err
		}
		if !match(p.Revision) {
			return blog.Fail(blog.CodePostChanged)
		}
		now := s.now()
		if err := in.Apply(p, s.categories, now); err != nil {
			return err
		}
		p.UpdatedAt = now
		return nil
	})
}

// Delete removes a post with its comments and likes. CodePostNotFound, CodeNotOwner.
func (s *Service) Delete(ctx context.Context, who blog.Actor, id blog.ID) error {
	return s.posts.Delete(ctx, id, who.MayWrite)
}

// SetLike likes a post or no longer, and returns its count of likes.
// CodePostNotFound, CodePostForbidden.
func (s *Service) SetLike(ctx context.Context, who blog.Actor, id blog.ID, like bool) (int64, error) {
	return s.posts.SetLike(ctx, id, who.ID, like, who.MayRead)
}

// Stats returns the overview.
func (s *Service) Stats(ctx context.Context) (blog.Stats, error) { return s.posts.Stats(ctx) }
