package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
)

// statements tells of each statement when its rows are closed, so that its time has the waiting
// for locks, the preparing, where it was the first of its kind on a connection, and the reading
// in it. Not told: COPY, which takes as long as whoever makes what is copied, and what happens
// before a connection can be used.
type statements struct {
	told func(ctx context.Context, query string, took time.Duration, rows int64)
}

// tracerOf is what a connection tells of its statements; nil: nothing.
func tracerOf(opt Options) pgx.QueryTracer {
	switch {
	case opt.Statement == nil:
		return opt.tracer
	case opt.tracer == nil:
		return statements{opt.Statement}
	}
	return multitracer.New(statements{opt.Statement}, opt.tracer)
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
	if begun, ok := ctx.Value(sentKey{}).(*sent); ok {
		s.told(begun.Context, begun.query, time.Since(begun.start), q.CommandTag.RowsAffected())
	}
}

// TraceBatchStart implements pgx.BatchTracer.
func (s statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer. The time of a statement begins when the one before
// it was read: the server works at them in turn.
func (s statements) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, q pgx.TraceBatchQueryData) {
	s.told(ctx, q.SQL, time.Since(q.ReadStartTime), q.CommandTag.RowsAffected())
}

// TraceBatchEnd implements pgx.BatchTracer.
func (s statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}
