package sqlite

import (
	"fmt"
	"testing"

	"inkstone/internal/blog"
)

// TestNoSeriesOfFiltersFillsTheMemory: each number of tags with each filter and order
// is a statement of its own, and a reader may ask for one after the other.
func TestNoSeriesOfFiltersFillsTheMemory(t *testing.T) {
	s := open(t, Options{Readers: 1})
	author := addUser(t, s, "author").ID
	for range 3 {
		must(t, s.Posts().Create(t.Context(), newPost(author, "一个")))
	}
	tags := []string{"go"}
	for range blog.MaxTags {
		for _, sort := range blog.PostSorts {
			for _, desc := range []bool{false, true} {
				f := blog.PostFilter{Status: blog.Published, Tags: tags, Order: blog.Order{Field: sort, Desc: desc}, Page: blog.Page{Number: 1, Limit: 2}}
				first, err := s.Posts().List(t.Context(), f)
				must(t, err)
				f.Page.After = first.Next
				rest, err := s.Posts().List(t.Context(), f)
				must(t, err)
				if len(first.Items) != 2 || len(rest.Items) != 1 {
					t.Fatalf("%d tags by %s: %d posts, then %d", len(tags), f.Order, len(first.Items), len(rest.Items))
				}
			}
		}
		tags = append(tags, fmt.Sprint("tag", len(tags)))
	}
	must(t, s.read(t.Context(), "test", readLimit, func(c *conn) error {
		if n := c.kept.recent.Len(); n != keptStatements || len(c.kept.places) != n {
			t.Errorf("%d statements are kept, in %d places, want %d", n, len(c.kept.places), keptStatements)
		}
		return nil
	}))
}
