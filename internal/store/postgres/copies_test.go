package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

func TestTermsWaitOnlyWhileACopyIsUnderWay(t *testing.T) {
	t.Parallel()
	s := openStore(t, newDatabase(t), Options{})
	options := func() (set string) {
		t.Helper()
		err := s.pool.QueryRow(t.Context(), "SELECT reloptions::text FROM pg_class WHERE relname = 'post_terms_terms'").Scan(&set)
		if err != nil {
			t.Fatal(err)
		}
		return set
	}
	before := options()
	for _, step := range []func() error{
		func() error { return s.Copies().Begin(t.Context(), "somewhere") },
		func() error { return s.Copies().Begin(t.Context(), "somewhere") },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
		if during := options(); during == before {
			t.Errorf("during a copy the index has %s", during)
		}
	}
	if err := s.Copies().End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := options(); after != before {
		t.Errorf("after a copy the index has %s, before it %s", after, before)
	}
}

// deadlines notes the shortest time that a statement has.
type deadlines struct{ shortest time.Duration }

func (d *deadlines) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	if end, ok := ctx.Deadline(); ok {
		d.shortest = min(d.shortest, time.Until(end))
	}
	return ctx
}

func (*deadlines) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// What the end of a copy does to a large database takes longer than anything else.
func TestTheEndOfACopyMayTakeHours(t *testing.T) {
	t.Parallel()
	seen := &deadlines{shortest: 1000 * time.Hour}
	s := openStore(t, newDatabase(t), Options{tracer: seen})
	if err := s.Copies().Begin(t.Context(), "somewhere"); err != nil {
		t.Fatal(err)
	}
	seen.shortest = 1000 * time.Hour
	if err := s.Copies().End(t.Context()); err != nil {
		t.Fatal(err)
	}
	if seen.shortest < 12*time.Hour {
		t.Errorf("a statement had %v", seen.shortest)
	}
}

func TestASnapshotOutlivesTheBoundsOfOperationsButNotItsServer(t *testing.T) {
	t.Parallel()
	server := enginetest.PrivatePostgres(t)
	s := openStore(t, server.URL()+"&idle_in_transaction_session_timeout=200&statement_timeout=200", Options{StatementTimeout: 200 * time.Millisecond})
	count := func(v blog.Snapshot) error {
		_, err := v.Count(blog.KindUser)
		return err
	}
	err := s.Copies().Snapshot(t.Context(), func(v blog.Snapshot) error {
		time.Sleep(time.Second)
		return count(v)
	})
	if err != nil {
		t.Errorf("after a second: %v", err)
	}
	var paused time.Time
	err = s.Copies().Snapshot(t.Context(), func(v blog.Snapshot) error {
		server.Pause()
		paused = time.Now()
		return count(v)
	})
	if took := time.Since(paused); blog.CodeOf(err) != blog.CodeUnavailable || took > 2*snapshotProbes*probeEvery+lateness {
		t.Errorf("while the server stands still: %v after %v", err, took)
	}
	server.Resume()
}
