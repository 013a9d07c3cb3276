package postgres

import (
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
	"inkstone/internal/store/storetest"
)

func TestConformance(t *testing.T) { conformance(t, newDatabase, Options{}) }

// TestConformanceThroughPgBouncer has each transaction on another connection, perhaps.
func TestConformanceThroughPgBouncer(t *testing.T) {
	conformance(t, func(t testing.TB) string { return enginetest.PgBouncer(t, newDatabase(t)) }, Options{Pooled: true})
}

func conformance(t *testing.T, database func(testing.TB) string, opt Options) {
	t.Parallel()
	opt.StatementTimeout = time.Minute // how long it may take is asked elsewhere
	storetest.Run(t, func(t *testing.T) blog.Store {
		s := openStore(t, database(t), opt)
		t.Cleanup(func() { checkConsistent(t, s) })
		return s
	})
}

func TestShared(t *testing.T) {
	t.Parallel()
	storetest.RunShared(t, func(t *testing.T) (a, b blog.Store) {
		url := newDatabase(t)
		first, second := openStore(t, url, Options{}), openStore(t, url, Options{})
		t.Cleanup(func() { checkConsistent(t, first) })
		return first, second
	})
}
