package telemetry

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

func openTraces(t *testing.T, o TraceOptions) *Traces {
	t.Helper()
	ignore := func(int) {}
	if o.Exported == nil {
		o.Exported, o.Lost = ignore, ignore
	}
	o.Timeout, o.Patience, o.Log = 5*time.Second, 5*time.Second, slog.New(slog.DiscardHandler)
	if o.Queue == 0 {
		o.Queue, o.Batch, o.Delay = 2048, 512, 10*time.Millisecond
	}
	traces, err := OpenTraces(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = traces.Close() })
	return traces
}

func asking(parent, state string) *http.Request {
	r := httptest.NewRequest("GET", "/", nil)
	if parent != "" {
		r.Header.Set("Traceparent", parent)
	}
	if state != "" {
		r.Header.Set("Tracestate", state)
	}
	return r
}

const (
	someTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	someSpan  = "00f067aa0ba902b7"
)

func TestATraceIsTakenOverOnlyIfItIsNamedAsW3CHasIt(t *testing.T) {
	for parent, taken := range map[string]bool{
		"00-" + someTrace + "-" + someSpan + "-00":                  true,
		"00-" + someTrace + "-" + someSpan + "-01":                  true,
		"00-" + someTrace + "-" + someSpan + "-03":                  true, // level 2: the id is random
		"cc-" + someTrace + "-" + someSpan + "-01-what-comes-later": true,
		"00-" + someTrace + "-" + someSpan + "-01-more":             false,
		"ff-" + someTrace + "-" + someSpan + "-01":                  false,
		"00-" + strings.ToUpper(someTrace) + "-" + someSpan + "-01": false,
		"00-" + strings.Repeat("0", 32) + "-" + someSpan + "-01":    false,
		"00-" + someTrace + "-" + strings.Repeat("0", 16) + "-01":   false,
		"00-" + someTrace[1:] + "-" + someSpan + "-01":              false,
		"00-" + someTrace + "-" + someSpan:                          false,
		"00-" + someTrace + "-" + someSpan + "-0x":                  false,
		"":                         false,
		strings.Repeat("0", 60000): false,
	} {
		_, got := (*Traces)(nil).Begin(asking(parent, ""), false)
		if len(got.ID()) != 32 || (got.ID() == someTrace) != taken {
			t.Errorf("%.80q became %s", parent, got.ID())
		}
	}
	r := asking("00-"+someTrace+"-"+someSpan+"-01", "")
	r.Header.Add("Traceparent", "00-"+someTrace+"-"+someSpan+"-01")
	if _, got := (*Traces)(nil).Begin(r, false); got.ID() == someTrace {
		t.Error("two of them are one too many")
	}
}

// upstream returns the headers that a service behind us gets from a request.
func upstream(t *testing.T, traces *Traces, r *http.Request, trusted bool) http.Header {
	t.Helper()
	var got http.Header
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer s.Close()
	r, part := traces.Begin(r, trusted)
	ask, err := http.NewRequestWithContext(r.Context(), "GET", s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	hop := &Transport{Next: http.DefaultTransport, Traces: traces, Peer: "behind", Of: func(context.Context) Trace { return part }}
	resp, err := hop.RoundTrip(ask)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	part.End(Answered{Method: "GET", Route: "/x", Status: 200})
	if len(ask.Header) > 0 {
		t.Errorf("the request was changed: %v", ask.Header)
	}
	return got
}

func TestATraceIsPassedOnWhetherItIsRecordedOrNot(t *testing.T) {
	c := enginetest.StartCollector(t)
	on := openTraces(t, TraceOptions{URL: c.URL + "/v1/traces", Sampler: "parentbased_always_on"})
	never := openTraces(t, TraceOptions{URL: c.URL + "/v1/traces", Sampler: "always_off"})
	for name, c := range map[string]struct {
		traces        *Traces
		flags         string
		trusted       bool
		flagsUpstream string
	}{
		"off, of a stranger":           {nil, "01", false, "00"},
		"off, of who is trusted":       {nil, "01", true, "01"},
		"not recorded":                 {never, "01", true, "00"},
		"recorded":                     {on, "01", true, "01"},
		"trusted not to be recorded":   {on, "00", true, "00"},
		"recorded in spite of whoever": {on, "00", false, "01"},
	} {
		got := upstream(t, c.traces, asking("00-"+someTrace+"-"+someSpan+"-"+c.flags, "a=1,b=2"), c.trusted)
		parts := strings.Split(got.Get("Traceparent"), "-")
		if len(parts) != 4 || parts[0] != "00" || parts[1] != someTrace || parts[3] != c.flagsUpstream || got.Get("Tracestate") != "a=1,b=2" {
			t.Errorf("%s: %v", name, got)
		}
		if mine := parts[2] != someSpan; mine != (c.traces == on && c.flagsUpstream == "01") {
			t.Errorf("%s: the span is %s", name, parts[2])
		}
	}
	spans := c.Wait(t, func(all []enginetest.Span) bool { return len(all) >= 4 })
	for _, s := range spans {
		if s.Kind == "client" && (s.Attributes["service.peer.name"] != "behind" || s.Attributes["http.response.status_code"] != "200" || s.Attributes["server.address"] != "127.0.0.1") {
			t.Errorf("%+v", s)
		}
	}
	fresh := upstream(t, nil, asking("", "a=1"), false)
	if parts := strings.Split(fresh.Get("Traceparent"), "-"); len(parts) != 4 || parts[3] != "00" || fresh.Get("Tracestate") != "" {
		t.Errorf("a trace that begins here: %v", fresh)
	}
	long := upstream(t, nil, asking("00-"+someTrace+"-"+someSpan+"-00", "a="+strings.Repeat("x", maxTracestate)), false)
	if long.Get("Tracestate") != "" || !strings.Contains(long.Get("Traceparent"), someTrace) {
		t.Errorf("a long state: %v", long)
	}
}

func TestARequestWithoutATraceTellsServicesOfNone(t *testing.T) {
	var got http.Header
	next := roundTrip(func(r *http.Request) (*http.Response, error) { got = r.Header; return nil, errors.New("away") })
	hop := &Transport{Next: next, Of: func(context.Context) Trace { return Trace{} }}
	if _, err := hop.RoundTrip(httptest.NewRequest("GET", "http://127.0.0.1/", nil)); err == nil || got.Get("Traceparent") != "" {
		t.Errorf("%v, %v", got, err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// recorded returns how many of so many requests are.
func recorded(traces *Traces, n int, trusted bool, parent func() string) (of int) {
	for range n {
		if _, part := traces.Begin(asking(parent(), ""), trusted); part.Recorded() {
			of++
		}
	}
	return of
}

func TestEachSamplerOfTheStandardSamplesAsItSays(t *testing.T) {
	none := func() string { return "" }
	flagged := func(flags string) func() string {
		return func() string {
			id, span := newIDs()
			return "00-" + id.String() + "-" + span.String() + "-" + flags
		}
	}
	for _, c := range []struct {
		name                      string
		ratio                     float64
		roots, sampled, unsampled int // of 1,000; -1: about the ratio
	}{
		{"always_on", 0, 1000, 1000, 1000}, {"always_off", 1, 0, 0, 0},
		{"traceidratio", 0.2, -1, -1, -1}, {"traceidratio", 1, 1000, 1000, 1000}, {"traceidratio", 0, 0, 0, 0},
		{"parentbased_always_on", 0, 1000, 1000, 0}, {"parentbased_always_off", 1, 0, 1000, 0},
		{"parentbased_traceidratio", 0.2, -1, 1000, 0},
	} {
		sampler, err := samplerOf(c.name, c.ratio)
		if err != nil {
			t.Fatal(err)
		}
		traces := openTraces(t, TraceOptions{URL: "http://127.0.0.1:1/", Sampler: c.name, Ratio: c.ratio, Queue: 1, Batch: 1, Delay: time.Hour})
		traces.sampler = sampler
		for _, asked := range []struct {
			who     string
			trusted bool
			parent  func() string
			want    int
		}{
			{"nobody's", true, none, c.roots}, {"flagged", true, flagged("01"), c.sampled}, {"unflagged", true, flagged("00"), c.unsampled},
			{"flagged by a stranger", false, flagged("01"), c.roots}, {"unflagged by a stranger", false, flagged("00"), c.roots},
		} {
			got := recorded(traces, 1000, asked.trusted, asked.parent)
			if asked.want >= 0 && got != asked.want || asked.want < 0 && (got < 100 || got > 320) { // 8 deviations
				t.Errorf("%s(%g), %s: %d of 1000", c.name, c.ratio, asked.who, got)
			}
		}
	}
	if _, err := samplerOf("jaeger_remote", 1); err == nil {
		t.Error("a sampler that there is not")
	}
}

// An id of zeros is below every share: who chose it would be recorded always.
func TestAStrangerCannotChooseAnIDThatIsRecorded(t *testing.T) {
	traces := openTraces(t, TraceOptions{URL: "http://127.0.0.1:1/", Sampler: "traceidratio", Ratio: 0.05, Queue: 1, Batch: 1, Delay: time.Hour})
	chosen := func() string { return "00-" + strings.Repeat("0", 31) + "1-" + someSpan + "-01" }
	if n := recorded(traces, 1000, false, chosen); n > 150 {
		t.Errorf("%d of 1000", n)
	}
	if n := recorded(traces, 10, true, chosen); n != 10 {
		t.Errorf("of a trusted one's, %d of 10", n)
	}
}

// hanging takes requests and answers them when it is released, or the test ends.
func hanging(t *testing.T) (url string, release func()) {
	answer := make(chan struct{})
	release = sync.OnceFunc(func() { close(answer) })
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that the client leaves
		select {
		case <-answer:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(release)
	return s.URL, release
}

func TestSpansThatWaitAreBoundedAndNoneIsLostUncounted(t *testing.T) {
	s, release := hanging(t)
	defer release()
	var exported, lost atomic.Int64
	traces := openTraces(t, TraceOptions{URL: s, Sampler: "always_on", Queue: 100, Batch: 10, Delay: time.Millisecond,
		Exported: func(n int) { exported.Add(int64(n)) }, Lost: func(n int) { lost.Add(int64(n)) }})
	for range 1000 {
		_, part := traces.Begin(asking("", ""), false)
		part.End(Answered{Method: "GET", Status: 200})
	}
	if n := lost.Load(); n != 900 {
		t.Errorf("%d of 1000 are lost while 100 wait", n)
	}
	release()
	if err := traces.Close(); err != nil {
		t.Error(err)
	}
	if got := exported.Load(); got != 100 || lost.Load() != 900 {
		t.Errorf("%d are exported and %d lost", got, lost.Load())
	}
}

func TestWhatIsNotExportedInTimeAtTheEndIsLostAndCounted(t *testing.T) {
	s, release := hanging(t)
	defer release()
	var lost atomic.Int64
	traces := openTraces(t, TraceOptions{URL: s, Sampler: "always_on", Queue: 100, Batch: 10, Delay: time.Millisecond,
		Exported: func(int) {}, Lost: func(n int) { lost.Add(int64(n)) }})
	for range 50 {
		_, part := traces.Begin(asking("", ""), false)
		part.End(Answered{Method: "GET", Status: 200})
	}
	_ = traces.Close()
	for end := time.Now().Add(20 * time.Second); lost.Load() != 50; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d are lost", lost.Load())
		}
	}
}

func TestCallsOutsideOfATraceAreNotRecorded(t *testing.T) {
	c := enginetest.StartCollector(t)
	traces := openTraces(t, TraceOptions{URL: c.URL + "/v1/traces", Sampler: "always_on"})
	for _, with := range []*Traces{traces, nil} {
		with.Store(t.Context(), "sqlite", "posts.list", time.Second, false)
		with.Cache(t.Context(), time.Second, true)
		with.Redis(t.Context(), "GET", time.Second, true)
	}
	r, part := traces.Begin(asking("", ""), false)
	part.End(Answered{Method: "GET", Route: "/x", Status: 200})
	traces.Redis(r.Context(), "SET", time.Second, true) // after the answer
	set := c.Named(t, "redis SET")
	if set.TraceID != part.ID() || set.Status != "error" || set.End.Sub(set.Start) != time.Second || set.Attributes["db.system.name"] != "redis" {
		t.Errorf("%+v", set)
	}
	if err := traces.Close(); err != nil {
		t.Error(err)
	}
	if names := enginetest.NamesOf(c.Spans()); len(names) != 2 {
		t.Error(names)
	}
}

func TestAnUnreadableCertificateIsToldAtTheStart(t *testing.T) {
	for _, o := range []TraceOptions{{Authority: "no/such/file"}, {Authority: "traces_test.go"}, {Cert: "traces_test.go", Key: "traces_test.go"}} {
		o.URL, o.Sampler = "https://127.0.0.1:1/", "always_on"
		if _, err := OpenTraces(t.Context(), o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
