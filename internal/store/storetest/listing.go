package storetest

import (
	"testing"

	"inkstone/internal/blog"
)

// everything is a page large enough for the lists that single promises make.
var everything = blog.Page{Number: 1, Limit: blog.MaxLimit}

// oldestFirst is the order where a promise is not about order.
var oldestFirst = blog.Order{Field: "createdAt"}

// fill completes a filter whose page or order does not matter.
func fill(page *blog.Page, order *blog.Order) {
	if page.Limit == 0 {
		*page = everything
	}
	if order.Field == "" {
		*order = oldestFirst
	}
}

func (w *world) listPosts(f blog.PostFilter) blog.Listed[*blog.Post] {
	w.Helper()
	fill(&f.Page, &f.Order)
	got, err := w.Posts().List(w.ctx, f)
	w.ok(err)
	return got
}

func (w *world) listUsers(f blog.UserFilter) blog.Listed[*blog.User] {
	w.Helper()
	fill(&f.Page, &f.Order)
	got, err := w.Users().List(w.ctx, f)
	w.ok(err)
	return got
}

func (w *world) listComments(f blog.CommentFilter) blog.Listed[*blog.Comment] {
	w.Helper()
	fill(&f.Page, &f.Order)
	got, err := w.Comments().List(w.ctx, f)
	w.ok(err)
	return got
}

func (w *world) listUploads(f blog.UploadFilter) blog.Listed[blog.Upload] {
	w.Helper()
	fill(&f.Page, new(blog.Order)) // it has but one
	got, err := w.Uploads().List(w.ctx, f)
	w.ok(err)
	return got
}

// titles lists the titles that a filter finds, oldest first.
func (w *world) titles(f blog.PostFilter) []string {
	w.Helper()
	got := w.listPosts(f)
	w.same("total", got.Total, int64(len(got.Items)))
	return titlesOf(got.Items)
}

func titlesOf(posts []*blog.Post) []string {
	out := make([]string, len(posts))
	for i, p := range posts {
		out[i] = p.Title
	}
	return out
}

func (w *world) userNames(f blog.UserFilter) []string {
	w.Helper()
	got := w.listUsers(f)
	names := make([]string, len(got.Items))
	for i, u := range got.Items {
		names[i] = u.Username
	}
	w.same("total", got.Total, int64(len(names)))
	return names
}

// lister reads one page of some list.
type lister[T any] func(blog.Page) (blog.Listed[T], error)

// walk reads a list to its end, by page or by cursor, and checks what holds
// for every part: full until the last, one total, Next only where more follows.
// The cursor travels as a client carries it.
func walk[T any](t *testing.T, limit int, byCursor bool, read lister[T]) (items []T, total int64) {
	t.Helper()
	page := blog.Page{Number: 1, Limit: limit}
	for {
		part, err := read(page)
		if err != nil {
			t.Fatalf("page %d: %v", page.Number, err)
		}
		items, total = append(items, part.Items...), part.Total
		more := int64(len(items)) < total
		if int64(len(items)) > total {
			t.Fatalf("%d of %d read", len(items), total)
		}
		if (part.Next != nil) != more || more && len(part.Items) != limit {
			t.Fatalf("%d of %d read, the last part holds %d of %d, next %v", len(items), total, len(part.Items), limit, part.Next)
		}
		if !more {
			return items, total
		}
		page.Number++
		if byCursor { // which wins over the number
			page.After = carried(t, part.Next)
		}
	}
}

// carried returns a cursor as it comes back from a client.
func carried(t *testing.T, c *blog.Cursor) *blog.Cursor {
	t.Helper()
	back, err := blog.ParseCursor(c.Encode("list"), "list")
	if err != nil {
		t.Fatalf("cursor %+v: %v", c, err)
	}
	return back
}
