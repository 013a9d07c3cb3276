// Package observability holds what is deployed beside the program: rules, dashboards and
// configurations. Its tests hold them against the programs that read them, against each
// other, and against what the program really exposes.
package observability

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"inkstone/internal/config"
	"inkstone/internal/enginetest"
)

func TestPrometheusTakesItsConfigurationAndTheRules(t *testing.T) {
	promtool := enginetest.Program(t, "promtool")
	run(t, promtool, "check", "config", "prometheus/prometheus.yml")
	run(t, promtool, append([]string{"check", "rules"}, files(t, "prometheus/rules/*.yml")...)...)
}

// Debian's Prometheus is built without Consul. So what asks Consul is held here, and Prometheus is shown the rest.
func TestTheConfigurationForConsulAsksForEveryService(t *testing.T) {
	var file map[string]any
	readYAML(t, "prometheus/split.yml", &file)
	job := file["scrape_configs"].([]any)[0].(map[string]any)
	var want []any
	for _, row := range config.Rows {
		want = append(want, config.ServiceOf(row))
	}
	want = append([]any{"api-gateway"}, want...)
	if got := job["consul_sd_configs"].([]any)[0].(map[string]any)["services"]; !cmp.Equal(got, any(want)) || job["job_name"] != "inkstone" {
		t.Errorf("job %v asks for %v, want %v", job["job_name"], got, want)
	}
	delete(job, "consul_sd_configs")
	rest, err := yaml.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "prometheus.yml")
	if err := os.WriteFile(path, rest, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, enginetest.Program(t, "promtool"), "check", "config", path)
}

func TestEachAlertFiresWhenItShouldAndOnlyThen(t *testing.T) {
	run(t, enginetest.Program(t, "promtool"), append([]string{"test", "rules"}, files(t, "prometheus/tests/*.yml")...)...)
}

func TestAlertmanagerTakesItsConfiguration(t *testing.T) {
	run(t, enginetest.Program(t, "amtool"), "check-config", "alertmanager/alertmanager.yml")
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %v: %v\n%s", program, args, err, out)
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(read(t, path)), into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
