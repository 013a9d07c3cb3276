package postgres

import (
	"context"
	"testing"

	"inkstone/internal/enginetest"
)

// newDatabase returns the URL of a database of this test's own with the newest schema.
func newDatabase(t testing.TB) string {
	t.Helper()
	return enginetest.PostgresClone(t, SchemaDigest(), func(ctx context.Context, url string) error {
		_, _, err := Migrate(ctx, url, Options{})
		return err
	})
}

// openStore opens a store that ends with the test.
func openStore(t testing.TB, url string, opt Options) *Store {
	t.Helper()
	s, err := Open(context.Background(), url, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
