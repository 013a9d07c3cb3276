package main

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/store"
)

// What the filler gives the posts: a few categories, a hundred tags, authors.
var categories = []string{"技术", "生活", "思考", "教程"}

const (
	tagCount    = 100
	authorCount = 50
	fillWorkers = 64 // together in the queue of writers, so that many posts share a commit
)

// fill brings the database at url up to n posts and says how long a post took.
func fill(ctx context.Context, url string, n int) error {
	st, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	defer st.Close()
	have, err := st.Posts().List(ctx, blog.PostFilter{Status: blog.Published, Order: blog.Order{Field: "publishedAt", Desc: true}, Page: blog.Page{Number: 1, Limit: 1}})
	if err != nil {
		return err
	}
	authors, err := fillAuthors(ctx, st.Users())
	if err != nil {
		return err
	}
	start := time.Now()
	if err := fillPosts(ctx, st.Posts(), authors, int(have.Total), n); err != nil {
		return err
	}
	if made := n - int(have.Total); made > 0 {
		fmt.Fprintf(os.Stderr, "filled %d posts, %v each\n", made, time.Since(start)/time.Duration(made))
	}
	return nil
}

func fillAuthors(ctx context.Context, users blog.Users) ([]blog.ID, error) {
	ids := make([]blog.ID, authorCount)
	for i := range ids {
		email := fmt.Sprintf("author%d@example.com", i)
		u, err := users.GetByEmail(ctx, email)
		if blog.CodeOf(err) == blog.CodeUserNotFound {
			now := time.Now()
			u = &blog.User{ID: blog.NewID(now), Username: fmt.Sprintf("author%d", i), Email: email, PasswordHash: "-",
				Role: blog.RoleUser, Active: true, CreatedAt: now, UpdatedAt: now}
			err = users.Create(ctx, u)
		}
		if err != nil {
			return nil, err
		}
		ids[i] = u.ID
	}
	return ids, nil
}

func fillPosts(ctx context.Context, posts blog.Posts, authors []blog.ID, from, to int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := atomic.Int64{}
	next.Store(int64(from))
	var wg sync.WaitGroup
	for range fillWorkers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= to {
					return
				}
				if err := posts.Create(ctx, newPost(i, authors)); err != nil {
					cancel(err)
				}
				if (i+1)%10000 == 0 {
					fmt.Fprintf(os.Stderr, "%d posts\n", i+1)
				}
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

func newPost(i int, authors []blog.ID) *blog.Post {
	title, content := article(i)
	// A post each minute, so that the order is that of writing.
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute)
	return &blog.Post{
		ID: blog.NewID(time.Now()), Title: title, Content: content, Author: blog.Author{ID: authors[i%len(authors)]},
		Category: categories[i%len(categories)], Tags: []string{tag(i % tagCount), tag((i + 1 + i/tagCount%7) % tagCount)},
		Status: blog.Published, PublishedAt: at, CreatedAt: at, UpdatedAt: at, Revision: 1,
	}
}

func tag(i int) string { return fmt.Sprintf("标签%02d", i) }
