package admin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/telemetry"
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
	use     blog.IndexUse
	pool    blog.PoolState
	counted map[string]blog.ServerCount
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

func (n *notes) Plan(_ context.Context, sample string) (blog.Plan, error) {
	p, ok := n.plans[sample]
	if !ok {
		return p, blog.Fail(blog.CodeInvalid)
	}
	return p, nil
}

func (n *notes) Server(context.Context, []string) (map[string]blog.ServerCount, error) {
	return n.counted, nil
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

const slow = 200 * time.Millisecond

func newTestRecorder(n *notes) (*Recorder, *bytes.Buffer) {
	log := &bytes.Buffer{}
	r := NewRecorder(100*time.Millisecond, 24*time.Hour, slog.New(slog.NewJSONHandler(log, nil)), time.Now)
	r.Keep(n)
	return r, log
}

func TestOnlyWhatIsSlowerThanTheThresholdIsNotedByKind(t *testing.T) {
	n := &notes{}
	r, _ := newTestRecorder(n)
	for i, took := range []time.Duration{time.Millisecond, 100 * time.Millisecond, slow, 3 * slow} {
		r.Statement(t.Context(), fmt.Sprintf("SELECT a FROM b WHERE c = 'secret%d'", i), took, 7)
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(n.all) != 1 {
		t.Fatalf("%d kinds: %+v", len(n.all), n.all)
	}
	s := n.all[0]
	if s.Statement != "SELECT a FROM b WHERE c = ?" || s.Count != 2 || s.Rows != 14 || s.Total != 4*slow || s.Max != 3*slow || s.Sample == "" || s.Last.IsZero() {
		t.Errorf("%+v", s)
	}
	if s.Hour != s.Last.Truncate(time.Hour) || time.Since(n.forgot) < 24*time.Hour {
		t.Errorf("noted for %v, forgotten what is older than %v", s.Hour, n.forgot)
	}
}

func TestARecorderKeepsALimitedNumberOfKindsAndLosesNoCount(t *testing.T) {
	n := &notes{refuse: errors.New("no room")}
	r, _ := newTestRecorder(n)
	const most = 10_000
	long := strings.Repeat("字", maxSample)
	for i := range most {
		r.Statement(t.Context(), fmt.Sprintf("SELECT a%d FROM %s", i, long[:3*(i%2)*maxText]), slow, 1)
		if i%1000 == 0 {
			if r.Flush(t.Context()) == nil {
				t.Fatal("taken")
			}
		}
	}
	if len(r.kinds) > maxKinds+2 || len(r.warned) > maxKinds { // the hour may change meanwhile
		t.Errorf("%d kinds in memory, %d in the log", len(r.kinds), len(r.warned))
	}
	n.set(func() { n.refuse = nil })
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if runs, _ := n.sum(); runs != most {
		t.Errorf("%d of %d are noted", runs, most)
	}
	others := 0
	for _, s := range n.all {
		if len(s.Statement) > maxText || len(s.Sample) > maxSample || !json.Valid(jsonOf(t, s.Statement)) {
			t.Errorf("kind of %d bytes, sample of %d", len(s.Statement), len(s.Sample))
		}
		if s.Statement == otherKind {
			others++
		}
	}
	if others == 0 {
		t.Error("what found no place is not counted as another kind")
	}
}

func TestAnHourBringsALimitedNumberOfKindsAndLosesNoCount(t *testing.T) {
	n := &notes{}
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	r := NewRecorder(0, 24*time.Hour, slog.New(slog.DiscardHandler), func() time.Time { return now })
	r.Keep(n)
	const flushes, each = 60, maxHourKinds / 2
	for hour := range 2 {
		for i := range flushes {
			for j := range each {
				r.Statement(t.Context(), fmt.Sprintf("SELECT a%d", i*each+j), slow, 1)
			}
			r.Statement(t.Context(), "SELECT a0", slow, 1) // has its place
			if err := r.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		runs, kinds := n.sum()
		if want := int64((hour + 1) * flushes * (each + 1)); runs != want || kinds != maxHourKinds+1 {
			t.Errorf("%d of %d runs are noted, of %d kinds", runs, want, kinds)
		}
		now = now.Add(time.Hour)
	}
	var first int64
	for _, s := range n.all {
		if s.Statement == "SELECT a0" {
			first += s.Count
		}
	}
	if first != 2*(flushes+1) {
		t.Errorf("%d runs of the first kind", first)
	}
}

func jsonOf(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatARecorderRunsItselfIsNotRecorded(t *testing.T) {
	n := &notes{}
	r, _ := newTestRecorder(n)
	n.told = func(ctx context.Context) { r.Statement(ctx, "INSERT INTO care_slow", slow, 1) }
	for range 3 {
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(n.all) != 0 {
		t.Errorf("%+v", n.all)
	}
}

func TestWhatIsNotTakenIsTriedAgainAndToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &notes{refuse: errors.New("away")}
		r, log := newTestRecorder(n)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { r.Run(ctx); close(done) }()
		r.Statement(ctx, "SELECT a", slow, 1)
		time.Sleep(5 * flushEvery)
		synctest.Wait()
		if told := strings.Count(log.String(), "could not be noted"); told != 1 {
			t.Errorf("told %d times", told)
		}
		n.set(func() { n.refuse = nil })
		time.Sleep(2 * flushEvery)
		synctest.Wait()
		if runs, _ := n.sum(); runs != 1 {
			t.Errorf("%d runs are noted", runs)
		}
		r.Statement(ctx, "SELECT a", slow, 1)
		stop()
		<-done
		if runs, _ := n.sum(); runs != 2 {
			t.Errorf("%d runs are noted at the end", runs)
		}
	})
}

func TestWhatIsOlderThanTheWindowIsNotKeptForAStoreThatTakesNothing(t *testing.T) {
	n := &notes{refuse: errors.New("away")}
	now := time.Now()
	r := NewRecorder(0, time.Hour, slog.New(slog.DiscardHandler), func() time.Time { return now })
	r.Keep(n)
	for range 100 {
		r.Statement(t.Context(), "SELECT a", slow, 1)
		now = now.Add(time.Hour)
		_ = r.Flush(t.Context())
	}
	if len(r.kinds) > 3 {
		t.Errorf("%d hours are kept", len(r.kinds))
	}
}

func TestASlowKindIsInTheLogOnceAMinuteAndWithoutItsValues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, log := newTestRecorder(&notes{})
		for range 59 { // almost a minute
			r.Statement(t.Context(), "SELECT 'secret'", slow, 1)
			r.Statement(t.Context(), "SELECT b", slow, 1)
			time.Sleep(time.Second)
		}
		if n := strings.Count(log.String(), "slow statement"); n != 2 || strings.Contains(log.String(), "secret") {
			t.Errorf("%d lines: %s", n, log)
		}
		time.Sleep(time.Minute)
		r.Statement(t.Context(), "SELECT b", slow, 1)
		if n := strings.Count(log.String(), `"statement":"SELECT b","durationMs":200`); n != 2 {
			t.Errorf("%d lines of it: %s", n, log)
		}
	})
}

func TestNobodyWaitsForANoteLongerThanHeHasPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &notes{told: func(ctx context.Context) { <-ctx.Done() }}
		r, _ := newTestRecorder(n)
		go func() { _ = r.Flush(t.Context()) }()
		synctest.Wait() // it is stuck
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		start := time.Now()
		if err := r.Flush(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 100*time.Millisecond {
			t.Errorf("waited %v: %v", time.Since(start), err)
		}
	})
}

func TestWhatCannotBeNotedIsToldByItsProcess(t *testing.T) {
	n := &notes{refuse: errors.New("the disk is full"), all: []blog.SlowStatement{noted("SELECT a", "GET /a", 1, 2, slow)}}
	r, _ := newTestRecorder(n)
	service := newTestService(n)
	service.Recorder = r
	r.Statement(t.Context(), "SELECT a", slow, 1)
	r.Statement(t.Context(), "SELECT b", slow, 1)
	for _, refuse := range []error{n.refuse, nil} {
		n.set(func() { n.refuse = refuse })
		report, err := service.Slow(t.Context(), SlowFilter{Sort: "count", Limit: 10})
		if err != nil || report.Kinds != 2 || report.Queries[0].Count != 3 || report.Queries[1].Count != 1 {
			t.Errorf("refused with %v: %+v, %v", refuse, report, err)
		}
	}
}

func TestWhoAsksNotesNothing(t *testing.T) {
	n := &notes{}
	service := newTestService(n)
	service.Recorder, _ = newTestRecorder(n)
	service.Recorder.Statement(t.Context(), "SELECT a", slow, 1)
	if r, err := service.Slow(t.Context(), SlowFilter{Sort: "count", Limit: 10}); err != nil || r.Kinds != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := service.Indexes(t.Context()); err != nil || len(n.all) > 0 {
		t.Errorf("noted %+v, %v", n.all, err)
	}
}

func TestWhoAsksIsToldAlsoWhatIsBeingNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		locked := make(chan struct{})
		n := &waitingNotes{until: locked}
		service := newTestService(&n.notes)
		r, _ := newTestRecorder(&n.notes)
		r.Keep(n)
		service.Recorder = r
		r.Statement(t.Context(), "SELECT a", slow, 1)
		go func() { _ = r.Flush(t.Context()) }()
		synctest.Wait() // it waits for the lock
		r.Statement(t.Context(), "SELECT a", slow, 1)
		start := time.Now()
		report, err := service.Slow(t.Context(), SlowFilter{Sort: "count", Limit: 10})
		if err != nil || report.Kinds != 1 || report.Queries[0].Count != 2 || time.Since(start) > lookWait {
			t.Errorf("after %v: %+v, %v", time.Since(start), report, err)
		}
		close(locked)
		report, err = service.Slow(t.Context(), SlowFilter{Sort: "count", Limit: 10})
		if err != nil || report.Kinds != 1 || report.Queries[0].Count != 2 {
			t.Errorf("when it is noted: %+v, %v", report, err)
		}
	})
}

// waitingNotes takes a note only when until is closed.
type waitingNotes struct {
	notes
	until chan struct{}
}

func (n *waitingNotes) Note(ctx context.Context, slow []blog.SlowStatement, forget time.Time) error {
	<-n.until
	return n.notes.Note(ctx, slow, forget)
}

func TestNoRunIsMissedOrCountedTwiceWhileItIsNoted(t *testing.T) {
	n := &notes{}
	service := newTestService(n)
	r, _ := newTestRecorder(n)
	service.Recorder = r
	var all sync.WaitGroup
	const most = 2000
	all.Go(func() {
		for range most {
			r.Statement(t.Context(), "SELECT a", slow, 1)
			if err := r.Flush(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	var before int64
	for before < most {
		report, err := service.Slow(t.Context(), SlowFilter{Sort: "count", Limit: 1})
		if err != nil || t.Failed() {
			t.Fatal(err)
		}
		if len(report.Queries) > 0 {
			if n := report.Queries[0].Count; n < before || n > most {
				t.Fatalf("%d runs after %d", n, before)
			} else {
				before = n
			}
		}
	}
	all.Wait()
}

func TestALineOfASlowStatementHasTheIDsOfItsRequestAndTrace(t *testing.T) {
	type caller struct{}
	var log bytes.Buffer
	r := NewRecorder(0, time.Hour, telemetry.WithIDs(slog.New(slog.NewJSONHandler(&log, nil)), func(ctx context.Context) (string, string) {
		if ctx.Value(caller{}) == nil {
			return "", ""
		}
		return "request", "trace"
	}), time.Now)
	r.Statement(context.WithValue(t.Context(), caller{}, true), "SELECT a", slow, 1)
	if s := log.String(); strings.Count(s, `"requestId":"request"`) != 1 || strings.Count(s, `"traceId":"trace"`) != 1 {
		t.Errorf("within a request: %s", s)
	}
	log.Reset()
	r.Statement(t.Context(), "SELECT b", slow, 1)
	if s := log.String(); !strings.Contains(s, "slow statement") || strings.Contains(s, "requestId") || strings.Contains(s, "traceId") {
		t.Errorf("outside of requests: %s", s)
	}
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

func TestOnlyIndexesThatKeepNoRuleAreCalledUnused(t *testing.T) {
	n := &notes{use: blog.IndexUse{Indexes: []blog.TableIndex{
		{Name: "used", Uses: 1}, {Name: "unused"}, {Name: "unique", Unique: true}, {Name: "referred", Referred: true},
	}}}
	r, err := newTestService(n).Indexes(t.Context())
	if err != nil || !slices.Equal(r.Unused, []string{"unused"}) || r.Since != nil {
		t.Errorf("%v since %v, %v", r.Unused, r.Since, err)
	}
}
