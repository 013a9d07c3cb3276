package sqlite

import (
	"context"
	"errors"
	"iter"
	"math"
	"strings"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// recordKind is how the records of a kind are read, and how missing ones are added.
type recordKind struct {
	columns string
	from    string
	keys    []string                 // the columns that make the key
	values  func(key blog.Key) []any // theirs
	scan    func(*sqlite.Stmt) (blog.Record, error)
	put     func(*conn, []blog.Record) error
}

// recordKinds are all kinds. Joins begin with what the key begins with, so that rows come
// in their order and nothing large is sorted.
var recordKinds = map[blog.Kind]recordKind{
	blog.KindUser: {allOfUser, "users u", []string{"u.id"}, oneID,
		func(s *sqlite.Stmt) (blog.Record, error) { u := scanUser(s); return &u.User, nil }, singly(putUser)},
	blog.KindRevoked: {"u.id, r.token, r.until", "users u CROSS JOIN revoked r ON r.user = u.key", []string{"u.id", "r.token"}, idAndText,
		func(s *sqlite.Stmt) (blog.Record, error) {
			return &blog.RevokedToken{User: columnID(s, 0), Token: s.ColumnText(1), Until: columnTime(s, 2)}, nil
		}, singly(putRevoked)},
	blog.KindPost: {allOfPost, fromPosts, []string{"p.id"}, oneID,
		func(s *sqlite.Stmt) (blog.Record, error) { p, err := scanPost(s); return &p.Post, err }, singly(putPost)},
	blog.KindLike: {"p.id, u.id", "posts p CROSS JOIN likes l ON l.post = p.key CROSS JOIN users u ON u.key = l.user", []string{"p.id", "u.id"}, twoIDs,
		func(s *sqlite.Stmt) (blog.Record, error) {
			return &blog.Like{Post: columnID(s, 0), User: columnID(s, 1)}, nil
		}, putLikes},
	blog.KindComment: {"c.id, p.id, u.id, c.deleted, c.created, c.updated, c.content",
		"comments c CROSS JOIN posts p ON p.key = c.post LEFT JOIN users u ON u.key = c.author", []string{"c.id"}, oneID,
		func(s *sqlite.Stmt) (blog.Record, error) {
			return &blog.Comment{
				ID: columnID(s, 0), Post: columnID(s, 1), Author: blog.Author{ID: columnID(s, 2)}, Deleted: s.ColumnBool(3),
				CreatedAt: columnTime(s, 4), UpdatedAt: columnTime(s, 5), Content: s.ColumnText(6),
			}, nil
		}, putComments},
	blog.KindReply: {"c.id, q.id", "comments c CROSS JOIN comments q ON q.key = c.parent", []string{"c.id"}, oneID,
		func(s *sqlite.Stmt) (blog.Record, error) {
			return &blog.Reply{Comment: columnID(s, 0), Parent: columnID(s, 1)}, nil
		}, singly(putReply)},
	blog.KindUpload: {uploadColumns, fromUploads, []string{"f.filename"}, aText,
		func(s *sqlite.Stmt) (blog.Record, error) { u := scanUpload(s); return &u, nil }, singly(putUpload)},
	blog.KindSource: {"u.id, s.path, p.id, s.digest", "users u CROSS JOIN sources s ON s.author = u.key CROSS JOIN posts p ON p.key = s.post", []string{"u.id", "s.path"}, idAndText,
		func(s *sqlite.Stmt) (blog.Record, error) {
			return &blog.Source{Author: columnID(s, 0), Path: s.ColumnText(1), Post: columnID(s, 2), Digest: s.ColumnText(3)}, nil
		}, singly(putSource)},
}

func (k recordKind) selects() string { return "SELECT " + k.columns + " FROM " + k.from }

func aText(key blog.Key) []any { return []any{string(key)} }

func oneID(key blog.Key) []any { return idAndText(key)[:1] }

func idAndText(key blog.Key) []any {
	id, text := key.Split()
	return []any{id, text}
}

func twoIDs(key blog.Key) []any {
	first, rest := key.Split()
	second, _ := blog.Key(rest).Split()
	return []any{first, second}
}

// after asks for what is behind a key.
func (k recordKind) after(key blog.Key) (q query) {
	q.add(k.selects() + " WHERE ")
	if values := k.values(key); len(values) == 1 {
		q.add(k.keys[0]+" > ?", values...)
	} else {
		q.add(k.keys[0]+" >= ? AND ("+k.keys[0]+" > ? OR "+k.keys[1]+" > ?)", values[0], values[0], values[1])
	}
	q.add(" ORDER BY " + strings.Join(k.keys, ", "))
	return q
}

// find reads the record with a key; nil if there is none.
func (k recordKind) find(c *conn, key blog.Key) (r blog.Record, err error) {
	_, err = c.one(k.selects()+" WHERE "+strings.Join(k.keys, " = ? AND ")+" = ?", func(s *sqlite.Stmt) error {
		r, err = k.scan(s)
		return err
	}, k.values(key)...)
	return r, err
}

// Snapshot implements blog.Copies. While it lasts the write-ahead log only grows.
func (r copies) Snapshot(ctx context.Context, read func(blog.Snapshot) error) error {
	c, err := r.readers.open()
	if err != nil {
		return fault(ctx, err)
	}
	defer c.Close() // a connection that reads has nothing to lose
	c.ran = nil     // who reads a snapshot may take his time between two rows
	disarm := c.interruptAfter(ctx, math.MaxInt64)
	defer disarm()
	if err := c.exec("BEGIN"); err != nil {
		return fault(ctx, err)
	}
	if _, err := c.number(readGeneration); err != nil { // the first read is what the state is of
		return fault(ctx, err)
	}
	return read(snapshot{ctx, c})
}

type snapshot struct {
	ctx context.Context
	*conn
}

var errEnough = errors.New("sqlite: enough read")

// Records implements blog.Snapshot.
func (v snapshot) Records(kind blog.Kind, after blog.Key) iter.Seq2[blog.Record, error] {
	return func(yield func(blog.Record, error) bool) {
		if err := v.ctx.Err(); err != nil { // while rows are read it is looked at only now and then
			yield(nil, err)
			return
		}
		k := recordKinds[kind]
		q := k.after(after)
		err := v.each(q.sql, func(s *sqlite.Stmt) error {
			r, err := k.scan(s)
			if err == nil && !yield(r, nil) {
				err = errEnough
			}
			return err
		}, q.args...)
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, fault(v.ctx, err))
		}
	}
}

// Last implements blog.Snapshot.
func (v snapshot) Last(kind blog.Kind) (last blog.Key, err error) {
	k := recordKinds[kind]
	_, err = v.one(k.selects()+" ORDER BY "+strings.Join(k.keys, " DESC, ")+" DESC LIMIT 1", func(s *sqlite.Stmt) error {
		r, err := k.scan(s)
		if err == nil {
			last = r.Key()
		}
		return err
	})
	return last, fault(v.ctx, err)
}

// Count implements blog.Snapshot.
func (v snapshot) Count(kind blog.Kind) (int64, error) {
	n, err := v.number("SELECT count(*) FROM " + recordKinds[kind].from)
	return n, fault(v.ctx, err)
}
