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

// filling is how a database is filled.
type filling struct {
	posts int // so many in all
	bytes int // of each content
	bulk  bool
}

// fill brings the database at url up to so many posts and says how long a post took.
func fill(ctx context.Context, url string, f filling) error {
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
	made := f.posts - int(have.Total)
	switch {
	case made <= 0:
		return nil
	case f.bulk:
		err = bulk(ctx, url, authors, int(have.Total), f.posts, f.bytes)
	default:
		err = fillPosts(ctx, st.Posts(), authors, int(have.Total), f)
	}
	if err == nil {
		fmt.Fprintf(os.Stderr, "filled %d posts, %v each\n", made, time.Since(start)/time.Duration(made))
	}
	return err
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

func fillPosts(ctx context.Context, posts blog.Posts, authors []blog.ID, from int, f filling) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	next.Store(int64(from))
	var (
		mu      sync.Mutex
		refused int
		slowest time.Duration
		wg      sync.WaitGroup
	)
	for range fillWorkers {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= f.posts {
					return
				}
				tries, took, err := create(ctx, posts, newPost(i, authors, f.bytes))
				if err != nil {
					cancel(err)
				}
				mu.Lock()
				refused += tries - 1
				slowest = max(slowest, took)
				mu.Unlock()
				if (i+1)%10000 == 0 {
					fmt.Fprintf(os.Stderr, "%s: %d posts\n", time.Now().Format(time.TimeOnly), i+1)
				}
			}
		})
	}
	wg.Wait()
	fmt.Fprintf(os.Stderr, "%d refused and tried again, the slowest took %v\n", refused, slowest)
	return context.Cause(ctx)
}

// create adds a post, and tries again as somebody would who is told that the store is too
// busy. It returns how long the try took that succeeded.
func create(ctx context.Context, posts blog.Posts, p *blog.Post) (tries int, took time.Duration, err error) {
	for tries = 1; ; tries++ {
		start := time.Now()
		err = posts.Create(ctx, p)
		took = time.Since(start)
		if code := blog.CodeOf(err); tries == 10 || code != blog.CodeUnavailable && code != blog.CodeBusy {
			return tries, took, err
		}
		time.Sleep(time.Second)
	}
}

func newPost(i int, authors []blog.ID, bytes int) *blog.Post {
	title, content := article(i, bytes)
	// A post each minute, so that the order is that of writing.
	at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(i) * time.Minute)
	return &blog.Post{
		ID: blog.NewID(time.Now()), Title: title, Content: content, Author: blog.Author{ID: authors[i%len(authors)]},
		Category: categories[i%len(categories)], Tags: []string{tag(i % tagCount), tag((i + 1 + i/tagCount%7) % tagCount)},
		Status: blog.Published, PublishedAt: at, CreatedAt: at, UpdatedAt: at, Revision: 1,
	}
}

func tag(i int) string { return fmt.Sprintf("标签%02d", i) }
