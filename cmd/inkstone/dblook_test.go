package main

import (
	"path/filepath"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func TestTheDatabaseIsLookedAtWhileSomebodyHoldsItsWriteLock(t *testing.T) {
	i := newInkstone(t)
	i.succeeds("", "migrate")
	other, err := sqlite.OpenConn(filepath.Join("data", "inkstone.db"), sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := sqlitex.ExecuteTransient(other, "BEGIN IMMEDIATE", nil); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"slow", "indexes"} {
		start := time.Now()
		i.succeeds("", "db", name)
		if took := time.Since(start); took > 2500*time.Millisecond { // SQLite waits for five seconds
			t.Errorf("%s took %v", name, took)
		}
	}
}
