package postgres

import (
	"errors"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
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

// give makes defaults of a database.
func give(t *testing.T, url string, settings ...string) {
	t.Helper()
	for _, setting := range settings {
		run(t, url, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET "+strings.ReplaceAll(setting, "'", "''")+"', current_database()); END $$")
	}
}

// Whatever a database has for its defaults, connections are as the store needs them.
func TestADatabasesDefaultsDoNotCount(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	give(t, url, "default_transaction_isolation = 'serializable'", "client_encoding = 'latin1'", "jit = on", "statement_timeout = '1s'", "bytea_output = escape")
	s := openStore(t, url, Options{})
	u := &blog.User{ID: blog.ID{1}, Username: "砚台", Email: "a@example.com", Role: blog.RoleUser, Active: true}
	if err := s.Users().Create(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	err := s.transact(t.Context(), s.writers, func(w *tx) error {
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
	write(t, s, u.ID, "known")
	list, err := s.Posts().List(t.Context(), blog.PostFilter{Category: "技术", Order: blog.Order{Field: "title"}, Page: blog.Page{Number: 1, Limit: 1}})
	if err != nil || len(list.Items) != 1 || list.Items[0].Author.ID != u.ID {
		t.Errorf("a list that comes as text: %v, %v", list.Items, err)
	}
}

func TestAServerLeapsInADatabaseThatIsReadOnlyByDefault(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	give(t, url, "default_transaction_read_only = on")
	report := func(err error) {
		if err != nil {
			t.Error(err)
		}
	}
	s := openStore(t, url, Options{Report: report})
	if generation, err := s.Generation(t.Context()); err != nil || generation < 1000 {
		t.Errorf("generation %d: %v", generation, err)
	}
}

// Who waits for another one's migration, and what a migration takes, has no time but its own.
func TestAMigrationIsNotCutByTheBoundsOfARole(t *testing.T) {
	t.Parallel()
	url := enginetest.Postgres(t)
	give(t, url, "statement_timeout = 1000", "lock_timeout = 1000")
	release := elsewhere(t, url, "SELECT pg_advisory_xact_lock($1)", migrationLock)
	time.AfterFunc(3*time.Second, release)
	if _, _, err := Migrate(t.Context(), url, Options{}); err != nil {
		t.Error(err)
	}
}

func TestALongWriteWaitsForALockLongerThanARoleMay(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	give(t, url, "lock_timeout = 300")
	s := openStore(t, url, Options{})
	release := elsewhere(t, url, "LOCK TABLE copying")
	time.AfterFunc(time.Second, release)
	err := s.writeLong(t.Context(), "copies.end", func(w *tx) error {
		_, err := w.exec("DELETE FROM copying")
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// A transaction has a bound of its own since PostgreSQL 17.
func TestALockAndALongWriteOutliveABoundOfTransactions(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	s := openStore(t, url, Options{})
	var known bool
	if err := s.pool.QueryRow(t.Context(), "SELECT current_setting('transaction_timeout', true) IS NOT NULL").Scan(&known); err != nil {
		t.Fatal(err)
	}
	if !known {
		t.Skip("this server has no transaction_timeout")
	}
	s = openStore(t, url+"&transaction_timeout=300", Options{})
	lock, ok, err := Lock(t.Context(), url+"&transaction_timeout=300", "copy", Options{})
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
	defer lock.Close()
	err = s.writeLong(t.Context(), "copies.end", func(w *tx) error {
		_, err := w.exec("SELECT pg_sleep(1)")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if _, ok, err := Lock(t.Context(), url, "copy", Options{}); ok || err != nil {
		t.Errorf("taken a second time: %v, %v", ok, err)
	}
}
