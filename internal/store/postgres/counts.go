package postgres

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// countPost adds n to every counter that the post belongs to: its author or any, its
// category or any, each of its tags or any.
func (t *tx) countPost(p *blog.Post, n int64) {
	for _, author := range []blog.ID{{}, p.Author.ID} {
		for _, category := range []string{"", p.Category} {
			for _, tag := range append([]string{""}, p.Tags...) {
				t.counts[countKey{p.Status.Number(), author, category, tag}] += n
			}
		}
	}
}

// addSums adds to the sums of views and likes of a status.
func (t *tx) addSums(status blog.Status, views, likes int64) {
	s := t.sums[status.Number()]
	t.sums[status.Number()] = sums{s.views + views, s.likes + likes}
}

// finish writes what waits, in the order in which all transactions take these locks.
func (t *tx) finish() error {
	batch := &pgx.Batch{}
	t.queueCounts(batch)
	for _, status := range statuses(0) {
		if s := t.sums[int(status)]; s != (sums{}) {
			batch.Queue("UPDATE post_sums SET views = views + $2, likes = likes + $3 WHERE status = $1", status, s.views, s.likes)
		}
	}
	if t.public {
		batch.Queue("UPDATE generation SET value = value + 1 WHERE stripe = pg_backend_pid() % 16")
	}
	if batch.Len() == 0 {
		return nil
	}
	return t.SendBatch(t.ctx, batch).Close()
}

func (t *tx) queueCounts(batch *pgx.Batch) {
	var keys []countKey
	for k, n := range t.counts {
		if n != 0 {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return
	}
	slices.SortFunc(keys, func(a, b countKey) int {
		return cmp.Or(cmp.Compare(a.status, b.status), bytes.Compare(a.author[:], b.author[:]), strings.Compare(a.category, b.category), strings.Compare(a.tag, b.tag))
	})
	statuses, authors, categories, tags, ns := make([]int16, len(keys)), make([][]byte, len(keys)), make([]string, len(keys)), make([]string, len(keys)), make([]int64, len(keys))
	for i, k := range keys {
		statuses[i], authors[i], categories[i], tags[i], ns[i] = int16(k.status), anyOrKey(k.author), k.category, k.tag, t.counts[k]
	}
	batch.Queue(`INSERT INTO post_counts (status, author, category, tag, n)
		SELECT * FROM unnest($1::smallint[], $2::bytea[], $3::text[], $4::text[], $5::bigint[])
		ON CONFLICT (status, author, category, tag) DO UPDATE SET n = post_counts.n + excluded.n`, statuses, authors, categories, tags, ns)
	if slices.Min(ns) < 0 {
		batch.Queue(`DELETE FROM post_counts c USING unnest($1::smallint[], $2::bytea[], $3::text[], $4::text[]) AS k (status, author, category, tag)
			WHERE (c.status, c.author, c.category, c.tag) = (k.status, k.author, k.category, k.tag) AND c.n = 0`, statuses, authors, categories, tags)
	}
}

// anyOrKey is the key of an author in the counters: empty for any.
func anyOrKey(id blog.ID) []byte {
	if id.IsZero() {
		return []byte{}
	}
	return id[:]
}

// statuses are the numbers of the status, or of all for 0.
func statuses(status int) (all []int16) {
	if status != 0 {
		return []int16{int16(status)}
	}
	for _, s := range blog.Statuses {
		all = append(all, int16(s.Number()))
	}
	return all
}

// Tags implements blog.Posts.
func (p posts) Tags(ctx context.Context, limit int) (tags []blog.TagCount, err error) {
	err = p.read(ctx, "posts.tags", func(ctx context.Context, q querier) error {
		tags = nil
		return each(ctx, q, `SELECT tag, n FROM post_counts
			WHERE status = 2 AND author = '' AND category = '' AND tag > '' ORDER BY n DESC, tag LIMIT $1`, []any{limit},
			func(r pgx.Rows) error {
				var t blog.TagCount
				err := r.Scan(&t.Name, &t.Count)
				tags = append(tags, t)
				return err
			})
	})
	return tags, err
}

// Stats implements blog.Posts.
func (p posts) Stats(ctx context.Context) (st blog.Stats, err error) {
	err = p.view(ctx, "posts.stats", func(ctx context.Context, q querier) error {
		st = blog.Stats{}
		err := each(ctx, q, `SELECT s.status, c.n, s.views, s.likes FROM post_sums s
			JOIN post_counts c ON c.status = s.status AND c.author = '' AND c.category = '' AND c.tag = '' AND c.n > 0`, nil,
			func(r pgx.Rows) error {
				var one blog.StatusStats
				err := r.Scan(intoStatus{&one.Status}, &one.Count, &one.TotalViews, &one.TotalLikes)
				st.Statuses = append(st.Statuses, one)
				return err
			})
		if err != nil {
			return err
		}
		slices.SortFunc(st.Statuses, func(a, b blog.StatusStats) int { return cmp.Compare(a.Status, b.Status) })
		return each(ctx, q, `SELECT category, n FROM post_counts
			WHERE status = 2 AND author = '' AND category > '' AND tag = '' ORDER BY category`, nil,
			func(r pgx.Rows) error {
				var c blog.CategoryCount
				err := r.Scan(&c.Category, &c.Count)
				st.Categories = append(st.Categories, c)
				return err
			})
	})
	return st, err
}
