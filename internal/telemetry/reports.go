package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/getsentry/sentry-go"
)

// Bounds of reports. What goes wrong goes wrong for everybody at once: then a few reports
// say as much as all of them.
const (
	maxWaitingReports = 32
	reportsPerMinute  = 60
	sameReportPause   = 10 * time.Second // between two that are equal
	reportTimeout     = 5 * time.Second  // to send one
	maxValue          = 4 << 10          // bytes of what an error or a panic says
)

// Failure is a request that failed by a fault of ours.
type Failure struct {
	RequestID, TraceID string
	Method             string // any
	Route              string // the pattern that it matched; "": none
	Status             int
	Code               string
	Text               string // what the error or the panic says; scrubbed before it leaves
	Stack              string // of a panic, as debug.Stack writes it; "": there was none
}

// ReportOptions say where failures are reported.
type ReportOptions struct {
	DSN         string // of a project of Sentry
	Environment string
	Release     string

	Log        *slog.Logger
	Sent, Lost func() // must be quick
}

// Reports sends failures to Sentry, or what speaks as it does, from a goroutine of its own:
// nobody waits, and what finds no place is lost and counted.
type Reports struct {
	client  *sentry.Client
	http    *receiver
	queue   chan queued
	quiet   quiet
	trouble trouble
	sent    func()
	lost    func()

	end  chan struct{}
	done chan struct{}
	stop context.CancelFunc // of what is being sent
}

type queued struct {
	Failure
	at     time.Time
	silent int // equal ones before it that were not reported
}

// OpenReports begins to report. That nobody takes reports is no error.
func OpenReports(o ReportOptions) (*Reports, error) {
	connections := outward()
	ctx, stop := context.WithCancel(context.Background())
	r := &Reports{
		http: &receiver{Transport: connections}, queue: make(chan queued, maxWaitingReports), stop: stop,
		trouble: trouble{log: o.Log, what: "error reports could not be sent"}, sent: o.Sent, lost: o.Lost,
		end: make(chan struct{}), done: make(chan struct{}),
	}
	sending := sentry.NewHTTPSyncTransport()
	sending.Timeout = reportTimeout
	client, err := sentry.NewClient(sentry.ClientOptions{
		Dsn: o.DSN, Environment: o.Environment, Release: o.Release,
		Transport: transport{sending, ctx}, HTTPTransport: r.http,
		Integrations:         func([]sentry.Integration) []sentry.Integration { return nil }, // they tell of the machine and its environment
		BeforeSend:           func(e *sentry.Event, _ *sentry.EventHint) *sentry.Event { return clean(e) },
		DisableClientReports: true,
	})
	if err != nil {
		stop()
		return nil, errors.New("not a DSN") // the library's words quote it
	}
	r.client = client
	go r.run()
	return r, nil
}

// Report takes a failure to be sent, unless there were too many, or an equal one just now.
func (r *Reports) Report(f Failure) {
	now := time.Now()
	silent, ok, full := r.quiet.take(f, now)
	if !ok {
		if full {
			r.lost()
		}
		return
	}
	select {
	case r.queue <- queued{f, now, silent}:
	default:
		r.lost()
	}
}

// Close sends what waits, for at most two seconds; the rest is lost. Nothing is to be
// reported any more.
func (r *Reports) Close() error {
	close(r.end)
	select {
	case <-r.done:
	case <-time.After(flushLimit):
	}
	r.stop()
	<-r.done
	r.client.Close()
	r.http.Transport.CloseIdleConnections()
	return nil
}

func (r *Reports) run() {
	defer close(r.done)
	for {
		select {
		case f := <-r.queue:
			r.send(f)
			continue
		default:
		}
		select {
		case f := <-r.queue:
			r.send(f)
		case <-r.end:
			if len(r.queue) == 0 {
				return
			}
		}
	}
}

// send takes its time: only the goroutine of run waits.
func (r *Reports) send(f queued) {
	r.http.outcome = errHeldBack
	r.client.CaptureEvent(eventOf(f), nil, nil)
	if r.http.outcome != nil {
		r.lost()
		r.trouble.tell(r.http.outcome.Error())
		return
	}
	r.sent()
}

// errHeldBack is that the library sent nothing, as the receiver has asked it to.
var errHeldBack = errors.New("the receiver has asked for a pause")

// transport sends an event at once, until ctx ends.
type transport struct {
	*sentry.HTTPSyncTransport
	ctx context.Context
}

// SendEvent implements sentry.Transport.
func (t transport) SendEvent(e *sentry.Event) { t.SendEventWithContext(t.ctx, e) }

// receiver notes what became of the last request, which the library keeps to itself.
type receiver struct {
	*http.Transport
	outcome error
}

// RoundTrip implements http.RoundTripper.
func (r *receiver) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := r.Transport.RoundTrip(req)
	switch {
	case err != nil:
		r.outcome = err
	case resp.StatusCode >= http.StatusMultipleChoices:
		r.outcome = errors.New("the receiver answers " + resp.Status)
	default:
		r.outcome = nil
	}
	return resp, err
}

// quiet keeps an outage from being reported again and again.
type quiet struct {
	mu     sync.Mutex
	minute time.Time // the begin of the one that n is of
	n      int
	told   map[string]*telling // at most as many as may be told in a minute
}

// telling is when something was last told, and how often it was not told since.
type telling struct {
	at     time.Time
	silent int
}

// take reports whether f is to be told now, and how many like it were not; full is that it
// would be, but for the number of others.
func (q *quiet) take(f Failure, now time.Time) (silent int, ok, full bool) {
	key := f.Method + " " + f.Route + " " + f.Code + " " + f.Text[:min(len(f.Text), maxValue)]
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Sub(q.minute) >= time.Minute {
		q.minute, q.n = now, 0
	}
	before, known := q.told[key]
	if known && now.Sub(before.at) < sameReportPause {
		before.silent++
		return 0, false, false
	}
	if q.n >= reportsPerMinute {
		return 0, false, true
	}
	q.n++
	q.forget(now)
	q.told[key] = &telling{at: now}
	if known {
		silent = before.silent
	}
	return silent, true, false
}

// forget leaves those that may be told of in this minute and the one before.
func (q *quiet) forget(now time.Time) {
	if q.told == nil {
		q.told = map[string]*telling{}
	}
	for key, t := range q.told {
		if now.Sub(t.at) >= time.Minute {
			delete(q.told, key)
		}
	}
}
