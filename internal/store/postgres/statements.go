package postgres

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
)

// statements tells of each statement when its rows are closed, so that its time has the waiting
// for locks, the preparing, where it was the first of its kind on a connection, and the reading
// in it. A batch is told as one, for the server answers it as one: which of its statements took
// the time nobody knows. Not told: settings that a batch begins with, COPY, which takes as long
// as whoever makes what is copied, and what happens before a connection can be used.
type statements struct {
	told func(ctx context.Context, query string, took time.Duration, rows int64)
	over time.Duration // what took less is not told
}

// tracerOf is what a connection tells of its statements; nil: nothing.
func tracerOf(opt Options) pgx.QueryTracer {
	told := statements{opt.Statement, opt.StatementOver}
	switch {
	case opt.Statement == nil:
		return opt.tracer
	case opt.tracer == nil:
		return told
	}
	return multitracer.New(told, opt.tracer)
}

// sent is a statement under way.
type sent struct {
	context.Context
	query string
	start time.Time
}

type sentKey struct{}

// Value implements context.Context.
func (s *sent) Value(key any) any {
	if key == (sentKey{}) {
		return s
	}
	return s.Context.Value(key)
}

// TraceQueryStart implements pgx.QueryTracer.
func (s statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	return &sent{ctx, q.SQL, time.Now()}
}

// TraceQueryEnd implements pgx.QueryTracer.
func (s statements) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) {
	begun, ok := ctx.Value(sentKey{}).(*sent)
	if !ok {
		return
	}
	if took := time.Since(begun.start); took >= s.over {
		s.told(begun.Context, begun.query, took, q.CommandTag.RowsAffected())
	}
}

// sentBatch is a batch under way.
type sentBatch struct {
	context.Context
	batch *pgx.Batch
	start time.Time
	rows  int64
	told  bool
}

type batchKey struct{}

// Value implements context.Context.
func (b *sentBatch) Value(key any) any {
	if key == (batchKey{}) {
		return b
	}
	return b.Context.Value(key)
}

// TraceBatchStart implements pgx.BatchTracer.
func (s statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, b pgx.TraceBatchStartData) context.Context {
	return &sentBatch{Context: ctx, batch: b.Batch, start: time.Now()}
}

// TraceBatchQuery implements pgx.BatchTracer.
func (s statements) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, q pgx.TraceBatchQueryData) {
	if b, ok := ctx.Value(batchKey{}).(*sentBatch); ok && !isSetting(q.SQL) {
		b.rows += q.CommandTag.RowsAffected()
	}
}

// TraceBatchEnd implements pgx.BatchTracer. It is called twice for what could not be sent.
func (s statements) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) {
	b, ok := ctx.Value(batchKey{}).(*sentBatch)
	if !ok || b.told {
		return
	}
	b.told = true
	took := time.Since(b.start)
	if took < s.over { // before its text is made
		return
	}
	if text := textOf(b.batch); text != "" {
		s.told(b.Context, text, took, b.rows)
	}
}

// textOf is what a batch does: its different statements.
func textOf(b *pgx.Batch) string {
	var different []string
	for _, q := range b.QueuedQueries {
		if !isSetting(q.SQL) && !slices.Contains(different, q.SQL) {
			different = append(different, q.SQL)
		}
	}
	return strings.Join(different, ";\n")
}

func isSetting(sql string) bool { return strings.HasPrefix(sql, "SELECT set_config(") }
