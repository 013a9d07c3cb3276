package web

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/netip"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/cors"

	"inkstone/internal/blog"
	"inkstone/internal/limit"
	"inkstone/internal/telemetry"
)

// EdgeOptions are what the chain around all routes needs. Log is required.
type EdgeOptions struct {
	Verifier Verifier // nil takes no token
	Log      *slog.Logger
	Metrics  *telemetry.Metrics // nil counts nothing
	Origins  []string           // exact origins that may read answers
	Trusted  []netip.Prefix     // proxies whose X-Forwarded-For counts
	Limiter  Limiter            // nil is no limit
	Max      int                // requests of an anonymous address in a window; 0 is no limit
	UserMax  int                // requests of a signed-in user in a window; 0 is no limit
	AllMax   int                // requests of an address in a window, whoever signs in there; 0 is no limit
	Shedder  *Shedder           // nil sheds nothing
	Bounds   Bounds             // none are DefaultBounds

	// Full reports whether enough wait already for what r needs. It is asked only while the
	// Shedder is busy, and r is refused if it says so. nil is never.
	Full func(r *http.Request, who Visitor) bool

	Traces *telemetry.Traces       // nil records none
	Report func(telemetry.Failure) // is told of panics and of 5xx but those of overload, and must be quick; may be nil
}

// Limiter counts events in windows of time. It never fails, and takes 50 ms at most.
type Limiter interface {
	Take(ctx context.Context, counts ...limit.Count) limit.Result
}

type edge struct {
	EdgeOptions
	next              http.Handler
	admitted, refused http.Handler
	shed              tally
	inner             bool // a gateway is between this and clients
	strangers         sync.Once
}

// Edge is the chain facing clients around next: request id, recovery, log and
// metrics, security headers, CORS, deadlines, shedding, who asks, rate limit.
func Edge(next http.Handler, o EdgeOptions) http.Handler {
	e := newEdge(next, o)
	shared := cors.New(cors.Options{
		AllowOriginFunc:  func(origin string) bool { return slices.Contains(o.Origins, origin) }, // AllowedOrigins take no notice of case
		AllowCredentials: true,
		AllowedMethods:   methods,
		AllowedHeaders:   []string{"*"}, // those that are asked for are told back, however spelled and in any order
		ExposedHeaders: []string{"ETag", "X-Request-Id", "Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset",
			"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"},
	})
	e.admitted, e.refused = shared.Handler(http.HandlerFunc(e.admit)), shared.Handler(http.HandlerFunc(tellBusy))
	return e
}

func newEdge(next http.Handler, o EdgeOptions) *edge {
	if o.Bounds == (Bounds{}) {
		o.Bounds = DefaultBounds
	}
	return &edge{EdgeOptions: o, next: next}
}

// ServeHTTP implements http.Handler.
func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) { e.serve(w, r, e.admitted) }

// refuse implements doorkeeper.
func (e *edge) refuse(w http.ResponseWriter, r *http.Request) { e.serve(w, r, e.refused) }

// busy implements doorkeeper.
func (e *edge) busy() bool { return e.Shedder != nil && e.Shedder.Busy() }

// refuses implements doorkeeper. What panics goes on, to where that is told.
func (e *edge) refuses(r *http.Request) (yes bool) {
	defer func() { yes = recover() == nil && yes }()
	if !isAPI(r.URL.Path) || waits(r.URL.Path) {
		return false
	}
	who := visitor(r)
	return e.full(r, who) || e.Shedder.Refuses(who)
}

// full is Full, if there is one, and tells the Shedder.
func (e *edge) full(r *http.Request, who Visitor) bool {
	if e.Full == nil || !e.busy() || !e.Full(r, who) {
		return false
	}
	e.Shedder.Refused()
	return true
}

// tellBusy refuses r.
func tellBusy(w http.ResponseWriter, r *http.Request) {
	limit.HoldBack(r.Context(), time.Now())
	WriteError(w, r, blog.Fail(blog.CodeBusy))
}

func (e *edge) serve(w http.ResponseWriter, r *http.Request, inner http.Handler) {
	start := time.Now()
	e.Metrics.Began()
	noteWork(r)
	defer begun(r)()
	s := e.newState(r)
	r, s.trace = e.begin(r)
	r = withState(r, s)
	rec := &recorder{ResponseWriter: w, stall: e.Bounds.WriteStall, state: s}
	switch endOf(r) {
	case twofold:
		inner = http.HandlerFunc(refuseLengths)
		fallthrough
	case unsure:
		rec.Header()["Connection"] = []string{"close"}
	}
	pace(w, r, e.Bounds.BodyGrace)
	e.answer(rec, r, s, start, inner)
	readOn(rec, r)
}

func (e *edge) answer(w *recorder, r *http.Request, s *state, start time.Time, inner http.Handler) {
	defer e.finish(w, r, s, start)
	inner.ServeHTTP(w, r)
}

// finish recovers from a panic and writes the log line and the metrics.
func (e *edge) finish(w *recorder, r *http.Request, s *state, start time.Time) {
	cause := recover()
	if cause != nil && cause != http.ErrAbortHandler {
		e.Metrics.Panic()
		e.panicked(r, s, cause)
		if w.status == 0 {
			WriteError(w, r, blog.Fail(blog.CodeInternal))
			cause = nil
		}
	}
	if w.status == 0 { // nothing was written: net/http answers with what is set
		s.addHeaders(w.Header())
	}
	if s.entered {
		e.Shedder.Leave(s.shed)
	}
	if s.shed {
		e.countShed()
	}
	e.record(w, r, s, start)
	e.conclude(w.status, r, s)
	if cause != nil {
		panic(http.ErrAbortHandler)
	}
}

func (e *edge) record(w *recorder, r *http.Request, s *state, start time.Time) {
	ended, status := time.Now(), s.outcome(w.status)
	took := ended.Sub(start)
	route := s.route
	if route == "" {
		route = unmatched
	}
	e.Metrics.Ended(telemetry.Request{Method: r.Method, Route: route, Status: status, Took: took, Bytes: w.bytes})
	level := s.level(status, took, route)
	if !e.Log.Enabled(r.Context(), level) {
		return
	}
	line := &s.line
	*line = telemetry.RequestLine{
		RequestID: s.id, Trace: s.trace, Method: bounded(r.Method, 32), URL: sentPath(r), Route: route, Status: status,
		Took: took, Bytes: w.bytes, IP: s.ip, UserAgent: bounded(r.UserAgent(), 256),
	}
	if !s.actor.Anonymous() {
		line.UserID = s.actor.ID.String()
	}
	if s.err != nil {
		line.Error = s.err.Error()
	}
	line.Log(r.Context(), e.Log, level, ended)
}

// bounded keeps what a client sends from filling the log.
func bounded(text string, most int) string { return text[:min(len(text), most)] }

// level is how much a request matters in the log. What was shed is told in sum, and that the
// process stops by itself.
func (s *state) level(status int, took time.Duration, route string) slog.Level {
	switch {
	case s.shed, s.leaving:
		return slog.LevelDebug
	case status >= 500:
		return slog.LevelError
	case status >= 400 || took >= time.Second:
		return slog.LevelWarn
	case isProbe(route):
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func (e *edge) newState(r *http.Request) *state {
	s := &state{inner: e.inner}
	s.client, s.ip = clientIP(r, e.Trusted)
	s.proto = e.protocol(r)
	if e.inner {
		e.warnOfStrangers(r)
	}
	if !e.inner || e.trusts(r.RemoteAddr) {
		s.id = sentID(r)
	}
	if s.id == "" {
		s.id = rand.Text()
	}
	return s
}

// sentID returns the id that comes with r, if it is sane, else "".
func sentID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); id != "" && len(id) <= 64 && strings.Trim(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == "" {
		return id
	}
	return ""
}

// admit lets a request of the API through to the routes if there is room for it,
// it is known who asks, and he is within his limit. Other paths go straight on.
func (e *edge) admit(w http.ResponseWriter, r *http.Request) {
	if !isAPI(r.URL.Path) || r.Method == http.MethodOptions {
		e.next.ServeHTTP(w, r)
		return
	}
	s := stateOf(r)
	ctx := limit.WithPatience(r.Context()) // limits, failed logins and answers may all be in Redis
	if !waits(r.URL.Path) && e.Shedder != nil {
		who := visitor(r)
		if s.entered = !e.full(r, who) && e.Shedder.Enter(who); !s.entered {
			tellBusy(w, r)
			return
		}
		ctx = limit.WithTicket(ctx, &limit.Ticket{Member: who == Member})
	}
	r = r.WithContext(ctx)
	s.actor, s.authErr = identify(r, e.Verifier)
	if err := e.limit(r.Context(), s); err != nil {
		e.Metrics.RateLimited()
		WriteError(w, r, err)
		return
	}
	e.next.ServeHTTP(w, r)
}

// waits reports whether a request's time is spent waiting, for a hash or for a
// client who sends a picture. These have bounds of their own.
func waits(p string) bool {
	return strings.HasPrefix(p, "/api/auth/") || strings.HasPrefix(p, "/api/upload/")
}

// visitor goes by what a request claims: to verify it is what overload has no time for.
func visitor(r *http.Request) Visitor {
	if len(r.Header["Authorization"]) > 0 {
		return Member
	}
	return Stranger
}

// countShed counts a refusal. The log tells how many there were: a line for each
// would cost more than the refusal.
func (e *edge) countShed() {
	e.Metrics.Shed()
	if n := e.shed.add(time.Now()); n > 0 {
		e.Log.Warn("overloaded", "refused", n)
	}
}

// isAPI reports whether a path is below /api, in whatever spelling.
func isAPI(p string) bool {
	if strings.HasPrefix(p, "/api/") {
		return true
	}
	p = strings.ToLower(path.Clean("/" + strings.ReplaceAll(p, `\`, "/")))
	return p == "/api" || strings.HasPrefix(p, "/api/")
}

func (e *edge) limit(ctx context.Context, s *state) error {
	if e.Limiter == nil {
		return nil
	}
	var room [2]limit.Count
	counts := room[:0]
	if e.AllMax > 0 {
		counts = append(counts, limit.Count{Key: "all " + s.ip, Most: e.AllMax})
	}
	if !s.actor.Anonymous() && e.UserMax > 0 {
		counts = append(counts, limit.Count{Key: "user " + s.actor.ID.String(), Most: e.UserMax})
	} else if s.actor.Anonymous() && e.Max > 0 {
		counts = append(counts, limit.Count{Key: "ip " + s.ip, Most: e.Max})
	}
	if len(counts) == 0 {
		return nil
	}
	got := e.Limiter.Take(ctx, counts...)
	seconds := int((got.In + time.Second - 1) / time.Second)
	s.quota = &quota{got.Limit, got.Remaining, seconds, got.Reset.Unix()}
	if got.OK {
		return nil
	}
	return RetryAfter(blog.Fail(blog.CodeRateLimited), seconds)
}
