package storetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"inkstone/internal/blog"
)

var listPromises = []promise{
	{"posts are sorted by each field, ties by id in the same direction", postOrders},
	{"titles are sorted by code point", titlesByCodePoint},
	{"a range of dates holds both its ends to the millisecond, and no post without a date", dateRange},
	{"a post with several of the wanted tags is listed once", anyOfTags},
	{"tags and categories are compared exactly", exactNames},
	{"a page past the last has no items and the whole total", pastTheLastPage},
	{"contents that are too large together stay behind, all of them", largeContents},
	{"a cursor loses and doubles nothing while rows come and go", cursorWhileRowsArrive},
	{"a list and its total are of one moment, whatever is written meanwhile", listsOfOneMoment},
	{"users are filtered by any part of name or address, without case", userSearch},
	{"users are sorted by each field", userOrders},
	{"comments are listed by time, ties by id in the same direction", commentOrders},
}

func postOrders(w *world) {
	u := w.user("user")
	var posts []*blog.Post
	for i := range 6 {
		p := w.post(u, fmt.Sprint("t", i/2), func(p *blog.Post) {
			p.PublishedAt = w.now.Add(-time.Duration(i/2) * time.Hour)
			p.UpdatedAt = w.now.Add(time.Duration(i%3) * time.Hour)
			if i == 5 {
				draft(p)
			}
		})
		w.ok(w.Posts().AddViews(w.ctx, map[blog.ID]int64{p.ID: int64(i % 2)}))
		if i%3 == 0 {
			w.like(p, u, true)
			w.comment(p, u, nil)
		}
		posts = append(posts, w.stored(p))
	}
	for _, field := range blog.PostSorts {
		for _, desc := range []bool{false, true} {
			order := blog.Order{Field: field, Desc: desc}
			want := slices.SortedFunc(slices.Values(posts), func(a, b *blog.Post) int { return comparePosts(order, a, b) })
			for _, byCursor := range []bool{false, true} {
				got, _ := walk(w.T, 2, byCursor, func(p blog.Page) (blog.Listed[*blog.Post], error) {
					return w.Posts().List(w.ctx, blog.PostFilter{Order: order, Page: p})
				})
				w.same("by "+order.String(), got, want)
			}
		}
	}
}

func titlesByCodePoint(w *world) {
	u := w.user("user")
	want := []string{"", "%", "B", "Z", "_", "a", "ab", "é", "中", "文", "！", "😀"}
	for i := range want {
		w.post(u, want[(i*5)%len(want)])
	}
	got := w.listPosts(blog.PostFilter{Order: blog.Order{Field: "title"}})
	w.same("titles", titlesOf(got.Items), want)
}

func dateRange(w *world) {
	u := w.user("user")
	base := w.now
	at := func(ms int) time.Time { return base.Add(time.Duration(ms) * time.Millisecond) }
	year := func(n int) time.Time { return time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC) }
	for i, title := range []string{"0", "1", "2", "3"} {
		w.post(u, title, func(p *blog.Post) { p.PublishedAt = at(i) })
	}
	w.post(u, "draft", draft)
	for _, c := range []struct {
		from, to time.Time
		want     []string
	}{
		{at(1), at(2), []string{"1", "2"}},
		{at(1), time.Time{}, []string{"1", "2", "3"}},
		{time.Time{}, at(1), []string{"0", "1"}},
		{at(2), at(2), []string{"2"}},
		{at(2), at(1), []string{}},
		{at(9), at(10), []string{}},
		{at(1).Add(time.Microsecond), time.Time{}, []string{"2", "3"}},
		{at(2).Add(-time.Microsecond), at(2).Add(time.Microsecond), []string{"2"}},
		{time.Time{}, at(2).Add(-time.Microsecond), []string{"0", "1"}},
		{time.Time{}.Add(1), time.Time{}, []string{"0", "1", "2", "3"}},
		{time.Time{}, time.Time{}.Add(1), []string{}},
		{time.Unix(0, 0), time.Time{}, []string{"0", "1", "2", "3"}},
		{time.Time{}, time.Unix(0, 0), []string{}},
		{time.Time{}, year(2300), []string{"0", "1", "2", "3"}},
		{time.Time{}, year(9999), []string{"0", "1", "2", "3"}},
		{year(2300), time.Time{}, []string{}},
		{year(9999), time.Time{}, []string{}},
	} {
		w.same(fmt.Sprint(c.from, c.to), w.titles(blog.PostFilter{From: c.from, To: c.to}), c.want)
	}
}

func anyOfTags(w *world) {
	u := w.user("user")
	w.post(u, "both", tagged("a", "b"))
	w.post(u, "one", tagged("b", "c"))
	w.post(u, "none", tagged("c"))
	w.same("a or b", w.titles(blog.PostFilter{Tags: []string{"a", "b"}}), []string{"both", "one"})
	w.same("a or a", w.titles(blog.PostFilter{Tags: []string{"a", "a"}}), []string{"both"})
	w.same("unknown", w.titles(blog.PostFilter{Tags: []string{"x"}}), []string{})
}

func exactNames(w *world) {
	u := w.user("user")
	w.post(u, "1", tagged("Go", "100%"), func(p *blog.Post) { p.Category = "Tech_1" })
	for _, tag := range []string{"go", "GO", "G_", "Go ", "%", "100", "", "\x00", "'", "\xff"} {
		w.same("tag "+tag, w.titles(blog.PostFilter{Tags: []string{tag}}), []string{})
	}
	for _, category := range []string{"tech_1", "TechX1", "%", "Tech_1 ", "\x00", "'", "\xff"} {
		w.same("category "+category, w.titles(blog.PostFilter{Category: category}), []string{})
	}
	w.same("itself", w.titles(blog.PostFilter{Tags: []string{"100%"}, Category: "Tech_1"}), []string{"1"})
}

func pastTheLastPage(w *world) {
	u := w.user("user")
	for range 3 {
		w.post(u, "post")
	}
	for _, number := range []int{3, 4, math.MaxInt >> 23, math.MaxInt} {
		for _, f := range []blog.PostFilter{{}, {Category: "技术"}, {Search: blog.ParseQuery("post")}} {
			f.Page = blog.Page{Number: number, Limit: 2}
			got := w.listPosts(f)
			w.same("items", len(got.Items), 0)
			w.same("total", got.Total, int64(3))
			w.same("more", got.Next != nil, false)
		}
	}
}

func cursorWhileRowsArrive(w *world) {
	u := w.user("user")
	order := blog.Order{Field: "publishedAt", Desc: true}
	var want []blog.ID
	for i := range 20 {
		want = append(want, w.post(u, fmt.Sprint(i)).ID)
	}
	slices.Reverse(want)
	page := blog.Page{Number: 1, Limit: 3}
	var got []blog.ID
	for {
		part := w.listPosts(blog.PostFilter{Order: order, Page: page})
		got = append(got, ids(part.Items, func(p *blog.Post) blog.ID { return p.ID })...)
		if part.Next == nil {
			break
		}
		page.After = carried(w.T, part.Next)
		w.post(u, "new at the top")
		w.ok(w.Posts().Delete(w.ctx, part.Items[len(part.Items)-1].ID, anyPost)) // the cursor's own row
	}
	w.same("read", got, want)
}

func listsOfOneMoment(w *world) {
	u := w.user("user")
	p := w.post(u, "post", tagged("few"))
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
			}
			if err := w.comeAndGo(u, p, i); err != nil {
				w.Errorf("writing: %v", err)
				return
			}
		}
	})
	for range 40 {
		for _, f := range []blog.PostFilter{{}, {Tags: []string{"go", "few"}}, {Search: blog.ParseQuery("post")}} {
			w.titles(f) // checks the total
		}
		for range 5 {
			w.userNames(blog.UserFilter{})
			w.commentIDs(p)
		}
	}
	close(done)
	writer.Wait()
}

// comeAndGo makes a user with a post and a comment on p, and removes him.
func (w *world) comeAndGo(u *blog.User, p *blog.Post, i int) error {
	now := w.now.Add(time.Duration(i) * time.Second)
	short := *u
	short.ID, short.Username, short.Email = blog.NewID(now), fmt.Sprint("short", i), fmt.Sprint("short", i, "@example.com")
	post, comment := *p, blog.Comment{ID: blog.NewID(now), Post: p.ID, Author: blog.Author{ID: short.ID}, Content: "x", CreatedAt: now, UpdatedAt: now}
	post.ID, post.Author.ID = blog.NewID(now), short.ID
	if err := w.Users().Create(w.ctx, &short); err != nil {
		return err
	}
	return errors.Join(
		w.Posts().Create(w.ctx, &post),
		w.Comments().Create(w.ctx, &comment, anyPost),
		w.Users().Delete(w.ctx, short.ID, anyUser))
}

func userSearch(w *world) {
	for _, name := range []string{"Alice", "alicia", "Élodie", "王小明", "100%", "a_b", "two words"} {
		u := w.newUser(name)
		u.Email = fmt.Sprintf("%x@mail.example", u.ID)
		w.ok(w.Users().Create(w.ctx, u))
	}
	all := w.userNames(blog.UserFilter{})
	renamed, err := w.Users().Update(w.ctx, w.user("before").ID, func(u *blog.User) error {
		u.Username, u.Email = "later", "later@mail.example"
		return nil
	})
	w.ok(err)
	w.same("the new name", w.userNames(blog.UserFilter{Search: "later@"}), []string{"later"})
	w.same("the old name", w.userNames(blog.UserFilter{Search: "before"}), []string{})
	_, err = w.Users().Update(w.ctx, renamed.ID, func(u *blog.User) error { u.Email = "other@mail.example"; return nil })
	w.ok(err)
	w.same("the old address", w.userNames(blog.UserFilter{Search: "later@"}), []string{})
	w.ok(w.Users().Delete(w.ctx, renamed.ID, anyUser))
	for search, want := range map[string][]string{
		"ALIC": {"Alice", "alicia"}, "ice": {"Alice"}, "éLO": {"Élodie"}, "小": {"王小明"}, "小明": {"王小明"}, "明小": {},
		"%": {"100%"}, "_": {"a_b"}, "o w": {"two words"}, " alice ": {"Alice"}, "Mail.Example": all, "@": all,
		"": all, "   ": all, `"`: {}, "*": {}, "'": {}, "a\x00": {}, "a*": {}, "alice OR 王": {},
	} {
		w.same("search "+search, w.userNames(blog.UserFilter{Search: search}), want)
	}
}

func userOrders(w *world) {
	var users []*blog.User
	for i, name := range []string{"b", "B2", "a", "中", "é", "A1"} {
		u := w.newUser(name)
		if i%2 == 0 {
			u.LastLogin = w.now.Add(time.Duration(i/4) * time.Hour)
		}
		u.UpdatedAt = w.now.Add(time.Duration(i%3) * time.Hour)
		w.ok(w.Users().Create(w.ctx, u))
		users = append(users, u)
	}
	for _, field := range blog.UserSorts {
		for _, desc := range []bool{false, true} {
			order := blog.Order{Field: field, Desc: desc}
			want := slices.SortedFunc(slices.Values(users), func(a, b *blog.User) int { return compareUsers(order, a, b) })
			for _, byCursor := range []bool{false, true} {
				got, _ := walk(w.T, 2, byCursor, func(p blog.Page) (blog.Listed[*blog.User], error) {
					return w.Users().List(w.ctx, blog.UserFilter{Order: order, Page: p})
				})
				w.same("by "+order.String(), got, want)
			}
		}
	}
}

func commentOrders(w *world) {
	u := w.user("user")
	p := w.post(u, "post")
	var cs []*blog.Comment
	at := w.tick()
	for i := range 7 {
		c := &blog.Comment{ID: blog.NewID(at), Post: p.ID, Author: blog.Author{ID: u.ID}, Content: "x", CreatedAt: at.Add(time.Duration(i/3) * time.Millisecond), UpdatedAt: at}
		w.ok(w.Comments().Create(w.ctx, c, anyPost))
		cs = append(cs, c)
	}
	w.comment(w.post(u, "other"), u, nil)
	for _, desc := range []bool{false, true} {
		order := blog.Order{Field: "createdAt", Desc: desc}
		want := slices.SortedFunc(slices.Values(cs), func(a, b *blog.Comment) int { return compareComments(order, a, b) })
		for _, byCursor := range []bool{false, true} {
			got, _ := walk(w.T, 2, byCursor, func(page blog.Page) (blog.Listed[*blog.Comment], error) {
				return w.Comments().List(w.ctx, blog.CommentFilter{Post: p.ID, Order: order, Page: page})
			})
			w.same("by "+order.String(), got, want)
		}
	}
}

func largeContents(w *world) {
	ana := w.user("ana")
	for i, content := range []string{"砚", "砚", "砚砚"} {
		w.post(ana, fmt.Sprint(i), func(p *blog.Post) { p.Content = content })
	}
	sizes := &blog.Bare{All: 12, Largest: 6}
	for maxText, want := range map[int64][]string{0: {"砚", "砚", "砚砚"}, 12: {"砚", "砚", "砚砚"}, 11: {"", "", ""}, 5: {"", "", ""}, 1: {"", "", ""}} {
		list := w.listPosts(blog.PostFilter{MaxText: maxText})
		var got, titles []string
		for _, p := range list.Items {
			got, titles = append(got, p.Content), append(titles, p.Title)
		}
		if bare := list.Bare != nil; bare != (want[0] == "") || bare && *list.Bare != *sizes {
			w.Errorf("at most %d bytes: left out %+v", maxText, list.Bare)
		}
		if !slices.Equal(got, want) || !slices.Equal(titles, []string{"0", "1", "2"}) || list.Total != 3 {
			w.Errorf("at most %d bytes: contents %q of %q, total %d", maxText, got, titles, list.Total)
		}
	}
}
