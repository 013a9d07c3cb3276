package post

import (
	"context"
	"errors"
	"iter"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// Shown is an answer with one post, and whether reading it counts as a view.
type Shown struct {
	Answer *web.Answer
	Counts bool
}

// Show answers a post with its newest comments. An anonymous reader's answer is
// kept; anybody else's says whether he likes it, and is his alone.
// CodePostNotFound, CodePostForbidden, CodeBusy.
func (s *Service) Show(ctx context.Context, who blog.Actor, id blog.ID) (Shown, error) {
	if !who.Anonymous() {
		return s.load(ctx, who, id, true)
	}
	a, err := s.answers.Get(ctx, "post "+id.String(), func(ctx context.Context) (*web.Answer, error) {
		shown, err := s.load(ctx, who, id, false)
		return shown.Answer, err
	})
	if errors.Is(err, errLarge) {
		return s.load(ctx, who, id, true)
	}
	return Shown{a, true}, err
}

// maxShared is how many bytes of content an answer is made of that is to be kept for
// everybody: a larger one would push out thousands of others.
const maxShared = 4 << 20

var errLarge = errors.New("the content is too large to be kept")

// load makes the answer, for ctx's request alone or for all who ask. errLarge if it is
// for all and the content has more than maxShared bytes.
func (s *Service) load(ctx context.Context, who blog.Actor, id blog.ID, alone bool) (Shown, error) {
	p, size, err := s.read(ctx, who, id, alone)
	if err != nil {
		return Shown{}, err
	}
	liked, err := s.liked(ctx, who, id)
	if err != nil {
		return Shown{}, err
	}
	newest, err := s.newest(ctx, p)
	if err != nil {
		return Shown{}, err
	}
	a, err := web.EncodeRevision(web.PostAnswer{Post: web.SinglePost(p, newest, liked)}, p.Revision)
	if err != nil {
		return Shown{}, err
	}
	if alone && size > web.FreeText {
		a.MarkReserved()
	}
	return Shown{a, p.Status == blog.Published && !who.Is(p.Author.ID)}, nil
}

// read returns a post that the actor may read, and how large its content is. Memory is
// reserved for it first. errLarge as from load.
func (s *Service) read(ctx context.Context, who blog.Actor, id blog.ID, alone bool) (p *blog.Post, size int64, err error) {
	p, size, err = s.posts.Peek(ctx, id, web.FreeText)
	if err == nil {
		err = who.MayRead(p.Ref())
	}
	switch {
	case err != nil || size <= web.FreeText:
		return p, size, err
	case !alone && size > maxShared:
		return nil, 0, errLarge
	}
	if err := web.Reserve(ctx, size); err != nil {
		return nil, 0, err
	}
	p, err = s.whole(ctx, who, id)
	return p, size, err
}

// whole returns a post that the actor may read, of whatever size.
func (s *Service) whole(ctx context.Context, who blog.Actor, id blog.ID) (*blog.Post, error) {
	p, err := s.posts.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return p, who.MayRead(p.Ref())
}

// newest returns the newest comments of p. A deleted one stays only while it has
// replies, so there is nothing to look for where no living one is counted.
func (s *Service) newest(ctx context.Context, p *blog.Post) ([]*blog.Comment, error) {
	if p.CommentCount == 0 {
		return nil, nil
	}
	list, err := s.comments.List(ctx, blog.CommentFilter{
		Post: p.ID, Order: blog.Order{Field: "createdAt", Desc: true}, Page: blog.Page{Number: 1, Limit: newestComments},
	})
	return list.Items, err
}

func (s *Service) liked(ctx context.Context, who blog.Actor, id blog.ID) (*bool, error) {
	if who.Anonymous() {
		return nil, nil
	}
	liked, err := s.posts.Liked(ctx, id, who.ID)
	return &liked, err
}

// List answers the posts of f that the actor may see. What is the same for
// everybody is kept under the narrowed filter. A list that is too large for one
// answer is the error *largeList.
func (s *Service) List(ctx context.Context, who blog.Actor, f blog.PostFilter) (*web.Answer, error) {
	f.Narrow(who)
	load := func(ctx context.Context) (*web.Answer, error) { return s.list(ctx, f) }
	if !f.Public() {
		return load(ctx)
	}
	return s.answers.Get(ctx, listKey(f), load)
}

// listKey is what a public list is kept under.
func listKey(f blog.PostFilter) string { return f.List().Page(f.Page) }

func (s *Service) list(ctx context.Context, f blog.PostFilter) (*web.Answer, error) {
	f.MaxText = web.FreeText
	l, err := s.posts.List(ctx, f)
	reserved := err == nil && l.Bare != nil && l.Bare.All <= maxShared
	if reserved {
		if err := web.Reserve(ctx, l.Bare.All); err != nil {
			return nil, err
		}
		f.MaxText = maxShared
		l, err = s.posts.List(ctx, f)
	}
	if err != nil {
		return nil, err
	}
	if l.Bare != nil {
		return nil, &largeList{l}
	}
	a, err := web.Encode(web.PostList{Posts: web.Each(l.Items, web.NewPost), Pagination: web.NewPagination(f.Page, l.Total, l.Next)})
	if err == nil && reserved && !f.Public() {
		a.MarkReserved()
	}
	return a, err
}

// largeList is a list whose contents are too large for one Answer.
type largeList struct {
	blog.Listed[*blog.Post] // without the contents
}

func (*largeList) Error() string { return "the list is too large for memory" }

// each reads the posts of l, one at a time, as they are then. One that has gone
// or may not be read any more is an error.
func (s *Service) each(ctx context.Context, who blog.Actor, l *largeList) iter.Seq2[web.Post, error] {
	return func(yield func(web.Post, error) bool) {
		for _, bare := range l.Items {
			p, err := s.whole(ctx, who, bare.ID)
			if err != nil {
				yield(web.Post{}, err)
				return
			}
			if !yield(web.NewPost(p), nil) {
				return
			}
		}
	}
}

type tagCount struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// Tags answers the tags of published posts, most used first, at most 1000.
func (s *Service) Tags(ctx context.Context) (*web.Answer, error) {
	return s.answers.Get(ctx, "tags", func(ctx context.Context) (*web.Answer, error) {
		tags, err := s.posts.Tags(ctx, maxTagsListed)
		if err != nil {
			return nil, err
		}
		return web.Encode(struct {
			Tags []tagCount `json:"tags"`
		}{web.Each(tags, func(t blog.TagCount) tagCount { return tagCount(t) })})
	})
}
