package sqlite

import (
	"os"
	"sync"
	"sync/atomic"
)

// walHeader is the header of SQLite's WAL index, which every commit changes: it holds
// a counter, the length of the log and checksums over all of the log. SQLite's own
// readers compare it to learn whether anybody has committed since they last looked.
//
// Source: https://www.sqlite.org/walformat.html#the_wal_index_header
type walHeader [48]byte

// walIndex is the open "-shm" file of a database, shared by all stores of the
// process: closing any descriptor of a file drops every lock that the process
// holds on it (fcntl(2)), and SQLite's locks are on this file. It is closed when
// the last store has closed its connections.
type walIndex struct {
	path  string
	file  atomic.Pointer[os.File] // nil if it cannot be read here; header then reports false
	users int
}

var walIndexes = struct {
	sync.Mutex
	open map[string]*walIndex
}{open: map[string]*walIndex{}}

// openWALIndex opens the index of the database file at an absolute path, which
// must be open already.
func openWALIndex(database string) *walIndex {
	walIndexes.Lock()
	defer walIndexes.Unlock()
	path := database + "-shm"
	x := walIndexes.open[path]
	if x == nil {
		x = &walIndex{path: path}
		walIndexes.open[path] = x
	}
	x.follow()
	x.users++
	return x
}

// again must be called after a time in which the caller had no connection: if
// nobody had, SQLite has removed the file and made another.
func (x *walIndex) again() {
	walIndexes.Lock()
	defer walIndexes.Unlock()
	x.follow()
}

// follow opens the file that is at the path, unless it is open already.
func (x *walIndex) follow() {
	old := x.file.Load()
	if old != nil && !replaced(old, x.path) {
		return
	}
	file, err := os.Open(x.path)
	if err != nil {
		file = nil
	}
	x.file.Store(file)
	if old != nil {
		_ = old.Close() // it was removed, so nobody has locks on it
	}
}

// replaced reports whether another file is at the path by now. Where none can be seen
// SQLite did not remove it, as it would have made another: it still has it open.
func replaced(file *os.File, path string) bool {
	mine, err := file.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && !os.SameFile(mine, there)
}

// header returns the header as it stands; false if it is being written or cannot
// be read. There are two copies: SQLite writes the second one first, and what is
// equal in both is whole.
func (x *walIndex) header() (h walHeader, ok bool) {
	var both [2 * len(h)]byte
	if n, _ := x.file.Load().ReadAt(both[:], 0); n < len(both) {
		return h, false
	}
	h = walHeader(both[:len(h)])
	return h, h == walHeader(both[len(h):])
}

// shows reports whether a commit shows in the header. It makes one by c, which leaps: a file
// that is read and the same file mapped into memory, as SQLite has it, need not agree on
// every system (OpenBSD) and file system (9P).
func (x *walIndex) shows(c *conn) bool {
	before, ok := x.header()
	if c.leap() != nil {
		_ = c.rollback() // there may be no transaction
		return false
	}
	if !ok {
		return false
	}
	after, ok := x.header()
	return ok && after != before
}

// close must follow the closing of the store's connections.
func (x *walIndex) close() error {
	walIndexes.Lock()
	defer walIndexes.Unlock()
	if x.users--; x.users > 0 {
		return nil
	}
	delete(walIndexes.open, x.path)
	file := x.file.Load()
	if file == nil {
		return nil
	}
	return file.Close()
}
