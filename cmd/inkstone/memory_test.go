package main

import (
	"os/exec"
	"strings"
	"testing"
)

func TestAMereGatewayCollectsGarbageSooner(t *testing.T) {
	elsewhere := addressesOf("127.0.0.1:1", "127.0.0.1:1")
	for _, c := range []struct{ name, target, services, gogc, want string }{
		{"a gateway", "gateway", elsewhere, "GOGC=", "33"},
		{"a gateway that is told how", "gateway", elsewhere, "GOGC=50", "50"},
		{"one with services", "all", "STATIC_SERVICES=", "GOGC=", "100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := startAs(t, exec.Command(builtOnce(t), "serve", "--target="+c.target), t.TempDir(), "LOG_LEVEL=error", c.services, c.gogc)
			if metrics := s.body("/metrics"); !strings.Contains(metrics, "\ngo_gc_gogc_percent "+c.want+"\n") {
				t.Errorf("not %s percent:\n%s", c.want, metrics)
			}
		})
	}
}
