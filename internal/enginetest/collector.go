package enginetest

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	coltracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiveWait is how long a test waits for what is to arrive.
const receiveWait = 20 * time.Second

// Span is what a collector was sent of one.
type Span struct {
	Name, Kind              string
	TraceID, ID, ParentID   string // hex
	State                   string
	Start, End              time.Time
	Status, StatusText      string
	Attributes, Resource    map[string]string
	Events                  []map[string]string // their attributes, and "name"
	Header                  http.Header         // of the export that it came in
	Gzipped, ParentIsRemote bool
}

// Collector takes spans by OTLP over HTTP, as a collector of OpenTelemetry does.
type Collector struct {
	*httptest.Server
	t testing.TB

	mu    sync.Mutex
	spans []Span
}

// StartCollector starts one that ends with the test.
func StartCollector(t testing.TB) *Collector {
	c := &Collector{t: t}
	c.Server = httptest.NewServer(http.HandlerFunc(c.take))
	t.Cleanup(c.Close)
	return c
}

func (c *Collector) take(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.t.Errorf("the collector was sent %s %s as %s", r.Method, r.URL, r.Header.Get("Content-Type"))
		http.NotFound(w, r)
		return
	}
	var sent coltracepb.ExportTraceServiceRequest
	body, zipped, err := unpacked(r)
	if err == nil {
		err = proto.Unmarshal(body, &sent)
	}
	if err != nil {
		c.t.Errorf("the collector was sent what it can't read: %v", err)
		http.Error(w, "unreadable", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range sent.ResourceSpans {
		for _, scope := range of.ScopeSpans {
			for _, s := range scope.Spans {
				read := spanOf(s)
				read.Resource, read.Header, read.Gzipped = attributesOf(of.GetResource().GetAttributes()), r.Header, zipped
				c.spans = append(c.spans, read)
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func unpacked(r *http.Request) (body []byte, zipped bool, err error) {
	var from io.Reader = r.Body
	if zipped = r.Header.Get("Content-Encoding") == "gzip"; zipped {
		if from, err = gzip.NewReader(r.Body); err != nil {
			return nil, true, err
		}
	}
	body, err = io.ReadAll(io.LimitReader(from, 64<<20))
	return body, zipped, err
}

func spanOf(s *tracepb.Span) Span {
	read := Span{
		Name: s.Name, Kind: strings.ToLower(strings.TrimPrefix(s.Kind.String(), "SPAN_KIND_")),
		TraceID: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), ParentID: hex.EncodeToString(s.ParentSpanId), State: s.TraceState,
		Start: time.Unix(0, int64(s.StartTimeUnixNano)), End: time.Unix(0, int64(s.EndTimeUnixNano)),
		Status: strings.ToLower(strings.TrimPrefix(s.GetStatus().GetCode().String(), "STATUS_CODE_")), StatusText: s.GetStatus().GetMessage(),
		Attributes:     attributesOf(s.Attributes),
		ParentIsRemote: tracepb.SpanFlags(s.Flags)&tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK != 0,
	}
	for _, e := range s.Events {
		event := attributesOf(e.Attributes)
		event["name"] = e.Name
		read.Events = append(read.Events, event)
	}
	return read
}

func attributesOf(all []*commonpb.KeyValue) map[string]string {
	read := map[string]string{}
	for _, a := range all {
		switch v := a.GetValue().GetValue().(type) {
		case *commonpb.AnyValue_StringValue:
			read[a.Key] = v.StringValue
		case *commonpb.AnyValue_IntValue:
			read[a.Key] = fmt.Sprint(v.IntValue)
		case *commonpb.AnyValue_BoolValue:
			read[a.Key] = fmt.Sprint(v.BoolValue)
		default:
			read[a.Key] = a.GetValue().String()
		}
	}
	return read
}

// Spans returns what has come so far.
func (c *Collector) Spans() []Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans)
}

// Wait returns what has come once that is enough.
func (c *Collector) Wait(t testing.TB, enough func([]Span) bool) []Span {
	t.Helper()
	for end := time.Now().Add(receiveWait); ; time.Sleep(5 * time.Millisecond) {
		spans := c.Spans()
		if enough(spans) {
			return spans
		}
		if time.Now().After(end) {
			t.Fatalf("not enough spans after %v: %v", receiveWait, NamesOf(spans))
		}
	}
}

// Named waits for a span of that name and returns the last one.
func (c *Collector) Named(t testing.TB, name string) Span {
	t.Helper()
	spans := c.Wait(t, func(all []Span) bool { return slices.Contains(NamesOf(all), name) })
	slices.Reverse(spans)
	return spans[slices.Index(NamesOf(spans), name)]
}

// NamesOf returns the names of spans in their order.
func NamesOf(spans []Span) []string {
	var names []string
	for _, s := range spans {
		names = append(names, s.Name)
	}
	return names
}
