package sqlite

import (
	"testing"
	"unsafe"

	"zombiezen.com/go/sqlite"
)

// A text that changes while it is bound is seen changed only if SQLite has no copy of it.
func TestATextIsBoundInPlace(t *testing.T) {
	c, err := sqlite.OpenConn(":memory:")
	must(t, err)
	defer c.Close()
	stmt, err := c.Prepare("SELECT unicode(?1), octet_length(?1)")
	must(t, err)
	text := []byte("墨水和纸\x00")
	bindInPlace(stmt, 1, unsafe.String(&text[0], len(text)))
	copy(text, "砚")
	if row, err := stmt.Step(); err != nil || !row || stmt.ColumnInt(0) != '砚' || stmt.ColumnInt(1) != 12 {
		t.Errorf("it begins with %c and has %d bytes, %v", rune(stmt.ColumnInt(0)), stmt.ColumnInt(1), err)
	}
	must(t, stmt.Reset())
	must(t, stmt.ClearBindings())
}
