package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/config"
	"inkstone/internal/enginetest"
	"inkstone/internal/web"
)

// observed is a running App whose log can be read.
type observed struct {
	*App
	t    *testing.T
	log  *buffer
	stop func() error // as the program does when it is told to end
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// observe runs an App with these settings over those of tests, and routes that fail.
func observe(t *testing.T, over map[string]string) *observed {
	t.Helper()
	dir := t.TempDir()
	settings := map[string]string{
		"DATA_DIR": dir, "LOG_DIR": "", "HOST": "127.0.0.1", "PORT": "0", "BCRYPT_COST": "10", "RATE_LIMIT_MAX": "0",
		"NODE_ENV": "production", "JWT_SECRET": "only-for-tests-8d1f0c2a7be94f4c13", "OTEL_BSP_SCHEDULE_DELAY": "10ms",
	}
	maps.Copy(settings, over)
	cfg, _, err := config.Load(func(name string) (string, bool) { v, ok := settings[name]; return v, ok }, dir)
	if err != nil {
		t.Fatal(err)
	}
	o := &observed{t: t, log: &buffer{}}
	ctx, cancel := context.WithCancel(context.Background())
	if o.App, err = New(ctx, cfg, o.log); err != nil {
		t.Fatal(err)
	}
	o.mountFailures()
	ended := make(chan error, 1)
	go func() { ended <- o.Run(ctx) }()
	o.stop = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(30 * time.Second):
			return errors.New("the program does not end")
		}
	})
	t.Cleanup(func() {
		if err := o.stop(); err != nil {
			t.Error(err)
		}
	})
	return o
}

// personal is what must not leave the site.
var personal = []string{"mei@example.com", "hunter2secret", "203.0.113.77", "2001:db8::77", "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiIxIn0.c2lnbmF0dXJl", "s3cr3tKey", "0123456789abcdef0123456789abcdef", "SessionCookie77"}

const unspeakable = `login of mei@example.com from 203.0.113.77 and 2001:db8::77 with password=hunter2secret failed: ` +
	`Bearer eyJhbGciOiJIUzI1NiJ9.eyJ1c2VySWQiOiIxIn0.c2lnbmF0dXJl at postgres://ink:s3cr3tKey@db.example/ink, key 0123456789abcdef0123456789abcdef`

func (o *observed) mountFailures() {
	handle := func(pattern string, do func(ctx context.Context) error) {
		o.mux.Handle(pattern, web.Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
			if err := do(r.Context()); err != nil {
				return err
			}
			return web.JSON(w, r, http.StatusOK, web.Message{Message: "ok"})
		})
	}
	handle("GET /api/broken", func(context.Context) error { panic(unspeakable) })
	handle("POST /api/failing/{id}", func(context.Context) error { return fmt.Errorf("read the post: %s", unspeakable) })
	handle("GET /api/busy", func(context.Context) error { return blog.Fail(blog.CodeBusy) })
	handle("GET /api/speaking", func(ctx context.Context) error {
		o.App.log.WarnContext(ctx, "something to tell")
		return nil
	})
	handle("GET /api/broken-load", func(ctx context.Context) error {
		_, err := o.parts.answers.Get(ctx, "k", func(context.Context) (*web.Answer, error) { return breakInLoad() })
		return err
	})
	handle("GET /api/broken-write", func(ctx context.Context) error {
		_, err := o.store.Posts().Update(ctx, o.aPost(ctx), breakInWrite)
		return err
	})
}

func (o *observed) aPost(ctx context.Context) blog.ID {
	now := time.Now().UTC()
	u := blog.User{ID: blog.NewID(now), Username: "writer", Email: "writer@example.com", Role: blog.RoleUser, Active: true, CreatedAt: now, UpdatedAt: now}
	p := blog.Post{ID: blog.NewID(now), Title: "t", Content: "c", Author: blog.Author{ID: u.ID}, Category: "技术", Status: blog.Draft, CreatedAt: now, UpdatedAt: now}
	if err := errors.Join(o.store.Users().Create(ctx, &u), o.store.Posts().Create(ctx, &p)); err != nil {
		o.t.Error(err)
	}
	return p.ID
}

func breakInWrite(*blog.Post) error { panic("the change breaks") }

func breakInLoad() (*web.Answer, error) { panic("the load breaks") }

// ask sends a request and returns the answer's status.
func (o *observed) ask(method, path string, header ...string) int {
	o.t.Helper()
	r, err := http.NewRequest(method, o.URL()+path, nil)
	if err != nil {
		o.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{Timeout: 30 * time.Second}
	resp, err := client.Do(r)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// line waits for a line of the log that holds the text.
func (o *observed) line(text string) map[string]any {
	o.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(o.log.String()) {
			if strings.Contains(line, text) && strings.HasSuffix(line, "\n") {
				read := map[string]any{}
				if err := json.Unmarshal([]byte(line), &read); err != nil {
					o.t.Fatal(err)
				}
				return read
			}
		}
	}
	o.t.Fatalf("no line with %s in\n%s", text, o.log.String())
	return nil
}

// metric returns a counter's number.
func (o *observed) metric(name string) int {
	o.t.Helper()
	text := string(fetch(o.t, o.URL()+"/metrics"))
	found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(text)
	if found == nil {
		o.t.Fatalf("no metric %s", name)
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		o.t.Fatal(err)
	}
	return int(n)
}

// eventually waits for a condition.
func (o *observed) eventually(what string, is func() bool) {
	o.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			o.t.Fatalf("not in 20 s: %s", what)
		}
	}
}

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	caller  = "00f067aa0ba902b7"
	sampled = "00-" + traceID + "-" + caller + "-01"
)

func always(c *enginetest.Collector) map[string]string {
	return map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_TRACES_SAMPLER": "always_on"}
}

func TestARequestIsOneTraceWithTheCallsItMakes(t *testing.T) {
	c := enginetest.StartCollector(t)
	o := observe(t, with(always(c), "OTEL_SERVICE_NAME", "墨", "OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=a%2Cb,service.name=no"))
	if status := o.ask("GET", "/api/posts?token=hunter2secret&page=1", "Traceparent", sampled, "Tracestate", "vendor=a1", "X-Request-Id", "abc", "Cookie", "a=hunter2secret"); status != 200 {
		t.Fatal(status)
	}
	root := c.Named(t, "GET /api/posts")
	if root.TraceID != traceID || root.ParentID != caller || !root.ParentIsRemote || root.Kind != "server" || root.State != "vendor=a1" || root.Status != "unset" {
		t.Errorf("%+v", root)
	}
	for name, want := range map[string]string{
		"http.request.method": "GET", "http.route": "/api/posts", "http.response.status_code": "200", "url.path": "/api/posts", "inkstone.request_id": "abc",
	} {
		if root.Attributes[name] != want {
			t.Errorf("%s is %q", name, root.Attributes[name])
		}
	}
	for name, want := range map[string]string{"service.name": "墨", "deployment.environment.name": "a,b", "service.version": Version()} {
		if root.Resource[name] != want {
			t.Errorf("the resource's %s is %q", name, root.Resource[name])
		}
	}
	if root.Resource["service.instance.id"] == "" || root.Resource["process.command_args"] != "" {
		t.Errorf("%v", root.Resource)
	}
	for name, about := range map[string]string{"sqlite posts.list": "db.operation.name", "cache get": "cache.hit"} {
		s := c.Named(t, name)
		if s.TraceID != traceID || s.ParentID != root.ID || s.Attributes[about] == "" || s.Start.Before(root.Start) || s.End.After(root.End) {
			t.Errorf("%+v is no call of %+v", s, root)
		}
	}
	if line := o.line(`"msg":"request"`); line["traceId"] != traceID || line["requestId"] != "abc" {
		t.Errorf("the log has %v", line)
	}
	if all := fmt.Sprint(c.Spans()); strings.Contains(all, "hunter2secret") {
		t.Errorf("a secret is in %s", all)
	}
	if exported := o.metric("trace_spans_exported_total"); exported < 3 {
		t.Errorf("%d spans are counted", exported)
	}
}

func with(settings map[string]string, more ...string) map[string]string {
	for i := 0; i < len(more); i += 2 {
		settings[more[i]] = more[i+1]
	}
	return settings
}

func TestSpansOfFailuresSayWhatFailedAndNothingOfAnybody(t *testing.T) {
	c := enginetest.StartCollector(t)
	o := observe(t, with(always(c), "OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", "OTEL_EXPORTER_OTLP_HEADERS", "api-key=k%20ey"))
	o.ask("GET", "/api/broken")
	o.ask("POST", "/api/failing/mei")
	o.ask("GET", "/api/nowhere")
	o.ask("TRICK", "/api/posts")
	broken := c.Named(t, "GET /api/broken")
	if broken.Status != "error" || len(broken.Events) != 1 || broken.Events[0]["name"] != "exception" || !strings.Contains(broken.Events[0]["exception.stacktrace"], "mountFailures") {
		t.Errorf("%+v", broken)
	}
	if !broken.Gzipped || broken.Header.Get("Api-Key") != "k ey" {
		t.Errorf("it came gzipped: %v, with %v", broken.Gzipped, broken.Header)
	}
	failing := c.Named(t, "POST /api/failing/{id}")
	if failing.Status != "error" || failing.Attributes["http.response.status_code"] != "500" || failing.Attributes["error.type"] != "INTERNAL" {
		t.Errorf("%+v", failing)
	}
	if unknown := c.Named(t, "GET"); unknown.Attributes["http.route"] != "" || unknown.Attributes["http.response.status_code"] != "404" || unknown.Status != "unset" {
		t.Errorf("%+v", unknown)
	}
	if strange := c.Named(t, "HTTP"); strange.Attributes["http.request.method"] != "_OTHER" {
		t.Errorf("%+v", strange)
	}
	tellsNothing(t, fmt.Sprint(c.Spans()))
}

func tellsNothing(t *testing.T, told string) {
	t.Helper()
	for _, p := range personal {
		if strings.Contains(told, p) {
			t.Errorf("%s is told: %s", p, told)
		}
	}
}

func TestProbesAreNotTraced(t *testing.T) {
	c := enginetest.StartCollector(t)
	o := observe(t, always(c))
	for _, path := range []string{"/health", "/livez", "/readyz", "/metrics", "/health/"} {
		if status := o.ask("GET", path, "Traceparent", sampled); status != 200 {
			t.Errorf("%s: %d", path, status)
		}
	}
	o.ask("GET", "/api/posts/tags")
	c.Named(t, "GET /api/posts/tags")
	for _, s := range c.Spans() {
		if s.Kind == "server" && s.Name != "GET /api/posts/tags" || s.TraceID == traceID {
			t.Errorf("traced: %+v", s)
		}
	}
}

// A stranger could else have all that he asks exported.
func TestWhoIsTrustedDecidesForUsWhatIsTraced(t *testing.T) {
	for name, trusted := range map[string]string{"stranger": "10.0.0.0/8", "trusted": "127.0.0.1"} {
		t.Run(name, func(t *testing.T) {
			c := enginetest.StartCollector(t)
			o := observe(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_TRACES_SAMPLER_ARG": "0", "TRUSTED_PROXIES": trusted})
			o.ask("GET", "/api/posts", "Traceparent", sampled)
			if line := o.line(`"msg":"request"`); line["traceId"] != traceID {
				t.Errorf("the id is not taken over: %v", line)
			}
			if err := o.stop(); err != nil { // what waits is sent
				t.Error(err)
			}
			traced := slices.Contains(enginetest.NamesOf(c.Spans()), "GET /api/posts")
			if traced != (name == "trusted") {
				t.Errorf("traced: %v", traced)
			}
		})
	}
}

func TestWithoutACollectorLinesOfOneRequestHaveOneTraceID(t *testing.T) {
	o := observe(t, nil)
	o.ask("GET", "/api/speaking")
	o.ask("GET", "/api/broken", "Traceparent", sampled)
	said, request := o.line("something to tell"), o.line(`"msg":"request"`)
	id, _ := request["traceId"].(string)
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(id) || said["traceId"] != id || said["requestId"] != request["requestId"] || request["requestId"] == nil {
		t.Errorf("%v and %v", said, request)
	}
	if broken := o.line(`"msg":"panic"`); broken["traceId"] != traceID || broken["requestId"] == nil {
		t.Errorf("%v", broken)
	}
}

// hanging takes requests and does not answer before the test ends.
func hanging(t *testing.T) (url string) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // else the server does not see that the client leaves
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	return s.URL
}

func TestACollectorThatHangsHoldsUpNobody(t *testing.T) {
	o := observe(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": hanging(t), "OTEL_TRACES_SAMPLER": "always_on", "OTEL_BSP_MAX_QUEUE_SIZE": "20", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5"})
	for range 50 {
		if status := o.ask("GET", "/api/posts/tags"); status != 200 {
			t.Fatal(status)
		}
	}
	if lost, made := o.metric("trace_spans_lost_total"), 50; lost < made-20 {
		t.Errorf("of at least %d spans %d are lost, and 20 have room", made, lost)
	}
	if err := o.stop(); err != nil {
		t.Error(err)
	}
}

func TestACollectorThatIsGoneIsToldOfOnce(t *testing.T) {
	gone := httptest.NewServer(nil)
	gone.Close()
	o := observe(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": gone.URL, "OTEL_TRACES_SAMPLER": "always_on", "OTEL_EXPORTER_OTLP_HEADERS": "api-key=hunter2secret"})
	begun := time.Now()
	for n := range 5 {
		o.ask("GET", "/api/posts/tags")
		o.eventually("what was made is lost", func() bool { return o.metric("trace_spans_lost_total") > n })
	}
	o.line("traces could not be exported")
	if err := o.stop(); err != nil {
		t.Error(err)
	}
	said := o.log.String()
	if n, most := strings.Count(said, "traces could not be exported"), 1+int(time.Since(begun)/(10*time.Second)); n > most || strings.Contains(said, "hunter2secret") {
		t.Errorf("told %d times: %s", n, said)
	}
}
