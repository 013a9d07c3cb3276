package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"inkstone/internal/blog"
)

var modelPromises = []promise{
	{"after random work every answer is the model's, seed 1", func(w *world) { randomWork(w, 1) }},
	{"after random work every answer is the model's, seed 2", func(w *world) { randomWork(w, 2) }},
	{"after random work every answer is the model's, seed 3", func(w *world) { randomWork(w, 3) }},
}

// every is after how many of a run's operations everything is compared.
const every = 60

// work does the same to an engine and to the model.
type work struct {
	*world
	model    blog.Store
	rand     *rand.Rand
	users    []*blog.User
	posts    []*blog.Post
	comments []*blog.Comment
	uploads  []string
}

func randomWork(w *world, seed uint64) {
	d := &work{world: w, model: newModel(), rand: rand.New(rand.NewPCG(seed, seed))}
	d.makeUser()
	for i := 1; i <= operations; i++ {
		d.step()
		if i%every == 0 {
			d.compare()
		}
		if w.Failed() {
			w.Fatalf("after %d operations", i)
		}
	}
}

// both does one thing to the engine and to the model and compares how it ended.
func (d *work) both(what string, do func(blog.Store) error) bool {
	d.Helper()
	got, want := do(d.Store), do(d.model)
	if blog.CodeOf(got) != blog.CodeOf(want) {
		d.Fatalf("%s: the store answers %v, the model %v", what, got, want)
	}
	return want == nil
}

func (d *work) step() {
	switch n := d.rand.IntN(100); {
	case n < 8:
		d.makeUser()
	case n < 12:
		d.changeUser()
	case n < 15:
		d.both("Users.Delete", d.deleteUser())
	case n < 40:
		d.makePost()
	case n < 52:
		d.changePost()
	case n < 57:
		p := pick(d.rand, d.posts)
		d.both("Posts.Delete", func(s blog.Store) error { return s.Posts().Delete(d.ctx, p.ID, anyPost) })
	case n < 67:
		d.setLike()
	case n < 72:
		d.addViews()
	case n < 86:
		d.makeComment()
	case n < 94:
		c := pick(d.rand, d.comments)
		d.both("Comments.Delete", func(s blog.Store) error { return s.Comments().Delete(d.ctx, c.ID, anyComment) })
	default:
		d.makeUploads()
	}
}

// pick chooses one of the documents, gone ones among them, or one that never was.
func pick[T any](r *rand.Rand, from []*T) *T {
	if len(from) == 0 || r.IntN(20) == 0 {
		return new(T)
	}
	return from[r.IntN(len(from))]
}

func one[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func (d *work) makeUser() {
	u := d.newUser(one(d.rand, "alice", "Bob", "陈", "Émile", "x") + fmt.Sprint(d.rand.IntN(12)))
	u.Email = fmt.Sprintf("m%d@example.com", d.rand.IntN(40))
	u.Role, u.Active = one(d.rand, blog.RoleUser, blog.RoleUser, blog.RoleAdmin), d.rand.IntN(5) > 0
	if d.both("Users.Create", func(s blog.Store) error { c := *u; return s.Users().Create(d.ctx, &c) }) {
		d.users = append(d.users, u)
	}
}

func (d *work) changeUser() {
	u, now := pick(d.rand, d.users), d.tick()
	name, role, active := fmt.Sprint("renamed", d.rand.IntN(10)), one(d.rand, blog.RoleUser, blog.RoleAdmin), d.rand.IntN(3) > 0
	d.both("Users.Update", func(s blog.Store) error {
		_, err := s.Users().Update(d.ctx, u.ID, func(u *blog.User) error {
			u.Username, u.Role, u.Active, u.LastLogin, u.UpdatedAt = name, role, active, now, now
			return nil
		})
		return err
	})
}

func (d *work) deleteUser() func(blog.Store) error {
	u := pick(d.rand, d.users)
	return func(s blog.Store) error { return s.Users().Delete(d.ctx, u.ID, anyUser) }
}

// somePost fills in what authors write. Times are few, so that they tie.
func (d *work) somePost(p *blog.Post) {
	text := texts[d.rand.IntN(len(texts))]
	p.Title, p.Content = text[d.rand.IntN(2)], text[d.rand.IntN(2)]
	if len([]rune(p.Title)) > 12 {
		p.Title = string([]rune(p.Title)[:12])
	}
	p.Category = one(d.rand, "技术", "生活", "思考")
	tags := []string{"go", "Go", "微服务", "a%b", "数据库"}
	d.rand.Shuffle(len(tags), func(i, j int) { tags[i], tags[j] = tags[j], tags[i] })
	p.Tags = tags[:d.rand.IntN(4)]
	p.Status = one(d.rand, blog.Published, blog.Published, blog.Draft, blog.Archived)
	if p.PublishedAt = (time.Time{}); p.Status != blog.Draft {
		p.PublishedAt = day(d.rand.IntN(9))
	}
	p.UpdatedAt = day(d.rand.IntN(9))
}

func day(n int) time.Time { return time.Date(2026, 3, 1+n, 0, 0, 0, n*1e6, time.UTC) }

func (d *work) makePost() {
	p := d.newPost(pick(d.rand, d.users).ID, "")
	d.somePost(p)
	if d.both("Posts.Create", func(s blog.Store) error { c := *p; return s.Posts().Create(d.ctx, &c) }) {
		d.posts = append(d.posts, p)
	}
}

func (d *work) changePost() {
	p, to := pick(d.rand, d.posts), new(blog.Post)
	d.somePost(to)
	what := d.rand.IntN(3)
	d.both("Posts.Update", func(s blog.Store) error {
		_, err := s.Posts().Update(d.ctx, p.ID, func(p *blog.Post) error {
			switch p.UpdatedAt = to.UpdatedAt; what {
			case 0:
				p.Status, p.PublishedAt = to.Status, to.PublishedAt
			case 1:
				p.Tags, p.Category = slices.Clone(to.Tags), to.Category
			case 2:
				p.Title, p.Content = to.Title, to.Content
			}
			return nil
		})
		return err
	})
}

func (d *work) setLike() {
	p, u, on := pick(d.rand, d.posts), pick(d.rand, d.users), d.rand.IntN(4) > 0
	d.both("Posts.SetLike", func(s blog.Store) error {
		_, err := s.Posts().SetLike(d.ctx, p.ID, u.ID, on, anyPost)
		return err
	})
}

func (d *work) addViews() {
	views := map[blog.ID]int64{}
	for range 3 {
		views[pick(d.rand, d.posts).ID] = int64(d.rand.IntN(4))
	}
	d.both("Posts.AddViews", func(s blog.Store) error { return s.Posts().AddViews(d.ctx, views) })
}

func (d *work) makeComment() {
	p, now := pick(d.rand, d.posts), d.tick()
	c := &blog.Comment{ID: blog.NewID(now), Post: p.ID, Author: blog.Author{ID: pick(d.rand, d.users).ID}, Content: "说", CreatedAt: day(d.rand.IntN(3)), UpdatedAt: now}
	if len(d.comments) > 0 && d.rand.IntN(2) == 0 {
		above := one(d.rand, d.comments...)
		c.Post, c.Parent = above.Post, above.ID
	}
	if d.both("Comments.Create", func(s blog.Store) error { n := *c; return s.Comments().Create(d.ctx, &n, anyPost) }) {
		d.comments = append(d.comments, c)
	}
}

func (d *work) makeUploads() {
	owner := pick(d.rand, d.users)
	us := []blog.Upload{d.newUpload(owner, d.newID(), int64(d.rand.IntN(500))), d.newUpload(owner, d.newID(), 100)}
	us[1].CreatedAt = us[0].CreatedAt
	if d.both("Uploads.Create", func(s blog.Store) error { return s.Uploads().Create(d.ctx, us, 1500) }) {
		d.uploads = append(d.uploads, us[0].Filename)
	}
	if len(d.uploads) > 3 {
		name := one(d.rand, d.uploads...)
		d.both("Uploads.Delete", func(s blog.Store) error { return s.Uploads().Delete(d.ctx, name) })
	}
}

func (d *work) newID() string { return blog.NewID(d.now).String() + ".png" }

// compare asks both for everything, in every order and by page and cursor.
func (d *work) compare() {
	d.same("snapshot", takeSnapshot(d.T, d.ctx, d.Store), takeSnapshot(d.T, d.ctx, d.model))
	for i, f := range d.filters() {
		for _, field := range blog.PostSorts {
			f.Order = blog.Order{Field: field, Desc: d.rand.IntN(2) == 0}
			limit, byCursor := 1+d.rand.IntN(20), d.rand.IntN(2) == 0
			read := func(s blog.Store) ([]*blog.Post, int64) {
				return walk(d.T, limit, byCursor, func(p blog.Page) (blog.Listed[*blog.Post], error) {
					f.Page = p
					return s.Posts().List(d.ctx, f)
				})
			}
			got, total := read(d.Store)
			want, wantTotal := read(d.model)
			what := fmt.Sprintf("list %d by %s, limit %d, cursor %v, filter %+v", i, f.Order, limit, byCursor, f)
			d.same("total of "+what, total, wantTotal)
			d.same(what, briefs(got), briefs(want))
		}
	}
	d.compareUsers()
}

// compareUsers asks both for the users by every filter.
func (d *work) compareUsers() {
	yes, no := true, false
	for _, role := range []blog.Role{"", blog.RoleUser, blog.RoleAdmin} {
		for _, active := range []*bool{nil, &yes, &no} {
			for _, search := range []string{"", "1", "renamed", "陈", "@"} {
				f := blog.UserFilter{Role: role, Active: active, Search: search, Order: blog.Order{Field: one(d.rand, blog.UserSorts...)}}
				limit, byCursor := 1+d.rand.IntN(20), d.rand.IntN(2) == 0
				read := func(s blog.Store) []*blog.User {
					users, _ := walk(d.T, limit, byCursor, func(p blog.Page) (blog.Listed[*blog.User], error) {
						f.Page = p
						return s.Users().List(d.ctx, f)
					})
					return users
				}
				d.same("users by "+string(f.List()), read(d.Store), read(d.model))
			}
		}
	}
}

// brief is what tells posts apart in a list; the snapshot compares the rest.
type brief struct {
	ID    blog.ID
	Title string
	Tier  int
}

func briefs(posts []*blog.Post) []brief {
	out := make([]brief, len(posts))
	for i, p := range posts {
		out[i] = brief{p.ID, p.Title, p.Tier}
	}
	return out
}

// filters are all shapes that an engine could treat on their own.
func (d *work) filters() []blog.PostFilter {
	author := pick(d.rand, d.users).ID
	out := []blog.PostFilter{
		{},
		{Tags: []string{"go", "Go", "微服务"}},
		{From: day(2), To: day(5)},
		{Status: blog.Published, From: day(4)},
		{Search: blog.ParseQuery("不存在的词")},
	}
	for _, status := range []blog.Status{"", blog.Published, blog.Draft} {
		for _, category := range []string{"", "技术"} {
			for _, by := range []blog.ID{{}, author} {
				for _, tags := range [][]string{nil, {"go"}, {"a%b", "数据库"}} {
					out = append(out, blog.PostFilter{Status: status, Category: category, Author: by, Tags: tags})
				}
			}
		}
	}
	for _, q := range []string{"微", "微服务", "go", "服务 链路", "c++", "k8s"} {
		search := blog.ParseQuery(q)
		out = append(out, blog.PostFilter{Search: search}, blog.PostFilter{Search: search, Status: blog.Published, Tags: []string{"go"}})
	}
	return out
}

// snapshot is all that can be seen of a store.
type snapshot struct {
	Users     []*blog.User
	Posts     []*blog.Post
	Comments  []*blog.Comment
	Liked     []string
	Uploads   []blog.Upload
	Ownerless int
	Tags      []blog.TagCount
	Stats     blog.Stats
}

func takeSnapshot(t *testing.T, ctx context.Context, s blog.Store) (all snapshot) {
	t.Helper()
	w := &world{T: t, Store: s, ctx: ctx}
	all.Users, _ = walk(t, 7, true, func(p blog.Page) (blog.Listed[*blog.User], error) {
		return s.Users().List(ctx, blog.UserFilter{Order: oldestFirst, Page: p})
	})
	all.Posts, _ = walk(t, 13, true, func(p blog.Page) (blog.Listed[*blog.Post], error) {
		return s.Posts().List(ctx, blog.PostFilter{Order: oldestFirst, Page: p})
	})
	for _, p := range all.Posts {
		w.same("a post alone and in the list", w.stored(p), p)
		all.Comments = append(all.Comments, w.allComments(p)...)
		for _, u := range all.Users {
			if liked, err := s.Posts().Liked(ctx, p.ID, u.ID); err != nil || liked {
				w.ok(err)
				all.Liked = append(all.Liked, u.ID.String()+" likes "+p.ID.String())
			}
		}
	}
	for _, u := range all.Users {
		us, _ := walk(t, 2, true, func(p blog.Page) (blog.Listed[blog.Upload], error) {
			return s.Uploads().List(ctx, blog.UploadFilter{Owner: u.ID, Page: p})
		})
		all.Uploads = append(all.Uploads, us...)
	}
	all.Ownerless = len(w.ownerless(1000))
	var err error
	all.Tags, err = s.Posts().Tags(ctx, 100)
	w.ok(err)
	all.Stats, err = s.Posts().Stats(ctx)
	w.ok(err)
	return all
}

func (w *world) allComments(p *blog.Post) []*blog.Comment {
	w.Helper()
	newest := blog.Order{Field: "createdAt", Desc: true}
	cs, _ := walk(w.T, 3, true, func(page blog.Page) (blog.Listed[*blog.Comment], error) {
		return w.Comments().List(w.ctx, blog.CommentFilter{Post: p.ID, Order: newest, Page: page})
	})
	return cs
}
