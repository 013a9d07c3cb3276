package enginetest

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Program is the path of a program that some tests run, under the first of its names
// that the machine knows. Prometheus' own are brought by scripts/services up prometheus.
func Program(t testing.TB, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	program := strings.Join(names, " or ")
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s must not be left out under CI=true, and is not installed; to bring it: scripts/services up prometheus", program)
	}
	t.Skipf("%s is left out, for it is not installed; to bring it: scripts/services up prometheus", program)
	return ""
}
