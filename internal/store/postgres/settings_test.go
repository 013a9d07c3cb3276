package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// A reader of URLs that ends the password at the first @ would look for a host that is
// called as its rest.
func TestARawAtInAPasswordIsRefused(t *testing.T) {
	for _, url := range []string{"postgres://u:hid@den@127.0.0.1:1/db", "postgres://u:hid/den@127.0.0.1:1/db"} {
		if _, err := Open(t.Context(), url, Options{}); !errors.Is(err, ErrURL) || strings.Contains(err.Error(), "den") {
			t.Errorf("error %v", err)
		}
	}
	_, err := Open(t.Context(), "postgres://u:hid%40den@127.0.0.1:1/db?sslmode=verify-full&sslrootcert=/nowhere.pem", Options{})
	if !errors.Is(err, ErrURL) || !strings.Contains(err.Error(), "/nowhere.pem") || strings.Contains(err.Error(), "den") {
		t.Errorf("a certificate that is not there: %v", err)
	}
}

// Whatever a database has for its defaults, connections are as the store needs them.
func TestADatabasesDefaultsDoNotCount(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	admin, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	for _, setting := range []string{"default_transaction_isolation = 'serializable'", "client_encoding = 'latin1'", "jit = on", "statement_timeout = '1s'"} {
		if _, err := admin.Exec(t.Context(), "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET "+strings.ReplaceAll(setting, "'", "''")+"', current_database()); END $$"); err != nil {
			t.Fatal(err)
		}
	}
	s := openStore(t, url, Options{})
	u := &blog.User{ID: blog.ID{1}, Username: "砚台", Email: "a@example.com", Role: blog.RoleUser, Active: true}
	if err := s.Users().Create(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	err = s.transact(t.Context(), s.writers, func(w *tx) error {
		var isolation, encoding, jit, timeout string
		var name string
		if err := w.QueryRow(t.Context(), `SELECT current_setting('transaction_isolation'), current_setting('client_encoding'), current_setting('jit'),
			current_setting('statement_timeout'), convert_from(convert_to(username, 'UTF8'), 'UTF8') FROM users`).Scan(&isolation, &encoding, &jit, &timeout, &name); err != nil {
			return err
		}
		if isolation != "read committed" || encoding != "UTF8" || jit != "off" || timeout != "6s" || name != "砚台" {
			t.Errorf("isolation %s, encoding %s, jit %s, timeout %s, name %s", isolation, encoding, jit, timeout, name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
