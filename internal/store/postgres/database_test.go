package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// testURL names the server that tests make their databases on, and one of its databases.
// It is asked for while tests run, as else they are taken for those of another server.
func testURL() string { return os.Getenv("TEST_POSTGRES_URL") }

func TestMain(m *testing.M) {
	code := m.Run()
	drops.Wait()
	if made != "" {
		drop(made)
	}
	os.Exit(code)
}

// newDatabase returns the URL of an empty database with the newest schema, which goes
// when the test ends. Without a server the test is skipped; where CI is true it fails.
func newDatabase(t testing.TB) string {
	t.Helper()
	needServer(t)
	from, err := template()
	if err != nil {
		t.Fatalf("making a database to copy: %v", err)
	}
	return createDatabase(t, "TEMPLATE "+from)
}

// bareDatabase is newDatabase without any schema.
func bareDatabase(t testing.TB) string {
	t.Helper()
	needServer(t)
	return createDatabase(t, bare)
}

// bare does not rely on what a server's template1 has.
const bare = "TEMPLATE template0 ENCODING 'UTF8'"

func needServer(t testing.TB) {
	t.Helper()
	switch {
	case testURL() != "":
	case os.Getenv("CI") == "true":
		t.Fatal("TEST_POSTGRES_URL is not set")
	default:
		t.Skip("TEST_POSTGRES_URL does not name a PostgreSQL server to test on")
	}
}

func createDatabase(t testing.TB, options string) string {
	t.Helper()
	name := randomName()
	if err := admin("CREATE DATABASE " + name + " " + options); err != nil {
		t.Fatalf("creating a database: %v", err)
	}
	t.Cleanup(func() { drops.Go(func() { drop(name) }) })
	return urlOf(name)
}

// drops are those under way: the next test need not wait for them.
var drops sync.WaitGroup

func drop(name string) {
	if err := admin("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)"); err != nil {
		fmt.Fprintln(os.Stderr, "dropping a database:", err)
	}
}

// made is the template's name once it is there.
var made string

// template makes, once, the database of which those of the tests are copies: that is
// several times as fast as to migrate each.
var template = sync.OnceValues(func() (string, error) {
	name := randomName()
	if err := admin("CREATE DATABASE " + name + " " + bare); err != nil {
		return "", err
	}
	made = name
	_, _, err := Migrate(context.Background(), urlOf(name), Options{})
	return name, err
})

func randomName() string { return "inkstone_test_" + strings.ToLower(rand.Text()) }

// urlOf is the server's URL with another database.
func urlOf(database string) string {
	u, err := url.Parse(testURL())
	if err != nil {
		panic("TEST_POSTGRES_URL is no URL") // the error repeats the password
	}
	u.Path = "/" + database
	return u.String()
}

// admin runs a statement in the database that testURL names.
func admin(sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, testURL())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
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
