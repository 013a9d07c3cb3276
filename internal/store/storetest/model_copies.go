package storetest

import (
	"context"
	"iter"
	"slices"
	"strings"

	"inkstone/internal/blog"
)

type modelCopies struct{ *model }

func (m modelCopies) Snapshot(ctx context.Context, read func(blog.Snapshot) error) error {
	state := newModel()
	if err := m.read(ctx, func() error { state.modelState = m.clone(); return nil }); err != nil {
		return err
	}
	return read(modelSnapshot{ctx, state})
}

type modelSnapshot struct {
	ctx   context.Context
	state *model
}

func (s modelSnapshot) Records(kind blog.Kind, after blog.Key) iter.Seq2[blog.Record, error] {
	return func(yield func(blog.Record, error) bool) {
		for _, r := range s.state.records(kind) {
			if s.ctx.Err() != nil {
				yield(nil, s.ctx.Err())
				return
			}
			if r.Key() > after && !yield(r, nil) {
				return
			}
		}
	}
}

func (s modelSnapshot) Last(kind blog.Kind) (last blog.Key, err error) {
	for _, r := range s.state.records(kind) {
		last = r.Key()
	}
	return last, nil
}

func (s modelSnapshot) Count(kind blog.Kind) (int64, error) {
	return int64(len(s.state.records(kind))), nil
}

// records are all of a kind, by their keys.
func (m *model) records(kind blog.Kind) (all []blog.Record) {
	add := func(r blog.Record) {
		if r.Kind() == kind {
			all = append(all, r)
		}
	}
	for _, u := range m.users {
		add(&u)
	}
	for s, until := range m.revoked {
		add(&blog.RevokedToken{User: s.user, Token: s.token, Until: until})
	}
	for _, p := range m.posts {
		add(m.shown(p))
	}
	for l := range m.likes {
		add(&blog.Like{Post: l.post, User: l.user})
	}
	for _, c := range m.comments {
		if !c.Parent.IsZero() {
			add(&blog.Reply{Comment: c.ID, Parent: c.Parent})
		}
		c.Parent = blog.ID{}
		add(&c)
	}
	for _, u := range m.uploads {
		add(&u)
	}
	for s, n := range m.sources {
		add(&blog.Source{Author: s.author, Path: s.path, Post: n.post, Digest: n.digest})
	}
	slices.SortFunc(all, func(a, b blog.Record) int { return strings.Compare(string(a.Key()), string(b.Key())) })
	return all
}

func (m modelCopies) Put(ctx context.Context, records []blog.Record) error {
	return m.write(ctx, func() (bool, error) {
		there := map[blog.Key]blog.Record{}
		for _, r := range records {
			for _, have := range m.records(r.Kind()) {
				there[have.Key()] = have
			}
		}
		missing, err := blog.Missing(records, there)
		if err != nil {
			return false, err
		}
		for _, r := range missing {
			if err := m.put(r); err != nil {
				return false, &blog.RecordError{Record: r, Err: err}
			}
		}
		return true, nil
	})
}

func (m *model) put(r blog.Record) error {
	if err := m.refersTo(r); err != nil {
		return err
	}
	switch r := r.(type) {
	case *blog.User:
		return m.putUser(*r)
	case *blog.RevokedToken:
		m.revoked[session{r.User, r.Token}] = blog.ToMillisecond(r.Until)
	case *blog.Post:
		return m.putPost(*r)
	case *blog.Like:
		m.likes[like{r.Post, r.User}] = true
	case *blog.Comment:
		m.comments[r.ID] = *r
	case *blog.Reply:
		c := m.comments[r.Comment]
		c.Parent = r.Parent
		m.comments[c.ID] = c
	case *blog.Upload:
		m.uploads[r.Filename] = *r
	case *blog.Source:
		m.sources[source{r.Author, r.Path}] = note{r.Post, r.Digest}
	}
	return nil
}

// refersTo refuses a record that refers to what is not there.
func (m *model) refersTo(r blog.Record) error {
	var user, post, comment, parent blog.ID
	switch r := r.(type) {
	case *blog.RevokedToken:
		user = r.User
	case *blog.Post:
		user = r.Author.ID
	case *blog.Like:
		user, post = r.User, r.Post
	case *blog.Comment:
		user, post = r.Author.ID, r.Post
	case *blog.Reply:
		comment, parent = r.Comment, r.Parent
	case *blog.Upload:
		user = r.Owner
	case *blog.Source:
		user, post = r.Author, r.Post
	}
	_, isUser := m.users[user]
	_, isPost := m.posts[post]
	_, isComment := m.comments[comment]
	_, isParent := m.comments[parent]
	switch {
	case !user.IsZero() && !isUser:
		return blog.Fail(blog.CodeUserNotFound)
	case !post.IsZero() && !isPost:
		return blog.Fail(blog.CodePostNotFound)
	case !comment.IsZero() && !(isComment && isParent):
		return blog.Fail(blog.CodeCommentNotFound)
	case m.comments[comment].Post != m.comments[parent].Post:
		return blog.Invalid("parent", blog.RuleParent)
	}
	return nil
}

func (m modelCopies) Begin(ctx context.Context, source string) error {
	return m.write(ctx, func() (bool, error) {
		switch {
		case m.copying != "" && m.copying != source:
			return false, blog.ErrOtherSource
		case m.copying == "" && len(m.users)+len(m.uploads) > 0:
			return false, blog.ErrNotEmpty
		}
		m.copying = source
		return false, nil
	})
}

func (m modelCopies) End(ctx context.Context) error {
	return m.write(ctx, func() (bool, error) { m.copying = ""; return false, nil })
}
