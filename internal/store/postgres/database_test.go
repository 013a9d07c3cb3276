package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"testing"

	"inkstone/internal/enginetest"
)

// newDatabase returns the URL of an empty database with the newest schema, which goes
// when the test ends: a copy of one that is migrated once, several times as fast as to
// migrate each.
func newDatabase(t testing.TB) string {
	t.Helper()
	return enginetest.PostgresClone(t, schemaDigest(t), func(ctx context.Context, url string) error {
		_, _, err := Migrate(ctx, url, Options{})
		return err
	})
}

// schemaDigest is another one with every change of a migration.
func schemaDigest(t testing.TB) string {
	t.Helper()
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.New()
	for _, step := range steps {
		sql, err := migrations.ReadFile(step)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = sum.Write(sql) // a hash cannot fail
	}
	return hex.EncodeToString(sum.Sum(nil)[:8])
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
