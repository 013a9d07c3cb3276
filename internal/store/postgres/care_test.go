package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

var anHour = time.Date(2024, 5, 1, 7, 0, 0, 0, time.UTC)

// slowOne is a statement that ran once, for a second.
func slowOne(statement, route string, hour time.Time) blog.SlowStatement {
	s := blog.SlowStatement{Statement: statement, Sample: statement + " LIMIT 1", Route: route, Hour: hour, Count: 1, Rows: 2, Total: time.Second, Max: time.Second, Last: hour.Add(time.Minute)}
	s.Spread.Add(time.Second)
	return s
}

// noted are the slow statements that a store knows, by statement and route.
func noted(t *testing.T, s *Store, since time.Time) []blog.SlowStatement {
	t.Helper()
	all, err := s.Care().Slow(t.Context(), since)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, func(a, b blog.SlowStatement) int {
		return strings.Compare(a.Hour.String()+a.Statement+"\x00"+a.Route, b.Hour.String()+b.Statement+"\x00"+b.Route)
	})
	return all
}

func note(t *testing.T, s *Store, slow ...blog.SlowStatement) {
	t.Helper()
	if err := s.Care().Note(t.Context(), slow, time.Time{}); err != nil {
		t.Fatal(err)
	}
}

func TestAnyTextOfAStatementCanBeNoted(t *testing.T) {
	t.Parallel()
	long := strings.Repeat(rand.Text(), 100<<10/26) // as much cannot be packed into an index
	noteTexts := func(t *testing.T, s *Store) {
		var want []blog.SlowStatement
		for _, text := range []string{"SELECT 'it''s', \"x\"\n\t-- 砚台 {1,NULL} \\ $1 $$", "", "NULL", `{"a",\"b\"}`, long, long + "x", "\U0001F4A5"} {
			want = append(want, slowOne(text, "GET /api/posts/{id}", anHour), slowOne(text, "", anHour))
		}
		note(t, s, want...)
		note(t, s, want...)
		for i := range want {
			want[i].Add(want[i])
		}
		slices.SortFunc(want, func(a, b blog.SlowStatement) int {
			return strings.Compare(a.Statement+"\x00"+a.Route, b.Statement+"\x00"+b.Route)
		})
		if diff := cmp.Diff(want, noted(t, s, anHour)); diff != "" {
			t.Error(diff)
		}
		note(t, s, slowOne("nul \x00 and \xff", "\x00", anHour.Add(time.Hour))) // which no server has run
		if all := noted(t, s, anHour.Add(time.Hour)); len(all) != 1 || all[0].Statement != "nul \uFFFD and \uFFFD" {
			t.Errorf("%+v", all)
		}
	}
	t.Run("at the server", func(t *testing.T) { noteTexts(t, openStore(t, newDatabase(t), Options{})) })
	t.Run("through PgBouncer", func(t *testing.T) {
		noteTexts(t, openStore(t, enginetest.PgBouncer(t, newDatabase(t)), Options{Pooled: true}))
	})
}

func TestWhatIsNotedAtOnceIsOne(t *testing.T) {
	t.Parallel()
	s := openStore(t, newDatabase(t), Options{})
	one, later := slowOne("SELECT 1", "", anHour), slowOne("SELECT 1", "", anHour)
	later.Sample, later.Max, later.Last = "SELECT 1 LIMIT 7", time.Minute, later.Last.Add(time.Second)
	note(t, s, later, one, one)
	want := later
	want.Add(one)
	want.Add(one)
	if diff := cmp.Diff([]blog.SlowStatement{want}, noted(t, s, anHour)); diff != "" {
		t.Error(diff)
	}
}

func TestInstancesNoteTheSameKindsAtOnce(t *testing.T) {
	t.Parallel()
	const instances, rounds, kinds = 4, 25, 40
	url := newDatabase(t)
	before, err := openStore(t, url, Options{}).Generation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	lost := 0
	for i := range instances {
		s := openStore(t, url, Options{MaxConns: 4, StatementTimeout: time.Minute, tracer: failures(func(err error) {
			if losesRace(err) {
				mu.Lock()
				lost++
				mu.Unlock()
			}
		})})
		all.Go(func() {
			for round := range rounds {
				slow := []blog.SlowStatement{slowOne("of long ago", "", anHour.Add(-48*time.Hour))} // which all forget, too
				for k := range kinds {
					if i%2 == 1 {
						k = kinds - 1 - k
					}
					slow = append(slow, slowOne(fmt.Sprint("SELECT ", k), fmt.Sprint(round%2), anHour))
				}
				if err := s.Care().Note(t.Context(), slow, anHour.Add(-24*time.Hour)); err != nil {
					t.Errorf("instance %d, round %d: %v", i, round, err)
				}
			}
		})
	}
	all.Wait()
	s := openStore(t, url, Options{})
	var count, rows, spread int64
	var total time.Duration
	for _, kind := range noted(t, s, anHour) {
		count, rows, total = count+kind.Count, rows+kind.Rows, total+kind.Total
		for _, n := range kind.Spread {
			spread += n
		}
	}
	if want := int64(instances * rounds * kinds); count != want || rows != 2*want || spread != want || total != time.Duration(want)*time.Second {
		t.Errorf("count %d, rows %d, spread %d, total %v, want %d times", count, rows, spread, total, want)
	}
	if lost > 0 {
		t.Errorf("%d transactions lost a race, as by a deadlock", lost)
	}
	if after, err := s.Generation(t.Context()); err != nil || after != before {
		t.Errorf("the generation went from %d to %d: %v", before, after, err)
	}
}

// An older version may be at work while a newer one brings its table.
func TestTheTableOfNotesIsMadeWhileAllOthersAreLocked(t *testing.T) {
	t.Parallel()
	url := newDatabase(t)
	run(t, url, "DROP TABLE slow_statements", "DELETE FROM inkstone_schema WHERE version = 5")
	elsewhere(t, url, "LOCK TABLE users, posts, post_tags, post_terms, post_texts, post_counts, post_sums, likes, comments, uploads, sources, revoked, generation, copying")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if from, to, err := Migrate(ctx, url, Options{}); err != nil || from != 4 || to != 5 {
		t.Errorf("from %d to %d: %v", from, to, err)
	}
}

func TestWhatEndedBeforeIsForgotten(t *testing.T) {
	t.Parallel()
	s := openStore(t, newDatabase(t), Options{})
	note(t, s, slowOne("first", "", anHour), slowOne("second", "", anHour.Add(time.Hour)))
	for _, c := range []struct {
		forget time.Duration
		left   int
	}{{time.Hour, 2}, {time.Hour + time.Millisecond, 1}, {2 * time.Hour, 1}, {3 * time.Hour, 0}} {
		if err := s.Care().Note(t.Context(), nil, anHour.Add(c.forget)); err != nil {
			t.Fatal(err)
		}
		if all := noted(t, s, time.Time{}.Add(time.Hour)); len(all) != c.left {
			t.Errorf("%d are left after %v, want %d", len(all), c.forget, c.left)
		}
	}
}

func TestSlowHasTheHoursThatHadNotEnded(t *testing.T) {
	t.Parallel()
	s := openStore(t, newDatabase(t), Options{})
	note(t, s, slowOne("first", "", anHour), slowOne("second", "", anHour.Add(time.Hour)))
	for since, want := range map[time.Duration]int{-time.Minute: 2, 59 * time.Minute: 2, time.Hour: 1, 119 * time.Minute: 1, 2 * time.Hour: 0} {
		if all := noted(t, s, anHour.Add(since)); len(all) != want {
			t.Errorf("%d since %v, want %d", len(all), since, want)
		}
	}
}

// What is no note, it can all the same.
func TestAStandbyTakesNoNotes(t *testing.T) {
	t.Parallel()
	server := enginetest.PrivatePostgres(t)
	note(t, openStore(t, server.URL(), Options{}), slowOne("SELECT 1", "", anHour))
	demote(t, server)
	s := openStore(t, server.URL(), Options{})
	err := s.Care().Note(t.Context(), []blog.SlowStatement{slowOne("SELECT 2", "", anHour)}, time.Time{})
	wantCode(t, "note", err, blog.CodeUnavailable)
	if all := noted(t, s, anHour); len(all) != 1 {
		t.Errorf("%d are known there", len(all))
	}
	planFor(t, s, "DELETE FROM posts WHERE cover = $1")
	if use, err := s.Care().Indexes(t.Context()); err != nil || len(use.Indexes) < 30 || use.Since.IsZero() {
		t.Errorf("%d indexes: %v", len(use.Indexes), err)
	}
	if counts, err := s.Care().Server(t.Context(), []string{"SELECT 1"}); err != nil || len(counts) != 0 {
		t.Errorf("counts %v: %v", counts, err)
	}
	if state, err := s.Care().State(t.Context()); err != nil || state.State != "ok" || state.Bytes <= 0 {
		t.Errorf("state %+v: %v", state, err)
	}
}

// failures is told how statements fail.
type failures func(error)

func (f failures) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (f failures) TraceQueryEnd(_ context.Context, _ *pgx.Conn, q pgx.TraceQueryEndData) { f(q.Err) }
