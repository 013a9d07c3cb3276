package postgres

import (
	"io"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

func TestWhoPreparesMegabytesInATransactionHasTheTimeForThat(t *testing.T) {
	t.Parallel()
	s := openStore(t, enginetest.Postgres(t)+"&idle_in_transaction_session_timeout=200", Options{})
	think := func(t *tx) error {
		time.Sleep(time.Second)
		_, err := t.exec("SELECT 1")
		return err
	}
	if err := s.write(t.Context(), "test", think); blog.CodeOf(err) != blog.CodeUnavailable {
		t.Errorf("who stands still within a small write gets %v", err)
	}
	if err := s.writeLong(t.Context(), "test", think); err != nil {
		t.Errorf("within a long write: %v", err)
	}
	err := s.write(t.Context(), "test", func(t *tx) error {
		if err := t.stage("content", func(w io.Writer) { _, _ = io.WriteString(w, "as if it were large") }); err != nil {
			return err
		}
		return think(t)
	})
	if err != nil {
		t.Errorf("after a large text: %v", err)
	}
}
