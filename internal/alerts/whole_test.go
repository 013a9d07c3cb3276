package alerts

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

const deployed = "../../deploy/observability"

// TestAnAlertReachesTheChats is the whole way: a metric, Prometheus with our rules,
// Alertmanager with the example's configuration, the relay, the robots; and back. Only
// addresses and waits are other than where it is installed.
func TestAnAlertReachesTheChats(t *testing.T) {
	prometheus := enginetest.Program(t, "prometheus")
	alertmanager := enginetest.Program(t, "prometheus-alertmanager", "alertmanager")

	robots := newFakes(t)
	relay, _ := relay(t, robots.robots())
	var redisUp atomic.Int64
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE redis_up gauge\nredis_up %d\n", redisUp.Load())
	}))
	defer target.Close()

	dir := t.TempDir()
	manager, at := enginetest.FreeAddress(t), enginetest.FreeAddress(t)
	copyFile(t, "alertmanager/alertmanager.yml", filepath.Join(dir, "alertmanager.yml"),
		"http://127.0.0.1:9095", relay.URL, "group_wait: 30s", "group_wait: 1s", "group_interval: 5m", "group_interval: 1s")
	copyFile(t, "prometheus/prometheus.yml", filepath.Join(dir, "prometheus.yml"),
		"127.0.0.1:3000", address(target), "127.0.0.1:9093", manager, "127.0.0.1:9090", at,
		"scrape_interval: 15s", "scrape_interval: 1s", "evaluation_interval: 15s", "evaluation_interval: 1s")
	if err := os.Mkdir(filepath.Join(dir, "rules"), 0o755); err != nil {
		t.Fatal(err)
	}
	copyFile(t, "prometheus/rules/recording.yml", filepath.Join(dir, "rules/recording.yml"))
	copyFile(t, "prometheus/rules/alerts.yml", filepath.Join(dir, "rules/alerts.yml"), "for: 2m", "for: 2s")
	start(t, dir, alertmanager, "--config.file=alertmanager.yml", "--storage.path=am", "--web.listen-address="+manager, "--cluster.listen-address=")
	start(t, dir, prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address="+at)

	for _, state := range []string{"触发", "恢复"} {
		for _, robot := range []string{"dingtalk", "feishu", "wecom"} {
			line := "**[" + state + "] 警告 InkstoneRedisLost**"
			enginetest.Within(t, 2*time.Minute, robot+" says "+line, func() bool { return strings.Contains(robots.said(robot), line) })
			for _, part := range []string{"Redis 不可用", "实例：" + address(target), "docs/runbook.md#inkstoneredislost"} {
				if !strings.Contains(robots.said(robot), part) {
					t.Errorf("%s does not say %s:\n%s", robot, part, robots.said(robot))
				}
			}
		}
		redisUp.Store(1)
	}
}

// The docs are tried as they are written, but for the port and the first wait.
func TestTheAlertThatTheDocsTryReachesTheChats(t *testing.T) {
	alertmanager := enginetest.Program(t, "prometheus-alertmanager", "alertmanager")
	amtool := enginetest.Program(t, "amtool")
	docs, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^ +amtool (.*alert add.*)$`).FindStringSubmatch(string(docs))
	if line == nil {
		t.Fatal("the docs try no alert")
	}
	robots := newFakes(t)
	relay, _ := relay(t, robots.robots())
	dir, manager := t.TempDir(), enginetest.FreeAddress(t)
	copyFile(t, "alertmanager/alertmanager.yml", filepath.Join(dir, "alertmanager.yml"), "http://127.0.0.1:9095", relay.URL, "group_wait: 30s", "group_wait: 1s")
	start(t, dir, alertmanager, "--config.file=alertmanager.yml", "--storage.path=am", "--web.listen-address="+manager, "--cluster.listen-address=")
	command := `"$0" ` + strings.ReplaceAll(line[1], "127.0.0.1:9093", manager)
	var said []byte
	enginetest.Within(t, time.Minute, "Alertmanager takes the alert", func() bool {
		said, err = exec.Command("sh", "-c", command, amtool).CombinedOutput()
		return err == nil
	})
	enginetest.Within(t, time.Minute, "the alert reaches the robots", func() bool { return strings.Contains(robots.said("wecom"), "InkstoneTest") })
	if text := robots.said("wecom"); !strings.Contains(text, "**[触发] 警告 InkstoneTest**") || !strings.Contains(text, "试一试") {
		t.Errorf("%s\n%s", text, said)
	}
}

func TestTheDocsTellTheWaitsOfTheExample(t *testing.T) {
	example, err := os.ReadFile(filepath.Join(deployed, "alertmanager/alertmanager.yml"))
	if err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile("../../docs/monitoring.md")
	if err != nil {
		t.Fatal(err)
	}
	waits := regexp.MustCompile(`group_(?:wait|interval): \w+`).FindAllString(string(example), -1)
	for _, wait := range waits {
		if !strings.Contains(string(docs), "`"+wait+"`") {
			t.Errorf("the docs do not tell %s", wait)
		}
	}
	if len(waits) != 2 {
		t.Errorf("%v", waits)
	}
}

func address(s *httptest.Server) string { return s.Listener.Addr().String() }

// copyFile copies a file of the deployment with pairs of replacements, each of which it
// has to find.
func copyFile(t *testing.T, from, to string, pairs ...string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(deployed, from))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("%s has no %s", from, pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	if err := os.WriteFile(to, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// start runs a program until the test ends, and shows what it said if that failed.
func start(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(dir, filepath.Base(program)+".log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		if t.Failed() {
			said, _ := os.ReadFile(log.Name())
			t.Logf("%s said\n%s", program, said)
		}
		log.Close()
	})
}
