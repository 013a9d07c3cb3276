package postgres

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
)

// toldOf is a statement that was told of.
type toldOf struct {
	caller any
	query  string
	took   time.Duration
	rows   int64
}

type listener struct {
	mu  sync.Mutex
	all []toldOf
}

type callerKey struct{}

func (l *listener) tell(ctx context.Context, query string, took time.Duration, rows int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, toldOf{ctx.Value(callerKey{}), query, took, rows})
}

func (l *listener) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = nil
}

// heard returns the one statement with a part that was told of.
func (l *listener) heard(t *testing.T, part string) (found toldOf) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, s := range l.all {
		if strings.Contains(s.query, part) {
			n++
			found = s
		}
	}
	if n != 1 {
		t.Errorf("%q was told of %d times", part, n)
	}
	return found
}

func TestTheTimeOfAStatementHasTheReadingOfItsRows(t *testing.T) {
	t.Parallel()
	for _, pooled := range []bool{false, true} {
		l, seen := &listener{}, &recorder{seen: map[string][]any{}}
		s := openStore(t, newDatabase(t), Options{Statement: l.tell, Pooled: pooled, tracer: seen})
		ctx := context.WithValue(t.Context(), callerKey{}, "who")
		const pause = 100 * time.Millisecond
		err := s.read(ctx, "test", func(ctx context.Context, q querier) error {
			return each(ctx, q, "SELECT i FROM generate_series(1, $1::int) i", []any{3}, func(pgx.Rows) error {
				time.Sleep(pause)
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := l.heard(t, "generate_series"); got.caller != "who" || got.rows != 3 || got.took < 3*pause {
			t.Errorf("pooled %v: %+v", pooled, got)
		}
		if _, ok := seen.seen["SELECT i FROM generate_series(1, $1::int) i"]; !ok {
			t.Errorf("pooled %v: another tracer saw nothing beside it", pooled)
		}
	}
}

// The server answers a batch when all of it is done.
func TestABatchIsToldAsOne(t *testing.T) {
	t.Parallel()
	for _, pooled := range []bool{false, true} {
		l, seen := &listener{}, &recorder{seen: map[string][]any{}}
		s := openStore(t, newDatabase(t), Options{Statement: l.tell, Pooled: pooled, tracer: seen})
		ctx := context.WithValue(t.Context(), callerKey{}, "who")
		send := func(queries ...string) error {
			l.reset()
			return s.readWithin(ctx, time.Minute, "test", func(ctx context.Context, c *pgx.Conn) error {
				batch := &pgx.Batch{}
				for _, q := range queries {
					batch.Queue(q, 3)
				}
				return c.SendBatch(ctx, batch).Close()
			})
		}
		const setting, quick, slow = "SELECT set_config('work_mem', ($1::int + 4000)::text, true)", "SELECT 'quick' FROM generate_series(1, $1::int)", "SELECT 'slow' FROM pg_sleep($1::int / 10.0)"
		if err := send(quick, slow, quick); err != nil {
			t.Fatal(err)
		}
		if got := l.heard(t, ""); got.query != quick+";\n"+slow || got.rows != 7 || got.took < 300*time.Millisecond || got.caller != "who" {
			t.Errorf("pooled %v: %+v", pooled, got)
		}
		if err := send(setting, slow); err != nil {
			t.Fatal(err)
		}
		if got := l.heard(t, ""); got.query != slow || got.rows != 1 || got.took < 300*time.Millisecond {
			t.Errorf("pooled %v: %+v", pooled, got)
		}
		if err := send(quick, "SELECT 1 / ($1::int - 3)"); err == nil {
			t.Error("a division by zero succeeds")
		}
		if got := l.heard(t, ""); got.rows != 3 || !strings.Contains(got.query, "1 / (") {
			t.Errorf("pooled %v: %+v", pooled, got)
		}
		if err := send("nonsense $1"); err == nil {
			t.Error("nonsense succeeds")
		}
		if got := l.heard(t, ""); got.query != "nonsense $1" {
			t.Errorf("pooled %v: %+v", pooled, got)
		}
		if _, ok := seen.seen[slow]; !ok {
			t.Errorf("pooled %v: another tracer saw nothing beside it", pooled)
		}
	}
}

// tellBoth sends a statement and a batch that take a while, and returns how many were told.
func tellBoth(t *testing.T, pooled bool, over time.Duration) int {
	t.Helper()
	l := &listener{}
	s := openStore(t, newDatabase(t), Options{Statement: l.tell, StatementOver: over, Pooled: pooled})
	l.reset()
	err := s.readWithin(t.Context(), time.Minute, "test", func(ctx context.Context, c *pgx.Conn) error {
		const sleep = "SELECT pg_sleep(0.2)"
		if _, err := c.Exec(ctx, sleep); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(sleep)
		return c.SendBatch(ctx, batch).Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

func TestWhatTookLessThanIsAskedForIsNotTold(t *testing.T) {
	t.Parallel()
	for _, pooled := range []bool{false, true} {
		for over, want := range map[time.Duration]int{0: 2, 100 * time.Millisecond: 2, time.Hour: 0} {
			if n := tellBoth(t, pooled, over); n != want {
				t.Errorf("pooled %v: over %v %d are told, want %d", pooled, over, n, want)
			}
		}
	}
}

// The text of a batch is as long as all of its statements.
func TestTheTextOfAQuickBatchIsNotMade(t *testing.T) {
	batch := &pgx.Batch{}
	for i := range 100 {
		batch.Queue("SELECT " + strconv.Itoa(i))
	}
	allocations := func(over time.Duration) float64 {
		s := statements{func(context.Context, string, time.Duration, int64) {}, over}
		return testing.AllocsPerRun(100, func() {
			ctx := s.TraceBatchStart(t.Context(), nil, pgx.TraceBatchStartData{Batch: batch})
			s.TraceBatchEnd(ctx, nil, pgx.TraceBatchEndData{})
		})
	}
	if quick, slow := allocations(time.Hour), allocations(0); quick > 1 || slow <= 1 {
		t.Errorf("%v allocations for a quick batch, %v for a slow one", quick, slow)
	}
}

func TestAStatementThatWaitsForALockIsSlow(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	l := &listener{}
	const limit = 3 * time.Second
	s := openStore(t, url, Options{Statement: l.tell, StatementTimeout: limit})
	p := write(t, s, newAuthor(t, s), "locked")
	release := lockedPost(t, url, p.ID)
	defer release()
	l.reset()
	ctx := context.WithValue(t.Context(), callerKey{}, "who")
	_, err := s.Posts().Update(ctx, p.ID, func(p *blog.Post) error { p.Title += "!"; return nil })
	wantCode(t, "update", err, blog.CodeUnavailable)
	l.mu.Lock()
	defer l.mu.Unlock()
	slowest := toldOf{}
	for _, s := range l.all {
		if s.took > slowest.took {
			slowest = s
		}
	}
	if !strings.Contains(slowest.query, "posts") || slowest.took < limit/3 || slowest.caller != "who" {
		t.Errorf("slowest is %+v", slowest)
	}
}

// A COPY takes as long as what is copied is made: it is no statement that could be faster.
func TestACopyIsNotTold(t *testing.T) {
	t.Parallel()
	l := &listener{}
	s := openStore(t, newDatabase(t), Options{Statement: l.tell})
	p := newPost(newAuthor(t, s), "large")
	p.Content = strings.Repeat("松烟入砚 ink ", large/10)
	if err := s.Posts().Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	l.heard(t, "INSERT INTO posts ")
	for _, s := range l.all {
		if strings.HasPrefix(s.query, "COPY") || s.query == "" {
			t.Errorf("told of %+v", s)
		}
		if len(s.query) > 16<<10 {
			t.Errorf("told of a text of %d bytes: its values are in it", len(s.query))
		}
	}
}

// BenchmarkStatement is the smallest statement, without somebody who is told of it and with one.
func BenchmarkStatement(b *testing.B) {
	url := newDatabase(b)
	var told int
	for _, c := range []struct {
		name string
		opt  Options
	}{{"untold", Options{}}, {"told", Options{Statement: func(context.Context, string, time.Duration, int64) { told++ }}}} {
		s := openStore(b, url, c.opt)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.Ping(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	if told == 0 {
		b.Error("nothing was told")
	}
}

// BenchmarkTracing is what the telling adds to a statement, without the server.
func BenchmarkTracing(b *testing.B) {
	s := statements{func(context.Context, string, time.Duration, int64) {}, 0}
	b.ReportAllocs()
	for b.Loop() {
		ctx := s.TraceQueryStart(b.Context(), nil, pgx.TraceQueryStartData{SQL: "SELECT 1"})
		s.TraceQueryEnd(ctx, nil, pgx.TraceQueryEndData{})
	}
}
