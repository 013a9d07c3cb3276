package sqlite

import (
	"sync"
	"sync/atomic"
	"time"

	"inkstone/internal/blog"
)

// mostTexts bounds the statements that are counted. Lists make ten thousand, though few by few
// people; what finds no place is not counted. Those that nobody runs make room twice a minute. Tests lower it.
var mostTexts = 2048

// uses counts how often statements ran, for SQLite does not count how often an index is used. By
// which indexes a statement looks is found out when it is asked for, as that takes longer
// than many a statement.
type uses struct {
	mu    sync.Mutex
	texts map[string]*use // by the statement

	asking sync.Mutex // held to use what follows
	schema int64      // the version of the schema that plans are of
	plans  map[*use]blog.Plan
}

// use counts the runs of a statement.
type use struct {
	query string
	runs  atomic.Int64
	gone  atomic.Bool // it is among texts no more
}

func newUses() *uses {
	return &uses{texts: map[string]*use{}, plans: map[*use]blog.Plan{}}
}

// add counts a run of a statement. at is what counted it the last time, and may be nil; add returns what
// does now, or nil if nobody counts, or there is no room.
func (u *uses) add(at *use, query string) *use {
	if u == nil {
		return nil
	}
	if at == nil || at.gone.Load() {
		at = u.of(query)
	}
	if at != nil {
		at.runs.Add(1)
	}
	return at
}

// of returns what counts a statement, made if there is room for it; else nil.
func (u *uses) of(query string) *use {
	u.mu.Lock()
	defer u.mu.Unlock()
	found := u.texts[query]
	if found == nil && len(u.texts) < mostTexts {
		found = &use{query: query}
		u.texts[query] = found
	}
	return found
}

// makeRoom forgets the statements that have not run since before what was taken last, if there is no room.
// A run at that very moment may not be counted; what somebody has taken and gives back is.
func (u *uses) makeRoom(last counted) {
	u.asking.Lock()
	defer u.asking.Unlock()
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.texts) < mostTexts {
		return
	}
	for query, at := range u.texts {
		if last.runs[at] == 0 && at.runs.Load() == 0 {
			at.gone.Store(true)
			delete(u.texts, query)
			delete(u.plans, at)
		}
	}
}

func scanned(p blog.Plan) (tables []string) {
	for _, s := range p.Scans {
		tables = append(tables, s.Table)
	}
	return tables
}

// counted is what was counted since the last time.
type counted struct {
	runs map[*use]int64
	uses map[used]int64
}

// used names an index that was looked by, or a table that was read in full.
type used struct{ kind, name string }

const (
	usedIndex = "index"
	usedScan  = "scan"
)

// learnFor is how long plans are asked for in one read: others wait for the connection.
const learnFor = time.Second

// learn asks for the plans of what has run, for learnFor at most, and reports whether it has them all.
func (u *uses) learn(c *conn) (all bool, err error) {
	u.asking.Lock()
	defer u.asking.Unlock()
	if err := u.look(c); err != nil {
		return false, err
	}
	end := time.Now().Add(learnFor)
	for _, at := range u.ran() {
		if time.Now().After(end) {
			return false, nil
		}
		if _, err := u.plan(c, at); err != nil {
			return false, err
		}
	}
	return true, nil
}

// look forgets the plans if somebody has made an index, or removed one.
func (u *uses) look(c *conn) error {
	schema, err := c.number("PRAGMA schema_version")
	if err == nil && schema != u.schema {
		u.schema = schema
		clear(u.plans)
	}
	return err
}

// plan returns the plan of what at counts; an empty one if there is none.
func (u *uses) plan(c *conn, at *use) (blog.Plan, error) {
	plan, known := u.plans[at]
	if known {
		return plan, nil
	}
	plan, err := c.plan(at.query)
	if err != nil && blog.CodeOf(err) != blog.CodeInvalid { // which says that there is none
		return plan, err
	}
	u.plans[at] = plan
	return plan, nil
}

// ran returns what has run since take.
func (u *uses) ran() (all []*use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, at := range u.texts {
		if at.runs.Load() > 0 {
			all = append(all, at)
		}
	}
	return all
}

// take returns what was counted since it was last called; c asks for plans that learn has not. What is
// not kept then has to be given back.
func (u *uses) take(c *conn) (counted, error) {
	u.asking.Lock()
	defer u.asking.Unlock()
	if err := u.look(c); err != nil {
		return counted{}, err
	}
	all := counted{u.swap(), map[used]int64{}}
	for at, n := range all.runs {
		plan, err := u.plan(c, at)
		if err != nil {
			u.giveBack(all)
			return counted{}, err
		}
		for _, index := range plan.Indexes {
			all.uses[used{usedIndex, index}] += n
		}
		for _, table := range scanned(plan) {
			all.uses[used{usedScan, table}] += n
		}
	}
	return all, nil
}

func (u *uses) swap() map[*use]int64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	runs := map[*use]int64{}
	for _, at := range u.texts {
		if n := at.runs.Swap(0); n > 0 {
			runs[at] = n
		}
	}
	return runs
}

func (u *uses) giveBack(c counted) {
	for at, n := range c.runs {
		if at.gone.Load() {
			at = u.of(at.query)
		}
		if at != nil {
			at.runs.Add(n)
		}
	}
}
