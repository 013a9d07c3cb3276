// Package admin is the service for whoever looks after the database: which statements are
// slow, which indexes are used and which are missing, and how its connections stand. It
// suggests, and changes nothing but its own notes. The routes are for admins alone; the command
// line asks the same of a store that it has opened itself.
package admin

import (
	"cmp"
	"context"
	"slices"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/web"
)

// Options are what the service needs.
type Options struct {
	Care      blog.Care
	Recorder  *Recorder     // of this process; nil if it records nothing
	Instance  func() string // a name of this process
	Window    time.Duration // how far back it is looked
	Threshold time.Duration // what is slow
	Now       func() time.Time
}

// Service answers what there is to see of a database.
type Service struct {
	Options
}

// New makes the service.
func New(o Options) *Service { return &Service{o} }

// Sorts are the orders of slow statements, all from the greatest down.
var Sorts = []string{"total", "mean", "p95", "max", "count"}

// How many kinds of slow statements are told: if nobody says, and at most.
const (
	DefaultKinds = 10
	MaxKinds     = 100
)

// SlowFilter says which slow statements are wanted.
type SlowFilter struct {
	Sort    string // one of Sorts
	Limit   int    // from 1 to MaxKinds
	Explain bool   // with their plans
}

// SlowReport is the answer of slow-queries.
type SlowReport struct {
	Since       web.Time    `json:"since"`
	ThresholdMs float64     `json:"thresholdMs"`
	Sort        string      `json:"sort"`
	Kinds       int         `json:"kinds"` // that there are in all
	Queries     []SlowQuery `json:"queries"`
}

// SlowQuery is a kind of statement over the whole window. All times are in milliseconds.
type SlowQuery struct {
	Statement string       `json:"statement"`
	Count     int64        `json:"count"`
	TotalMs   float64      `json:"totalMs"`
	MeanMs    float64      `json:"meanMs"`
	P95Ms     float64      `json:"p95Ms"`
	MaxMs     float64      `json:"maxMs"`
	Rows      int64        `json:"rows"`
	LastSeen  web.Time     `json:"lastSeen"`
	Routes    []RouteCount `json:"routes"`           // who called, most often first
	Server    *ServerCount `json:"server,omitempty"` // what the server counts of all its runs, slow or not
	Plan      []string     `json:"plan,omitempty"`
}

// RouteCount is how often a route called; "" is the program itself.
type RouteCount struct {
	Route string `json:"route"`
	Count int64  `json:"count"`
}

// ServerCount is blog.ServerCount on the wire.
type ServerCount struct {
	Calls   int64   `json:"calls"`
	TotalMs float64 `json:"totalMs"`
	Rows    int64   `json:"rows"`
}

// kind is all that is known of a kind of statement.
type kind struct {
	blog.SlowStatement
	routes map[string]int64
}

func (k *kind) mean() time.Duration { return k.Total / time.Duration(max(k.Count, 1)) }

// p95 is no more than the longest, though its class may end behind that.
func (k *kind) p95() time.Duration { return min(k.Spread.Quantile(0.95), k.Max) }

// slow returns what is noted, and what this process has not noted yet.
func (s *Service) slow(ctx context.Context, since time.Time) ([]blog.SlowStatement, error) {
	if s.Recorder == nil {
		return s.Care.Slow(ctx, since)
	}
	mine, done := s.Recorder.Unnoted(ctx)
	defer done()
	noted, err := s.Care.Slow(ctx, since)
	return append(noted, mine...), err
}

// kinds returns what was slow in the window, summed over routes, hours and instances.
func (s *Service) kinds(ctx context.Context) (all []*kind, since time.Time, err error) {
	since = s.Now().Add(-s.Window)
	noted, err := s.slow(ctx, since)
	if err != nil {
		return nil, since, err
	}
	by := map[string]*kind{}
	for _, n := range noted {
		k := by[n.Statement]
		if k == nil {
			k = &kind{blog.SlowStatement{Statement: n.Statement}, map[string]int64{}}
			by[n.Statement] = k
			all = append(all, k)
		}
		k.Add(n)
		k.routes[n.Route] += n.Count
	}
	return all, since, nil
}

// sortKinds sorts by one of Sorts, and what is equal by the statement.
func sortKinds(all []*kind, by string) {
	value := map[string]func(*kind) int64{
		"total": func(k *kind) int64 { return int64(k.Total) },
		"mean":  func(k *kind) int64 { return int64(k.mean()) },
		"p95":   func(k *kind) int64 { return int64(k.p95()) },
		"max":   func(k *kind) int64 { return int64(k.Max) },
		"count": func(k *kind) int64 { return k.Count },
	}[by]
	slices.SortFunc(all, func(a, b *kind) int {
		return cmp.Or(cmp.Compare(value(b), value(a)), cmp.Compare(a.Statement, b.Statement))
	})
}

// Slow returns the slowest kinds of statements.
func (s *Service) Slow(ctx context.Context, f SlowFilter) (r SlowReport, err error) {
	all, since, err := s.kinds(ctx)
	if err != nil {
		return r, err
	}
	sortKinds(all, f.Sort)
	r = SlowReport{Since: web.Time(since), ThresholdMs: milliseconds(s.Threshold), Sort: f.Sort, Kinds: len(all), Queries: []SlowQuery{}}
	all = all[:min(len(all), f.Limit)]
	counts, err := s.Care.Server(ctx, statements(all))
	if err != nil && (ctx.Err() != nil || blog.CodeOf(err) != blog.CodeUnavailable) { // else it only takes the server too long
		return r, err
	}
	plans := map[*kind]blog.Plan{}
	if f.Explain {
		if plans, err = s.plans(ctx, all); err != nil {
			return r, err
		}
	}
	for _, k := range all {
		q := k.wire()
		q.Plan = plans[k].Lines
		if n, ok := counts[k.Statement]; ok {
			q.Server = &ServerCount{n.Calls, milliseconds(n.Total), n.Rows}
		}
		r.Queries = append(r.Queries, q)
	}
	return r, nil
}

func statements(all []*kind) (texts []string) {
	for _, k := range all {
		texts = append(texts, k.Statement)
	}
	return texts
}

func (k *kind) wire() SlowQuery {
	return SlowQuery{
		Statement: k.Statement, Count: k.Count, Rows: k.Rows, LastSeen: web.Time(k.Last),
		TotalMs: milliseconds(k.Total), MeanMs: milliseconds(k.mean()), P95Ms: milliseconds(k.p95()), MaxMs: milliseconds(k.Max),
		Routes: k.routeCounts(),
	}
}

func (k *kind) routeCounts() (all []RouteCount) {
	for route, n := range k.routes {
		all = append(all, RouteCount{route, n})
	}
	slices.SortFunc(all, func(a, b RouteCount) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Route, b.Route)) })
	return all
}

// plansLimit is how long plans are asked for in all: each may have to wait for a table that is locked.
const plansLimit = 5 * time.Second

// plans returns the plans of kinds. What has none is left out, and what can't be found out in time.
func (s *Service) plans(ctx context.Context, kinds []*kind) (map[*kind]blog.Plan, error) {
	within, cancel := context.WithTimeout(ctx, plansLimit)
	defer cancel()
	plans := map[*kind]blog.Plan{}
	for _, k := range kinds {
		if k.Sample == "" {
			continue
		}
		p, err := s.Care.Plan(within, k.Sample)
		switch code := blog.CodeOf(err); {
		case err == nil:
			plans[k] = p
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case within.Err() != nil:
			return plans, nil
		case code != blog.CodeInvalid && code != blog.CodeUnavailable: // of BEGIN, and of a table that is locked
			return nil, err
		}
	}
	return plans, nil
}

// Pool is the answer of pool.
type Pool struct {
	Instance    string       `json:"instance"` // the process that answers; "" if none serves
	Engine      string       `json:"engine"`
	Version     string       `json:"version"`     // "" if the database is away
	State       string       `json:"state"`       // ok, busy or away
	Bytes       *int64       `json:"bytes"`       // of the database; nil: not known
	Connections *Connections `json:"connections"` // nil if no process serves
}

// Connections are those of one process.
type Connections struct {
	Limit    int     `json:"limit"`
	Open     int     `json:"open"`
	InUse    int     `json:"inUse"`
	Idle     int     `json:"idle"`
	Waiting  int     `json:"waiting"`
	Waits    int64   `json:"waits"`
	WaitedMs float64 `json:"waitedMs"`
}

// Pool returns how the connections of this process stand.
func (s *Service) Pool(ctx context.Context) (Pool, error) {
	st, err := s.Care.State(ctx)
	if err != nil {
		return Pool{}, err
	}
	return Pool{
		Instance: s.Instance(), Engine: st.Engine, Version: st.Version, State: st.State, Bytes: known(st.Bytes),
		Connections: &Connections{st.Limit, st.Open, st.InUse, st.Idle, st.Waiting, st.Waits, milliseconds(st.Waited)},
	}, nil
}

// known makes nil of a number that is not known.
func known(n int64) *int64 {
	if n < 0 {
		return nil
	}
	return &n
}

// milliseconds is a duration on the wire, to the microsecond.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
