package sqlite

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"inkstone/internal/blog"
)

// together runs the jobs in one transaction of the writer, in this order, and
// returns the error of each.
func together(t *testing.T, s *Store, jobs ...func(*conn) error) []error {
	t.Helper()
	hold, begun := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = s.writer.write(context.Background(), func(*conn) error { close(begun); <-hold; return nil })
	})
	<-begun
	errs := make([]error, len(jobs))
	for i, do := range jobs {
		wg.Go(func() { errs[i] = s.writer.write(context.Background(), do) })
		queued(t, s, i+1)
	}
	close(hold)
	wg.Wait()
	return errs
}

func TestPostsWrittenTogetherMakeOneSegment(t *testing.T) {
	s := open(t, Options{})
	author := addUser(t, s, "author").ID
	must(t, s.writer.write(t.Context(), func(c *conn) error {
		for i := range 12 {
			if _, err := createPost(c, *newPost(author, fmt.Sprint(i))); err != nil {
				return err
			}
			if err := c.script("SAVEPOINT inner; RELEASE inner"); err != nil {
				return err
			}
		}
		return nil
	}))
	if n := number(t, s, "SELECT count(DISTINCT segid) FROM posts_fts_idx"); n != 1 {
		t.Errorf("%d segments, want 1", n)
	}
	checkConsistent(t, s)
}

func TestSearchFollowsWhatOneTransactionDoesToAPost(t *testing.T) {
	s := open(t, Options{})
	author := addUser(t, s, "author").ID
	changed, deleted, refused := newPost(author, "微服务"), newPost(author, "数据库"), newPost(author, "缓存")
	create := func(p *blog.Post) func(*conn) error {
		return func(c *conn) error { _, err := createPost(c, *p); return err }
	}
	broken := errors.New("broken")
	errs := together(t, s, create(changed), create(deleted),
		func(c *conn) error { return errors.Join(create(refused)(c), broken) },
		func(c *conn) error {
			_, err := updatePost(c, changed.ID, func(p *blog.Post) error { p.Title, p.Content = "网关", "网关"; return nil })
			return err
		},
		func(c *conn) error {
			row, err := getPost(c, deleted.ID)
			if err != nil {
				return err
			}
			return deletePost(c, &row)
		})
	for i, err := range errs {
		if refused := i == 2; errors.Is(err, broken) != refused || !refused && err != nil {
			t.Errorf("job %d: %v", i, err)
		}
	}
	for word, want := range map[string]int64{"网关": 1, "微服务": 0, "数据库": 0, "缓存": 0} {
		l, err := s.Posts().List(t.Context(), blog.PostFilter{Search: blog.ParseQuery(word), Page: blog.Page{Number: 1, Limit: 10}, Order: blog.Order{Field: "publishedAt"}})
		must(t, err)
		if l.Total != want {
			t.Errorf("%s: %d posts, want %d", word, l.Total, want)
		}
	}
	checkConsistent(t, s)
}
