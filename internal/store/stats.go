package store

import (
	"inkstone/internal/blog"
	"inkstone/internal/store/postgres"
	"inkstone/internal/store/sqlite"
)

// Stats says how busy a store is at the moment.
type Stats struct {
	Open    int // connections that read
	InUse   int // of them, at work
	Waiting int // reads without a connection
	Queue   int // writes that wait for their turn
}

// StatsOf returns how busy s is; ok is false if its engine does not tell.
func StatsOf(s blog.Store) (st Stats, ok bool) {
	switch engine := s.(type) {
	case *sqlite.Store:
		now := engine.Stats()
		return Stats{Open: now.ReadersOpen, InUse: now.ReadersBusy, Waiting: int(now.ReadersWaiting), Queue: now.Queue}, true
	case *postgres.Store:
		now := engine.Stats()
		return Stats{Open: now.Open, InUse: now.InUse, Waiting: int(now.Waiting)}, true
	}
	return Stats{}, false
}
