package admin

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inkstone/internal/blog"
)

// notes is a blog.Care that keeps what is noted, or refuses it.
type notes struct {
	blog.Care

	mu      sync.Mutex
	refuse  error
	all     []blog.SlowStatement
	forgot  time.Time
	told    func(ctx context.Context) // what a note runs itself
	plans   map[string]blog.Plan      // by the sample
	slowly  map[string]error          // samples of which there is no plan: why, nil: it takes for ever
	use     blog.IndexUse
	pool    blog.PoolState
	counted map[string]blog.ServerCount

	uncounted error // why the server's counts are not told
}

func (n *notes) Note(ctx context.Context, slow []blog.SlowStatement, forget time.Time) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.told != nil {
		n.told(ctx)
	}
	if err := cmp.Or(n.refuse, ctx.Err()); err != nil {
		return err
	}
	n.all, n.forgot = append(n.all, slow...), forget
	return nil
}

func (n *notes) Slow(_ context.Context, since time.Time) (all []blog.SlowStatement, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.all {
		if s.Hour.Add(time.Hour).After(since) {
			all = append(all, s)
		}
	}
	return all, nil
}

func (n *notes) Plan(ctx context.Context, sample string) (blog.Plan, error) {
	if why, asked := n.slowly[sample]; asked {
		if why == nil {
			<-ctx.Done()
			why = ctx.Err()
		}
		return blog.Plan{}, why
	}
	p, ok := n.plans[sample]
	if !ok {
		return p, blog.Fail(blog.CodeInvalid)
	}
	return p, nil
}

func (n *notes) Server(context.Context, []string) (map[string]blog.ServerCount, error) {
	return n.counted, n.uncounted
}
func (n *notes) Indexes(context.Context) (blog.IndexUse, error) { return n.use, nil }

func (n *notes) State(context.Context) (blog.PoolState, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.pool, nil
}

func (n *notes) set(change func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	change()
}

// sum returns how many runs were noted, and of how many kinds.
func (n *notes) sum() (runs int64, kinds int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	seen := map[string]bool{}
	for _, s := range n.all {
		runs += s.Count
		seen[s.Statement] = true
	}
	return runs, len(seen)
}

func TestWaitsThatGrowAreToldAndOthersNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, log := &notes{pool: blog.PoolState{Waits: 1000, Waited: time.Hour, Limit: 4}}, &bytes.Buffer{}
		ctx, stop := context.WithCancel(t.Context())
		go WatchPool(ctx, n.State, slog.New(slog.NewJSONHandler(log, nil)))
		time.Sleep(2*lookEvery + time.Second)
		n.set(func() { n.pool.Waits, n.pool.Waited = n.pool.Waits+5, n.pool.Waited+time.Second })
		time.Sleep(2 * lookEvery)
		synctest.Wait()
		if log.Len() > 0 {
			t.Errorf("told of a second: %s", log)
		}
		n.set(func() { n.pool.Waits, n.pool.Waited = n.pool.Waits+40, n.pool.Waited+12*time.Second })
		time.Sleep(3 * lookEvery)
		synctest.Wait()
		if s := log.String(); strings.Count(s, "\n") != 1 || !strings.Contains(s, `"level":"WARN"`) || !strings.Contains(s, `"waits":40`) || !strings.Contains(s, `"waitedMs":12000`) {
			t.Errorf("told %s", s)
		}
		stop()
		synctest.Wait()
	})
}

func newTestService(n *notes) *Service {
	return New(Options{Care: n, Instance: func() string { return "here" }, Window: 24 * time.Hour, Threshold: 100 * time.Millisecond, Now: time.Now})
}

// noted is a kind that ran so often, and each time so long.
func noted(statement, route string, hoursAgo int, count int64, each time.Duration) blog.SlowStatement {
	s := blog.SlowStatement{Statement: statement, Sample: statement, Route: route, Hour: time.Now().UTC().Truncate(time.Hour).Add(-time.Duration(hoursAgo) * time.Hour)}
	for range count {
		s.Spread.Add(each)
	}
	s.Count, s.Rows, s.Total, s.Max, s.Last = count, count, time.Duration(count)*each, each, s.Hour
	return s
}

func TestRunsOfAKindAreSummedOverRoutesAndHours(t *testing.T) {
	n := &notes{all: []blog.SlowStatement{
		noted("SELECT a", "GET /a", 0, 2, slow), noted("SELECT a", "GET /b", 0, 5, slow), noted("SELECT a", "GET /a", 3, 1, 10*slow), noted("SELECT a", "GET /a", 30, 100, slow),
		noted("SELECT b", "", 1, 1, 5*slow),
	}, counted: map[string]blog.ServerCount{"SELECT a": {Calls: 900, Total: time.Second, Rows: 3}}}
	r, err := newTestService(n).Slow(t.Context(), SlowFilter{Sort: "total", Limit: 10})
	if err != nil || r.Kinds != 2 || len(r.Queries) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	a := r.Queries[0]
	if a.Statement != "SELECT a" || a.Count != 8 || a.TotalMs != 17*200 || a.MeanMs != 425 || a.MaxMs != 2000 || a.P95Ms != 2000 || a.Rows != 8 {
		t.Errorf("%+v", a)
	}
	if !slices.Equal(a.Routes, []RouteCount{{"GET /b", 5}, {"GET /a", 3}}) || a.Server == nil || a.Server.Calls != 900 || r.Queries[1].Server != nil {
		t.Errorf("routes %v, server %v", a.Routes, a.Server)
	}
	n.counted, n.uncounted = nil, blog.Fail(blog.CodeUnavailable)
	if r, err := newTestService(n).Slow(t.Context(), SlowFilter{Sort: "total", Limit: 10}); err != nil || r.Queries[0].Count != 8 || r.Queries[0].Server != nil {
		t.Errorf("without the server's counts: %+v, %v", r, err)
	}
	n.uncounted = nil
	for sort, first := range map[string]string{"total": "SELECT a", "count": "SELECT a", "max": "SELECT a", "mean": "SELECT b", "p95": "SELECT a"} {
		r, err := newTestService(n).Slow(t.Context(), SlowFilter{Sort: sort, Limit: 1})
		if err != nil || len(r.Queries) != 1 || r.Kinds != 2 || r.Queries[0].Statement != first {
			t.Errorf("by %s: %+v, %v", sort, r, err)
		}
	}
}

func scanOf(table string, equal ...string) blog.Plan {
	return blog.Plan{Lines: []string{"SCAN " + table}, Scans: []blog.Scan{{Table: table, Equal: equal}}}
}

func TestAnIndexIsSuggestedForWhatIsSlowAndScansALargeTable(t *testing.T) {
	n := &notes{
		all: []blog.SlowStatement{
			noted("large", "GET /a", 0, 3, slow), noted("large too", "", 0, 2, 10*slow), noted("small", "", 0, 9, slow), noted("there is one", "", 0, 9, slow),
			noted("nothing to look by", "", 0, 9, slow), noted("no plan", "", 0, 9, slow), noted("unknown rows", "", 0, 1, slow),
		},
		plans: map[string]blog.Plan{
			"large": scanOf("posts", "cover"), "large too": scanOf("posts", "cover"), "small": scanOf("tiny", "a"), "there is one": scanOf("posts", "status"),
			"nothing to look by": scanOf("posts"), "unknown rows": scanOf("Odd", "Column"),
		},
		use: blog.IndexUse{
			Indexes: []blog.TableIndex{{Name: "posts_status", Table: "posts", Columns: []string{"status", "rank"}}},
			Tables:  []blog.Table{{Name: "posts", Rows: 50_000, Bytes: -1}, {Name: "tiny", Rows: smallRows}, {Name: "Odd", Rows: -1}},
		},
		pool: blog.PoolState{Engine: "sqlite"},
	}
	r, err := newTestService(n).Indexes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var sql []string
	for _, s := range r.Suggestions {
		sql = append(sql, s.SQL)
	}
	if want := []string{"CREATE INDEX posts_cover ON posts (cover)", `CREATE INDEX "Odd_Column" ON "Odd" ("Column")`}; !slices.Equal(sql, want) {
		t.Fatalf("suggested %q", sql)
	}
	s := r.Suggestions[0]
	if len(s.Because) != 2 || s.Because[0].Statement != "large too" || !strings.Contains(s.Reason, "5 次") || !strings.Contains(s.Reason, "4.6 秒") || !strings.Contains(s.Reason, "50000 行") {
		t.Errorf("because %+v: %s", s.Because, s.Reason)
	}
	if len(r.FullScans) != 6 || r.FullScans[0].Plan == nil || r.Tables[1].Bytes != nil {
		t.Errorf("%d scans: %+v", len(r.FullScans), r.FullScans)
	}
	n.pool.Engine = "postgres"
	if r, _ = newTestService(n).Indexes(t.Context()); !strings.HasPrefix(r.Suggestions[0].SQL, "CREATE INDEX CONCURRENTLY ") {
		t.Errorf("on PostgreSQL: %s", r.Suggestions[0].SQL)
	}
}

func TestAPlanThatCannotBeHadKeepsNothingElseFromBeingTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &notes{
			all:    []blog.SlowStatement{noted("locked", "", 0, 3, slow), noted("large", "", 0, 2, slow), noted("for ever", "", 0, 1, slow)},
			plans:  map[string]blog.Plan{"large": scanOf("posts", "cover")},
			slowly: map[string]error{"locked": blog.Fail(blog.CodeUnavailable), "for ever": nil},
		}
		service := newTestService(n)
		start := time.Now()
		r, err := service.Indexes(t.Context())
		if err != nil || len(r.FullScans) != 1 || len(r.Suggestions) != 1 || time.Since(start) > plansLimit {
			t.Errorf("after %v: %+v, %v", time.Since(start), r, err)
		}
		report, err := service.Slow(t.Context(), SlowFilter{Sort: "total", Limit: 10, Explain: true})
		if err != nil || len(report.Queries) != 3 || report.Queries[0].Plan != nil || report.Queries[1].Plan == nil {
			t.Errorf("%+v, %v", report, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := service.Indexes(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller whose time is over gets %v", err)
		}
		n.slowly["locked"] = errors.New("damaged")
		if _, err := service.Indexes(t.Context()); err == nil {
			t.Error("a database that is damaged is no error")
		}
	})
}

func TestOnlyIndexesThatKeepNoRuleAreCalledUnused(t *testing.T) {
	n := &notes{use: blog.IndexUse{Indexes: []blog.TableIndex{
		{Name: "used", Uses: 1}, {Name: "unused"}, {Name: "unique", Unique: true}, {Name: "referred", Referred: true},
	}}}
	r, err := newTestService(n).Indexes(t.Context())
	if err != nil || !slices.Equal(r.Unused, []string{"unused"}) || r.Since != nil {
		t.Errorf("%v since %v, %v", r.Unused, r.Since, err)
	}
}
