package blog

import (
	"context"
	"math"
	"slices"
	"time"
)

// Care is what a store tells of its own work to whoever looks after it. Nothing of it is
// content: copies leave it out. It changes nothing but its own notes.
type Care interface {
	// Note adds to what is kept of slow statements, and writes down what the engine has
	// counted by itself since it was last called, as the uses of its indexes. What has the same
	// Statement, Route and Hour is one; each instance adds to it. It may be called with none. It keeps all that it is
	// given: who calls bounds how many that are.
	// What was noted for hours that had ended before forget is forgotten.
	Note(ctx context.Context, slow []SlowStatement, forget time.Time) error

	// Slow returns what was noted for hours that had not ended at since, by all instances, in no order.
	Slow(ctx context.Context, since time.Time) ([]SlowStatement, error)

	// Plan returns how the engine would run a statement as it was sent (SlowStatement.Sample),
	// without running it. CodeInvalid if it has no plan, as one that makes a table; CodeUnavailable also
	// if a table is locked. Of a scan that it can't look into it tells the table alone.
	Plan(ctx context.Context, sample string) (Plan, error)

	// Server returns what the server itself has counted of a statement, if it counts: how often
	// it was called and how long it took in all, by any client, since the server began to count.
	Server(ctx context.Context, statements []string) (map[string]ServerCount, error)

	// Indexes returns every index and table of ours, how large they are and how much they are used. A
	// number that can't be found out, or takes too long, is not known, and keeps nothing else from being told.
	Indexes(ctx context.Context) (IndexUse, error)

	// State returns how the connections stand at the moment, without waiting for one longer
	// than a second. A database that is away is a state and no error.
	State(ctx context.Context) (PoolState, error)
}

// SlowStatement is a kind of statement as one route caused it in one hour: those of its runs that
// took longer than the threshold.
type SlowStatement struct {
	Statement string    // without values, the same for all of its kind
	Sample    string    // one of its kind as it was sent, with places for its values
	Route     string    // who called, as "GET /api/posts"; "" for the program itself
	Hour      time.Time // when that hour began
	Count     int64
	Rows      int64 // that were read, or changed, in all
	Total     time.Duration
	Max       time.Duration
	Spread    Spread
	Last      time.Time // when the last one ended
}

// Add adds what o has to s, which is of the same kind.
func (s *SlowStatement) Add(o SlowStatement) {
	s.Count += o.Count
	s.Rows += o.Rows
	s.Total += o.Total
	s.Max = max(s.Max, o.Max)
	for i, n := range o.Spread {
		s.Spread[i] += n
	}
	if o.Last.After(s.Last) {
		s.Last, s.Sample = o.Last, o.Sample
	}
}

// Spread counts durations by their length: 64 classes, each 19 % longer than the one before,
// from 1 ms to a minute. What is shorter or longer is in the first or the last.
type Spread [64]int64

// Add counts d.
func (s *Spread) Add(d time.Duration) {
	class := math.Floor(4 * math.Log2(float64(max(d, 1))/float64(time.Millisecond)))
	s[int(min(max(class, 0), float64(len(s)-1)))]++
}

// Quantile returns a duration that a share q, in 0 to 1, of those counted do not exceed, up to the
// width of a class. 0 if there are none.
func (s *Spread) Quantile(q float64) time.Duration {
	var all int64
	for _, n := range s {
		all += n
	}
	if all == 0 {
		return 0
	}
	left := int64(math.Ceil(q * float64(all)))
	for i, n := range s {
		if left -= n; left <= 0 {
			return time.Duration(math.Exp2(float64(i+1)/4) * float64(time.Millisecond))
		}
	}
	return 0
}

// Plan is how an engine would run a statement.
type Plan struct {
	Lines []string // in the engine's own words
	Scans []Scan   // tables that it would read in full
	// Indexes that it would use, by name.
	Indexes []string
}

// Scan is a table that a plan reads in full, and what the statement looks for in it: columns
// that must have a value, that must lie in a range, and that give the order. What
// the engine can't tell is left out.
type Scan struct {
	Table string
	Equal []string
	Range []string
	Order []string
}

// Index returns the columns of an index that would spare the scan: what must have a value,
// then what must lie in a range or, without one, the order. Empty: none would.
func (s Scan) Index() []string {
	columns := slices.Clone(s.Equal)
	rest := s.Order
	if len(s.Range) > 0 {
		rest = s.Range[:1]
	}
	for _, c := range rest {
		if !slices.Contains(columns, c) {
			columns = append(columns, c)
		}
	}
	return columns
}

// ServerCount is what a server has counted of a statement.
type ServerCount struct {
	Calls int64
	Total time.Duration
	Rows  int64
}

// IndexUse is what is known of indexes and tables.
type IndexUse struct {
	Since   time.Time // since when uses are counted; zero: not known
	Indexes []TableIndex
	Tables  []Table
}

// TableIndex is an index of a table.
type TableIndex struct {
	Name     string
	Table    string
	Columns  []string
	Unique   bool      // it also keeps a rule, so that it is of use though nobody looks by it
	Referred bool      // rows that refer to others are found by it when those are deleted, which an engine need not count
	Bytes    int64     // -1: not known
	Uses     int64     // how many statements looked by it
	LastUsed time.Time // zero: never, or not known
}

// Table is a table and how often it was read in full.
type Table struct {
	Name  string
	Rows  int64 // about; -1: not known
	Bytes int64 // without its indexes; -1: not known
	Scans int64 // statements that read it in full
}

// PoolState is how the connections of one process to its database stand.
type PoolState struct {
	Engine  string // sqlite or postgres
	Version string // of the server, or of the library that takes its place; "" if it is away
	State   string // ok, busy (no connection became free within a second), or away
	Bytes   int64  // size of the database; -1: not known
	Limit   int    // most connections
	Open    int
	InUse   int
	Idle    int
	Waiting int           // operations that wait for a connection at the moment
	Waits   int64         // operations that had to wait, since the start
	Waited  time.Duration // and how long in all
}
