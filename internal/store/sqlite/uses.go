package sqlite

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"inkstone/internal/blog"
)

// mostTexts bounds the statements that are counted by their texts. Lists make ten thousand,
// though few by few people; what comes later is counted by its plan, of which there are few. Tests lower it.
var mostTexts = 2048

// uses counts how often statements ran, for SQLite does not count how often an index is used. By
// which indexes a statement looks is found out when it is asked for, as that takes longer
// than many a statement.
type uses struct {
	mu     sync.Mutex
	texts  map[string]*use // by the statement
	others map[string]*use // by the plan: of statements that found no place among texts

	asking sync.Mutex // held to use what follows
	schema int64      // the version of the schema that plans are of
	plans  map[*use]blog.Plan
}

// use counts the runs of a statement.
type use struct {
	query string
	runs  atomic.Int64
}

func (u *use) add() {
	if u != nil {
		u.runs.Add(1)
	}
}

func newUses() *uses {
	return &uses{texts: map[string]*use{}, others: map[string]*use{}, plans: map[*use]blog.Plan{}}
}

// of returns what counts a statement; nil if it has no plan, or nobody counts.
func (u *uses) of(c *conn, query string) *use {
	if u == nil {
		return nil
	}
	if at := u.at(u.texts, query, query, mostTexts); at != nil {
		return at
	}
	plan, err := c.plan(query)
	if err != nil {
		return nil
	}
	return u.at(u.others, strings.Join(append(plan.Indexes, scanned(plan)...), "\n"), query, mostTexts)
}

// at returns what counts a key, made if there is room for it; else nil.
func (u *uses) at(counts map[string]*use, key, query string, most int) *use {
	u.mu.Lock()
	defer u.mu.Unlock()
	found := counts[key]
	if found == nil && len(counts) < most {
		found = &use{query: query}
		counts[key] = found
	}
	return found
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
	for _, counts := range []map[string]*use{u.texts, u.others} {
		for _, at := range counts {
			if at.runs.Load() > 0 {
				all = append(all, at)
			}
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
	for _, counts := range []map[string]*use{u.texts, u.others} {
		for _, at := range counts {
			if n := at.runs.Swap(0); n > 0 {
				runs[at] = n
			}
		}
	}
	return runs
}

func (u *uses) giveBack(c counted) {
	for at, n := range c.runs {
		at.runs.Add(n)
	}
}
