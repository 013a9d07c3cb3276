package store

import (
	"context"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
	"inkstone/internal/store/storetest"
)

// The rule is one for all engines, so that it is asked of each by the options that all have.
func TestCareOfAnOverloadedServer(t *testing.T) {
	for _, engine := range []struct {
		name string
		url  func(*testing.T) string
		opt  Server
	}{
		{"sqlite", func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "test.db") }, Server{}},
		{"postgres", func(t *testing.T) string { return enginetest.Postgres(t) }, Server{}},
		{"pgbouncer", func(t *testing.T) string { return enginetest.PgBouncer(t, enginetest.Postgres(t)) }, Server{Pooled: true}},
	} {
		t.Run(engine.name, func(t *testing.T) {
			storetest.RunCareOverloaded(t, func(t *testing.T, hooks storetest.Hooks) blog.Store {
				s, err := Open(t.Context(), engine.url(t), Options{Read: hooks.Read, Observe: hooks.Observe, Server: engine.opt})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = s.Close() })
				return s
			})
		})
	}
}

func TestAServersQuickStatementsAreNotTold(t *testing.T) {
	for over, want := range map[time.Duration]bool{0: true, time.Hour: false} {
		var told atomic.Bool
		s, err := Open(t.Context(), enginetest.Postgres(t), Options{
			Statement: func(context.Context, string, time.Duration, int64) { told.Store(true) }, StatementOver: over,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if told.Load() != want {
			t.Errorf("over %v: told %v", over, told.Load())
		}
	}
}
