package importer

import (
	"context"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"inkstone/internal/blog"
)

// save makes the article a post. A nil error with a reason in the outcome means
// that the file is at fault; an error, that the store is.
func (r *run) save(ctx context.Context, a *article, id blog.ID) (outcome, error) {
	out, err := r.place(ctx, a, id)
	if refused, ok := refusal(err); ok {
		return refused, nil
	}
	out.notes = a.notes
	return out, err
}

func (r *run) place(ctx context.Context, a *article, id blog.ID) (outcome, error) {
	old, same, err := r.stored(ctx, a)
	switch {
	case err != nil:
		return outcome{}, err
	case same:
		a.notes = nil // told when it was imported
		return outcome{count: unchanged}, nil
	case old == nil:
		return r.create(ctx, a, id)
	}
	return r.update(ctx, a, old)
}

// stored returns the post that the file became before, nil if none; same means
// that the file is the one it was then.
func (r *run) stored(ctx context.Context, a *article) (old *blog.Post, same bool, err error) {
	if !a.id.IsZero() {
		old, err = r.owned(ctx, a.id)
		return old, false, err
	}
	id, digest, known, err := r.Sources.Get(ctx, r.author, a.file)
	if err != nil {
		return nil, false, err
	}
	if !known {
		old, err = r.claim(ctx, a)
		return old, false, err
	}
	if digest == a.digest {
		return nil, true, nil
	}
	old, err = r.get(ctx, id)
	return old, false, err
}

// get returns a post, nil if there is none.
func (r *run) get(ctx context.Context, id blog.ID) (*blog.Post, error) {
	p, err := r.Posts.Get(ctx, id)
	if blog.CodeOf(err) == blog.CodePostNotFound {
		return nil, nil
	}
	return p, err
}

func (r *run) owned(ctx context.Context, id blog.ID) (*blog.Post, error) {
	p, err := r.get(ctx, id)
	if p != nil && p.Author.ID != r.author && !r.AnyAuthor {
		return nil, errRefused("文章 " + id.String() + " 属于另一位作者")
	}
	return p, err
}

func (r *run) create(ctx context.Context, a *article, id blog.ID) (outcome, error) {
	if !a.id.IsZero() {
		id = a.id
	}
	p := &blog.Post{ID: id, Author: blog.Author{ID: r.author}, CreatedAt: r.start, UpdatedAt: r.start, Revision: 1}
	if !a.createdAt.IsZero() {
		p.CreatedAt, p.UpdatedAt = a.createdAt, a.createdAt
	}
	if !a.updatedAt.IsZero() {
		p.UpdatedAt = a.updatedAt
	}
	if err := r.fit(a, p); err != nil || r.DryRun {
		return outcome{count: imported}, err
	}
	if err := r.Posts.Create(ctx, p); err != nil {
		return outcome{}, err
	}
	return outcome{count: imported}, r.remember(ctx, a, p.ID)
}

func (r *run) update(ctx context.Context, a *article, old *blog.Post) (outcome, error) {
	next := *old
	if err := r.fit(a, &next); err != nil {
		return outcome{}, err
	}
	if equal(old, &next) {
		a.notes = nil
		return outcome{count: unchanged}, r.remember(ctx, a, old.ID)
	}
	if old.Title != next.Title {
		a.note("将更新原标题为 %q 的文章", old.Title) // else another file of the same name would replace it unseen
	}
	if r.DryRun {
		return outcome{count: updated}, nil
	}
	_, err := r.Posts.Update(ctx, old.ID, func(p *blog.Post) error {
		p.Title, p.Content, p.Excerpt, p.Category, p.Tags = next.Title, next.Content, next.Excerpt, next.Category, next.Tags
		p.CoverImage, p.Status, p.PublishedAt = next.CoverImage, next.Status, next.PublishedAt
		p.UpdatedAt = r.start
		return nil
	})
	if err != nil {
		return outcome{}, err
	}
	return outcome{count: updated}, r.remember(ctx, a, old.ID)
}

// remember notes which post the file became; a file that names its post needs no note.
func (r *run) remember(ctx context.Context, a *article, id blog.ID) error {
	if r.DryRun || !a.id.IsZero() {
		return nil
	}
	return r.Sources.Set(ctx, r.author, a.file, id, a.digest)
}

func equal(a, b *blog.Post) bool {
	return a.Title == b.Title && a.Content == b.Content && a.Excerpt == b.Excerpt && a.Category == b.Category &&
		slices.Equal(a.Tags, b.Tags) && a.CoverImage == b.CoverImage && a.Status == b.Status && a.PublishedAt.Equal(b.PublishedAt)
}

// fit changes p to what the file says. The category that p has remains allowed even if
// it has left the configured ones. An error is errRefused: the file is at fault.
func (r *run) fit(a *article, p *blog.Post) error {
	known := slices.Clone(r.Categories)
	if p.Category != "" {
		known = append(known, p.Category)
	}
	category, rest := r.category(a, known)
	tags := a.fitTags(rest)
	if !a.published.IsZero() {
		p.PublishedAt = a.published
	}
	in := blog.PostInput{Title: &a.title, Content: &a.content, Excerpt: &a.excerpt, Category: &category,
		CoverImage: &a.cover, Tags: &tags, Status: &a.status}
	err := in.Apply(p, known, r.start)
	if broke(err, "coverImage") {
		a.note("封面图片 %q 已略去：不是网址，也不是已上传的图片", cut(a.cover, 100))
		a.cover = ""
		err = in.Apply(p, known, r.start)
	}
	if e, ok := errors.AsType[*blog.Error](err); ok {
		return errRefused(broken(e.Fields[0]))
	}
	return err
}

// broken says what is wrong with a field. Other faults have been cut or dropped before.
func broken(f blog.Field) string {
	if f.Rule == blog.RuleText {
		return f.Name + " 含有 NUL，无法保存"
	}
	return f.Name + " 为空或不合规则"
}

func broke(err error, field string) bool {
	e, ok := errors.AsType[*blog.Error](err)
	return ok && slices.ContainsFunc(e.Fields, func(f blog.Field) bool { return f.Name == field })
}

// category picks the first one that is known, and returns the others, which become tags.
func (r *run) category(a *article, known []string) (category string, rest []string) {
	category = r.Category
	for _, c := range a.categories {
		if slices.Contains(known, c) {
			category = c
			break
		}
	}
	return category, slices.DeleteFunc(slices.Clone(a.categories), func(c string) bool { return c == category })
}

// fitTags returns the file's tags and more of them, each once, as a post can bear them.
func (a *article) fitTags(more []string) []string {
	tags := []string{}
	own := 0 // of those that are kept, the file's
	for i, t := range slices.Concat(a.tags, more) {
		if n := utf8.RuneCountInString(t); n > blog.MaxTag {
			t = cut(t, blog.MaxTag)
			a.note("标签 %q 有 %d 个字符，截为 %d 个", cut(t, 20), n, utf8.RuneCountInString(t))
		}
		if !slices.Contains(tags, t) {
			tags = append(tags, t)
		}
		if i < len(a.tags) {
			own = len(tags)
		}
	}
	if over := len(tags) - blog.MaxTags; over > 0 { // a category that is lost otherwise goes before a tag
		a.note("标签有 %d 个，只留 %d 个", len(tags), blog.MaxTags)
		tags = slices.Delete(tags, max(0, own-over), own)
		tags = tags[:min(len(tags), blog.MaxTags)]
	}
	return tags
}

// stamp writes a time as the front matter has it.
func stamp(t time.Time) string { return t.UTC().Format(blog.TimeLayout) }
