package storetest

import "inkstone/internal/blog"

var counterPromises = []promise{
	{"a user likes a post once", likeOnce},
	{"a like that is not agreed with does not count", likeRefused},
	{"a like needs a user who exists", likeNeedsUser},
	{"likes at once are all counted", likesAtOnce},
	{"one user's likes at once count once", sameLikeAtOnce},
	{"comments and deletions at once leave the right count", commentsAtOnce},
	{"views add up, and posts that are gone are passed over", viewsAddUp},
	{"views, likes and comments are no edits", countersAreNoEdits},
}

func likeOnce(w *world) {
	a, b := w.user("a"), w.user("b")
	p := w.post(a, "post")
	for _, step := range []struct {
		by   *blog.User
		like bool
		want int64
	}{{a, false, 0}, {a, true, 1}, {a, true, 1}, {b, true, 2}, {a, false, 1}, {a, false, 1}} {
		w.same("count", w.like(p, step.by, step.like), step.want)
		w.same("stored count", w.stored(p).LikeCount, step.want)
		liked, err := w.Posts().Liked(w.ctx, p.ID, step.by.ID)
		w.ok(err)
		w.same("liked", liked, step.like)
	}
	liked, err := w.Posts().Liked(w.ctx, p.ID, blog.NewID(w.now))
	w.ok(err)
	w.same("liked by nobody", liked, false)
}

func likeRefused(w *world) {
	u := w.user("user")
	p := w.post(u, "post", draft)
	_, err := w.Posts().SetLike(w.ctx, p.ID, u.ID, true, func(ref blog.PostRef) error {
		w.same("what is asked about", ref, p.Ref())
		return errRefused
	})
	w.refused(err)
	w.same("count", w.stored(p).LikeCount, int64(0))
}

func likeNeedsUser(w *world) {
	p := w.post(w.user("user"), "post")
	_, err := w.Posts().SetLike(w.ctx, p.ID, blog.NewID(w.now), true, anyPost)
	w.fails(err, blog.CodeUserNotFound)
	w.same("count", w.stored(p).LikeCount, int64(0))
}

func likesAtOnce(w *world) {
	const n = 20
	us := make([]*blog.User, n)
	for i := range us {
		us[i] = w.user("user" + string(rune('a'+i)))
	}
	p := w.post(us[0], "post")
	w.allOK(together(2*n, func(i int) error {
		_, err := w.Posts().SetLike(w.ctx, p.ID, us[i/2].ID, true, anyPost)
		return err
	}))
	w.same("count", w.stored(p).LikeCount, int64(n))
}

func sameLikeAtOnce(w *world) {
	u := w.user("user")
	p := w.post(u, "post")
	w.allOK(together(20, func(int) error {
		_, err := w.Posts().SetLike(w.ctx, p.ID, u.ID, true, anyPost)
		return err
	}))
	w.same("count", w.stored(p).LikeCount, int64(1))
}

func commentsAtOnce(w *world) {
	u := w.user("user")
	p := w.post(u, "post")
	const n = 20
	old, fresh := make([]*blog.Comment, n), make([]*blog.Comment, n)
	for i := range n {
		old[i] = w.comment(p, u, nil)
		now := w.tick()
		fresh[i] = &blog.Comment{ID: blog.NewID(now), Post: p.ID, Author: blog.Author{ID: u.ID}, Content: "新", CreatedAt: now, UpdatedAt: now}
	}
	w.allOK(together(2*n, func(i int) error {
		if i%2 == 0 {
			return w.Comments().Create(w.ctx, fresh[i/2], anyPost)
		}
		if i%4 == 1 {
			return w.Comments().Delete(w.ctx, old[i/2].ID, anyComment)
		}
		return nil
	}))
	w.same("count", w.stored(p).CommentCount, int64(n+n/2))
	w.same("comments", len(w.commentIDs(p)), n+n/2)
}

func viewsAddUp(w *world) {
	u := w.user("user")
	p, q := w.post(u, "p"), w.post(u, "q")
	w.ok(w.Posts().AddViews(w.ctx, nil))
	w.allOK(together(10, func(int) error {
		return w.Posts().AddViews(w.ctx, map[blog.ID]int64{p.ID: 2, blog.NewID(w.now): 5, q.ID: 1})
	}))
	w.same("views of p", w.stored(p).ViewCount, int64(20))
	w.same("views of q", w.stored(q).ViewCount, int64(10))
}

func countersAreNoEdits(w *world) {
	u := w.user("user")
	p := w.post(u, "post")
	w.like(p, u, true)
	w.comment(p, u, nil)
	w.ok(w.Posts().AddViews(w.ctx, map[blog.ID]int64{p.ID: 3}))
	want := *p
	want.ViewCount, want.LikeCount, want.CommentCount = 3, 1, 1
	w.same("post", w.stored(p), &want)
}

var summaryPromises = []promise{
	{"tags count published posts, most used first, then by code point", tagCounts},
	{"the overview sums by status and by category", statsSum},
	{"an empty store has no tags and an empty overview", emptySummaries},
}

func tagCounts(w *world) {
	u := w.user("user")
	w.post(u, "1", tagged("go", "b", "中"))
	last := w.post(u, "2", tagged("go", "Go", "a"))
	hidden := w.post(u, "3", tagged("go", "hidden"), draft)
	want := []blog.TagCount{{Name: "go", Count: 2}, {Name: "Go", Count: 1}, {Name: "a", Count: 1}, {Name: "b", Count: 1}, {Name: "中", Count: 1}}
	w.tagsAre(10, want)
	w.tagsAre(2, want[:2])

	w.setStatus(hidden, blog.Published)
	w.setStatus(last, blog.Archived)
	w.tagsAre(10, []blog.TagCount{{Name: "go", Count: 2}, {Name: "b", Count: 1}, {Name: "hidden", Count: 1}, {Name: "中", Count: 1}})
}

func (w *world) tagsAre(limit int, want []blog.TagCount) {
	w.Helper()
	got, err := w.Posts().Tags(w.ctx, limit)
	w.ok(err)
	w.same("tags", got, want)
}

func (w *world) setStatus(p *blog.Post, s blog.Status) {
	w.Helper()
	_, err := w.Posts().Update(w.ctx, p.ID, func(p *blog.Post) error { p.Status = s; return nil })
	w.ok(err)
}

func statsSum(w *world) {
	u := w.user("user")
	in := func(category string) func(*blog.Post) { return func(p *blog.Post) { p.Category = category } }
	a, b := w.post(u, "a"), w.post(u, "b", in("生活"))
	w.post(u, "c", in("生活"))
	d := w.post(u, "d", in("思考"), draft)
	w.like(a, u, true)
	w.like(d, u, true)
	w.ok(w.Posts().AddViews(w.ctx, map[blog.ID]int64{a.ID: 2, b.ID: 3, d.ID: 4}))
	got, err := w.Posts().Stats(w.ctx)
	w.ok(err)
	w.same("stats", got, blog.Stats{
		Statuses: []blog.StatusStats{
			{Status: blog.Draft, Count: 1, TotalViews: 4, TotalLikes: 1},
			{Status: blog.Published, Count: 3, TotalViews: 5, TotalLikes: 1},
		},
		Categories: []blog.CategoryCount{{Category: "技术", Count: 1}, {Category: "生活", Count: 2}},
	})
}

func emptySummaries(w *world) {
	p := w.post(w.user("user"), "soon gone")
	w.ok(w.Posts().Delete(w.ctx, p.ID, anyPost))
	w.tagsAre(10, nil)
	got, err := w.Posts().Stats(w.ctx)
	w.ok(err)
	w.same("stats", got, blog.Stats{})
}
