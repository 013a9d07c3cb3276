package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

type comments struct{ *Store }

// commentColumns are what scans of a comment read of comments c and its author u. In an
// outer join's row without a comment all are NULL, which is no boolean for Go.
const commentColumns = "c.id, c.post, c.parent, c.deleted IS TRUE, c.created, c.updated, c.content, " + authorColumns

// intoComment are the places for commentColumns.
func intoComment(m *blog.Comment) []any {
	return append([]any{intoID{&m.ID}, intoID{&m.Post}, intoID{&m.Parent}, &m.Deleted, intoTime{&m.CreatedAt}, intoTime{&m.UpdatedAt}, intoText{&m.Content}},
		intoAuthor(&m.Author)...)
}

// Create implements blog.Comments.
func (r comments) Create(ctx context.Context, m *blog.Comment, check func(blog.PostRef) error) error {
	var made blog.Comment
	err := r.write(ctx, "comments.create", func(t *tx) error {
		made = *m
		return createComment(t, &made, check)
	})
	if err == nil {
		*m = made
	}
	return err
}

func createComment(t *tx, m *blog.Comment, check func(blog.PostRef) error) error {
	author, isUser, err := holdUser(t, m.Author.ID)
	if err != nil {
		return err
	}
	ref, isPost, err := lockRef(t, m.Post)
	switch {
	case err != nil:
		return err
	case !isPost:
		return blog.Fail(blog.CodePostNotFound)
	case !isUser:
		return blog.Fail(blog.CodeUserNotFound)
	}
	if err := own(check(ref)); err != nil {
		return err
	}
	if err := checkParent(t, m); err != nil {
		return err
	}
	m.Created(author)
	t.public = ref.Status == blog.Published
	return insertComment(t, m)
}

// checkParent refuses a parent that is no living comment of the post: CodeInvalid with RuleParent.
func checkParent(t *tx, m *blog.Comment) error {
	if m.Parent.IsZero() {
		return nil
	}
	var living bool
	_, err := t.one("SELECT EXISTS (SELECT 1 FROM comments WHERE id = $1 AND post = $2 AND NOT deleted)", []any{key(m.Parent), key(m.Post)}, &living)
	if err == nil && !living {
		err = blog.Invalid("parent", blog.RuleParent)
	}
	return err
}

func insertComment(t *tx, m *blog.Comment) error {
	_, err := t.exec(`WITH made AS (INSERT INTO comments (id, post, author, parent, deleted, created, updated, content)
		VALUES ($1, $2, $3, $4, false, $5, $6, $7))
		UPDATE posts SET comments = comments + 1, remarks = remarks + 1 WHERE id = $2`,
		key(m.ID), key(m.Post), key(m.Author.ID), keyOrNull(m.Parent), blog.Millis(m.CreatedAt), blog.Millis(m.UpdatedAt), m.Content)
	return err
}

// Get implements blog.Comments.
func (r comments) Get(ctx context.Context, id blog.ID) (*blog.Comment, blog.PostRef, error) {
	var m blog.Comment
	var ref blog.PostRef
	err := r.read(ctx, "comments.get", func(ctx context.Context, q querier) error {
		found, err := one(ctx, q, "SELECT p.id, p.status, p.author, "+commentColumns+
			" FROM comments c JOIN posts p ON p.id = c.post LEFT JOIN users u ON u.id = c.author WHERE c.id = $1",
			[]any{key(id)}, append([]any{intoID{&ref.ID}, intoStatus{&ref.Status}, intoID{&ref.Author}}, intoComment(&m)...)...)
		if err == nil && !found {
			err = blog.Fail(blog.CodeCommentNotFound)
		}
		return err
	})
	if err != nil {
		return nil, blog.PostRef{}, err
	}
	return &m, ref, nil
}

// List implements blog.Comments. Items and total come from one statement, so they agree;
// past the last page the total comes alone, and no comment is read.
func (r comments) List(ctx context.Context, f blog.CommentFilter) (list blog.Listed[*blog.Comment], err error) {
	comments := selectComments(f)
	err = r.read(ctx, "comments.list", func(ctx context.Context, q querier) error {
		list = blog.Listed[*blog.Comment]{}
		return each(ctx, q, comments.String(), comments.args, func(r pgx.Rows) error {
			var m blog.Comment
			err := r.Scan(append([]any{&list.Total}, intoComment(&m)...)...)
			if !m.ID.IsZero() {
				list.Items = append(list.Items, &m)
			}
			return err
		})
	})
	list.Cut(f.Page.Limit, f.Cursor)
	return list, err
}

func selectComments(f blog.CommentFilter) *query {
	q, order, before := &query{}, direction(f.Order), f.Page.Offset()
	q.add("SELECT p.remarks, ", commentColumns, " FROM posts p LEFT JOIN LATERAL (SELECT c.id, c.post, c.author, c.parent, c.deleted, c.created, c.updated, c.content FROM comments c WHERE c.post = p.id AND p.remarks > ", q.arg(before))
	if after := f.Page.After; after != nil {
		op := " > "
		if f.Order.Desc {
			op = " < "
		}
		q.add(" AND (c.created, c.id)", op, "(", q.arg(after.Int), ", ", q.arg(key(after.ID)), ")")
	}
	q.add(" ORDER BY c.created", order, ", c.id", order, " LIMIT ", q.arg(f.Page.Limit+1), " OFFSET ", q.arg(before),
		") AS c ON true LEFT JOIN users u ON u.id = c.author WHERE p.id = ", q.arg(key(f.Post)), " ORDER BY c.created", order, ", c.id", order)
	return q
}

// lockLiving locks the post of a living comment, and so all comments under it, and reads
// the comment. CodeCommentNotFound.
func lockLiving(t *tx, id blog.ID) (m blog.Comment, ref blog.PostRef, err error) {
	var post blog.ID
	found, err := t.one("SELECT post FROM comments WHERE id = $1", []any{key(id)}, intoID{&post})
	if err == nil && found {
		ref, found, err = lockRef(t, post)
	}
	if err == nil && found {
		found, err = t.one("SELECT "+commentColumns+" FROM comments c JOIN users u ON u.id = c.author WHERE c.id = $1 AND NOT c.deleted",
			[]any{key(id)}, intoComment(&m)...)
	}
	if err == nil && !found {
		err = blog.Fail(blog.CodeCommentNotFound)
	}
	return m, ref, err
}

// Update implements blog.Comments.
func (r comments) Update(ctx context.Context, id blog.ID, change func(*blog.Comment, blog.PostRef) error) (*blog.Comment, error) {
	var m blog.Comment
	err := r.write(ctx, "comments.update", func(t *tx) (err error) {
		var ref blog.PostRef
		if m, ref, err = lockLiving(t, id); err != nil {
			return err
		}
		changed := m
		if err := own(change(&changed, ref)); err != nil {
			return err
		}
		m.Content, m.UpdatedAt = changed.Content, blog.ToMillisecond(changed.UpdatedAt)
		t.public = ref.Status == blog.Published
		_, err = t.exec("UPDATE comments SET content = $2, updated = $3 WHERE id = $1", key(id), m.Content, blog.Millis(m.UpdatedAt))
		return err
	})
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// Delete implements blog.Comments.
func (r comments) Delete(ctx context.Context, id blog.ID, check func(*blog.Comment, blog.PostRef) error) error {
	return r.write(ctx, "comments.delete", func(t *tx) error {
		m, ref, err := lockLiving(t, id)
		if err != nil {
			return err
		}
		if err := own(check(&m, ref)); err != nil {
			return err
		}
		t.public = ref.Status == blog.Published
		posts := map[blog.ID]lost{}
		if err := deleteComments(t, "id", id, posts); err != nil {
			return err
		}
		return countLost(t, posts)
	})
}

// lost is what a post loses: living comments, rows of comments, likes.
type lost struct{ living, rows, likes int64 }

// deleteComments makes shells of the living comments whose column has that value, and
// removes the shells that nobody needs. Their posts are locked, and lose them by countLost.
func deleteComments(t *tx, column string, value blog.ID, posts map[blog.ID]lost) error {
	var shells []blog.ID
	err := each(t.ctx, t, "UPDATE comments SET deleted = true, author = NULL, content = '' WHERE "+column+" = $1 RETURNING id, post",
		[]any{key(value)}, func(r pgx.Rows) error {
			var id, post blog.ID
			err := r.Scan(intoID{&id}, intoID{&post})
			n := posts[post]
			n.living++
			shells, posts[post] = append(shells, id), n
			return err
		})
	for err == nil && len(shells) > 0 {
		shells, err = removeShells(t, shells, posts)
	}
	return err
}

// removeShells removes those of the shells that have no replies, and returns what is
// above them, which may have none now. A living comment there stays.
func removeShells(t *tx, shells []blog.ID, posts map[blog.ID]lost) (above []blog.ID, err error) {
	err = each(t.ctx, t, `DELETE FROM comments c WHERE c.id = ANY ($1) AND c.deleted
		AND NOT EXISTS (SELECT 1 FROM comments reply WHERE reply.parent = c.id) RETURNING c.parent, c.post`,
		[]any{keys(shells)}, func(r pgx.Rows) error {
			var parent, post blog.ID
			err := r.Scan(intoID{&parent}, intoID{&post})
			if !parent.IsZero() {
				above = append(above, parent)
			}
			n := posts[post]
			n.rows++
			posts[post] = n
			return err
		})
	return above, err
}

// countLost changes the counts of locked posts, all of a post's at once: a row that is
// changed a second time in a transaction has its foreign keys checked, which would lock
// the authors, after the posts.
func countLost(t *tx, posts map[blog.ID]lost) error {
	if len(posts) == 0 {
		return nil
	}
	var ids []blog.ID
	var living, rows, likes []int64
	for id, n := range posts {
		ids, living, rows, likes = append(ids, id), append(living, n.living), append(rows, n.rows), append(likes, n.likes)
	}
	return each(t.ctx, t, `UPDATE posts p SET comments = p.comments - l.living, remarks = p.remarks - l.rows, likes = p.likes - l.likes
		FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[]) AS l (id, living, rows, likes) WHERE p.id = l.id RETURNING p.status, l.likes`,
		[]any{keys(ids), living, rows, likes}, func(r pgx.Rows) error {
			var status blog.Status
			var n int64
			err := r.Scan(intoStatus{&status}, &n)
			t.addSums(status, 0, -n)
			return err
		})
}

// keys are ids as one argument.
func keys(ids []blog.ID) [][]byte {
	all := make([][]byte, len(ids))
	for i := range ids {
		all[i] = key(ids[i])
	}
	return all
}
