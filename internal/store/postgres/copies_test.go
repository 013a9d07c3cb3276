package postgres

import (
	"testing"
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
