package sqlite

import (
	"context"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// addCounts adds n to every counter that the post belongs to: its author or any,
// its category or any, each of its tags or any.
func addCounts(c *conn, p *postRow, n int) error {
	for _, author := range []int64{0, p.author} {
		for _, category := range []string{"", p.Category} {
			for _, tag := range append([]string{""}, p.Tags...) {
				if err := addCount(c, p.Status.Number(), author, category, tag, n); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func addCount(c *conn, status int, author int64, category, tag string, n int) error {
	err := c.exec(`INSERT INTO post_counts (status, author, category, tag, n) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (status, author, category, tag) DO UPDATE SET n = n + excluded.n`, status, author, category, tag, n)
	if err != nil || n > 0 {
		return err
	}
	return c.exec("DELETE FROM post_counts WHERE status = +? AND author = +? AND category = +? AND tag = +? AND n = 0", status, author, category, tag)
}

// addSums adds to the sums of views and likes of a status.
func addSums(c *conn, status blog.Status, views, likes int64) error {
	if views == 0 && likes == 0 {
		return nil
	}
	return c.exec("UPDATE post_sums SET views = views + ?, likes = likes + ? WHERE status = ?", views, likes, status.Number())
}

// countPosts returns how many posts have the status (0: any), author (0: any),
// category and tag ("": any), from the counters.
func countPosts(c *conn, status int, author int64, category, tag string) (total int64, err error) {
	for _, one := range statuses(status) {
		n, err := c.number("SELECT n FROM post_counts WHERE status = +? AND author = +? AND category = +? AND tag = +?", one, author, category, tag)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// statuses are the numbers of the status, or of all for 0.
func statuses(status int) (all []int) {
	if status != 0 {
		return []int{status}
	}
	for _, s := range blog.Statuses {
		all = append(all, s.Number())
	}
	return all
}

// Tags implements blog.Posts.
func (p posts) Tags(ctx context.Context, limit int) (tags []blog.TagCount, err error) {
	err = p.read(ctx, "posts.tags", readLimit, func(c *conn) error {
		return c.each(`SELECT tag, n FROM post_counts
			WHERE status = 2 AND author = 0 AND category = '' AND tag > '' ORDER BY n DESC, tag LIMIT +?`,
			func(s *sqlite.Stmt) error {
				tags = append(tags, blog.TagCount{Name: s.ColumnText(0), Count: s.ColumnInt64(1)})
				return nil
			}, limit)
	})
	return tags, err
}

// Stats implements blog.Posts.
func (p posts) Stats(ctx context.Context) (st blog.Stats, err error) {
	err = p.view(ctx, "posts.stats", readLimit, func(c *conn) error {
		for _, status := range []blog.Status{blog.Archived, blog.Draft, blog.Published} { // in the order of their names
			one, err := statusStats(c, status)
			if err != nil {
				return err
			}
			if one.Count > 0 {
				st.Statuses = append(st.Statuses, one)
			}
		}
		return c.each(`SELECT category, n FROM post_counts
			WHERE status = 2 AND author = 0 AND category > '' AND tag = '' ORDER BY category`,
			func(s *sqlite.Stmt) error {
				st.Categories = append(st.Categories, blog.CategoryCount{Category: s.ColumnText(0), Count: s.ColumnInt64(1)})
				return nil
			})
	})
	return st, err
}

func statusStats(c *conn, status blog.Status) (st blog.StatusStats, err error) {
	st.Status = status
	if st.Count, err = countPosts(c, status.Number(), 0, "", ""); err != nil {
		return st, err
	}
	_, err = c.one("SELECT views, likes FROM post_sums WHERE status = ?", func(s *sqlite.Stmt) error {
		st.TotalViews, st.TotalLikes = s.ColumnInt64(0), s.ColumnInt64(1)
		return nil
	}, status.Number())
	return st, err
}
