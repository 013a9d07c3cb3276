package app

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	"inkstone/internal/config"
)

func TestOthersAreToldTheAddressThatIsSetOrListenedOnOrLeadsToConsul(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	listens := l.Addr().(*net.TCPAddr).Port
	for _, c := range []struct {
		host     string
		set      config.Service
		want     string
		loopback bool // and that is told, since nobody has wanted it
	}{
		{"0.0.0.0", config.Service{Host: "10.0.0.5", Port: 4001}, "10.0.0.5 4001", false},
		{"0.0.0.0", config.Service{Host: "::1"}, fmt.Sprint("::1 ", listens), false},
		{"10.0.0.7", config.Service{}, fmt.Sprint("10.0.0.7 ", listens), false},
		{"127.0.0.1", config.Service{}, fmt.Sprint("127.0.0.1 ", listens), false},
		{"0.0.0.0", config.Service{}, fmt.Sprint("127.0.0.1 ", listens), true},
		{"::", config.Service{}, fmt.Sprint("127.0.0.1 ", listens), true},
	} {
		var said bytes.Buffer
		a := &App{listener: l, log: slog.New(slog.NewTextHandler(&said, nil)), cfg: &config.Config{Host: c.host, Service: c.set, Consul: config.Consul{Addr: "127.0.0.1:8500"}}}
		host, port, err := a.advertised()
		if got := fmt.Sprint(host, " ", port); err != nil || got != c.want {
			t.Errorf("%+v: %s, %v", c, got, err)
		}
		if warned := strings.Contains(said.String(), "ADVERTISE_ADDR"); warned != c.loopback {
			t.Errorf("%+v: %q is logged", c, said.String())
		}
	}
}
