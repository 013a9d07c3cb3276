package postgres

import (
	"context"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// TestDeletionWaitsForNoOtherUser deletes one who commented on a post and likes it, while
// the author of that post is locked as by his own deletion, which waits for the post.
func TestDeletionWaitsForNoOtherUser(t *testing.T) {
	t.Parallel()
	s := openStore(t, newDatabase(t), Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	agree := func(blog.PostRef) error { return nil }
	now := time.Now()
	author := &blog.User{ID: blog.NewID(now), Username: "author", Email: "author@example.com", Role: blog.RoleUser, Active: true}
	reader := &blog.User{ID: blog.NewID(now), Username: "reader", Email: "reader@example.com", Role: blog.RoleUser, Active: true}
	must(s.Users().Create(ctx, author))
	must(s.Users().Create(ctx, reader))
	p := &blog.Post{ID: blog.NewID(now), Title: "title", Author: author.Author(), Status: blog.Published, PublishedAt: now}
	must(s.Posts().Create(ctx, p))
	must(s.Comments().Create(ctx, &blog.Comment{ID: blog.NewID(now), Post: p.ID, Author: reader.Author(), Content: "text", CreatedAt: now}, agree))
	_, err := s.Posts().SetLike(ctx, p.ID, reader.ID, true, agree)
	must(err)

	other, err := s.pool.Begin(ctx)
	must(err)
	_, err = other.Exec(ctx, "SELECT FROM users WHERE id = $1 FOR UPDATE", key(author.ID))
	must(err)
	deleted := s.Users().Delete(ctx, reader.ID, func(*blog.User) error { return nil })
	must(other.Rollback(context.Background()))
	must(deleted)
	checkConsistent(t, s)
}
