package limit

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// ErrBusy refuses work because too much of it waits.
var ErrBusy = errors.New("too much work waits")

// Bounds of an Admission.
const (
	standingLine = 64                    // fewer who wait are no overload, however slow the machine is
	standingTime = 20 * time.Millisecond // throughout which more must have waited
	patience     = 6 * time.Millisecond  // how long one waits at most in overload
	longestWait  = 2 * time.Second       // and else
	calmTime     = 2 * time.Second       // without a refusal, after which overload has passed
	enough       = 4                     // who wait for each place in overload
	refusalTime  = 25 * time.Millisecond // after which a refusal is told
	refusalBatch = 5 * time.Millisecond  // all that fall due within it are told together, half of it early or late
)

// Admission lets a bounded number of callers work at once. The others wait in a
// line, in the order in which they came. A line that stands is overload: then
// whoever came last goes first, and nobody waits for longer than a few
// milliseconds. Were it served in turn, each of its callers would wait as long as all
// of them do; so most who are served notice nothing, and as many are served.
// (Controlled delay and adaptive LIFO: Ben Maurer, Fail at Scale, ACM Queue 13 (8), 2015.)
type Admission struct {
	places int
	level  int32

	mu      sync.Mutex
	free    int
	lines   [classes][]*waiter // each in the order in which they came
	length  int                // of all lines
	strict  bool               // it is overload
	short   time.Time          // when the lines were last too short for that
	refused time.Time          // when somebody was last refused
}

// class is whose turn it is first.
type class int

const (
	begun class = iota // has worked for the same request, at this level or above
	member
	stranger
	classes
)

type waiter struct {
	since  time.Time
	called chan error // nil: it is his turn; else ErrBusy
}

// Ticket stands for one request.
type Ticket struct {
	Member bool // goes before others
	begun  atomic.Int32
}

type ticketKey struct{}

// WithTicket returns a context for the work of a request. Work without a ticket is
// the program's own, and is neither counted nor refused.
func WithTicket(ctx context.Context, t *Ticket) context.Context {
	return context.WithValue(ctx, ticketKey{}, t)
}

// NewAdmission lets at most n callers work at once. What is dearer has a higher
// level, from 1.
func NewAdmission(n, level int) *Admission {
	return &Admission{places: n, level: int32(level), free: n, short: time.Now()}
}

// Enter waits until the caller may work, who then calls leave. A request that has
// worked at this level or above is not refused in overload: that would waste what
// was done for it. ErrBusy, held back as HoldBack does; the context's error.
func (a *Admission) Enter(ctx context.Context) (leave func(), err error) {
	t, ok := ctx.Value(ticketKey{}).(*Ticket)
	if !ok {
		return func() {}, nil
	}
	c := t.class(a.level)
	if w := a.enter(c); w != nil {
		if err := a.wait(ctx, c, w); err != nil {
			return nil, err
		}
	}
	if c != begun {
		t.begun.Store(a.level)
	}
	return a.leave, nil
}

func (t *Ticket) class(level int32) class {
	switch {
	case t.begun.Load() >= level:
		return begun
	case t.Member:
		return member
	}
	return stranger
}

// Full reports whether it is overload and enough wait already: one more would only push
// one of them out. Refused must be told of who is kept from the line for it.
func (a *Admission) Full(member bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.judge(time.Now())
	waiting := a.length
	if member {
		waiting -= len(a.lines[stranger])
	}
	return a.strict && waiting >= enough*a.places
}

// Refused notes that somebody was kept from the line because it is full.
func (a *Admission) Refused() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.refused = time.Now()
}

// enter returns nil if the caller may work, else his place in the line.
func (a *Admission) enter(c class) *waiter {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.quiet() && a.free > 0 {
		a.free--
		return nil
	}
	now := time.Now()
	defer a.judge(now)
	if a.free > 0 {
		a.free--
		return nil
	}
	w := &waiter{now, make(chan error, 1)}
	a.lines[c] = append(a.lines[c], w)
	a.length++
	return w
}

func (a *Admission) wait(ctx context.Context, c class, w *waiter) error {
	late := time.NewTimer(longestWait)
	defer late.Stop()
	var err error
	select {
	case err = <-w.called:
	case <-late.C:
		err = a.giveUp(c, w, ErrBusy)
	case <-ctx.Done():
		err = a.giveUp(c, w, ctx.Err())
	}
	if errors.Is(err, ErrBusy) {
		HoldBack(ctx, w.since)
	}
	return err
}

// giveUp leaves the line with err, unless the caller has been called meanwhile.
func (a *Admission) giveUp(c class, w *waiter, err error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := slices.Index(a.lines[c], w)
	if i < 0 {
		return <-w.called
	}
	a.remove(c, i)
	return err
}

func (a *Admission) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.quiet() {
		a.free++
		return
	}
	a.judge(time.Now())
	for c, line := range a.lines {
		if len(line) == 0 {
			continue
		}
		i := 0
		if a.strict {
			i = len(line) - 1
		}
		line[i].called <- nil
		a.remove(class(c), i)
		return
	}
	a.free++
}

func (a *Admission) remove(c class, i int) {
	a.lines[c] = slices.Delete(a.lines[c], i, i+1)
	a.length--
}

// quiet reports whether there is nothing to judge, and so no need to look at the clock.
func (a *Admission) quiet() bool { return a.length == 0 && !a.strict }

// judge finds out whether it is overload, and refuses who has waited too long then.
// It is called whenever somebody comes or goes, in overload every few microseconds.
func (a *Admission) judge(now time.Time) {
	if a.length <= standingLine {
		a.short = now
	}
	switch {
	case a.strict:
		a.strict = now.Sub(a.refused) < calmTime
	case now.Sub(a.short) > standingTime:
		a.strict, a.refused = true, now
	}
	if a.strict {
		a.refuse(member, now)
		a.refuse(stranger, now)
	}
}

func (a *Admission) refuse(c class, now time.Time) {
	n := 0
	for _, w := range a.lines[c] {
		if now.Sub(w.since) < patience {
			break
		}
		w.called <- ErrBusy
		n++
	}
	if n > 0 {
		a.lines[c] = slices.Delete(a.lines[c], 0, n)
		a.length -= n
		a.refused = now
	}
}

// HoldBack waits until a refusal may be told to who came at since: if he takes no
// notice of it and comes back at once, he must not eat what the others could have.
// Refusals are told by the batch, because server, system and clients are woken up
// once for many then.
func HoldBack(ctx context.Context, since time.Time) {
	due := since.Add(refusalTime).Round(refusalBatch)
	wait := time.Until(due)
	if wait <= 0 { // and no timer: many that are late at once crash Go's race detector (golang/go#78156)
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
