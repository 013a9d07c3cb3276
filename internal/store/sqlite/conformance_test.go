package sqlite

import (
	"path/filepath"
	"testing"

	"inkstone/internal/blog"
	"inkstone/internal/store/storetest"
)

func TestConformance(t *testing.T) { conformance(t) }

// TestConformanceOfManyHits has nearly every search intersected in the index, as
// otherwise only searches in large databases are.
func TestConformanceOfManyHits(t *testing.T) {
	withFewHits(t, 1)
	conformance(t)
}

func withFewHits(t *testing.T, n int) {
	before := fewHits
	fewHits = n
	t.Cleanup(func() { fewHits = before })
}

func conformance(t *testing.T) {
	storetest.Run(t, func(t *testing.T) blog.Store {
		s, err := Open(t.Context(), filepath.Join(t.TempDir(), "test.db"), Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			checkConsistent(t, s)
			_ = s.Close()
		})
		return s
	})
}
