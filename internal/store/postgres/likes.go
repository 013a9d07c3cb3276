package postgres

import (
	"bytes"
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// Liked implements blog.Posts.
func (p posts) Liked(ctx context.Context, id, user blog.ID) (liked bool, err error) {
	err = p.read(ctx, "posts.liked", func(ctx context.Context, q querier) error {
		return q.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM likes WHERE post = $1 AND member = $2)", key(id), key(user)).Scan(&liked)
	})
	return liked, err
}

// SetLike implements blog.Posts.
func (p posts) SetLike(ctx context.Context, id, user blog.ID, like bool, check func(blog.PostRef) error) (count int64, err error) {
	err = p.write(ctx, "posts.setlike", func(t *tx) error {
		_, known, err := holdUser(t, user)
		if err != nil {
			return err
		}
		ref, found, err := lockRef(t, id)
		switch {
		case err != nil:
			return err
		case !found:
			return blog.Fail(blog.CodePostNotFound)
		case !known:
			return blog.Fail(blog.CodeUserNotFound)
		}
		if err := own(check(ref)); err != nil {
			return err
		}
		count, err = setLike(t, ref, user, like)
		return err
	})
	return count, err
}

func setLike(t *tx, ref blog.PostRef, user blog.ID, like bool) (count int64, err error) {
	query, n := "DELETE FROM likes WHERE post = $1 AND member = $2", int64(-1)
	if like {
		query, n = "INSERT INTO likes (post, member) VALUES ($1, $2) ON CONFLICT DO NOTHING", 1
	}
	changed, err := t.exec(query, key(ref.ID), key(user))
	if err != nil {
		return 0, err
	}
	if changed == 0 {
		_, err = t.one("SELECT likes FROM posts WHERE id = $1", []any{key(ref.ID)}, &count)
		return count, err
	}
	t.addSums(ref.Status, 0, n)
	t.public = ref.Status == blog.Published
	_, err = t.one("UPDATE posts SET likes = likes + $2 WHERE id = $1 RETURNING likes", []any{key(ref.ID), n}, &count)
	return count, err
}

// AddViews implements blog.Posts.
func (p posts) AddViews(ctx context.Context, views map[blog.ID]int64) error {
	var ids [][]byte
	var numbers []int64
	for id, n := range views {
		if n != 0 {
			ids = append(ids, key(id))
		}
	}
	slices.SortFunc(ids, bytes.Compare)
	for _, id := range ids {
		numbers = append(numbers, views[blog.ID(id)])
	}
	if len(ids) == 0 {
		return ctx.Err()
	}
	return p.write(ctx, "posts.addviews", func(t *tx) error { return addViews(t, ids, numbers) })
}

// addViews locks the posts in the order of their ids before it changes one.
func addViews(t *tx, ids [][]byte, numbers []int64) error {
	var added []int64
	var statuses []blog.Status
	err := each(t.ctx, t, `WITH locked AS MATERIALIZED (
			SELECT id FROM posts WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE
		)
		UPDATE posts p SET views = p.views + v.n FROM locked l JOIN unnest($1::bytea[], $2::bigint[]) AS v (id, n) ON v.id = l.id
		WHERE p.id = l.id RETURNING p.status, v.n`, []any{ids, numbers}, func(r pgx.Rows) error {
		var status blog.Status
		var n int64
		err := r.Scan(intoStatus{&status}, &n)
		statuses, added = append(statuses, status), append(added, n)
		return err
	})
	for i, status := range statuses {
		t.addSums(status, added[i], 0)
		t.public = t.public || status == blog.Published
	}
	return err
}
