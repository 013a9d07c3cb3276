package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

// visited starts a server that shows its metrics elsewhere, and has somebody use it.
func visited(t *testing.T) (s *server, metrics string) {
	metrics = enginetest.FreeAddress(t)
	s = startServer(t, t.TempDir(), "METRICS_ADDR="+metrics)
	token := s.register("somebody")
	s.post("/api/auth/login", "", object{"email": "somebody@example.com", "password": "wrong password"})
	_, made := s.post("/api/posts", token, object{"title": "一", "content": "二", "category": "技术", "status": "published"})
	s.post("/api/posts", token, object{})
	for _, path := range []string{"/api/posts", "/api/posts", "/api/posts/" + made["post"].(object)["id"].(string), "/api/posts?search=二", "/readyz", "/nothing"} {
		s.status(path)
	}
	return s, metrics
}

func TestPromtoolFindsNothingWrongWithTheMetrics(t *testing.T) {
	promtool := enginetest.Program(t, "promtool")
	_, metrics := visited(t)
	resp, err := http.Get("http://" + metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = resp.Body
	if said, err := cmd.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestPrometheusTakesTheMetricsWithoutAWarning(t *testing.T) {
	program := enginetest.Program(t, "prometheus")
	_, metrics := visited(t)
	dir, address := t.TempDir(), enginetest.FreeAddress(t)
	settings := fmt.Sprintf("scrape_configs:\n- job_name: inkstone\n  scrape_interval: 2s\n  scrape_timeout: 2s\n  static_configs:\n  - targets: [%q]\n", metrics)
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address="+address, "--log.format=json")
	cmd.Dir = dir
	log := &firstURL{found: make(chan string, 1)}
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })

	ask := func(query string) string {
		resp, err := http.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(query))
		if err != nil {
			return ""
		}
		defer resp.Body.Close()
		var answer struct {
			Data struct{ Result []struct{ Value [2]any } }
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil || json.Unmarshal(body, &answer) != nil || len(answer.Data.Result) == 0 {
			return ""
		}
		return answer.Data.Result[0].Value[1].(string)
	}
	for end := time.Now().Add(time.Minute); ask(`count_over_time(up{job="inkstone"}[1m]) >= 3`) == ""; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not scraped three times:\n%s", log.String())
		}
	}
	for query, want := range map[string]string{
		`min_over_time(up{job="inkstone"}[1m])`:                                                             "1",
		`count({job="inkstone"}) <= bool 1000`:                                                              "1",
		`http_requests_total{method="GET",route="/api/posts",status_code="200"}`:                            "3",
		`logins_total{result="failed"}`:                                                                     "1",
		`http_request_duration_seconds_bucket{route="/api/posts",method="GET",status_code="200",le="+Inf"}`: "3",
	} {
		if got := ask(query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, `"level":"warn"`) || strings.Contains(line, `"level":"error"`) {
			t.Errorf("Prometheus says %s", line)
		}
	}
}
