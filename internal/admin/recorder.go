package admin

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/statement"
	"inkstone/internal/web"
)

// Bounds of what is kept in memory until it is noted.
const (
	flushEvery   = 30 * time.Second
	flushTimeout = 5 * time.Second
	maxKinds     = 200         // kinds, each for a route and an hour; the rest is counted as otherKind
	maxHourKinds = 200         // of those, as many as one hour may bring: they are read whenever somebody asks
	maxText      = 4 << 10     // bytes of a kind; it is cut
	maxSample    = 16 << 10    // bytes of a sample; a part would have no plan, so a longer one is left out
	warnEvery    = time.Minute // for one kind
)

// lookWait is how long who asks waits for who notes: that mostly takes milliseconds. Tests raise it.
var lookWait = time.Second / 2

// otherKind is the kind of what found no place.
const otherKind = "other"

// Recorder keeps the slow statements of this process in memory and notes them behind, so that
// nobody waits for it. A kill loses those of the last half minute.
type Recorder struct {
	threshold time.Duration
	window    time.Duration
	log       *slog.Logger
	now       func() time.Time

	flushing chan struct{} // has one place, taken by who notes: others wait as long as they have patience
	failed   bool          // the last note of Run was not taken, which has been told

	mu     sync.Mutex
	care   blog.Care // nil until the store is open
	kinds  map[slowKey]*blog.SlowStatement
	noting []blog.SlowStatement // what a Flush has taken out of kinds
	hour   time.Time            // the last one
	seen   map[slowKey]bool     // what that hour has brought, noted or not
	warned map[string]time.Time // when a kind was last in the log
}

// slowKey is what is counted as one.
type slowKey struct {
	statement, route string
	hour             time.Time
}

// NewRecorder makes a recorder of statements that take longer than threshold. What is older
// than window is forgotten.
func NewRecorder(threshold, window time.Duration, log *slog.Logger, now func() time.Time) *Recorder {
	return &Recorder{
		threshold: threshold, window: window, log: log, now: now, flushing: make(chan struct{}, 1),
		kinds: map[slowKey]*blog.SlowStatement{}, seen: map[slowKey]bool{}, warned: map[string]time.Time{},
	}
}

// Keep says where the statements are noted.
func (r *Recorder) Keep(care blog.Care) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.care = care
}

// ownKey marks the context of the recorder's own work: were that recorded, a slow disk would give
// it something to note for ever.
type ownKey struct{}

// Statement is store.Options.Statement.
func (r *Recorder) Statement(ctx context.Context, query string, took time.Duration, rows int64) {
	if took <= r.threshold || ctx.Value(ownKey{}) != nil {
		return
	}
	now := r.now()
	s := blog.SlowStatement{
		Statement: cut(statement.Kind(query), maxText), Route: web.RouteOf(ctx), Hour: now.UTC().Truncate(time.Hour),
		Count: 1, Rows: rows, Total: took, Max: took, Last: blog.ToMillisecond(now),
	}
	if len(query) <= maxSample {
		s.Sample = query
	}
	s.Spread.Add(took)
	r.mu.Lock()
	warn := r.mayWarn(s.Statement, now)
	if r.admit(keyOf(s)) {
		r.put(s)
	} else {
		r.put(other(s))
	}
	r.mu.Unlock()
	if warn {
		r.log.WarnContext(ctx, "slow statement", "statement", s.Statement, "durationMs", milliseconds(took), "rows", rows, "route", s.Route)
	}
}

// admit reports whether a kind has a place among those of its hour: a store keeps them for
// the whole window, whatever clients make up meanwhile. A start of the process begins anew.
func (r *Recorder) admit(key slowKey) bool {
	if d := key.hour.Sub(r.hour); d > 0 || d < -time.Hour { // or the clock was set back
		r.hour = key.hour
		clear(r.seen)
	}
	if !r.seen[key] && len(r.seen) >= maxHourKinds {
		return false
	}
	r.seen[key] = true
	return true
}

func keyOf(s blog.SlowStatement) slowKey { return slowKey{s.Statement, s.Route, s.Hour} }

// other is s as what found no place.
func other(s blog.SlowStatement) blog.SlowStatement {
	s.Statement, s.Route, s.Sample = otherKind, "", ""
	return s
}

// put adds s to what is not noted yet.
func (r *Recorder) put(s blog.SlowStatement) {
	if r.kinds[keyOf(s)] == nil && len(r.kinds) >= maxKinds {
		s = other(s)
	}
	key := keyOf(s)
	if there := r.kinds[key]; there != nil {
		there.Add(s)
		return
	}
	r.kinds[key] = &s
}

func (r *Recorder) mayWarn(kind string, now time.Time) bool {
	if now.Sub(r.warned[kind]) < warnEvery {
		return false
	}
	if len(r.warned) >= maxKinds {
		clear(r.warned)
	}
	r.warned[kind] = now
	return true
}

// cut returns at most so many bytes of s, and whole characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most-len("…")], "") + "…"
}

// Run notes what there is twice a minute until ctx ends, and once more then: before the store closes.
func (r *Recorder) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.tell(r.Flush(context.WithoutCancel(ctx)))
			return
		case <-tick.C:
			r.tell(r.Flush(ctx))
		}
	}
}

// tell logs the first of several failures.
func (r *Recorder) tell(err error) {
	if err != nil && !r.failed {
		r.log.Warn("slow statements could not be noted; they are kept and tried again", "error", err)
	}
	r.failed = err != nil
}

// Flush notes what there is, or waits for whoever does, for flushTimeout in all. What is not taken
// is kept for the next time.
func (r *Recorder) Flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, ownKey{}, true), flushTimeout)
	defer cancel()
	select {
	case r.flushing <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.flushing }()
	care, slow := r.take()
	if care == nil {
		return nil
	}
	forget := r.now().Add(-r.window)
	err := care.Note(ctx, slow, forget)
	r.noted(err, forget)
	return err
}

// Unnoted returns what this process has not noted yet, and writes nothing. Until done is called
// nothing is noted, so that each run is either in the store or among these. Only if others have had
// their turn for longer than lookWait, as while the database is locked, is what is being noted among
// these in any case: if it is in the store a moment later, it is counted twice in this answer.
func (r *Recorder) Unnoted(ctx context.Context) (slow []blog.SlowStatement, done func()) {
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	done = func() {}
	select {
	case r.flushing <- struct{}{}:
		done = func() { <-r.flushing }
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return append(r.inMemory(), r.noting...), done
}

func (r *Recorder) inMemory() (slow []blog.SlowStatement) {
	for _, s := range r.kinds {
		slow = append(slow, *s)
	}
	return slow
}

// take empties what is not noted yet, if there is somewhere to note it, until noted.
func (r *Recorder) take() (care blog.Care, slow []blog.SlowStatement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.care == nil {
		return nil, nil
	}
	r.noting = r.inMemory()
	clear(r.kinds)
	return r.care, r.noting
}

// noted ends what take began. What the store did not take is kept, unless it would be forgotten by now.
func (r *Recorder) noted(err error, forget time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.noting {
		if err != nil && s.Hour.Add(time.Hour).After(forget) {
			r.put(s)
		}
	}
	r.noting = nil
}
