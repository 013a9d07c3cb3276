package importer

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// memory keeps posts, one author's address and sources. What the importer does
// not call is left to the embedded nil interfaces.
type memory struct {
	mu      sync.Mutex
	byID    map[blog.ID]blog.Post
	noted   map[string]note
	authors map[string]blog.ID
}

type note struct {
	post   blog.ID
	digest string
}

type posts struct {
	blog.Posts
	*memory
}

type users struct {
	blog.Users
	*memory
}

type sources struct{ *memory }

const (
	alice = "alice@example.com"
	bob   = "bob@example.com"
)

func newMemory() *memory {
	return &memory{
		byID:    map[blog.ID]blog.Post{},
		noted:   map[string]note{},
		authors: map[string]blog.ID{alice: blog.NewID(time.Now()), bob: blog.NewID(time.Now())},
	}
}

func (m *memory) options(path string) Options {
	return Options{
		Posts: posts{memory: m}, Users: users{memory: m}, Sources: sources{m},
		Path: path, Author: alice, Categories: []string{"技术", "生活", "思考", "教程"},
	}
}

func (u users) GetByEmail(_ context.Context, email string) (*blog.User, error) {
	id, ok := u.authors[email]
	if !ok {
		return nil, blog.Fail(blog.CodeUserNotFound)
	}
	return &blog.User{ID: id, Email: email}, nil
}

func (s posts) Create(_ context.Context, p *blog.Post) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byID[p.ID] = *p
	return nil
}

func (s posts) Get(_ context.Context, id blog.ID) (*blog.Post, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.byID[id]
	if !ok {
		return nil, blog.Fail(blog.CodePostNotFound)
	}
	return &p, nil
}

func (s posts) Update(ctx context.Context, id blog.ID, change func(*blog.Post) error) (*blog.Post, error) {
	p, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := change(p); err != nil {
		return nil, err
	}
	p.Revision++
	return p, s.Create(ctx, p)
}

// List serves the two lists of the importer: all by createdAt, and by one publishedAt.
func (s posts) List(_ context.Context, f blog.PostFilter) (l blog.Listed[*blog.Post], err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.byID {
		if !f.Author.IsZero() && p.Author.ID != f.Author ||
			!f.From.IsZero() && p.PublishedAt.Before(f.From) || !f.To.IsZero() && p.PublishedAt.After(f.To) {
			continue
		}
		l.Items = append(l.Items, &p)
	}
	slices.SortFunc(l.Items, func(a, b *blog.Post) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID.String(), b.ID.String()))
	})
	l.Total = int64(len(l.Items))
	if f.Page.After != nil {
		at := slices.IndexFunc(l.Items, func(p *blog.Post) bool { return p.ID == f.Page.After.ID })
		l.Items = l.Items[at+1:]
	}
	if len(l.Items) > f.Page.Limit {
		l.Items = l.Items[:f.Page.Limit]
		l.Next = &blog.Cursor{ID: l.Items[f.Page.Limit-1].ID}
	}
	var size int64
	for _, p := range l.Items {
		size += int64(len(p.Content))
	}
	if f.MaxText > 0 && size > f.MaxText {
		l.Bare = &blog.Bare{All: size}
		for _, p := range l.Items { // each is a copy
			p.Content = ""
		}
	}
	return l, nil
}

func (s sources) Get(_ context.Context, author blog.ID, path string) (blog.ID, string, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.noted[author.String()+path]
	if _, there := s.byID[n.post]; !there {
		ok = false
	}
	return n.post, n.digest, ok, nil
}

func (s sources) Set(_ context.Context, author blog.ID, path string, post blog.ID, digest string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.noted[author.String()+path] = note{post, digest}
	return nil
}

// all returns the posts in the order of their ids.
func (m *memory) all() []blog.Post {
	var out []blog.Post
	for _, p := range m.byID {
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b blog.Post) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
	return out
}

// folder writes files, name and content in turn.
func folder(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i+1 < len(files); i += 2 {
		writeTo(t, filepath.Join(dir, files[i]), files[i+1])
	}
	return dir
}

func writeTo(t testing.TB, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustImport(t testing.TB, o Options) Report {
	t.Helper()
	rep, err := Import(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// only imports one file and returns its post.
func only(t testing.TB, name, content string) (blog.Post, Report) {
	t.Helper()
	m := newMemory()
	rep := mustImport(t, m.options(folder(t, name, content)))
	all := m.all()
	if len(all) != 1 || rep.Imported != 1 {
		t.Fatalf("%q: %+v", content, rep)
	}
	return all[0], rep
}
