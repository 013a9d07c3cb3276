package enginetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Consul is an agent of this test's own, a server and a client in one, whose URL takes
// anybody. It keeps nothing when it ends.
func Consul(t testing.TB) *Server {
	t.Helper()
	return consul(t, "", "")
}

// ConsulWithACLs is one that refuses everything without a token, and a token that may do
// everything.
func ConsulWithACLs(t testing.TB) (s *Server, token string) {
	t.Helper()
	token = uuid.NewString()
	return consul(t, token, fmt.Sprintf(`acl { enabled = true default_policy = "deny" tokens { master = %q } }`, token)), token
}

func consul(t testing.TB, token, settings string) *Server {
	t.Helper()
	bin := need(t, "Consul", "TEST_CONSUL_BIN")
	port := freePort(t)
	command := []string{
		filepath.Join(bin, "consul"), "agent", "-dev", "-bind=127.0.0.1", "-client=127.0.0.1", "-node=test", "-log-level=warn",
		"-http-port=" + port, "-server-port=" + freePort(t), "-serf-lan-port=" + freePort(t), // a server has to have these
		"-serf-wan-port=-1", "-dns-port=-1", "-grpc-port=-1",
		"-hcl=disable_update_check = true", "-hcl=connect { enabled = false }", // it asks nobody outside
	}
	if settings != "" {
		command = append(command, "-hcl="+settings)
	}
	return begin(&Server{
		t: t, dir: folder(t), command: command, stop: syscall.SIGTERM,
		url:     "http://127.0.0.1:" + port,
		answers: func(ctx context.Context, url string) error { return pingConsul(ctx, url, token) },
	})
}

// pingConsul asks whether the agent has taken itself into its catalog: from then on what
// it is told gets there at once.
func pingConsul(ctx context.Context, url, token string) error {
	var nodes []struct{}
	err := askConsul(ctx, http.MethodGet, url+"/v1/catalog/service/consul", token, "", &nodes)
	if err == nil && len(nodes) == 0 {
		err = errors.New("its catalog is empty")
	}
	return err
}

// askConsul sends a request; the answer goes into answer unless that is nil.
func askConsul(ctx context.Context, method, url, token, body string, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("X-Consul-Token", token)
	r.Close = true // an agent that ends waits for connections
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err == nil && got.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", got.Status, text)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(text, answer)
	}
	return err
}
