package storetest

import (
	"fmt"
	"strings"
	"time"

	"inkstone/internal/blog"
)

var postPromises = []promise{
	{"a post comes back with every field and its author", postComesBack},
	{"an unknown post is not found", unknownPost},
	{"a content that is too large stays behind", largeContent},
	{"a post begins with no views, likes and comments, at revision 1", postBeginsUncounted},
	{"a post needs an author who exists", postNeedsAuthor},
	{"a post is published between 1970 and 2200", publicationDates},
	{"what the store returns belongs to the caller", postBelongsToCaller},
	{"an update changes what may change and counts the edit", postUpdate},
	{"an edit of one field alone shows wherever that field is looked at", oneFieldEdits},
	{"updates at once do not lose each other", postUpdatesAddUp},
	{"a post is deleted with its comments, likes and terms", postDeletion},
	{"a deletion that is not agreed with changes nothing", postDeletionRefused},
	{"a long text comes back whole", longText},
}

func postComesBack(w *world) {
	u := w.newUser("作者")
	u.Avatar, u.Profile = "/uploads/image/a.png", blog.Profile{FirstName: "甫", LastName: "杜"}
	w.ok(w.Users().Create(w.ctx, u))
	p := w.newPost(u.ID, "标题 'quoted' 100%_\\")
	p.Content, p.Excerpt, p.CoverImage = "第一行\r\n第二行\t🀄", "摘要", "https://example.com/c.png"
	p.Tags = []string{"z", "Go", "go", "中文 标签", "%"}
	p.Status, p.Revision = blog.Archived, 1
	p.PublishedAt = p.CreatedAt.Add(-time.Millisecond)
	w.ok(w.Posts().Create(w.ctx, p))

	w.same("author filled in by Create", p.Author, u.Author())
	got := w.stored(p)
	w.same("stored", got, p)
	if got.PublishedAt.Location() != time.UTC {
		w.Errorf("publishedAt is not in UTC: %v", got.PublishedAt)
	}
	d := w.post(u, "draft", draft, tagged())
	if at := w.stored(d).PublishedAt; !at.IsZero() {
		w.Errorf("a zero publishedAt came back as %v", at)
	}
}

func postBeginsUncounted(w *world) {
	p := w.post(w.user("user"), "post", func(p *blog.Post) { p.ViewCount, p.LikeCount, p.CommentCount, p.Revision = 7, 8, 9, 0 })
	w.same("returned", counters(p), [3]int64{})
	w.same("revision", []int64{p.Revision, w.stored(p).Revision}, []int64{1, 1})
	w.same("stored", counters(w.stored(p)), [3]int64{})
	st, err := w.Posts().Stats(w.ctx)
	w.ok(err)
	w.same("overview", st.Statuses, []blog.StatusStats{{Status: blog.Published, Count: 1}})
}

func unknownPost(w *world) {
	u := w.user("user")
	id := blog.NewID(w.now)
	_, err := w.Posts().Get(w.ctx, id)
	w.fails(err, blog.CodePostNotFound)
	_, _, err = w.Posts().Peek(w.ctx, id, 1)
	w.fails(err, blog.CodePostNotFound)
	_, err = w.Posts().Update(w.ctx, id, func(*blog.Post) error { return nil })
	w.fails(err, blog.CodePostNotFound)
	w.fails(w.Posts().Delete(w.ctx, id, anyPost), blog.CodePostNotFound)
	_, err = w.Posts().SetLike(w.ctx, id, u.ID, true, anyPost)
	w.fails(err, blog.CodePostNotFound)
	liked, err := w.Posts().Liked(w.ctx, id, u.ID)
	w.ok(err)
	w.same("liked", liked, false)
}

func largeContent(w *world) {
	want := w.post(w.user("user"), "post", tagged("one"), func(p *blog.Post) { p.Content = "砚台" })
	for most, content := range map[int64]string{-1: "", 0: "", 5: "", 6: "砚台", 1 << 40: "砚台"} {
		p, size, err := w.Posts().Peek(w.ctx, want.ID, most)
		w.ok(err)
		w.same("size", size, int64(6))
		want.Content = content
		w.same(fmt.Sprintf("at most %d bytes", most), p, want)
	}
}

func postNeedsAuthor(w *world) {
	p := w.newPost(blog.NewID(w.now), "orphan")
	w.fails(w.Posts().Create(w.ctx, p), blog.CodeUserNotFound)
	w.same("posts", w.listPosts(blog.PostFilter{}).Total, int64(0))
}

func publicationDates(w *world) {
	u := w.user("user")
	kept := w.post(u, "kept")
	for _, at := range []time.Time{time.Date(1969, 7, 20, 0, 0, 0, 0, time.UTC), time.UnixMilli(0), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)} {
		p := w.newPost(u.ID, "refused")
		p.PublishedAt = at
		w.fails(w.Posts().Create(w.ctx, p), blog.CodeInvalid)
		_, err := w.Posts().Update(w.ctx, kept.ID, func(p *blog.Post) error { p.PublishedAt = at; return nil })
		w.fails(err, blog.CodeInvalid)
	}
	w.same("titles", w.titles(blog.PostFilter{}), []string{"kept"})
	w.same("post", w.stored(kept), kept)
}

func postBelongsToCaller(w *world) {
	p := w.post(w.user("user"), "title", tagged("one", "two"))
	want := *p
	want.Tags = []string{"one", "two"}
	p.Tags[0] = "changed after Create"
	w.stored(p).Tags[1] = "changed after Get"
	w.listPosts(blog.PostFilter{}).Items[0].Tags[0] = "changed after List"
	w.same("stored", w.stored(p), &want)
}

func postUpdate(w *world) {
	u, other := w.user("user"), w.user("other")
	p := w.post(u, "before", draft)
	w.like(p, other, true)
	w.comment(p, other, nil)
	w.ok(w.Posts().AddViews(w.ctx, map[blog.ID]int64{p.ID: 5}))

	want := *p
	want.Title, want.Content, want.Excerpt, want.Category = "after", "新的内容", "新", "生活"
	want.Tags, want.CoverImage, want.Status = []string{"b", "a"}, "/uploads/image/x.png", blog.Published
	want.PublishedAt, want.UpdatedAt = w.tick(), w.tick()
	got, err := w.Posts().Update(w.ctx, p.ID, func(n *blog.Post) error {
		*n = want
		n.ID, n.Author, n.CreatedAt = blog.NewID(w.now), other.Author(), w.now
		n.ViewCount, n.LikeCount, n.CommentCount, n.Revision = 99, 99, 99, 99
		return nil
	})
	w.ok(err)
	want.ViewCount, want.LikeCount, want.CommentCount, want.Revision = 5, 1, 1, 2
	w.same("returned", got, &want)
	w.same("stored", w.stored(p), &want)
	w.same("found by its new words", w.titles(blog.PostFilter{Search: blog.ParseQuery("新的内容")}), []string{"after"})
	w.same("found by its old words", w.titles(blog.PostFilter{Search: blog.ParseQuery("before")}), []string{})
	w.same("found by its new tag", w.titles(blog.PostFilter{Tags: []string{"a"}}), []string{"after"})
	w.same("found by its old tag", w.titles(blog.PostFilter{Tags: []string{"go"}}), []string{})
}

func oneFieldEdits(w *world) {
	u := w.user("user")
	p := w.post(u, "旧题", func(p *blog.Post) { p.Content = "旧文" })
	w.like(p, u, true)
	w.ok(w.Posts().AddViews(w.ctx, map[blog.ID]int64{p.ID: 2}))
	text := func(s string) blog.PostFilter { return blog.PostFilter{Search: blog.ParseQuery(s)} }
	narrower := func(f blog.PostFilter) []blog.PostFilter { // by what it always is
		byAuthor, byText := f, f
		byAuthor.Author = u.ID
		if f.Search.IsZero() {
			byText.Search = blog.ParseQuery("题 文")
		}
		return []blog.PostFilter{f, byAuthor, byText}
	}
	day := p.PublishedAt.Add(time.Hour)
	for _, step := range []struct {
		edit     func(*blog.Post)
		old, new blog.PostFilter
	}{
		{func(p *blog.Post) { p.Category = "生活" }, blog.PostFilter{Category: "技术"}, blog.PostFilter{Category: "生活"}},
		{func(p *blog.Post) { p.Tags = []string{"rust"} }, blog.PostFilter{Tags: []string{"go"}}, blog.PostFilter{Tags: []string{"rust"}}},
		{func(p *blog.Post) { p.Title = "新题" }, text("旧题"), text("新题")},
		{func(p *blog.Post) { p.Content = "新文" }, text("旧文"), text("新文")},
		{func(p *blog.Post) { p.PublishedAt = day }, blog.PostFilter{To: day.Add(-1)}, blog.PostFilter{From: day}},
		{func(p *blog.Post) { p.Status = blog.Archived }, blog.PostFilter{Status: blog.Published}, blog.PostFilter{Status: blog.Archived}},
	} {
		_, err := w.Posts().Update(w.ctx, p.ID, func(p *blog.Post) error { step.edit(p); return nil })
		w.ok(err)
		for _, f := range narrower(step.old) {
			w.same(fmt.Sprintf("found where it was: %+v", f), w.titles(f), []string{})
		}
		for _, f := range narrower(step.new) {
			w.same(fmt.Sprintf("found where it is: %+v", f), len(w.titles(f)), 1)
		}
	}
	st, err := w.Posts().Stats(w.ctx)
	w.ok(err)
	w.same("stats", st, blog.Stats{Statuses: []blog.StatusStats{{Status: blog.Archived, Count: 1, TotalViews: 2, TotalLikes: 1}}})
	w.tagsAre(10, nil)
}

func postUpdatesAddUp(w *world) {
	p := w.post(w.user("user"), "post", tagged())
	const n = 20
	w.allOK(together(n, func(int) error {
		_, err := w.Posts().Update(w.ctx, p.ID, func(p *blog.Post) error { p.Title += "+"; return nil })
		return err
	}))
	got := w.stored(p)
	w.same("title", got.Title, "post"+strings.Repeat("+", n))
	w.same("revision", got.Revision, int64(n+1))
}

func postDeletion(w *world) {
	u := w.user("user")
	p := w.post(u, "same words")
	top := w.comment(p, u, nil)
	reply := w.comment(p, u, top)
	w.like(p, u, true)
	kept := w.post(u, "same words kept")

	w.ok(w.Posts().Delete(w.ctx, p.ID, func(ref blog.PostRef) error {
		w.same("what is asked about", ref, p.Ref())
		return nil
	}))
	_, err := w.Posts().Get(w.ctx, p.ID)
	w.fails(err, blog.CodePostNotFound)
	w.fails(w.Posts().Delete(w.ctx, p.ID, anyPost), blog.CodePostNotFound)
	for _, c := range []*blog.Comment{top, reply} {
		_, _, err = w.Comments().Get(w.ctx, c.ID)
		w.fails(err, blog.CodeCommentNotFound)
	}
	w.same("comments", w.commentIDs(p), []blog.ID{})
	liked, err := w.Posts().Liked(w.ctx, p.ID, u.ID)
	w.ok(err)
	w.same("liked", liked, false)
	w.same("found", w.titles(blog.PostFilter{Search: blog.ParseQuery("same words")}), []string{kept.Title})

	again := *p // an id that comes back finds nothing left of the old post
	w.ok(w.Posts().Create(w.ctx, &again))
	w.same("counters", counters(w.stored(&again)), [3]int64{0, 0, 0})
	w.same("comments", w.commentIDs(p), []blog.ID{})
	w.same("likes", w.like(&again, u, true), int64(1))
}

func postDeletionRefused(w *world) {
	p := w.post(w.user("user"), "post")
	w.refused(w.Posts().Delete(w.ctx, p.ID, func(blog.PostRef) error { return errRefused }))
	w.same("post", w.stored(p), p)
}

func longText(w *world) {
	line := "长文字 long\ttext\\n。\r\n\\.\n"
	p := w.post(w.user("user"), "long", func(p *blog.Post) { p.Content = strings.Repeat(line, 50_000) })
	if w.stored(p).Content != p.Content {
		w.Errorf("%d bytes came back as other ones", len(p.Content))
	}
	changed, err := w.Posts().Update(w.ctx, p.ID, func(p *blog.Post) error { p.Content += "结尾独有"; return nil })
	w.ok(err)
	if w.stored(p).Content != changed.Content {
		w.Errorf("%d bytes came back as other ones after a change", len(changed.Content))
	}
	for query, want := range map[string][]string{"长文字": {"long"}, "结尾独有": {"long"}, "字长文": {}, "long-text": {"long"}, "long-n": {}} {
		w.same(query, w.titles(blog.PostFilter{Search: blog.ParseQuery(query)}), want)
	}
	_, err = w.Posts().Update(w.ctx, p.ID, func(p *blog.Post) error { p.Excerpt = "other"; return nil })
	w.ok(err)
	if w.stored(p).Content != changed.Content {
		w.Error("a change of the excerpt changed the content")
	}
}

func counters(p *blog.Post) [3]int64 { return [3]int64{p.ViewCount, p.LikeCount, p.CommentCount} }
