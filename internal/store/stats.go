package store

import (
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/store/postgres"
	"inkstone/internal/store/sqlite"
)

// Stats says how busy a store is at the moment.
type Stats struct {
	Max     int           // most connections that there may be
	Open    int           // connections; with SQLite, those that read
	InUse   int           // of them, at work
	Idle    int           // of them, free
	Waiting int           // operations without a connection
	Queue   int           // writes that wait for their turn
	Waits   int64         // operations that had to wait for either, since the start
	Waited  time.Duration // and how long in all
}

// StatsOf returns how busy s is; ok is false if its engine does not tell.
func StatsOf(s blog.Store) (st Stats, ok bool) {
	switch engine := s.(type) {
	case *sqlite.Store:
		now := engine.Stats()
		return Stats{
			Max: now.ReadersMax, Open: now.ReadersOpen, InUse: now.ReadersBusy, Idle: now.ReadersOpen - now.ReadersBusy,
			Waiting: int(now.ReadersWaiting), Queue: now.Queue, Waits: now.Waits, Waited: now.Waited,
		}, true
	case *postgres.Store:
		now := engine.Stats()
		return Stats{Max: now.Max, Open: now.Open, InUse: now.InUse, Idle: now.Idle, Waiting: int(now.Waiting), Waits: now.Waits, Waited: now.Waited}, true
	}
	return Stats{}, false
}
