// Package observability holds what is deployed beside the program: rules, dashboards and
// configurations. Its tests hold them against the programs that read them, against each
// other, and against what the program really exposes.
package observability

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"

	"inkstone/internal/enginetest"
)

func TestPrometheusTakesItsConfigurationAndTheRules(t *testing.T) {
	promtool := enginetest.Program(t, "promtool")
	run(t, promtool, "check", "config", "prometheus/prometheus.yml")
	run(t, promtool, append([]string{"check", "rules"}, files(t, "prometheus/rules/*.yml")...)...)
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
