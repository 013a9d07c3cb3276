package main

import (
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestMetricsMoveToTheirOwnListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	s := startServer(t, t.TempDir(), "METRICS_ADDR="+address)
	if got := s.status("/metrics"); got != http.StatusNotFound {
		t.Errorf("on the main listener: %d", got)
	}
	s.base = "http://" + address
	if got := s.status("/metrics"); got != http.StatusOK {
		t.Errorf("on its own: %d", got)
	}
}

func TestAMetricsAddressThatIsTakenIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := l.Addr().String()
	i := newInkstone(t, "HOST=127.0.0.1", "PORT=0", "METRICS_ADDR="+taken)
	i.fails("METRICS_ADDR", "", "serve")
	l.Close()
	_, port, _ := net.SplitHostPort(taken)
	i.env["PORT"] = port
	code, _, errs := i.run("", "serve")
	if code != 1 || !strings.Contains(errs, "请检查 METRICS_ADDR") || strings.Contains(errs, "请检查 HOST") {
		t.Errorf("exit code %d\n%s", code, errs)
	}
}
