package sqlite

import (
	"os"
	"time"

	"zombiezen.com/go/sqlite"
)

// Bounds of the write-ahead log. SQLite begins it anew when all of it is in the
// database and nobody reads it any more. While reads overlap that moment never comes
// by itself: the log grows by 5 MB a second for as long as the load lasts. So beyond
// logLimit the writer waits for it: reads that begin then need no log any more.
const (
	logLimit   = int64(64) << 20
	drainWait  = 200 * time.Millisecond // for the reads that are under way
	drainPause = 5 * time.Second        // before it is tried again, as a long read may not end
	longRead   = 1000                   // pages that are written during one: so many take longer than drainWait
)

// writeAheadLog is the log of the writer's database.
type writeAheadLog struct {
	path  string
	limit int64     // bytes
	tried time.Time // last
}

// bound has the log begin anew if it has grown too long. If that fails it is only
// long, so an error is none: what is broken shows at the next write.
func (l *writeAheadLog) bound(c *conn) {
	info, err := os.Stat(l.path)
	if err != nil || info.Size() <= l.limit || time.Since(l.tried) < drainPause {
		return
	}
	l.tried = time.Now()
	if l.held(c) {
		return
	}
	c.SetBusyTimeout(drainWait)
	_ = c.script("PRAGMA wal_checkpoint(RESTART)")
	c.SetBusyTimeout(busyWait)
}

// held tells whether a long read, as that of a backup, keeps much of the log: to wait for
// it would be in vain, and all who write would wait, too.
func (l *writeAheadLog) held(c *conn) bool {
	var left int64
	_, err := c.one("PRAGMA wal_checkpoint(PASSIVE)", func(s *sqlite.Stmt) error {
		left = s.ColumnInt64(1) - s.ColumnInt64(2) // pages in the log, and those of them that are in the database
		return nil
	})
	return err == nil && left > longRead
}
