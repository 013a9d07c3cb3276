package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"inkstone/internal/blog"
)

var copyPromises = []promise{
	{"everything is put as it was read, and every answer is the same", copiesEverything},
	{"records come by their keys, from any key on", recordsInOrder},
	{"a snapshot is one state, whatever is written meanwhile", snapshotIsOneState},
	{"what has been put may be put again, and counts once", putAgain},
	{"a record that differs from the one there is refused, with its batch", putRefusesOthers},
	{"an address or a name that another user has is refused", putRefusesTaken},
	{"a record without what it refers to is refused", putNeedsWhatItRefersTo},
	{"records join what is there already", putJoins},
	{"what is put can be changed and deleted like all else", putIsLikeAllElse},
	{"a copy begins in an empty store, and goes on by its name only", beginsOnce},
	{"nothing is put when the context has ended", putInTime},
	{"large posts are put, several at once", putLarge},
	{"what random work left is copied, and every answer is the same", copiesRandomWork},
}

func copiesEverything(w *world) {
	from := w.filled()
	w.ok(Copy(w.ctx, from, w.Store, 3))
	w.sameAs(from)
	back := newModel()
	w.ok(Copy(w.ctx, w.Store, back, 1000))
	w.sameAs(back)
	for _, u := range takeSnapshot(w.T, w.ctx, from).Users {
		for _, token := range []string{"a", "令牌", "never"} {
			got, err := w.Users().Session(w.ctx, u.ID, token)
			w.ok(err)
			want, err := from.Users().Session(w.ctx, u.ID, token)
			w.ok(err)
			w.same("session", got, want)
		}
	}
}

func recordsInOrder(w *world) {
	fillAll(w)
	w.ok(w.Copies().Snapshot(w.ctx, func(s blog.Snapshot) error {
		for _, kind := range blog.Kinds() {
			all, err := recordsOf(s, kind, "")
			w.ok(err)
			n, err := s.Count(kind)
			w.ok(err)
			last, err := s.Last(kind)
			w.ok(err)
			if len(all) < 2 || n != int64(len(all)) || last != all[len(all)-1].Key() {
				w.Errorf("%s: %d records, %d counted, last %x", kind, len(all), n, last)
			}
			for i, r := range all {
				if r.Kind() != kind || i > 0 && r.Key() <= all[i-1].Key() {
					w.Errorf("%s: %s %x comes behind %x", kind, r.Kind(), r.Key(), all[max(0, i-1)].Key())
				}
				behind, err := recordsOf(s, kind, r.Key())
				w.ok(err)
				w.same("behind a key", behind, all[i+1:])
			}
			for range s.Records(kind, "") { // whoever stops can ask again
				break
			}
		}
		return nil
	}))
}

func snapshotIsOneState(w *world) {
	fillAll(w)
	before := w.records(w.Store)
	var during []string
	w.ok(w.Copies().Snapshot(w.ctx, func(s blog.Snapshot) error {
		for i, kind := range blog.Kinds() {
			records, err := recordsOf(s, kind, "")
			w.ok(err)
			for _, r := range records {
				during = append(during, fmt.Sprintf("%s %x: %q", kind, r.Key(), r.Append(nil)))
			}
			u := w.user(fmt.Sprint("late", i))
			p := w.post(u, "late")
			w.like(p, u, true)
			w.comment(p, u, w.comment(p, u, nil))
			w.upload(u, fmt.Sprint("late", i))
			w.ok(w.Users().RevokeToken(w.ctx, u.ID, "late", w.tick().AddDate(10, 0, 0)))
			w.ok(w.Sources().Set(w.ctx, u.ID, "late", p.ID, ""))
		}
		return nil
	}))
	w.same("what a snapshot shows", during, before)
	if err := w.Copies().Snapshot(w.ctx, func(blog.Snapshot) error { return errRefused }); err != errRefused {
		w.Errorf("error is %v, want the function's own", err)
	}
}

func putAgain(w *world) {
	from := w.filled()
	for _, most := range []int{1, 4, 1000} {
		w.ok(Copy(w.ctx, from, w.Store, most))
		w.sameAs(from)
	}
	w.ok(w.Copies().Put(w.ctx, nil))
}

// put puts records and returns why they are refused.
func (w *world) put(records ...blog.Record) (refused *blog.RecordError, err error) {
	err = w.Copies().Put(w.ctx, records)
	refused, _ = errors.AsType[*blog.RecordError](err)
	return refused, err
}

// putRefused checks that records are refused for one of them, and that nothing has changed.
func (w *world) putRefused(which int, why error, records ...blog.Record) {
	w.Helper()
	before := w.records(w.Store)
	refused, err := w.put(records...)
	if refused == nil || refused.Record.Key() != records[which].Key() {
		w.Fatalf("error is %v, want one of %s %x", err, records[which].Kind(), records[which].Key())
	}
	if code := blog.CodeOf(why); code == blog.CodeInternal && !errors.Is(err, why) || code != blog.CodeInternal && blog.CodeOf(err) != code {
		w.Errorf("error is %v, want %v", err, why)
	}
	w.same("records", w.records(w.Store), before)
}

func putRefusesOthers(w *world) {
	fillAll(w)
	var all []blog.Record
	w.ok(w.Copies().Snapshot(w.ctx, func(s blog.Snapshot) error {
		for _, kind := range blog.Kinds() {
			records, err := recordsOf(s, kind, "")
			w.ok(err)
			all = append(all, records[len(records)-1])
		}
		return nil
	}))
	for _, r := range all {
		switch r := r.(type) {
		case *blog.User:
			r.PasswordHash += "x"
			w.putRefused(1, blog.ErrDiffers, w.newUser("fresh"), r)
		case *blog.RevokedToken:
			r.Until = r.Until.Add(time.Millisecond)
			w.putRefused(1, blog.ErrDiffers, &blog.RevokedToken{User: r.User, Token: "fresh", Until: r.Until}, r)
		case *blog.Post:
			r.Excerpt += "x"
			w.putRefused(1, blog.ErrDiffers, w.newPost(r.Author.ID, "fresh"), r)
		case *blog.Comment:
			r.UpdatedAt = w.tick()
			fresh := *r
			fresh.ID = blog.NewID(w.now)
			w.putRefused(1, blog.ErrDiffers, &fresh, r)
		case *blog.Reply:
			r.Parent = r.Comment
			w.putRefused(0, blog.ErrDiffers, r)
		case *blog.Upload:
			r.Size++
			w.putRefused(1, blog.ErrDiffers, &blog.Upload{Filename: "fresh"}, r)
		case *blog.Source:
			r.Digest += "x"
			w.putRefused(1, blog.ErrDiffers, &blog.Source{Author: r.Author, Path: "fresh", Post: r.Post}, r)
		}
	}
}

func putRefusesTaken(w *world) {
	there := w.user("Straße")
	email, name := w.newUser("email"), w.newUser("STRAßE")
	email.Email = there.Email
	w.putRefused(1, blog.Fail(blog.CodeEmailTaken), w.newUser("fresh"), email)
	w.putRefused(1, blog.Fail(blog.CodeUsernameTaken), w.newUser("fresh"), name)
	name.Email = there.Email
	w.putRefused(0, blog.Fail(blog.CodeEmailTaken), name)
}

func putNeedsWhatItRefersTo(w *world) {
	u := w.user("user")
	p, other := w.post(u, "post"), w.post(u, "other")
	c, elsewhere := w.comment(p, u, nil), w.comment(other, u, nil)
	none := blog.NewID(w.now)
	noUser, noPost, noComment := blog.Fail(blog.CodeUserNotFound), blog.Fail(blog.CodePostNotFound), blog.Fail(blog.CodeCommentNotFound)

	w.putRefused(1, noUser, &blog.RevokedToken{User: u.ID, Token: "t"}, &blog.RevokedToken{User: none, Token: "t"})
	w.putRefused(1, noUser, w.newPost(u.ID, "fresh"), w.newPost(none, "fresh"))
	undated := w.newPost(u.ID, "undated")
	undated.PublishedAt = time.UnixMilli(0)
	w.putRefused(1, blog.Invalid("publishedAt", blog.RuleDate), w.newPost(u.ID, "fresh"), undated)
	w.putRefused(1, noUser, &blog.Like{Post: p.ID, User: u.ID}, &blog.Like{Post: p.ID, User: none})
	w.putRefused(1, noPost, &blog.Like{Post: p.ID, User: u.ID}, &blog.Like{Post: none, User: u.ID})
	stray, orphan := w.newComment(p, u), w.newComment(p, u)
	stray.Post, orphan.Author.ID = none, none
	w.putRefused(1, noPost, w.newComment(p, u), stray)
	w.putRefused(1, noUser, w.newComment(p, u), orphan)
	w.putRefused(0, noComment, &blog.Reply{Comment: none, Parent: c.ID})
	w.putRefused(0, noComment, &blog.Reply{Comment: c.ID, Parent: none})
	w.putRefused(0, blog.Invalid("parent", blog.RuleParent), &blog.Reply{Comment: c.ID, Parent: elsewhere.ID})
	w.putRefused(1, noUser, &blog.Upload{Filename: "fresh", Owner: u.ID}, &blog.Upload{Filename: "stray", Owner: none})
	w.putRefused(1, noUser, &blog.Source{Author: u.ID, Path: "p", Post: p.ID}, &blog.Source{Author: none, Path: "p", Post: p.ID})
	w.putRefused(1, noPost, &blog.Source{Author: u.ID, Path: "p", Post: p.ID}, &blog.Source{Author: u.ID, Path: "q", Post: none})
}

// putJoins puts into a store with users, posts, likes and comments of its own.
func putJoins(w *world) {
	u := w.user("here")
	p := w.post(u, "here", tagged("go"))
	w.like(p, u, true)
	w.comment(p, u, w.comment(p, u, nil))
	w.upload(u, "here.png")
	from := w.filled()
	w.ok(Copy(w.ctx, w.Store, from.Store, 10)) // the model has both now
	w.ok(Copy(w.ctx, from.Store, w.Store, 10))
	w.sameAs(from)
	// More of what hangs on what is there.
	more := newWorld(w.T, newModel())
	more.now = w.now
	w.ok(Copy(w.ctx, w.Store, more.Store, 10))
	b := more.user("later")
	more.like(p, b, true)
	more.comment(p, b, more.comment(p, u, nil))
	more.upload(u, "later.png")
	w.ok(Copy(w.ctx, more.Store, w.Store, 2))
	w.sameAs(more)
	w.same("likes", w.stored(p).LikeCount, int64(2))
	w.same("comments", w.stored(p).CommentCount, int64(4))
}

func putIsLikeAllElse(w *world) {
	from := w.filled()
	before := w.generation()
	w.ok(Copy(w.ctx, from, w.Store, 7))
	if w.generation() == before {
		w.Error("the generation stayed")
	}
	for _, s := range []blog.Store{w.Store, from.Store} {
		for i, p := range takeSnapshot(w.T, w.ctx, s).Posts {
			_, err := s.Posts().Update(w.ctx, p.ID, func(p *blog.Post) error {
				p.Title, p.Content, p.Status, p.Tags = "changed", "anders", blog.Published, []string{"new"}
				p.PublishedAt = time.Date(2026, 5, 1, 0, 0, i, 0, time.UTC)
				return nil
			})
			w.ok(err)
		}
	}
	w.sameAs(from)
	for _, u := range takeSnapshot(w.T, w.ctx, from).Users {
		for _, s := range []blog.Store{w.Store, from.Store} {
			err := s.Users().Delete(w.ctx, u.ID, anyUser)
			if u.Role == blog.RoleAdmin {
				w.fails(err, blog.CodeLastAdmin)
			} else {
				w.ok(err)
			}
		}
		w.sameAs(from)
	}
}

func beginsOnce(w *world) {
	w.ok(w.Copies().Begin(w.ctx, "one"))
	w.ok(w.Copies().Put(w.ctx, []blog.Record{w.newUser("user")}))
	w.ok(w.Copies().Begin(w.ctx, "one"))
	if err := w.Copies().Begin(w.ctx, "another"); !errors.Is(err, blog.ErrOtherSource) {
		w.Errorf("error is %v, want ErrOtherSource", err)
	}
	w.ok(w.Copies().End(w.ctx))
	w.ok(w.Copies().End(w.ctx))
	for _, name := range []string{"one", "another"} {
		if err := w.Copies().Begin(w.ctx, name); !errors.Is(err, blog.ErrNotEmpty) {
			w.Errorf("error is %v, want ErrNotEmpty", err)
		}
	}
}

func putInTime(w *world) {
	ended, cancel := context.WithCancel(w.ctx)
	cancel()
	for name, err := range map[string]error{
		"Put":      w.Copies().Put(ended, []blog.Record{w.newUser("late")}),
		"Begin":    w.Copies().Begin(ended, "late"),
		"Snapshot": w.Copies().Snapshot(ended, func(s blog.Snapshot) error { _, err := recordsOf(s, blog.KindUser, ""); return err }),
	} {
		if !errors.Is(err, context.Canceled) {
			w.Errorf("%s: error is %v, want the context's", name, err)
		}
	}
	w.same("records", w.records(w.Store), []string{})
	fillAll(w)
	ctx, cancel := context.WithCancel(w.ctx)
	err := w.Copies().Snapshot(ctx, func(s blog.Snapshot) error {
		cancel()
		time.Sleep(50 * time.Millisecond) // as an engine may take to notice
		_, err := recordsOf(s, blog.KindPost, "")
		return err
	})
	if !errors.Is(err, context.Canceled) {
		w.Errorf("error is %v, want the context's", err)
	}
}

func putLarge(w *world) {
	from := newWorld(w.T, newModel())
	u := from.user("user")
	for i, n := range []int{1 << 20, 10, 3 << 20, 1<<20 - 1} {
		from.post(u, fmt.Sprint("first large ", i), func(p *blog.Post) { p.Content = strings.Repeat("微服务 ab\\\n\t", n/13) + "end" })
	}
	w.ok(Copy(w.ctx, from, w.Store, 10))
	w.ok(Copy(w.ctx, from, w.Store, 10))
	w.same("posts", w.listPosts(blog.PostFilter{Search: blog.ParseQuery("first large"), Order: oldestFirst, Page: everything}).Total, int64(4))
	got, want := w.records(w.Store), from.records(from.Store)
	if !slices.Equal(got, want) {
		w.Error("large posts came out differently")
	}
}

func copiesRandomWork(w *world) {
	from := newModel()
	Random(w.T, from, 4)
	w.ok(Copy(w.ctx, from, w.Store, 17))
	Same(w.T, w.Store, from)
}
