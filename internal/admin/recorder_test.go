package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/telemetry"
)

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
	was := lookWait
	t.Cleanup(func() { lookWait = was })
	lookWait = time.Minute // a busy machine may stand still
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
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	for last := false; !last; {
		select {
		case <-ended:
			last = true
		default:
		}
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
	if before != most {
		t.Errorf("%d of %d runs at the end", before, most)
	}
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
