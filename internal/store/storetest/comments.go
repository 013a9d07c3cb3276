package storetest

import (
	"time"

	"inkstone/internal/blog"
)

var commentPromises = []promise{
	{"a comment comes back with its author and its post", commentComesBack},
	{"an unknown comment is not found", unknownComment},
	{"a comment needs a post and an author who exist", commentNeeds},
	{"a comment that the post's check refuses is not kept", commentRefused},
	{"a reply answers a living comment of the same post", replyNeedsParent},
	{"an update changes text and time only", commentUpdate},
	{"a comment without replies goes whole", commentGoes},
	{"a comment with replies stays as a shell, until the last reply goes", commentShell},
	{"a shell with other replies stays", shellWithOthers},
	{"a shell can be neither changed nor deleted", shellIsDead},
	{"a deletion that is not agreed with changes nothing", commentDeletionRefused},
	{"one comment deleted twice at once goes once", commentDeletedAtOnce},
	{"an unknown post has no comments", commentsOfUnknownPost},
}

// commentIDs lists all comments of a post, oldest first.
func (w *world) commentIDs(p *blog.Post) []blog.ID {
	w.Helper()
	got := w.listComments(blog.CommentFilter{Post: p.ID})
	w.same("total", got.Total, int64(len(got.Items)))
	return ids(got.Items, func(c *blog.Comment) blog.ID { return c.ID })
}

func ids[T any](items []T, id func(T) blog.ID) []blog.ID {
	out := make([]blog.ID, len(items))
	for i, item := range items {
		out[i] = id(item)
	}
	return out
}

func (w *world) isShell(c *blog.Comment) {
	w.Helper()
	got, ref, err := w.Comments().Get(w.ctx, c.ID)
	w.ok(err)
	want := *c
	want.Deleted, want.Content, want.Author = true, "", blog.Author{}
	w.same("shell", got, &want)
	w.same("its post", ref.ID, c.Post)
}

func commentComesBack(w *world) {
	u := w.newUser("评论者")
	u.Avatar, u.Profile.LastName = "/uploads/image/a.png", "王"
	w.ok(w.Users().Create(w.ctx, u))
	p := w.post(u, "post", draft)
	now := w.tick()
	c := &blog.Comment{
		ID: blog.NewID(now), Post: p.ID, Author: blog.Author{ID: u.ID}, Content: "写得好\n'\"%_\\ 👍",
		CreatedAt: now, UpdatedAt: now.Add(time.Millisecond),
	}
	w.ok(w.Comments().Create(w.ctx, c, func(ref blog.PostRef) error {
		w.same("what is asked about", ref, p.Ref())
		return nil
	}))
	w.same("author filled in by Create", c.Author, u.Author())
	got, ref, err := w.Comments().Get(w.ctx, c.ID)
	w.ok(err)
	w.same("comment", got, c)
	w.same("its post", ref, p.Ref())
	w.same("listed", w.listComments(blog.CommentFilter{Post: p.ID}).Items, []*blog.Comment{c})
	w.same("count", w.stored(p).CommentCount, int64(1))
}

func unknownComment(w *world) {
	id := blog.NewID(w.now)
	_, _, err := w.Comments().Get(w.ctx, id)
	w.fails(err, blog.CodeCommentNotFound)
	_, err = w.Comments().Update(w.ctx, id, anyComment)
	w.fails(err, blog.CodeCommentNotFound)
	w.fails(w.Comments().Delete(w.ctx, id, anyComment), blog.CodeCommentNotFound)
}

func commentNeeds(w *world) {
	u := w.user("user")
	p := w.post(u, "post")
	c := w.newComment(p, u)

	nowhere := *c
	nowhere.Post = blog.NewID(w.now)
	w.fails(w.Comments().Create(w.ctx, &nowhere, anyPost), blog.CodePostNotFound)
	nobody := *c
	nobody.Author.ID = blog.NewID(w.now)
	w.fails(w.Comments().Create(w.ctx, &nobody, anyPost), blog.CodeUserNotFound)
	w.same("count", w.stored(p).CommentCount, int64(0))
}

func commentRefused(w *world) {
	u := w.user("user")
	p := w.post(u, "post")
	c := w.newComment(p, u)
	w.refused(w.Comments().Create(w.ctx, c, func(blog.PostRef) error { return errRefused }))
	w.same("comments", w.commentIDs(p), []blog.ID{})
	w.same("count", w.stored(p).CommentCount, int64(0))
}

func replyNeedsParent(w *world) {
	u := w.user("user")
	p, q := w.post(u, "p"), w.post(u, "q")
	elsewhere := w.comment(q, u, nil)
	shell := w.comment(p, u, nil)
	w.comment(p, u, shell)
	w.ok(w.Comments().Delete(w.ctx, shell.ID, anyComment))

	for _, parent := range []blog.ID{blog.NewID(w.now), elsewhere.ID, shell.ID} {
		c := w.newComment(p, u)
		c.Parent = parent
		err := w.Comments().Create(w.ctx, c, anyPost)
		w.fails(err, blog.CodeInvalid)
		w.same("fields", err.(*blog.Error).Fields, []blog.Field{{Name: "parent", Rule: blog.RuleParent}})
	}
	w.same("count", w.stored(p).CommentCount, int64(1))
}

func commentUpdate(w *world) {
	u, other := w.user("user"), w.user("other")
	p := w.post(u, "p")
	top := w.comment(p, u, nil)
	c := w.comment(p, u, top)
	want := *c
	want.Content, want.UpdatedAt = "改过", w.tick()
	got, err := w.Comments().Update(w.ctx, c.ID, func(n *blog.Comment, ref blog.PostRef) error {
		w.same("what is changed", n, c)
		w.same("its post", ref, p.Ref())
		n.Content, n.UpdatedAt = want.Content, want.UpdatedAt
		n.ID, n.Post, n.Parent, n.Author, n.Deleted, n.CreatedAt = blog.NewID(w.now), blog.ID{}, blog.ID{}, other.Author(), true, w.now
		return nil
	})
	w.ok(err)
	w.same("returned", got, &want)
	stored, _, err := w.Comments().Get(w.ctx, c.ID)
	w.ok(err)
	w.same("stored", stored, &want)
	w.same("count", w.stored(p).CommentCount, int64(2))
}

func commentGoes(w *world) {
	u := w.user("user")
	p := w.post(u, "p")
	c := w.comment(p, u, nil)
	w.ok(w.Comments().Delete(w.ctx, c.ID, func(n *blog.Comment, ref blog.PostRef) error {
		w.same("what is asked about", n, c)
		w.same("its post", ref, p.Ref())
		return nil
	}))
	_, _, err := w.Comments().Get(w.ctx, c.ID)
	w.fails(err, blog.CodeCommentNotFound)
	w.fails(w.Comments().Delete(w.ctx, c.ID, anyComment), blog.CodeCommentNotFound)
	w.same("count", w.stored(p).CommentCount, int64(0))
}

func commentShell(w *world) {
	u := w.user("user")
	p := w.post(u, "p")
	a := w.comment(p, u, nil)
	b := w.comment(p, u, a)
	c := w.comment(p, u, b)
	for i, shell := range []*blog.Comment{a, b} {
		w.ok(w.Comments().Delete(w.ctx, shell.ID, anyComment))
		w.isShell(shell)
		w.same("count", w.stored(p).CommentCount, int64(2-i))
	}
	w.same("comments", w.commentIDs(p), []blog.ID{a.ID, b.ID, c.ID})
	w.ok(w.Comments().Delete(w.ctx, c.ID, anyComment))
	w.same("comments", w.commentIDs(p), []blog.ID{})
	w.same("count", w.stored(p).CommentCount, int64(0))
}

func shellWithOthers(w *world) {
	u := w.user("user")
	p := w.post(u, "p")
	top := w.comment(p, u, nil)
	one, two := w.comment(p, u, top), w.comment(p, u, top)
	w.ok(w.Comments().Delete(w.ctx, top.ID, anyComment))
	w.ok(w.Comments().Delete(w.ctx, one.ID, anyComment))
	w.same("comments", w.commentIDs(p), []blog.ID{top.ID, two.ID})
	w.isShell(top)

	living := w.comment(p, u, nil) // a living parent does not go with its last reply
	w.ok(w.Comments().Delete(w.ctx, w.comment(p, u, living).ID, anyComment))
	w.same("comments", w.commentIDs(p), []blog.ID{top.ID, two.ID, living.ID})
}

func shellIsDead(w *world) {
	u := w.user("user")
	p := w.post(u, "p")
	c := w.comment(p, u, nil)
	w.comment(p, u, c)
	w.ok(w.Comments().Delete(w.ctx, c.ID, anyComment))
	_, err := w.Comments().Update(w.ctx, c.ID, anyComment)
	w.fails(err, blog.CodeCommentNotFound)
	w.fails(w.Comments().Delete(w.ctx, c.ID, anyComment), blog.CodeCommentNotFound)
	w.isShell(c)
}

func commentDeletionRefused(w *world) {
	u := w.user("user")
	p := w.post(u, "p")
	c := w.comment(p, u, nil)
	w.refused(w.Comments().Delete(w.ctx, c.ID, func(*blog.Comment, blog.PostRef) error { return errRefused }))
	got, _, err := w.Comments().Get(w.ctx, c.ID)
	w.ok(err)
	w.same("comment", got, c)
	w.same("count", w.stored(p).CommentCount, int64(1))
}

func commentDeletedAtOnce(w *world) {
	u := w.user("user")
	p := w.post(u, "p")
	c := w.comment(p, u, nil)
	errs := together(10, func(int) error { return w.Comments().Delete(w.ctx, c.ID, anyComment) })
	w.same("outcomes", outcome(errs), map[blog.Code]int{"": 1, blog.CodeCommentNotFound: 9})
	w.same("count", w.stored(p).CommentCount, int64(0))
}

func commentsOfUnknownPost(w *world) {
	got := w.listComments(blog.CommentFilter{Post: blog.NewID(w.now)})
	w.same("list", got, blog.Listed[*blog.Comment]{})
}
