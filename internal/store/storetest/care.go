package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/blog"
)

// Statement is store.Options.Statement.
type Statement func(ctx context.Context, query string, took time.Duration, rows int64)

// RunCare checks blog.Care, and what an engine tells of its statements. open returns two
// stores that share an empty database and nothing else, of which a tells of its statements.
func RunCare(t *testing.T, open func(t *testing.T, statement Statement) (a, b blog.Store)) {
	for _, p := range []struct {
		name  string
		check func(c *careWorld)
	}{
		{"what two instances note of one kind, route and hour is summed", notesAreSummed},
		{"kinds, routes and hours are kept apart, and told from an hour on", notesApart},
		{"what was noted is forgotten when its hour has ended before", notesForgotten},
		{"a note with nothing in it is one", emptyNote},
		{"notes of both at once lose nothing", notesAtOnce},
		{"every statement is told with who caused it, how long it took and its rows", statementsTold},
		{"a statement that failed is told as well", failuresTold},
		{"each statement that looks for something has a plan, which runs nothing", plansOfAll},
		{"what is no statement has no plan", noPlan},
		{"the index that was looked by is counted, for all instances", usesCounted},
		{"every index belongs to a table that is told, and has columns", indexesOfTables},
		{"the state says what there is", stateTold},
		{"nothing of it changes the generation, nor anything else", careChangesNothing},
		{"a context that has ended is an error", careInTime},
	} {
		t.Run(p.name, func(t *testing.T) {
			told := &told{}
			a, b := open(t, told.statement)
			p.check(&careWorld{newWorld(t, a), newWorld(t, b), told})
		})
	}
}

type careWorld struct {
	*world
	other *world
	told  *told
}

// told are the statements that an engine told of.
type told struct {
	mu  sync.Mutex
	all []toldStatement
}

type toldStatement struct {
	ctx   context.Context
	query string
	took  time.Duration
	rows  int64
}

func (o *told) statement(ctx context.Context, query string, took time.Duration, rows int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, toldStatement{ctx, query, took, rows})
}

// take returns what was told since it was last called.
func (o *told) take() []toldStatement {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.all
	o.all = nil
	return all
}

var (
	noon  = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	never = time.Time{}
)

// slowNote is a kind that ran once for each of these durations.
func slowNote(hour time.Time, statement, route string, took ...time.Duration) blog.SlowStatement {
	s := blog.SlowStatement{Statement: statement, Route: route, Hour: hour}
	for i, d := range took {
		one := blog.SlowStatement{Count: 1, Rows: 10, Total: d, Max: d, Last: hour.Add(time.Duration(i) * time.Minute), Sample: statement + " /* " + d.String() + " */"}
		one.Spread.Add(d)
		s.Add(one)
	}
	return s
}

func (w *world) slow(since time.Time) []blog.SlowStatement {
	w.Helper()
	all, err := w.Care().Slow(w.ctx, since)
	w.ok(err)
	slices.SortFunc(all, func(a, b blog.SlowStatement) int {
		return strings.Compare(a.Hour.String()+a.Statement+a.Route, b.Hour.String()+b.Statement+b.Route)
	})
	return all
}

func notesAreSummed(c *careWorld) {
	const kind, route = "SELECT \"微服务\" FROM x WHERE y = 'it''s'", "GET /api/posts"
	first := slowNote(noon, kind, route, 150*time.Millisecond, 2*time.Second)
	second := slowNote(noon, kind, route, 300*time.Millisecond, 120*time.Microsecond, 200*time.Millisecond)
	c.ok(c.Care().Note(c.ctx, []blog.SlowStatement{first}, never))
	c.ok(c.other.Care().Note(c.ctx, []blog.SlowStatement{second}, never))
	want := first
	want.Add(second)
	for _, w := range []*world{c.world, c.other} {
		w.same("slow", w.slow(noon), []blog.SlowStatement{want})
	}
	if want.Count != 5 || want.Max != 2*time.Second || want.Sample != second.Sample {
		c.Errorf("summed to %+v", want)
	}
	c.ok(c.Care().Note(c.ctx, []blog.SlowStatement{first, second}, never)) // one kind twice in a note
	want.Add(first)
	want.Add(second)
	c.same("slow", c.slow(noon), []blog.SlowStatement{want})
}

func notesApart(c *careWorld) {
	all := []blog.SlowStatement{
		slowNote(noon.Add(-2*time.Hour), "SELECT 1", "", time.Second),
		slowNote(noon.Add(-time.Hour), "SELECT 1", "", time.Second),
		slowNote(noon, "SELECT 1", "", time.Second),
		slowNote(noon, "SELECT 1", "GET /api/posts", time.Second),
		slowNote(noon, "SELECT 2", "", time.Second),
	}
	c.ok(c.Care().Note(c.ctx, all, never))
	c.same("all", c.slow(noon.AddDate(0, 0, -1)), all)
	c.same("from the middle of an hour", c.slow(noon.Add(-90*time.Minute)), all[0:])
	c.same("from a later one", c.slow(noon.Add(-30*time.Minute)), all[1:])
	c.same("of this hour", c.slow(noon.Add(time.Minute)), all[2:])
	c.same("of the next", c.slow(noon.Add(time.Hour+time.Minute)), []blog.SlowStatement{})
}

func notesForgotten(c *careWorld) {
	all := []blog.SlowStatement{
		slowNote(noon.Add(-2*time.Hour), "SELECT 1", "", time.Second),
		slowNote(noon, "SELECT 1", "", time.Second),
	}
	c.ok(c.Care().Note(c.ctx, all, never))
	c.ok(c.Care().Note(c.ctx, nil, noon.Add(-90*time.Minute)))
	c.same("before the hour has ended", c.slow(noon.AddDate(0, 0, -1)), all)
	c.ok(c.Care().Note(c.ctx, nil, noon.Add(time.Minute)))
	c.same("after", c.slow(noon.AddDate(0, 0, -1)), all[1:])
	c.ok(c.other.Care().Note(c.ctx, all[:1], noon.Add(2*time.Hour)))
	c.same("with a note", c.slow(noon.AddDate(0, 0, -1)), []blog.SlowStatement{})
}

func emptyNote(c *careWorld) {
	c.ok(c.Care().Note(c.ctx, nil, never))
	c.same("slow", c.slow(noon), []blog.SlowStatement{})
}

func notesAtOnce(c *careWorld) {
	const n = 20
	c.allOK(together(n, func(i int) error {
		w := []*world{c.world, c.other}[i%2]
		notes := []blog.SlowStatement{slowNote(noon, "SELECT 1", "", time.Second), slowNote(noon, "SELECT 2", "", time.Second)}
		if i%3 == 0 {
			slices.Reverse(notes)
		}
		return w.Care().Note(w.ctx, notes, never)
	}))
	all := c.slow(noon)
	if len(all) != 2 || all[0].Count != n || all[1].Count != n || all[0].Total != n*time.Second {
		c.Errorf("%d kinds: %+v", len(all), all)
	}
}

// caller marks a context.
type caller struct{}

func (c *careWorld) as(name string) context.Context { return context.WithValue(c.ctx, caller{}, name) }

func statementsTold(c *careWorld) {
	u := c.user("user")
	for range 3 {
		c.post(u, "post")
	}
	c.told.take()
	_, err := c.Posts().List(c.as("reader"), blog.PostFilter{Status: blog.Published, Order: oldestFirst, Page: everything})
	c.ok(err)
	read := c.told.take()
	c.ok(c.Posts().Create(c.as("writer"), c.newPost(u.ID, "another")))
	written := c.told.take()
	for _, t := range read {
		if t.ctx.Value(caller{}) != "reader" || t.took < 0 || t.query == "" {
			c.Errorf("a list tells of %q for %v in %v", t.query, t.ctx.Value(caller{}), t.took)
		}
	}
	rows := func(all []toldStatement, verbs ...string) (most int64) {
		for _, t := range all {
			if slices.Contains(verbs, verb(t.query)) {
				most = max(most, t.rows)
			}
		}
		return most
	}
	if n := rows(read, "SELECT", "WITH"); n != 3 {
		c.Errorf("reading three posts told of %d rows", n)
	}
	if n := rows(written, "INSERT"); n < 1 {
		c.Errorf("writing a post told of %d rows", n)
	}
	insert := slices.IndexFunc(written, func(t toldStatement) bool { return strings.Contains(t.query, "INSERT INTO posts") })
	if insert < 0 || written[insert].ctx.Value(caller{}) != "writer" {
		c.Errorf("writing a post told of %d statements, the %d. of a post", len(written), insert)
	}
}

func failuresTold(c *careWorld) {
	u := c.user("user")
	c.told.take()
	again := c.newUser("user")
	again.Email = u.Email
	c.fails(c.Users().Create(c.as("late"), again), blog.CodeEmailTaken)
	if len(c.told.take()) == 0 {
		c.Error("a registration that was refused told of no statement")
	}
}

// verb is the word that a statement begins with.
func verb(query string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	return word
}

// mostPlans are enough of the thousands of statements that there are in an engine that makes
// one for each list.
const mostPlans = 400

func plansOfAll(c *careWorld) {
	author := c.user("author")
	for range 5 {
		c.comment(c.post(author, "缓存 Go", tagged("go", "缓存")), author, nil)
	}
	c.told.take()
	Requests(c.T, c.Store)
	before, generation := takeSnapshot(c.T, c.ctx, c.Store), c.generation()
	planned, seen := 0, map[string]bool{}
	for _, t := range c.told.take() {
		if seen[t.query] || strings.Contains(t.query, ";\n") || !slices.Contains([]string{"SELECT", "UPDATE", "DELETE", "WITH"}, verb(t.query)) {
			continue // a batch is told as one, and has no plan
		}
		if len(seen) == mostPlans {
			break
		}
		seen[t.query] = true
		plan, err := c.Care().Plan(c.ctx, t.query)
		if err != nil || len(plan.Lines) == 0 {
			c.Errorf("plan of %s: %d lines, %v", t.query, len(plan.Lines), err)
		}
		if len(plan.Indexes) > 0 {
			planned++
		}
	}
	if planned < 10 {
		c.Errorf("only %d plans name an index", planned)
	}
	c.same("store", takeSnapshot(c.T, c.ctx, c.Store), before)
	c.same("generation", c.generation(), generation)
}

func noPlan(c *careWorld) {
	for _, text := range []string{"", "no statement", "CREATE TABLE x (y INTEGER)", "DROP TABLE posts", "SELECT 1; DELETE FROM posts", "SELECT y FROM nowhere", strings.Repeat("(", 10_000)} {
		plan, err := c.Care().Plan(c.ctx, text)
		if err == nil || blog.CodeOf(err) != blog.CodeInvalid {
			c.Errorf("plan of %.40q: %v, %v", text, plan.Lines, err)
		}
	}
	c.post(c.user("alive"), "alive")
}

// index returns the index of a table by these columns.
func (w *world) index(table string, columns ...string) blog.TableIndex {
	w.Helper()
	all, err := w.Care().Indexes(w.ctx)
	w.ok(err)
	for _, i := range all.Indexes {
		if i.Table == table && slices.Equal(i.Columns, columns) {
			return i
		}
	}
	w.Fatalf("no index on %s %v", table, columns)
	return blog.TableIndex{}
}

func usesCounted(c *careWorld) {
	u := c.user("user")
	p := c.post(u, "post")
	before := c.index("posts", "id")
	const n = 5
	for _, w := range []*world{c.world, c.other} {
		for range n {
			_, err := w.Posts().Get(w.ctx, p.ID)
			w.ok(err)
		}
		w.ok(w.Care().Note(w.ctx, nil, never))
	}
	for _, w := range []*world{c.world, c.other} {
		for w.index("posts", "id").Uses < before.Uses+2*n { // a server may tell of them later
			if w.ctx.Err() != nil {
				w.Fatalf("%d uses, then %d reads, and %d uses", before.Uses, 2*n, w.index("posts", "id").Uses)
			}
			time.Sleep(50 * time.Millisecond)
			c.ok(c.other.Ping(c.ctx)) // or only with the next statement of who was asked
		}
	}
	if after := c.index("posts", "id"); !after.Unique || after.LastUsed.IsZero() && after.Uses == 0 {
		c.Errorf("the index of posts by id: %+v", after)
	}
}

func indexesOfTables(c *careWorld) {
	c.post(c.user("user"), "post")
	all, err := c.Care().Indexes(c.ctx)
	c.ok(err)
	tables := map[string]blog.Table{}
	for _, t := range all.Tables {
		tables[t.Name] = t
	}
	if len(all.Indexes) < 10 || len(tables) < 8 || len(tables) != len(all.Tables) {
		c.Errorf("%d indexes of %d tables", len(all.Indexes), len(all.Tables))
	}
	names := map[string]bool{}
	for _, i := range all.Indexes {
		if _, known := tables[i.Table]; !known || len(i.Columns) == 0 || names[i.Name] || i.Bytes == 0 {
			c.Errorf("index %+v", i)
		}
		names[i.Name] = true
	}
	for _, name := range []string{"users", "posts", "comments", "likes"} {
		if _, known := tables[name]; !known {
			c.Errorf("no table %s", name)
		}
	}
}

func stateTold(c *careWorld) {
	c.user("user")
	s, err := c.Care().State(c.ctx)
	c.ok(err)
	if s.Engine == "" || s.Version == "" || s.State != "ok" || s.Bytes <= 0 || s.Limit < 1 || s.Open < 1 || s.Open > s.Limit || s.InUse+s.Idle > s.Open {
		c.Errorf("%+v", s)
	}
}

func careChangesNothing(c *careWorld) {
	fillAll(c.world)
	records, generation := c.records(c.Store), c.generation()
	c.ok(c.Care().Note(c.ctx, []blog.SlowStatement{slowNote(noon, "SELECT 1", "", time.Second)}, noon))
	_, err := c.Care().Indexes(c.ctx)
	c.ok(err)
	_, err = c.Care().State(c.ctx)
	c.ok(err)
	c.same("generation", c.generation(), generation)
	c.same("records", c.records(c.Store), records)
	to := newModel()
	c.ok(Copy(c.ctx, c.Store, to, 100)) // a copy takes none of it
	c.sameAs(to)
}

func careInTime(c *careWorld) {
	ended, cancel := context.WithCancel(c.ctx)
	cancel()
	for name, call := range map[string]func() error{
		"Note": func() error {
			return c.Care().Note(ended, []blog.SlowStatement{slowNote(noon, "x", "", time.Second)}, never)
		},
		"Slow":    func() error { _, err := c.Care().Slow(ended, noon); return err },
		"Plan":    func() error { _, err := c.Care().Plan(ended, "SELECT 1"); return err },
		"Server":  func() error { _, err := c.Care().Server(ended, []string{"SELECT 1"}); return err },
		"Indexes": func() error { _, err := c.Care().Indexes(ended); return err },
		"State":   func() error { _, err := c.Care().State(ended); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			c.Errorf("%s: error is %v, want the context's", name, err)
		}
	}
	c.same("slow", c.slow(noon), []blog.SlowStatement{})
}
