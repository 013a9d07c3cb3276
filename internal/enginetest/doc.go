// Package enginetest gives tests real parts: PostgreSQL, PgBouncer, Redis, Consul and an
// S3 server. It owns what a test needs to have one for itself, a database in a
// server that all share, or a server of its own that it may stop and kill. It
// leaves bringing the shared ones up, and finding the programs, to scripts/services.
// Program is for what a test runs itself, such as Prometheus.
//
// Without them the tests that ask skip and say so: `make test` asks for each engine,
// `go test -v ./... | grep 'left out'` collects it test by test. (go shows nothing of a
// package that passes, not even what it writes to its standard error, so `go test ./...`
// can't.) Under CI=true they fail. Only tests import this package.
package enginetest

import (
	"os"
	"testing"
)

const howToBring = `scripts/services up && eval "$(scripts/services env)"`

// need is the value of a variable that scripts/services sets for an engine, or
// the end of the test.
func need(t testing.TB, engine, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value != "" {
		return value
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s must not be left out under CI=true, and %s is not set; to bring it: %s", engine, variable, howToBring)
	}
	t.Skipf("%s is left out, for %s is not set; to bring it: %s", engine, variable, howToBring)
	return ""
}
