package discovery

import (
	"net"
	"strings"
	"testing"
)

func TestTheAddressOfTheRouteIsOneOfThisMachine(t *testing.T) {
	for _, addr := range []string{"127.0.0.1:8500", "127.0.0.1", "http://127.0.0.1:8500", "https://127.0.0.1", "http://127.0.0.1:8500/consul/"} {
		if got, err := RouteTo(addr); err != nil || got.String() != "127.0.0.1" {
			t.Errorf("%s: %v, %v", addr, got, err)
		}
	}
	if got, err := RouteTo("http://localhost:8500"); err != nil || !got.IsLoopback() {
		t.Errorf("localhost: %v, %v", got, err)
	}
	if l, err := net.Listen("tcp", "[::1]:0"); err == nil {
		l.Close()
		for _, addr := range []string{"[::1]:8500", "http://[::1]"} {
			if got, err := RouteTo(addr); err != nil || got.String() != "::1" {
				t.Errorf("%s: %v, %v", addr, got, err)
			}
		}
	}
	// A route to anywhere begins at an address of an interface, or there is none.
	if got, err := RouteTo("192.0.2.1:8500"); err == nil {
		if _, err := net.ListenPacket("udp", net.JoinHostPort(got.String(), "0")); err != nil {
			t.Errorf("%v is not of this machine: %v", got, err)
		}
	}
}

func TestWhereNoRouteLeadsIsAnError(t *testing.T) {
	for addr, want := range map[string]string{
		"unix:///run/consul.sock": "ADVERTISE_ADDR",
		"":                        "want host:port",
		"tcp://127.0.0.1:8500":    "unknown scheme",
		"no-such-host.invalid":    "find route to Consul",
		"127.0.0.1:nonsense":      "find route to Consul",
	} {
		if got, err := RouteTo(addr); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", addr, got, err)
		}
	}
}
