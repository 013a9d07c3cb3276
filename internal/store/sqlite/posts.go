package sqlite

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

type posts struct{ *Store }

// postRow is a post with the keys it has in the file.
type postRow struct {
	blog.Post
	key    int64
	rank   int64
	author int64
}

// The columns of a post, and of one whose content stays behind if it has more
// bytes than the first parameter says, with how many it has.
const allOfPost = `p.key, p.rank, p.author, p.id, p.status, p.category, p.title, p.views, p.likes, p.comments,
	p.published, p.created, p.updated, p.revision, p.tags, p.cover, p.excerpt, p.content,
	u.id, u.username, u.avatar, u.first_name, u.last_name, u.bio, u.website, u.location`

const fromPosts = "posts p CROSS JOIN users u ON u.key = p.author"

const selectPost = "SELECT " + allOfPost + " FROM " + fromPosts + " "

const contentColumn = 17

const sizeColumn = 26

var selectPeeked = strings.NewReplacer("p.content", "CASE WHEN octet_length(p.content) <= ? THEN p.content END",
	"u.location", "u.location, octet_length(p.content)").Replace(selectPost)

func scanPost(s *sqlite.Stmt) (p postRow, err error) {
	p.key, p.rank, p.author = s.ColumnInt64(0), s.ColumnInt64(1), s.ColumnInt64(2)
	p.ID, p.Status, p.Category, p.Title = columnID(s, 3), statusOf(s.ColumnInt(4)), s.ColumnText(5), s.ColumnText(6)
	p.ViewCount, p.LikeCount, p.CommentCount = s.ColumnInt64(7), s.ColumnInt64(8), s.ColumnInt64(9)
	p.PublishedAt, p.CreatedAt, p.UpdatedAt = columnTime(s, 10), columnTime(s, 11), columnTime(s, 12)
	p.Revision, p.CoverImage, p.Excerpt, p.Content = s.ColumnInt64(13), s.ColumnText(15), s.ColumnText(16), s.ColumnText(contentColumn)
	p.Author = scanAuthor(s, contentColumn+1)
	p.Tags, err = parseTags(s.ColumnText(14))
	return p, err
}

// scanAuthor reads the eight columns of an author from column i on.
func scanAuthor(s *sqlite.Stmt, i int) blog.Author {
	return blog.Author{
		ID: columnID(s, i), Username: s.ColumnText(i + 1), Avatar: s.ColumnText(i + 2),
		Profile: blog.Profile{
			FirstName: s.ColumnText(i + 3), LastName: s.ColumnText(i + 4), Bio: s.ColumnText(i + 5),
			Website: s.ColumnText(i + 6), Location: s.ColumnText(i + 7),
		},
	}
}

func tagsColumn(tags []string) (string, error) {
	if len(tags) == 0 {
		return "[]", nil
	}
	b, err := json.Marshal(tags)
	return string(b), err
}

// parseTags is the reverse of tagsColumn.
func parseTags(column string) (tags []string, err error) {
	if column == "[]" {
		return nil, nil
	}
	list, opened := strings.CutPrefix(column, `["`)
	list, closed := strings.CutSuffix(list, `"]`)
	if opened && closed && !strings.Contains(list, `\`) { // nothing is escaped, so each quote is a tag's bound
		return strings.Split(list, `","`), nil
	}
	err = json.Unmarshal([]byte(column), &tags)
	return tags, err
}

// getPost reads a post. CodePostNotFound.
func getPost(c *conn, id blog.ID) (p postRow, err error) {
	found, err := c.one(selectPost+"WHERE p.id = ?", func(s *sqlite.Stmt) error { p, err = scanPost(s); return err }, id)
	if err == nil && !found {
		err = blog.Fail(blog.CodePostNotFound)
	}
	return p, err
}

// getPostByKey is getPost for a key that is known to be there.
func getPostByKey(c *conn, key int64) (p postRow, err error) {
	_, err = c.one(selectPost+"WHERE p.key = ?", func(s *sqlite.Stmt) error { p, err = scanPost(s); return err }, key)
	return p, err
}

// peekPost reads a post without its content if that has more bytes than most, and
// how many it has. CodePostNotFound.
func peekPost(c *conn, id blog.ID, most int64) (p postRow, size int64, err error) {
	found, err := c.one(selectPeeked+"WHERE p.id = ?", scanPeeked(&p, &size), most, id)
	if err == nil && !found {
		err = blog.Fail(blog.CodePostNotFound)
	}
	return p, size, err
}

// peekPostByKey is peekPost for a key that is known to be there.
func peekPostByKey(c *conn, key, most int64) (p postRow, size int64, err error) {
	_, err = c.one(selectPeeked+"WHERE p.key = ?", scanPeeked(&p, &size), most, key)
	return p, size, err
}

func scanPeeked(p *postRow, size *int64) func(*sqlite.Stmt) error {
	return func(s *sqlite.Stmt) (err error) {
		*size = s.ColumnInt64(sizeColumn)
		*p, err = scanPost(s)
		return err
	}
}

// getRef reads what permission needs, and the key. CodePostNotFound.
func getRef(c *conn, id blog.ID) (ref blog.PostRef, key int64, err error) {
	found, err := c.one("SELECT p.key, p.status, u.id FROM posts p CROSS JOIN users u ON u.key = p.author WHERE p.id = ?", func(s *sqlite.Stmt) error {
		key = s.ColumnInt64(0)
		ref = blog.PostRef{ID: id, Status: statusOf(s.ColumnInt(1)), Author: columnID(s, 2)}
		return nil
	}, id)
	if err == nil && !found {
		err = blog.Fail(blog.CodePostNotFound)
	}
	return ref, key, err
}

// Create implements blog.Posts.
func (p posts) Create(ctx context.Context, post *blog.Post) error {
	var made blog.Post
	err := p.write(ctx, "posts.create", func(c *conn) (err error) {
		made, err = createPost(c, *post)
		return err
	})
	if err == nil {
		*post = made
	}
	return err
}

func createPost(c *conn, p blog.Post) (blog.Post, error) {
	p.Revision = max(p.Revision, 1)
	p.ViewCount, p.LikeCount, p.CommentCount = 0, 0, 0
	made, err := addPost(c, p)
	if err != nil {
		return made, err
	}
	return made, bumpIf(c, made.Status == blog.Published)
}

// addPost adds a post without likes and comments. CodeUserNotFound, CodeInvalid.
func addPost(c *conn, post blog.Post) (blog.Post, error) {
	p := postRow{Post: post}
	u, err := getAuthor(c, p.Author.ID)
	if err != nil {
		return p.Post, err
	}
	if err := checkPublished(p.PublishedAt); err != nil {
		return p.Post, err
	}
	p.Author, p.author = u.Author, u.key
	p.PublishedAt, p.CreatedAt, p.UpdatedAt = blog.ToMillisecond(p.PublishedAt), blog.ToMillisecond(p.CreatedAt), blog.ToMillisecond(p.UpdatedAt)
	p.Tags = slices.Clone(p.Tags)
	if p.rank, err = newRank(c, blog.Millis(p.PublishedAt), p.ID); err != nil {
		return p.Post, err
	}
	if err := insertPost(c, &p); err != nil {
		return p.Post, err
	}
	return p.Post, index(c, &p)
}

func insertPost(c *conn, p *postRow) error {
	tags, err := tagsColumn(p.Tags)
	if err != nil {
		return err
	}
	err = c.exec(`INSERT INTO posts (id, rank, status, author, category, title, views, likes, comments, remarks,
		published, created, updated, revision, tags, cover, excerpt, content)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?)`,
		p.ID, p.rank, statusNumber(p.Status), p.author, p.Category, p.Title, p.ViewCount,
		p.PublishedAt, p.CreatedAt, p.UpdatedAt, p.Revision, tags, p.CoverImage, p.Excerpt, p.Content)
	p.key = c.LastInsertRowID()
	return err
}

// index writes what is derived from a post: search terms, tags, counters.
func index(c *conn, p *postRow) error {
	indexText(c, p)
	for _, tag := range p.Tags {
		err := c.exec("INSERT INTO post_tags (tag, status, rank, post) VALUES (?, ?, ?, ?)", tag, statusNumber(p.Status), p.rank, p.key)
		if err != nil {
			return err
		}
	}
	if err := addSums(c, p.Status, p.ViewCount, p.LikeCount); err != nil {
		return err
	}
	return addCounts(c, p, 1)
}

// unindex takes back what index wrote.
func unindex(c *conn, p *postRow) error {
	unindexText(c, p.rank)
	for _, tag := range p.Tags {
		if err := c.exec("DELETE FROM post_tags WHERE tag = ? AND status = ? AND rank = ?", tag, statusNumber(p.Status), p.rank); err != nil {
			return err
		}
	}
	if err := addSums(c, p.Status, -p.ViewCount, -p.LikeCount); err != nil {
		return err
	}
	return addCounts(c, p, -1)
}

func bumpIf(c *conn, public bool) error {
	if !public {
		return nil
	}
	return c.bump()
}

// Get implements blog.Posts.
func (p posts) Get(ctx context.Context, id blog.ID) (*blog.Post, error) {
	var row postRow
	err := p.read(ctx, "posts.get", readLimit, func(c *conn) (err error) {
		row, err = getPost(c, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &row.Post, nil
}

// Peek implements blog.Posts.
func (p posts) Peek(ctx context.Context, id blog.ID, most int64) (*blog.Post, int64, error) {
	var row postRow
	var size int64
	err := p.read(ctx, "posts.peek", readLimit, func(c *conn) (err error) {
		row, size, err = peekPost(c, id, most)
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return &row.Post, size, nil
}

// Update implements blog.Posts.
func (p posts) Update(ctx context.Context, id blog.ID, change func(*blog.Post) error) (*blog.Post, error) {
	var row postRow
	err := p.write(ctx, "posts.update", func(c *conn) (err error) {
		row, err = updatePost(c, id, change)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &row.Post, nil
}

func updatePost(c *conn, id blog.ID, change func(*blog.Post) error) (postRow, error) {
	old, err := getPost(c, id)
	if err != nil {
		return old, err
	}
	row := old
	row.Tags = slices.Clone(old.Tags)
	if err := change(&row.Post); err != nil {
		return old, err
	}
	if err := checkPublished(row.PublishedAt); err != nil {
		return old, err
	}
	keep(&row.Post, &old.Post)
	if !row.PublishedAt.Equal(old.PublishedAt) {
		if row.rank, err = newRank(c, blog.Millis(row.PublishedAt), row.ID); err != nil {
			return old, err
		}
	}
	if err := rewrite(c, &old, &row); err != nil {
		return old, err
	}
	return row, bumpIf(c, old.Status == blog.Published || row.Status == blog.Published)
}

// keep puts back what a change must not touch.
func keep(p, old *blog.Post) {
	p.ID, p.Author, p.CreatedAt = old.ID, old.Author, old.CreatedAt
	p.ViewCount, p.LikeCount, p.CommentCount = old.ViewCount, old.LikeCount, old.CommentCount
	p.Revision, p.Tier = old.Revision+1, 0
	p.PublishedAt, p.UpdatedAt = blog.ToMillisecond(p.PublishedAt), blog.ToMillisecond(p.UpdatedAt)
}

func rewrite(c *conn, old, p *postRow) error {
	tags, err := tagsColumn(p.Tags)
	if err != nil {
		return err
	}
	same := old.rank == p.rank && old.Status == p.Status && old.Category == p.Category && old.Title == p.Title &&
		old.Content == p.Content && slices.Equal(old.Tags, p.Tags)
	old.Content = "" // one of the two is enough in memory while the other is indexed
	if !same {
		if err := unindex(c, old); err != nil {
			return err
		}
	}
	err = c.exec(`UPDATE posts SET rank = ?, status = ?, category = ?, title = ?, published = ?, updated = ?, revision = ?,
		tags = ?, cover = ?, excerpt = ?, content = ? WHERE key = ?`,
		p.rank, statusNumber(p.Status), p.Category, p.Title, p.PublishedAt, p.UpdatedAt, p.Revision,
		tags, p.CoverImage, p.Excerpt, p.Content, p.key)
	if err != nil || same {
		return err
	}
	return index(c, p)
}

// Delete implements blog.Posts.
func (p posts) Delete(ctx context.Context, id blog.ID, check func(blog.PostRef) error) error {
	return p.write(ctx, "posts.delete", func(c *conn) error {
		row, err := getPost(c, id)
		if err != nil {
			return err
		}
		if err := check(row.Ref()); err != nil {
			return err
		}
		if err := deletePost(c, &row); err != nil {
			return err
		}
		return bumpIf(c, row.Status == blog.Published)
	})
}

// deletePost removes a post and all that hangs on it; the notes of imports go by themselves.
func deletePost(c *conn, p *postRow) error {
	if err := unindex(c, p); err != nil {
		return err
	}
	for _, query := range []string{
		"DELETE FROM comments WHERE post = ?",
		"DELETE FROM likes WHERE post = ?",
		"DELETE FROM posts WHERE key = ?",
	} {
		if err := c.exec(query, p.key); err != nil {
			return err
		}
	}
	return nil
}
