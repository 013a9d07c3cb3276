package telemetry

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"inkstone/internal/enginetest"
)

// What the driver says is what it says today: real refusals, not texts that once were.
func TestWhatPostgreSQLRefusesLeavesTheSiteWithoutUserAndDatabase(t *testing.T) {
	server := enginetest.Postgres(t)
	at := func(address string, change func(*url.URL)) string {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		change(u)
		return u.String()
	}
	stranger := func(u *url.URL) { u.User = url.UserPassword("mei-ink", "wrong") }
	absent := func(u *url.URL) { u.Path = "/mei-blog" }
	elsewhere := func(host string) func(*url.URL) {
		return func(u *url.URL) { u.Host, u.User, u.Path = host, url.UserPassword("mei-ink", "x"), "/mei-blog" }
	}
	for address, kept := range map[string]string{
		at(server, elsewhere("127.0.0.1:1")):           "connection refused",
		at(server, elsewhere("database.invalid:5432")): "database.invalid", // a host's name is needed to act
		at(server, stranger):                           "password authentication failed",
		at(server, absent):                             "does not exist",
		at(enginetest.PgBouncer(t, server), stranger):  "authentication failed",
		at(enginetest.PgBouncer(t, server), absent):    "does not exist",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		c, err := pgconn.Connect(ctx, address)
		cancel()
		if err == nil {
			_ = c.Close(t.Context())
			t.Errorf("%s connects", address)
			continue
		}
		said, sent := err.Error(), scrub(err.Error(), maxValue)
		if name := strings.Trim(u.Path, "/"); !strings.Contains(said, name) || strings.Contains(sent, name) || strings.Contains(sent, u.User.Username()) || !strings.Contains(sent, kept) {
			t.Errorf("%s\nis sent as\n%s", said, sent)
		}
	}
}
