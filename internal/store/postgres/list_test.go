package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// trips counts what is sent and waited for: a statement, or several together.
type trips struct{ atomic.Int64 }

func (n *trips) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	n.Add(1)
	return ctx
}

func (n *trips) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (n *trips) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	n.Add(1)
	return ctx
}

func (n *trips) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (n *trips) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// A page far out asks first whether it is there, and a phrase how many texts it may be in.
func TestAListIsOneRoundTripOrTwo(t *testing.T) {
	t.Parallel()
	n := &trips{}
	s := openStore(t, newDatabase(t), Options{tracer: n})
	author, at := newAuthor(t, s), blog.ToMillisecond(time.Now())
	var last *blog.Post
	for i := range 5 {
		last = newPost(author, fmt.Sprintf("砚台 第%d篇", i))
		last.Tags, last.Status, last.PublishedAt = []string{"Go"}, blog.Published, at.Add(time.Duration(i)*time.Second)
		if err := s.Posts().Create(t.Context(), last); err != nil {
			t.Fatal(err)
		}
	}
	newest, first := blog.Order{Field: "publishedAt", Desc: true}, blog.Page{Number: 1, Limit: 2}
	begun, err := s.Posts().List(t.Context(), blog.PostFilter{Status: blog.Published, Order: newest, Page: first})
	if err != nil || begun.Next == nil {
		t.Fatalf("%v, %v", begun.Next, err)
	}
	for name, c := range map[string]struct {
		filter blog.PostFilter
		want   int64
	}{
		"first page":         {blog.PostFilter{Order: newest, Page: first}, 1},
		"by category":        {blog.PostFilter{Category: last.Category, Order: newest, Page: first}, 1},
		"by author":          {blog.PostFilter{Author: author, Order: newest, Page: first}, 1},
		"by tag":             {blog.PostFilter{Tags: []string{"Go"}, Order: newest, Page: first}, 1},
		"by title":           {blog.PostFilter{Order: blog.Order{Field: "title"}, Page: first}, 1},
		"behind a cursor":    {blog.PostFilter{Order: newest, Page: blog.Page{Number: 1, Limit: 2, After: begun.Next}}, 1},
		"second page":        {blog.PostFilter{Order: newest, Page: blog.Page{Number: 2, Limit: 2}}, 2},
		"search":             {blog.PostFilter{Search: blog.ParseQuery("砚"), Order: newest, Page: first}, 1},
		"search of a phrase": {blog.PostFilter{Search: blog.ParseQuery("砚台第"), Order: newest, Page: first}, 2},
	} {
		c.filter.Status = blog.Published
		n.Store(0)
		if _, err := s.Posts().List(t.Context(), c.filter); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := n.Load(); got != c.want {
			t.Errorf("%s: %d round trips, want %d", name, got, c.want)
		}
	}
}
