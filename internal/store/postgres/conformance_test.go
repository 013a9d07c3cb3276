package postgres

import (
	"testing"

	"inkstone/internal/blog"
	"inkstone/internal/store/storetest"
)

func TestConformance(t *testing.T) { conformance(t, Options{}) }

// TestConformanceThroughPooler has statements run as they are where a PgBouncer is between:
// unprepared, with the types of their arguments as Go has them.
func TestConformanceThroughPooler(t *testing.T) { conformance(t, Options{Pooled: true}) }

func conformance(t *testing.T, opt Options) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) blog.Store {
		s := openStore(t, newDatabase(t), opt)
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
