package apitest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"inkstone/internal/enginetest"
)

// traced are the settings of an instance that records every request.
func traced(c *enginetest.Collector) settings {
	return settings{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "OTEL_TRACES_SAMPLER": "always_on", "OTEL_BSP_SCHEDULE_DELAY": "10ms"}
}

const theirTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

// of waits for the span of a request of theirTrace, and for calls that it made.
func of(t *testing.T, c *enginetest.Collector, request string, calls ...string) (root enginetest.Span, made map[string]enginetest.Span) {
	t.Helper()
	c.Wait(t, func(all []enginetest.Span) bool {
		made = map[string]enginetest.Span{}
		for _, s := range all {
			if s.TraceID == theirTrace {
				made[s.Name] = s
			}
		}
		found := func(name string) bool { _, ok := made[name]; return ok }
		return found(request) && !slices.ContainsFunc(calls, func(name string) bool { return !found(name) })
	})
	return made[request], made
}

func isCallOf(t *testing.T, root, call enginetest.Span, system string) {
	t.Helper()
	if call.ParentID != root.ID || call.Kind != "client" || call.Attributes["db.system.name"] != system || call.Status != "unset" {
		t.Errorf("%+v is no call of %s by %+v", call, system, root)
	}
}

func TestATraceShowsPostgreSQLAndRedis(t *testing.T) {
	c := enginetest.StartCollector(t)
	s := usual()
	for name, value := range traced(c) {
		s[name] = value
	}
	s["DATABASE_URL"], s["REDIS_URL"], s["RATE_LIMIT_MAX"] = migrated(t), enginetest.Redis(t), "1000"
	site := newSite(t, startMono(t, s))
	site.waitForRedis(10 * time.Second)
	site.Anyone.With("Traceparent", "00-"+theirTrace+"-00f067aa0ba902b7-00").Get("/api/posts").Expect(200)
	root, made := of(t, c, "GET /api/posts", "redis EVAL", "cache get", "redis GETRANGE", "postgresql posts.list", "redis SET")
	for _, command := range []string{"redis EVAL", "redis GETRANGE", "redis SET"} {
		isCallOf(t, root, made[command], "redis")
	}
	isCallOf(t, root, made["postgresql posts.list"], "postgresql")
	if look := made["cache get"]; look.ParentID != root.ID || look.Attributes["cache.hit"] != "false" {
		t.Errorf("%+v", look)
	}
}

// The header that tells S3 of the trace is added to a request that is signed: S3 checks that.
func TestATraceShowsS3WhichStillTakesOurSignatures(t *testing.T) {
	c := enginetest.StartCollector(t)
	s := usual()
	for _, more := range []settings{traced(c), inBucket(t)} {
		for name, value := range more {
			s[name] = value
		}
	}
	site := newSite(t, startMono(t, s))
	u := site.User().With("Traceparent", "00-"+theirTrace+"-00f067aa0ba902b7-01")
	url := u.Upload("/api/upload/single", file{"image", "a.png", "image/png", pictures()[".png"]}).Expect(200).Str("file.url")
	root, made := of(t, c, "POST /api/upload/single", "PUT")
	put := made["PUT"]
	if put.ParentID != root.ID || put.Kind != "client" || put.Attributes["service.peer.name"] != "s3" || put.Attributes["http.response.status_code"] != "200" || put.Attributes["server.port"] == "" {
		t.Errorf("%+v is no hop of %+v", put, root)
	}
	if resp, err := http.Get(site.url + url); err != nil || resp.StatusCode != 200 {
		t.Errorf("the image: %v, %v", resp, err)
	} else {
		resp.Body.Close()
	}
	if all := fmt.Sprint(c.Spans()); strings.Contains(all, s["S3_SECRET_KEY"]) || strings.Contains(all, "X-Amz") || strings.Contains(all, u.Token) {
		t.Error("a secret is in the spans")
	}
}

// The real program, with its settings in .env and its log in files: what it sends is what a
// collector and a receiver of reports read, and what is under way at the end arrives.
func TestTheProgramItselfTracesReportsAndLogsARequestUnderOneID(t *testing.T) {
	c, in := enginetest.StartCollector(t), enginetest.StartInbox(t)
	dir := t.TempDir()
	dotenv := fmt.Sprintf("OTEL_EXPORTER_OTLP_ENDPOINT=%s\nOTEL_TRACES_SAMPLER=always_on\nOTEL_BSP_SCHEDULE_DELAY=60000\nOTEL_SERVICE_NAME=from-dotenv\nSENTRY_DSN=%s\nLOG_DIR=logs\n", c.URL, in.DSN("pub1ickey"))
	if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(dotenv), 0o600); err != nil {
		t.Fatal(err)
	}
	p := launch(t, dir, settings{"HOST": "127.0.0.1", "RATE_LIMIT_MAX": "0", "BCRYPT_COST": "4"})
	ask := func(path, trace string) int {
		r, err := http.NewRequest("GET", p.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
		resp, err := transport.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if status := ask("/api/posts?token=hunter2secret", theirTrace); status != 200 {
		t.Fatal(status)
	}
	breakDatabase(t, dir)
	const brokenTrace = "0af7651916cd43dd8448eb211c80319c"
	if status := ask("/api/posts?search=x&token=hunter2secret", brokenTrace); status < 500 {
		t.Fatalf("without its tables the database answers: %d", status)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	root, made := of(t, c, "GET /api/posts", "sqlite posts.list")
	if root.Resource["service.name"] != "from-dotenv" || made["sqlite posts.list"].ParentID != root.ID {
		t.Errorf("%+v", root)
	}
	report := in.Wait(t, 1)[0]
	if report.Transaction != "GET /api/posts" || report.Tags["trace_id"] != brokenTrace || report.Tags["request_id"] == "" {
		t.Errorf("%s", report.Raw)
	}
	logged := linesOf(t, filepath.Join(dir, "logs", "combined.log"))
	for id, request := range map[string]string{theirTrace: root.Attributes["inkstone.request_id"], brokenTrace: report.Tags["request_id"]} {
		if !slices.ContainsFunc(logged, func(l map[string]any) bool {
			return l["traceId"] == id && l["requestId"] == request && l["msg"] == "request"
		}) {
			t.Errorf("the log has no request %s of trace %s", request, id)
		}
	}
	if strings.Contains(fmt.Sprint(c.Spans(), in.Reports()), "hunter2secret") {
		t.Error("a secret has left the program")
	}
}

// breakDatabase takes from a site's database what a search needs.
func breakDatabase(t *testing.T, dir string) {
	t.Helper()
	c, err := sqlite.OpenConn(filepath.Join(dir, "inkstone.db"), sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetBusyTimeout(10 * time.Second)
	if err := sqlitex.ExecuteTransient(c, "DROP TABLE posts_fts", nil); err != nil {
		t.Fatal(err)
	}
}

// linesOf reads a file of the log.
func linesOf(t *testing.T, path string) (lines []map[string]any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		line := map[string]any{}
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, s.Text())
		}
		lines = append(lines, line)
	}
	return lines
}
