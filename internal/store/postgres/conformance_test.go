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
	pooled(t, enginetest.PgBouncer, Options{Pooled: true})
}

// TestConformanceThroughPgBouncerInSessionMode is told nothing of the pooler.
func TestConformanceThroughPgBouncerInSessionMode(t *testing.T) {
	pooled(t, enginetest.PgBouncerSession, Options{})
}

func pooled(t *testing.T, through func(testing.TB, string) string, opt Options) {
	if enginetest.Raced {
		t.Skip("a pooler is another process: go test without -race runs this")
	}
	conformance(t, func(t testing.TB) string { return through(t, newDatabase(t)) }, opt)
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

func TestCare(t *testing.T) { caredFor(t, newDatabase, Options{}) }

// TestCareThroughPgBouncer has two stores on the same connections to the server.
func TestCareThroughPgBouncer(t *testing.T) {
	caredFor(t, func(t testing.TB) string { return enginetest.PgBouncer(t, newDatabase(t)) }, Options{Pooled: true})
}

func caredFor(t *testing.T, database func(testing.TB) string, opt Options) {
	t.Parallel()
	opt.StatementTimeout = time.Minute
	storetest.RunCare(t, func(t *testing.T, statement storetest.Statement) (a, b blog.Store) {
		url, telling := database(t), opt
		telling.Statement = statement
		return openStore(t, url, telling), openStore(t, url, opt)
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
