package main

import (
	"net"
	"net/http"
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
