package sqlite

import (
	"errors"
	"reflect"
	"runtime"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
	"zombiezen.com/go/sqlite"
)

// runInPlace runs a statement whose parameter i is text, but for the zero at its end.
// SQLite reads it where it is. Bound in the usual way there would be two copies of it
// besides while the statement runs: SQLite's own, and another with a zero at its end,
// as FTS5 wants it.
func runInPlace(stmt *sqlite.Stmt, i int, text string) error {
	var pinner runtime.Pinner
	pinner.Pin(unsafe.StringData(text))
	defer pinner.Unpin()
	bindInPlace(stmt, i, text)
	return errors.Join(drain(stmt), stmt.ClearBindings())
}

// bindInPlace calls SQLite itself, since zombiezen.com/go/sqlite only binds copies. If a
// later version of it keeps the statement elsewhere, it falls back to one.
func bindInPlace(stmt *sqlite.Stmt, i int, text string) {
	own := reflect.ValueOf(stmt).Elem().FieldByName("stmt")
	length := len(text) - len("\x00")
	if !own.IsValid() || own.Kind() != reflect.Uintptr {
		stmt.BindText(i, text[:length])
		return
	}
	tls := libc.NewTLS()
	defer tls.Close()
	rc := lib.Xsqlite3_bind_text64(tls, uintptr(own.Uint()), int32(i), uintptr(unsafe.Pointer(unsafe.StringData(text))),
		lib.Tsqlite3_uint64(length), lib.SQLITE_STATIC, lib.SQLITE_UTF8_ZT)
	if rc != lib.SQLITE_OK {
		stmt.BindText(i, text[:length]) // notes the error, for when the statement runs
	}
}
