package sqlite

import (
	"os"
	"sync"
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
	file  *os.File // nil if it cannot be read here; header then reports false
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
		file, _ := os.Open(path)
		x = &walIndex{path: path, file: file}
		walIndexes.open[path] = x
	}
	x.users++
	return x
}

// header returns the header as it stands; false if it is being written or cannot
// be read. There are two copies: SQLite writes the second one first, and what is
// equal in both is whole.
func (x *walIndex) header() (h walHeader, ok bool) {
	var both [2 * len(h)]byte
	if n, _ := x.file.ReadAt(both[:], 0); n < len(both) {
		return h, false
	}
	h = walHeader(both[:len(h)])
	return h, h == walHeader(both[len(h):])
}

// close must follow the closing of the store's connections.
func (x *walIndex) close() error {
	walIndexes.Lock()
	defer walIndexes.Unlock()
	if x.users--; x.users > 0 {
		return nil
	}
	delete(walIndexes.open, x.path)
	if x.file == nil {
		return nil
	}
	return x.file.Close()
}
