package storetest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"inkstone/internal/blog"
)

// model is a blog.Store in memory that counts and sorts from scratch at every
// question. It is what random.go compares an engine with, and the suite runs
// on it too, so that the two cannot disagree unseen. It keeps nothing on disk.
type model struct {
	mu         sync.Mutex
	generation uint64
	modelState
}

// modelState is what a method changes as a whole or not at all. Values are
// never changed in place, so a shallow clone is a snapshot.
type modelState struct {
	users    map[blog.ID]blog.User
	posts    map[blog.ID]blog.Post
	comments map[blog.ID]blog.Comment
	likes    map[like]bool
	uploads  map[string]blog.Upload
	revoked  map[session]time.Time
	sources  map[source]note
	copying  string // the source of a copy that is under way
}

type like struct{ post, user blog.ID }

type session struct {
	user  blog.ID
	token string
}

type source struct {
	author blog.ID
	path   string
}

type note struct {
	post   blog.ID
	digest string
}

func newModel() *model {
	return &model{modelState: modelState{
		map[blog.ID]blog.User{}, map[blog.ID]blog.Post{}, map[blog.ID]blog.Comment{}, map[like]bool{},
		map[string]blog.Upload{}, map[session]time.Time{}, map[source]note{}, "",
	}}
}

func (s modelState) clone() modelState {
	return modelState{
		maps.Clone(s.users), maps.Clone(s.posts), maps.Clone(s.comments), maps.Clone(s.likes),
		maps.Clone(s.uploads), maps.Clone(s.revoked), maps.Clone(s.sources), s.copying,
	}
}

// write runs f on the state; unless it succeeds, nothing has happened. visible
// tells whether what f did shows in a public answer.
func (m *model) write(ctx context.Context, f func() (visible bool, err error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	before, done := m.clone(), false
	defer func() {
		if !done {
			m.modelState = before
		}
	}()
	visible, err := f()
	if err != nil {
		return err
	}
	done = true
	if visible {
		m.generation++
	}
	return nil
}

func (m *model) read(ctx context.Context, f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	return f()
}

func (m *model) Users() blog.Users       { return modelUsers{m} }
func (m *model) Posts() blog.Posts       { return modelPosts{m} }
func (m *model) Comments() blog.Comments { return modelComments{m} }
func (m *model) Uploads() blog.Uploads   { return modelUploads{m} }
func (m *model) Sources() blog.Sources   { return modelSources{m} }
func (m *model) Copies() blog.Copies     { return modelCopies{m} }

// Care implements blog.Store: the model has no work worth looking after, and nobody asks for it.
func (m *model) Care() blog.Care { return nil }

func (m *model) Ping(context.Context) error { return nil }
func (m *model) Close() error               { return nil }

func (m *model) Generation(ctx context.Context) (n uint64, err error) {
	err = m.read(ctx, func() error { n = m.generation; return nil })
	return n, err
}

type modelUsers struct{ *model }

func (m modelUsers) Create(ctx context.Context, u *blog.User) error {
	return m.write(ctx, func() (bool, error) { return false, m.putUser(*u) })
}

func (m modelUsers) CreateFirstAdmin(ctx context.Context, u *blog.User) (created bool, err error) {
	err = m.write(ctx, func() (bool, error) {
		for _, other := range m.users {
			if other.Role == blog.RoleAdmin {
				return false, nil
			}
		}
		created = true
		return false, m.putUser(*u)
	})
	return created && err == nil, err
}

// putUser keeps u if no other user has its address or name.
func (m *model) putUser(u blog.User) error {
	taken := blog.Code("")
	for _, other := range m.users {
		switch {
		case other.ID == u.ID:
		case other.Email == u.Email:
			taken = blog.CodeEmailTaken
		case blog.Fold(other.Username) == blog.Fold(u.Username) && taken == "":
			taken = blog.CodeUsernameTaken
		}
	}
	if taken != "" {
		return blog.Fail(taken)
	}
	u.CreatedAt, u.UpdatedAt = blog.ToMillisecond(u.CreatedAt), blog.ToMillisecond(u.UpdatedAt)
	u.LastLogin, u.TokensFrom = blog.ToMillisecond(u.LastLogin), blog.ToMillisecond(u.TokensFrom)
	m.users[u.ID] = u
	return nil
}

func (m modelUsers) Get(ctx context.Context, id blog.ID) (*blog.User, error) {
	return m.find(ctx, func(u blog.User) bool { return u.ID == id })
}

func (m modelUsers) GetByEmail(ctx context.Context, email string) (*blog.User, error) {
	return m.find(ctx, func(u blog.User) bool { return u.Email == email })
}

func (m modelUsers) find(ctx context.Context, is func(blog.User) bool) (found *blog.User, err error) {
	err = m.read(ctx, func() error {
		for _, u := range m.users {
			if is(u) {
				found = &u
				return nil
			}
		}
		return blog.Fail(blog.CodeUserNotFound)
	})
	return found, err
}

func (m modelUsers) Update(ctx context.Context, id blog.ID, change func(*blog.User) error) (*blog.User, error) {
	var u blog.User
	err := m.write(ctx, func() (bool, error) {
		old, ok := m.users[id]
		if !ok {
			return false, blog.Fail(blog.CodeUserNotFound)
		}
		u = old
		if err := change(&u); err != nil {
			return false, err
		}
		u.ID, u.CreatedAt = id, old.CreatedAt
		if err := m.putUser(u); err != nil {
			return false, err
		}
		u = m.users[id]
		return old.Author() != u.Author(), m.adminsLeft(old)
	})
	if err != nil {
		return nil, err
	}
	return &u, nil
}

// adminsLeft fails if what happened to old left no active admin.
func (m *model) adminsLeft(old blog.User) error {
	if old.Role != blog.RoleAdmin || !old.Active {
		return nil
	}
	for _, u := range m.users {
		if u.Role == blog.RoleAdmin && u.Active {
			return nil
		}
	}
	return blog.Fail(blog.CodeLastAdmin)
}

func (m modelUsers) Delete(ctx context.Context, id blog.ID, check func(*blog.User) error) error {
	return m.write(ctx, func() (bool, error) {
		u, ok := m.users[id]
		if !ok {
			return false, blog.Fail(blog.CodeUserNotFound)
		}
		asked := u
		if err := check(&asked); err != nil {
			return false, err
		}
		delete(m.users, id)
		m.forget(id)
		return true, m.adminsLeft(u)
	})
}

// forget removes what hangs on a user who is gone.
func (m *model) forget(id blog.ID) {
	for _, p := range m.posts {
		if p.Author.ID == id {
			m.dropPost(p.ID)
		}
	}
	for _, c := range m.comments {
		if c.Author.ID == id {
			m.comments[c.ID] = shellOf(c)
		}
	}
	m.dropBareShells()
	for name, u := range m.uploads {
		if u.Owner == id {
			u.Owner = blog.ID{}
			m.uploads[name] = u
		}
	}
	maps.DeleteFunc(m.likes, func(l like, _ bool) bool { return l.user == id })
	maps.DeleteFunc(m.sources, func(s source, _ note) bool { return s.author == id })
	maps.DeleteFunc(m.revoked, func(s session, _ time.Time) bool { return s.user == id })
}

func (m modelUsers) Session(ctx context.Context, id blog.ID, token string) (blog.Session, error) {
	u, err := m.Get(ctx, id)
	if err != nil {
		return blog.Session{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, revoked := m.revoked[session{id, token}]
	return blog.Session{
		Username: u.Username, Role: u.Role, Active: u.Active,
		TokenVersion: u.TokenVersion, TokensFrom: u.TokensFrom, Revoked: revoked,
	}, nil
}

func (m modelUsers) RevokeToken(ctx context.Context, id blog.ID, token string, until time.Time) error {
	return m.write(ctx, func() (bool, error) {
		if _, ok := m.users[id]; !ok {
			return false, blog.Fail(blog.CodeUserNotFound)
		}
		if before := m.revoked[session{id, token}]; until.After(before) {
			m.revoked[session{id, token}] = blog.ToMillisecond(until)
		}
		return false, nil
	})
}

// shellOf is what stays of a comment that is deleted.
func shellOf(c blog.Comment) blog.Comment {
	c.Deleted, c.Content, c.Author = true, "", blog.Author{}
	return c
}

// dropBareShells removes shells without replies, until there are none.
func (m *model) dropBareShells() {
	for {
		before := len(m.comments)
		maps.DeleteFunc(m.comments, func(id blog.ID, c blog.Comment) bool { return c.Deleted && !m.hasReplies(id) })
		if len(m.comments) == before {
			return
		}
	}
}

func (m *model) hasReplies(id blog.ID) bool {
	for _, c := range m.comments {
		if c.Parent == id {
			return true
		}
	}
	return false
}

func (m *model) dropPost(id blog.ID) {
	delete(m.posts, id)
	maps.DeleteFunc(m.comments, func(_ blog.ID, c blog.Comment) bool { return c.Post == id })
	maps.DeleteFunc(m.likes, func(l like, _ bool) bool { return l.post == id })
	maps.DeleteFunc(m.sources, func(_ source, n note) bool { return n.post == id })
}

// shown is a post as it is answered: with its author and its counts of today.
func (m *model) shown(p blog.Post) *blog.Post {
	p.Author, p.Tags, p.Tier = m.author(p.Author.ID), slices.Clone(p.Tags), 0
	p.LikeCount, p.CommentCount = 0, 0
	for l := range m.likes {
		if l.post == p.ID {
			p.LikeCount++
		}
	}
	for _, c := range m.comments {
		if c.Post == p.ID && !c.Deleted {
			p.CommentCount++
		}
	}
	return &p
}

func (m *model) author(id blog.ID) blog.Author {
	u := m.users[id]
	return u.Author()
}
