package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

type copies struct{ *Store }

// Put implements blog.Copies. What the records refer to is locked first, users before
// posts, as always.
func (r copies) Put(ctx context.Context, records []blog.Record) error {
	if len(records) == 0 {
		return ctx.Err()
	}
	kind := recordKinds[records[0].Kind()]
	return r.writeLong(ctx, "copies.put", func(t *tx) error {
		there, err := kind.find(t, records)
		if err != nil {
			return err
		}
		missing, err := blog.Missing(records, there)
		if err != nil || len(missing) == 0 {
			return err
		}
		t.public = true
		return kind.put(t, missing)
	})
}

// Begin implements blog.Copies. Two cannot begin at once: the note has one key.
func (r copies) Begin(ctx context.Context, source string) error {
	return r.write(ctx, "copies.begin", func(t *tx) error {
		noted, underway, err := copying(ctx, t)
		switch {
		case err != nil:
			return err
		case underway && noted != source:
			return fmt.Errorf("%w: %s", blog.ErrOtherSource, noted)
		case underway:
			return nil
		}
		var any bool // without users and uploads there can be nothing
		if _, err := t.one("SELECT EXISTS (SELECT FROM users) OR EXISTS (SELECT FROM uploads)", nil, &any); err != nil {
			return err
		}
		if any {
			return blog.ErrNotEmpty
		}
		if _, err := t.exec(deferTerms); err != nil {
			return err
		}
		_, err = t.exec("INSERT INTO copying (one, source) VALUES (1, $1)", source)
		return err
	})
}

// deferTerms has terms go into the index through a list of pending ones after all, as long
// as nobody else has the database: a post costs a fifth then.
const deferTerms = "ALTER INDEX post_terms_terms SET (fastupdate = on, gin_pending_list_limit = 16384)"

// settle takes that back, and has the planner know the tables.
var settle = []string{
	"SELECT gin_clean_pending_list('post_terms_terms')",
	"ALTER INDEX post_terms_terms SET (fastupdate = off)",
	"ALTER INDEX post_terms_terms RESET (gin_pending_list_limit)",
	"ANALYZE users, posts, post_tags, post_terms, likes, comments, uploads", // else lists are planned for empty tables at first
}

// End implements blog.Copies.
func (r copies) End(ctx context.Context) error {
	return r.writeWithin(ctx, endLimit, snapshotProbes, "copies.end", func(t *tx) error {
		for _, statement := range append(slices.Clone(settle), "DELETE FROM copying WHERE one = 1") {
			if _, err := t.exec(statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// copying returns the source of a copy that is under way.
func copying(ctx context.Context, q querier) (source string, underway bool, err error) {
	underway, err = one(ctx, q, "SELECT source FROM copying WHERE one = 1", nil, &source)
	return source, underway, err
}

// checkWhole refuses a database into which a copy is not finished.
func checkWhole(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	source, underway, err := copying(ctx, conn)
	if err == nil && underway {
		err = fmt.Errorf("%w: from %s", blog.ErrUnfinished, source)
	}
	return err
}

// hold locks what records refer to by query, which takes ids and answers those that are
// there. The first record without what it refers to is a *blog.RecordError of the code.
func hold[R blog.Record](t *tx, records []blog.Record, of func(R) blog.ID, query string, code blog.Code) error {
	known := map[blog.ID]bool{}
	var ids []blog.ID
	for _, r := range records {
		if id := of(r.(R)); !known[id] {
			known[id] = true
			ids = append(ids, id)
		}
	}
	there := map[blog.ID]bool{}
	err := each(t.ctx, t, query, []any{keys(ids)}, func(r pgx.Rows) error {
		var id blog.ID
		err := r.Scan(intoID{&id})
		there[id] = true
		return err
	})
	if err != nil {
		return err
	}
	for _, r := range records {
		if !there[of(r.(R))] {
			return &blog.RecordError{Record: r, Err: blog.Fail(code)}
		}
	}
	return nil
}

func holdUsers[R blog.Record](t *tx, records []blog.Record, of func(R) blog.ID) error {
	return hold(t, records, of, "SELECT id FROM users WHERE id = ANY ($1) ORDER BY id FOR KEY SHARE", blog.CodeUserNotFound)
}

func lockPosts[R blog.Record](t *tx, records []blog.Record, of func(R) blog.ID) error {
	return hold(t, records, of, "SELECT id FROM posts WHERE id = ANY ($1) ORDER BY id FOR NO KEY UPDATE", blog.CodePostNotFound)
}
