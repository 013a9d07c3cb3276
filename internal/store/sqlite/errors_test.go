package sqlite

import (
	"context"
	"errors"
	"testing"

	"zombiezen.com/go/sqlite"

	"inkstone/internal/blog"
)

// SQLite says so of a full-text table that is interrupted while it is opened.
func TestAnErrorWithoutReasonAfterTheCallerHasLeftIsHis(t *testing.T) {
	left, leave := context.WithCancel(t.Context())
	leave()
	for _, code := range []sqlite.ResultCode{sqlite.ResultError, sqlite.ResultInterrupt} {
		if err := fault(left, code.ToError()); !errors.Is(err, context.Canceled) {
			t.Errorf("%v: %v", code, err)
		}
	}
	if err := fault(t.Context(), sqlite.ResultError.ToError()); blog.CodeOf(err) != blog.CodeInternal {
		t.Errorf("of a caller who waits: %v", err)
	}
}
