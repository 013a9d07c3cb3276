package sqlite

import (
	"context"
	"errors"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
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

// Here it is the time of a query that ends while a virtual table is opened.
func TestAnErrorWithoutReasonAfterTheTimeIsOverIsThat(t *testing.T) {
	s := open(t, Options{})
	for name, look := range map[string]func(*conn) error{
		"sizes": func(c *conn) error { _, err := c.size("posts"); return err },
		"full text": func(c *conn) error {
			_, err := c.number("SELECT count(*) FROM posts_fts WHERE posts_fts MATCH 'x'")
			return err
		},
		"a table": func(c *conn) error { _, err := c.number("SELECT count(*) FROM posts"); return err },
	} {
		err := s.read(t.Context(), "test", time.Nanosecond, func(c *conn) error {
			enginetest.Within(t, 20*time.Second, "its time is over", c.alarm.hasGoneOff)
			return look(c)
		})
		if blog.CodeOf(err) != blog.CodeUnavailable {
			t.Errorf("%s: %v", name, err)
		}
	}
	err := s.read(t.Context(), "test", time.Minute, func(c *conn) error { _, err := c.number("SELECT nothing FROM posts"); return err })
	if blog.CodeOf(err) != blog.CodeInternal {
		t.Errorf("a mistake in time: %v", err)
	}
}
