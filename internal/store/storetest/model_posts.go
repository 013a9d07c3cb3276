package storetest

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"inkstone/internal/blog"
)

type modelPosts struct{ *model }

func (m modelPosts) Create(ctx context.Context, p *blog.Post) error {
	return m.write(ctx, func() (bool, error) {
		if _, ok := m.users[p.Author.ID]; !ok {
			return false, blog.Fail(blog.CodeUserNotFound)
		}
		n := *p
		n.ViewCount, n.Revision = 0, max(n.Revision, 1)
		if err := m.putPost(n); err != nil {
			return false, err
		}
		*p = *m.shown(m.posts[p.ID])
		return p.Status == blog.Published, nil
	})
}

func (m *model) putPost(p blog.Post) error {
	if at := p.PublishedAt; !at.IsZero() && (at.UnixMilli() <= 0 || at.UTC().Year() >= 2200) {
		return blog.Invalid("publishedAt", blog.RuleDate)
	}
	p.Tags, p.Tier = slices.Clone(p.Tags), 0
	p.PublishedAt, p.CreatedAt, p.UpdatedAt = blog.ToMillisecond(p.PublishedAt), blog.ToMillisecond(p.CreatedAt), blog.ToMillisecond(p.UpdatedAt)
	m.posts[p.ID] = p
	return nil
}

func (m modelPosts) Get(ctx context.Context, id blog.ID) (got *blog.Post, err error) {
	err = m.read(ctx, func() error {
		p, ok := m.posts[id]
		if !ok {
			return blog.Fail(blog.CodePostNotFound)
		}
		got = m.shown(p)
		return nil
	})
	return got, err
}

func (m modelPosts) Peek(ctx context.Context, id blog.ID, most int64) (*blog.Post, int64, error) {
	p, err := m.Get(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	size := int64(len(p.Content))
	if size > most {
		p.Content = ""
	}
	return p, size, nil
}

func (m modelPosts) Liked(ctx context.Context, id, user blog.ID) (liked bool, err error) {
	err = m.read(ctx, func() error { liked = m.likes[like{id, user}]; return nil })
	return liked, err
}

func (m modelPosts) Update(ctx context.Context, id blog.ID, change func(*blog.Post) error) (got *blog.Post, err error) {
	err = m.write(ctx, func() (bool, error) {
		old, ok := m.posts[id]
		if !ok {
			return false, blog.Fail(blog.CodePostNotFound)
		}
		p := *m.shown(old)
		if err := change(&p); err != nil {
			return false, err
		}
		p.ID, p.Author, p.CreatedAt = id, old.Author, old.CreatedAt
		p.ViewCount, p.Revision = old.ViewCount, old.Revision+1
		if err := m.putPost(p); err != nil {
			return false, err
		}
		got = m.shown(m.posts[id])
		return old.Status == blog.Published || p.Status == blog.Published, nil
	})
	return got, err
}

func (m modelPosts) Delete(ctx context.Context, id blog.ID, check func(blog.PostRef) error) error {
	return m.write(ctx, func() (bool, error) {
		p, err := m.checked(id, check)
		if err != nil {
			return false, err
		}
		m.dropPost(id)
		return p.Status == blog.Published, nil
	})
}

func (m *model) checked(id blog.ID, check func(blog.PostRef) error) (blog.Post, error) {
	p, ok := m.posts[id]
	if !ok {
		return p, blog.Fail(blog.CodePostNotFound)
	}
	return p, check(p.Ref())
}

// checkedBy is checked for what a user does to the post.
func (m *model) checkedBy(user, id blog.ID, check func(blog.PostRef) error) (blog.Post, error) {
	return m.checked(id, func(p blog.PostRef) error {
		if _, ok := m.users[user]; !ok {
			return blog.Fail(blog.CodeUserNotFound)
		}
		return check(p)
	})
}

func (m modelPosts) SetLike(ctx context.Context, id, user blog.ID, on bool, check func(blog.PostRef) error) (n int64, err error) {
	err = m.write(ctx, func() (bool, error) {
		p, err := m.checkedBy(user, id, check)
		if err != nil {
			return false, err
		}
		before := m.likes[like{id, user}]
		if on {
			m.likes[like{id, user}] = true
		} else {
			delete(m.likes, like{id, user})
		}
		n = m.shown(p).LikeCount
		return before != on && p.Status == blog.Published, nil
	})
	return n, err
}

func (m modelPosts) AddViews(ctx context.Context, views map[blog.ID]int64) error {
	return m.write(ctx, func() (visible bool, err error) {
		for id, n := range views {
			if p, ok := m.posts[id]; ok {
				p.ViewCount += n
				m.posts[id] = p
				visible = visible || p.Status == blog.Published
			}
		}
		return visible, nil
	})
}

func (m modelPosts) Tags(ctx context.Context, limit int) (out []blog.TagCount, err error) {
	count := map[string]int64{}
	err = m.read(ctx, func() error {
		for _, p := range m.posts {
			if p.Status == blog.Published {
				for _, tag := range p.Tags {
					count[tag]++
				}
			}
		}
		return nil
	})
	for name, n := range count {
		out = append(out, blog.TagCount{Name: name, Count: n})
	}
	slices.SortFunc(out, func(a, b blog.TagCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Name, b.Name))
	})
	return out[:min(limit, len(out))], err
}

func (m modelPosts) Stats(ctx context.Context) (out blog.Stats, err error) {
	statuses, categories := map[blog.Status]blog.StatusStats{}, map[string]int64{}
	err = m.read(ctx, func() error {
		for _, p := range m.posts {
			s := statuses[p.Status]
			s.Status = p.Status
			s.Count, s.TotalViews, s.TotalLikes = s.Count+1, s.TotalViews+p.ViewCount, s.TotalLikes+m.shown(p).LikeCount
			statuses[p.Status] = s
			if p.Status == blog.Published {
				categories[p.Category]++
			}
		}
		return nil
	})
	for _, s := range statuses {
		out.Statuses = append(out.Statuses, s)
	}
	for name, n := range categories {
		out.Categories = append(out.Categories, blog.CategoryCount{Category: name, Count: n})
	}
	slices.SortFunc(out.Statuses, func(a, b blog.StatusStats) int { return cmp.Compare(a.Status, b.Status) })
	slices.SortFunc(out.Categories, func(a, b blog.CategoryCount) int { return cmp.Compare(a.Category, b.Category) })
	return out, err
}

type modelComments struct{ *model }

func (m modelComments) Create(ctx context.Context, c *blog.Comment, check func(blog.PostRef) error) error {
	return m.write(ctx, func() (bool, error) {
		p, err := m.checkedBy(c.Author.ID, c.Post, check)
		if err != nil {
			return false, err
		}
		above, ok := m.comments[c.Parent]
		if !c.Parent.IsZero() && (!ok || above.Deleted || above.Post != c.Post) {
			return false, blog.Invalid("parent", blog.RuleParent)
		}
		c.Author = m.author(c.Author.ID)
		c.CreatedAt, c.UpdatedAt = blog.ToMillisecond(c.CreatedAt), blog.ToMillisecond(c.UpdatedAt)
		m.comments[c.ID] = *c
		return p.Status == blog.Published, nil
	})
}

func (m modelComments) Get(ctx context.Context, id blog.ID) (c *blog.Comment, ref blog.PostRef, err error) {
	err = m.read(ctx, func() error {
		n, ok := m.comments[id]
		if !ok {
			return blog.Fail(blog.CodeCommentNotFound)
		}
		p := m.posts[n.Post]
		c, ref = m.shownComment(n), p.Ref()
		return nil
	})
	return c, ref, err
}

func (m *model) shownComment(c blog.Comment) *blog.Comment {
	if !c.Deleted {
		c.Author = m.author(c.Author.ID)
	}
	return &c
}

// living returns a comment that is not a shell, and its post.
func (m *model) living(id blog.ID) (blog.Comment, blog.PostRef, error) {
	c, ok := m.comments[id]
	if !ok || c.Deleted {
		return c, blog.PostRef{}, blog.Fail(blog.CodeCommentNotFound)
	}
	p := m.posts[c.Post]
	return c, p.Ref(), nil
}

func (m modelComments) Update(ctx context.Context, id blog.ID, change func(*blog.Comment, blog.PostRef) error) (got *blog.Comment, err error) {
	err = m.write(ctx, func() (bool, error) {
		c, ref, err := m.living(id)
		if err != nil {
			return false, err
		}
		n := m.shownComment(c)
		if err := change(n, ref); err != nil {
			return false, err
		}
		c.Content, c.UpdatedAt = n.Content, blog.ToMillisecond(n.UpdatedAt)
		m.comments[id] = c
		got = m.shownComment(c)
		return ref.Status == blog.Published, nil
	})
	return got, err
}

func (m modelComments) Delete(ctx context.Context, id blog.ID, check func(*blog.Comment, blog.PostRef) error) error {
	return m.write(ctx, func() (bool, error) {
		c, ref, err := m.living(id)
		if err != nil {
			return false, err
		}
		if err := check(m.shownComment(c), ref); err != nil {
			return false, err
		}
		m.comments[id] = shellOf(c)
		m.dropBareShells()
		return ref.Status == blog.Published, nil
	})
}
