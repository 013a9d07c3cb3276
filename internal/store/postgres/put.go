package postgres

import (
	"cmp"
	"slices"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// The functions here add records of one kind that are not there.

func putUsers(t *tx, records []blog.Record) error {
	if err := checkAllTaken(t, records); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	groups := map[userGroup]int{}
	for _, r := range records {
		u := r.(*blog.User)
		batch.Queue(insertUser, userValues(u)...)
		groups[userGroup{u.Role, u.Active}]++
	}
	if err := t.SendBatch(t.ctx, batch).Close(); err != nil {
		return err
	}
	return countUsers(t, groups)
}

// checkAllTaken is checkTaken for users who are not there.
func checkAllTaken(t *tx, records []blog.Record) error {
	var addresses, names []string
	for _, r := range records {
		u := r.(*blog.User)
		addresses, names = append(addresses, u.Email), append(names, blog.Fold(u.Username))
	}
	taken := map[string]blog.Code{}
	err := each(t.ctx, t, "SELECT email, folded FROM users WHERE email = ANY ($1) OR folded = ANY ($2)", []any{addresses, names}, func(r pgx.Rows) error {
		var email, folded string
		err := r.Scan(&email, &folded)
		taken["address "+email], taken["name "+folded] = blog.CodeEmailTaken, blog.CodeUsernameTaken
		return err
	})
	if err != nil {
		return err
	}
	for i, r := range records {
		if code := cmp.Or(taken["address "+addresses[i]], taken["name "+names[i]]); code != "" {
			return &blog.RecordError{Record: r, Err: blog.Fail(code)}
		}
	}
	return nil
}

func putRevoked(t *tx, records []blog.Record) error {
	if err := holdUsers(t, records, func(r *blog.RevokedToken) blog.ID { return r.User }); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	for _, r := range records {
		r := r.(*blog.RevokedToken)
		batch.Queue("INSERT INTO revoked (owner, token, until) VALUES ($1, $2, $3)", key(r.User), r.Token, blog.Millis(r.Until))
	}
	return t.SendBatch(t.ctx, batch).Close()
}

func putPosts(t *tx, records []blog.Record) error {
	if err := holdUsers(t, records, func(p *blog.Post) blog.ID { return p.Author.ID }); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	for _, r := range records {
		p := *r.(*blog.Post)
		if err := checkPublished(p.PublishedAt); err != nil {
			return &blog.RecordError{Record: r, Err: err}
		}
		if err := queuePost(t, batch, &p); err != nil {
			return err
		}
		t.countPost(&p, 1)
		t.addSums(p.Status, p.ViewCount, 0)
		if len(p.Content) < large {
			continue
		}
		batch.Queue("TRUNCATE staged") // the next one goes there under the same names
		if err := t.SendBatch(t.ctx, batch).Close(); err != nil {
			return err
		}
		batch = &pgx.Batch{}
	}
	if batch.Len() == 0 {
		return nil
	}
	return t.SendBatch(t.ctx, batch).Close()
}

func putLikes(t *tx, records []blog.Record) error {
	if err := holdUsers(t, records, func(l *blog.Like) blog.ID { return l.User }); err != nil {
		return err
	}
	if err := lockPosts(t, records, func(l *blog.Like) blog.ID { return l.Post }); err != nil {
		return err
	}
	posts := map[blog.ID]lost{}
	var liked, users []blog.ID
	for _, r := range records {
		l := r.(*blog.Like)
		liked, users = append(liked, l.Post), append(users, l.User)
		posts[l.Post] = lost{likes: posts[l.Post].likes - 1}
	}
	if _, err := t.exec("INSERT INTO likes (post, member) SELECT * FROM unnest($1::bytea[], $2::bytea[])", keys(liked), keys(users)); err != nil {
		return err
	}
	return countLost(t, posts)
}

func putComments(t *tx, records []blog.Record) error {
	shell := func(r blog.Record) bool { return r.(*blog.Comment).Deleted }
	if err := holdUsers(t, without(records, shell), func(c *blog.Comment) blog.ID { return c.Author.ID }); err != nil {
		return err
	}
	if err := lockPosts(t, records, func(c *blog.Comment) blog.ID { return c.Post }); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	posts := map[blog.ID]lost{}
	for _, r := range records {
		c := r.(*blog.Comment)
		n := posts[c.Post]
		n.rows--
		if !c.Deleted {
			n.living--
		}
		posts[c.Post] = n
		batch.Queue("INSERT INTO comments (id, post, author, deleted, created, updated, content) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			key(c.ID), key(c.Post), keyOrNull(c.Author.ID), c.Deleted, blog.Millis(c.CreatedAt), blog.Millis(c.UpdatedAt), c.Content)
	}
	if err := t.SendBatch(t.ctx, batch).Close(); err != nil {
		return err
	}
	return countLost(t, posts)
}

// putReplies locks the posts of the comments first, and so all comments under them.
func putReplies(t *tx, records []blog.Record) error {
	err := hold(t, records, func(r *blog.Reply) blog.ID { return r.Comment }, `WITH posts AS MATERIALIZED
		(SELECT id FROM posts WHERE id IN (SELECT post FROM comments WHERE id = ANY ($1)) ORDER BY id FOR NO KEY UPDATE)
		SELECT c.id FROM comments c JOIN posts p ON p.id = c.post WHERE c.id = ANY ($1)`, blog.CodeCommentNotFound)
	if err != nil {
		return err
	}
	parent := func(r *blog.Reply) blog.ID { return r.Parent }
	if err := hold(t, records, parent, "SELECT id FROM comments WHERE id = ANY ($1)", blog.CodeCommentNotFound); err != nil {
		return err
	}
	var comments, parents []blog.ID
	for _, r := range records {
		comments, parents = append(comments, r.(*blog.Reply).Comment), append(parents, parent(r.(*blog.Reply)))
	}
	if err := expectOnePost(t, records, comments, parents); err != nil {
		return err
	}
	_, err = t.exec(`UPDATE comments c SET parent = r.parent FROM unnest($1::bytea[], $2::bytea[]) AS r (id, parent) WHERE c.id = r.id`,
		keys(comments), keys(parents))
	return err
}

// expectOnePost refuses a reply to a comment of another post.
func expectOnePost(t *tx, records []blog.Record, comments, parents []blog.ID) error {
	var astray blog.ID
	found, err := t.one(`SELECT c.id FROM unnest($1::bytea[], $2::bytea[]) AS r (id, parent)
		JOIN comments c ON c.id = r.id JOIN comments p ON p.id = r.parent WHERE c.post <> p.post LIMIT 1`,
		[]any{keys(comments), keys(parents)}, intoID{&astray})
	if err != nil || !found {
		return err
	}
	return &blog.RecordError{Record: records[slices.Index(comments, astray)], Err: blog.Invalid("parent", blog.RuleParent)}
}

// without leaves out some of the records.
func without(records []blog.Record, some func(blog.Record) bool) []blog.Record {
	return slices.DeleteFunc(slices.Clone(records), some)
}

// putUploads locks the owners for the change of their sums.
func putUploads(t *tx, records []blog.Record) error {
	ownerless := func(r blog.Record) bool { return r.(*blog.Upload).Owner.IsZero() }
	err := hold(t, without(records, ownerless), func(u *blog.Upload) blog.ID { return u.Owner },
		"SELECT id FROM users WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE", blog.CodeUserNotFound)
	if err != nil {
		return err
	}
	batch := &pgx.Batch{}
	for _, r := range records {
		u := r.(*blog.Upload)
		batch.Queue("INSERT INTO uploads (owner, filename, field, original, size, created) VALUES ($1, $2, $3, $4, $5, $6)",
			keyOrNull(u.Owner), u.Filename, u.Field, u.OriginalName, u.Size, blog.Millis(u.CreatedAt))
		if !ownerless(r) {
			batch.Queue("UPDATE users SET uploads = uploads + 1, upload_bytes = upload_bytes + $2 WHERE id = $1", key(u.Owner), u.Size)
		}
	}
	return t.SendBatch(t.ctx, batch).Close()
}

func putSources(t *tx, records []blog.Record) error {
	if err := holdUsers(t, records, func(s *blog.Source) blog.ID { return s.Author }); err != nil {
		return err
	}
	if err := lockPosts(t, records, func(s *blog.Source) blog.ID { return s.Post }); err != nil {
		return err
	}
	batch := &pgx.Batch{}
	for _, r := range records {
		s := r.(*blog.Source)
		batch.Queue("INSERT INTO sources (author, name, path, post, digest) VALUES ($1, $2, $3, $4, $5)",
			key(s.Author), nameOf(s.Path), s.Path, key(s.Post), s.Digest)
	}
	return t.SendBatch(t.ctx, batch).Close()
}
