package postgres

import (
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

type posts struct{ *Store }

// postColumns are the columns of a post p and its author u, but for the content.
const postColumns = `p.id, p.status, p.category, p.title, p.views, p.likes, p.comments,
	p.published, p.created, p.updated, p.revision, p.tags, p.cover, p.excerpt, ` + authorColumns

const fromPost = " FROM posts p JOIN users u ON u.id = p.author "

// getPost reads a post, without a content of more than $2 bytes, and how many these are.
const getPost = "SELECT " + postColumns + ", CASE WHEN octet_length(p.content) <= $2::bigint THEN p.content END, octet_length(p.content)" + fromPost + "WHERE p.id = $1"

// intoPost are the places for postColumns.
func intoPost(p *blog.Post) []any {
	return append([]any{intoID{&p.ID}, intoStatus{&p.Status}, intoText{&p.Category}, intoText{&p.Title}, intoInt{&p.ViewCount}, intoInt{&p.LikeCount}, intoInt{&p.CommentCount},
		intoTime{&p.PublishedAt}, intoTime{&p.CreatedAt}, intoTime{&p.UpdatedAt}, intoInt{&p.Revision}, &p.Tags, intoText{&p.CoverImage}, intoText{&p.Excerpt}},
		intoAuthor(&p.Author)...)
}

// Get implements blog.Posts.
func (p posts) Get(ctx context.Context, id blog.ID) (*blog.Post, error) {
	post, _, err := p.peek(ctx, "posts.get", id, math.MaxInt64)
	return post, err
}

// Peek implements blog.Posts.
func (p posts) Peek(ctx context.Context, id blog.ID, most int64) (*blog.Post, int64, error) {
	return p.peek(ctx, "posts.peek", id, most)
}

func (p posts) peek(ctx context.Context, operation string, id blog.ID, most int64) (*blog.Post, int64, error) {
	var post blog.Post
	var size int64
	err := p.read(ctx, operation, func(ctx context.Context, q querier) error {
		post = blog.Post{}
		into := append(intoPost(&post), intoText{&post.Content}, &size)
		found, err := one(ctx, q, getPost, []any{key(id), most}, into...)
		if err == nil && !found {
			err = blog.Fail(blog.CodePostNotFound)
		}
		if err != nil {
			return err
		}
		return relieve(ctx, q, int64(len(post.Content)))
	})
	if err != nil {
		return nil, 0, err
	}
	return &post, size, nil
}

// lockPost reads a post, which nobody else can change until the transaction ends.
// CodePostNotFound.
func lockPost(t *tx, id blog.ID) (*blog.Post, error) { return lockWith(t, id, "p.content") }

// lockBare is lockPost without the content.
func lockBare(t *tx, id blog.ID) (*blog.Post, error) { return lockWith(t, id, "''") }

func lockWith(t *tx, id blog.ID, content string) (*blog.Post, error) {
	var p blog.Post
	found, err := t.one("SELECT "+postColumns+", "+content+fromPost+"WHERE p.id = $1 FOR UPDATE OF p", []any{key(id)}, append(intoPost(&p), intoText{&p.Content})...)
	if err == nil && !found {
		err = blog.Fail(blog.CodePostNotFound)
	}
	if err == nil {
		err = relieve(t.ctx, t, int64(len(p.Content)))
	}
	return &p, err
}

// lockRef reads what permission needs of a post, which only comments and likes that are
// deleted elsewhere can refer to meanwhile.
func lockRef(t *tx, id blog.ID) (ref blog.PostRef, found bool, err error) {
	found, err = t.one("SELECT id, status, author FROM posts WHERE id = $1 FOR NO KEY UPDATE", []any{key(id)}, intoID{&ref.ID}, intoStatus{&ref.Status}, intoID{&ref.Author})
	return ref, found, err
}

// Create implements blog.Posts.
func (p posts) Create(ctx context.Context, post *blog.Post) error {
	var made blog.Post
	err := p.write(ctx, "posts.create", func(t *tx) (err error) {
		made, err = createPost(t, *post)
		return err
	})
	if err == nil {
		*post = made
	}
	return err
}

func createPost(t *tx, p blog.Post) (blog.Post, error) {
	author, found, err := holdUser(t, p.Author.ID)
	if err == nil && !found {
		err = blog.Fail(blog.CodeUserNotFound)
	}
	if err != nil {
		return p, err
	}
	if err := p.Created(author); err != nil {
		return p, err
	}
	batch := &pgx.Batch{}
	if err := queuePost(t, batch, &p); err != nil {
		return p, err
	}
	t.countPost(&p, 1)
	t.public = p.Status == blog.Published
	return p, t.SendBatch(t.ctx, batch).Close()
}

// queuePost writes a post with its tags and terms.
func queuePost(t *tx, batch *pgx.Batch, p *blog.Post) error {
	content, err := t.text("content", p.Content, "$14")
	if err != nil {
		return err
	}
	batch.Queue(`INSERT INTO posts (id, status, author, category, title, views, published, created, updated, revision, tags, cover, excerpt, content)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, `+content.sql+`)`,
		append([]any{key(p.ID), p.Status.Number(), key(p.Author.ID), p.Category, p.Title, p.ViewCount,
			blog.Millis(p.PublishedAt), blog.Millis(p.CreatedAt), blog.Millis(p.UpdatedAt), p.Revision, texts(p.Tags), p.CoverImage, p.Excerpt}, content.args...)...)
	queueTags(batch, p)
	return queueTerms(t, batch, p)
}

// texts is a list as an argument: never NULL.
func texts(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func queueTags(batch *pgx.Batch, p *blog.Post) {
	if len(p.Tags) > 0 {
		batch.Queue("INSERT INTO post_tags (tag, status, published, post, author, category) SELECT tag, $2, $3, $4, $5, $6 FROM unnest($1::text[]) tag",
			p.Tags, p.Status.Number(), blog.Millis(p.PublishedAt), key(p.ID), key(p.Author.ID), p.Category)
	}
}

// queueTerms writes what a search reads of a post.
func queueTerms(t *tx, batch *pgx.Batch, p *blog.Post) error {
	terms, plain, err := t.index(p, "$8", "$2")
	if err != nil {
		return err
	}
	batch.Queue(`INSERT INTO post_terms (post, status, author, category, published, tags, title_terms, terms)
		VALUES ($1, $2, $3, $4, $5, $6, $7, `+terms.sql+`)
		ON CONFLICT (post) DO UPDATE SET status = excluded.status, category = excluded.category, published = excluded.published, tags = excluded.tags,
		title_terms = excluded.title_terms, terms = excluded.terms`,
		append([]any{key(p.ID), p.Status.Number(), key(p.Author.ID), p.Category, blog.Millis(p.PublishedAt), texts(p.Tags), " " + blog.Terms(p.Title) + " "}, terms.args...)...)
	batch.Queue("INSERT INTO post_texts (post, plain) VALUES ($1, "+plain.sql+") ON CONFLICT (post) DO UPDATE SET plain = excluded.plain",
		append([]any{key(p.ID)}, plain.args...)...)
	return nil
}

// Update implements blog.Posts.
func (p posts) Update(ctx context.Context, id blog.ID, change func(*blog.Post) error) (*blog.Post, error) {
	var post *blog.Post
	err := p.write(ctx, "posts.update", func(t *tx) (err error) {
		post, err = updatePost(t, id, change)
		return err
	})
	if err != nil {
		return nil, err
	}
	return post, nil
}

func updatePost(t *tx, id blog.ID, change func(*blog.Post) error) (*blog.Post, error) {
	old, err := lockPost(t, id)
	if err != nil {
		return nil, err
	}
	p := *old
	p.Tags = slices.Clone(old.Tags)
	if err := own(change(&p)); err != nil {
		return nil, err
	}
	if err := p.Updated(old); err != nil {
		return nil, err
	}
	t.public = old.Status == blog.Published || p.Status == blog.Published
	return &p, rewrite(t, old, &p)
}

func rewrite(t *tx, old, p *blog.Post) error {
	batch := &pgx.Batch{}
	content, reworded := argument{sql: "content"}, old.Content != p.Content // as it is
	old.Content = ""                                                        // one of the two is enough in memory
	if reworded {
		var err error
		if content, err = t.text("content", p.Content, "$11"); err != nil {
			return err
		}
	}
	batch.Queue(`UPDATE posts SET status = $2, category = $3, title = $4, published = $5, updated = $6, revision = $7,
		tags = $8, cover = $9, excerpt = $10, content = `+content.sql+` WHERE id = $1`,
		append([]any{key(p.ID), p.Status.Number(), p.Category, p.Title, blog.Millis(p.PublishedAt), blog.Millis(p.UpdatedAt), p.Revision,
			texts(p.Tags), p.CoverImage, p.Excerpt}, content.args...)...)
	filed := old.Status == p.Status && old.Category == p.Category && old.PublishedAt.Equal(p.PublishedAt) && slices.Equal(old.Tags, p.Tags)
	if !filed {
		batch.Queue("DELETE FROM post_tags WHERE post = $1", key(p.ID))
		queueTags(batch, p)
		t.countPost(old, -1)
		t.countPost(p, 1)
		t.addSums(old.Status, -old.ViewCount, -old.LikeCount)
		t.addSums(p.Status, p.ViewCount, p.LikeCount)
	}
	switch {
	case old.Title != p.Title || reworded:
		if err := queueTerms(t, batch, p); err != nil {
			return err
		}
	case !filed:
		batch.Queue("UPDATE post_terms SET status = $2, category = $3, published = $4, tags = $5 WHERE post = $1",
			key(p.ID), p.Status.Number(), p.Category, blog.Millis(p.PublishedAt), texts(p.Tags))
	}
	return t.SendBatch(t.ctx, batch).Close()
}

// Delete implements blog.Posts.
func (p posts) Delete(ctx context.Context, id blog.ID, check func(blog.PostRef) error) error {
	return p.write(ctx, "posts.delete", func(t *tx) error {
		post, err := lockBare(t, id)
		if err != nil {
			return err
		}
		if err := own(check(post.Ref())); err != nil {
			return err
		}
		t.public = post.Status == blog.Published
		return deletePost(t, post)
	})
}

// deletePost removes a locked post and all that hangs on it; tags, terms, likes and the
// notes of imports go by themselves.
func deletePost(t *tx, p *blog.Post) error {
	t.countPost(p, -1)
	t.addSums(p.Status, -p.ViewCount, -p.LikeCount)
	batch := &pgx.Batch{}
	batch.Queue("DELETE FROM comments WHERE post = $1", key(p.ID))
	batch.Queue("DELETE FROM posts WHERE id = $1", key(p.ID))
	return t.SendBatch(t.ctx, batch).Close()
}
