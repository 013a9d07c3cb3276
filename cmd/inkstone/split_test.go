package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"inkstone/internal/config"
	"inkstone/internal/enginetest"
)

// named is a service that answers everything with its name, and its address.
func named(t *testing.T, name string) (address string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, name) }))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// body is what a server answers with status 200.
func (s *server) body(path string) string {
	s.t.Helper()
	r, err := http.Get(s.base + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		s.t.Fatalf("GET %s: %d %s (%v)", path, r.StatusCode, b, err)
	}
	return string(b)
}

// addressesOf are those of all services as STATIC_SERVICES has them, where post has its own.
func addressesOf(post, others string) string {
	all := "STATIC_SERVICES=post-service=" + post
	for _, row := range config.Rows {
		if row != "post" {
			all += ";" + config.ServiceOf(row) + "=" + others
		}
	}
	return all
}

func TestHangupReadsTheAddressesOfServicesAgain(t *testing.T) {
	before, after, others := named(t, "before"), named(t, "after"), named(t, "others")
	dir := t.TempDir()
	set := func(settings string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set(addressesOf(before, others))
	s := startAs(t, exec.Command(builtOnce(t), "serve", "--target=gateway"), dir, "LOG_LEVEL=warn", "RATE_LIMIT_MAX=0", "GATEWAY_RATE_LIMIT_MAX=0", "STATIC_SERVICES=")
	if got := s.body("/api/posts"); got != "before" {
		t.Fatalf("answered by %q", got)
	}
	set(addressesOf(after, others))
	s.signal(syscall.SIGHUP)
	enginetest.Within(t, patience, "the new one answers", func() bool { return s.body("/api/posts") == "after" })
	onlyAfter := func(when string) {
		t.Helper()
		for range 50 {
			if got := s.body("/api/posts"); got != "after" {
				t.Fatalf("%s: answered by %q", when, got)
			}
		}
	}
	onlyAfter("when the new one had answered")
	for n, wrong := range []string{"STATIC_SERVICES=post", "STATIC_SERVICES=post-service=" + before, ""} {
		set(wrong)
		s.signal(syscall.SIGHUP)
		enginetest.Within(t, patience, "it is told that a wrong list is none", func() bool {
			return strings.Count(s.out.String(), "they stay as they are") == n+1 && strings.Count(s.out.String(), "STATIC_SERVICES：") == n+1
		})
		onlyAfter(fmt.Sprintf("%q", wrong))
	}
	if got := s.body("/api/users/x"); got != "others" {
		t.Errorf("another service: %q", got)
	}
}

// patience is far more than anything takes that works.
const patience = time.Minute

// ofConsul asks an agent for something and returns its answer, nil if that is no object.
func ofConsul(t *testing.T, s *enginetest.Server, token, method, path, body string) (answer map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Consul-Token", token)
	r.Close = true
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %s %s (%v)", method, path, resp.Status, b, err)
	}
	_ = json.Unmarshal(b, &answer)
	return answer
}

// tokenFor makes a token of rules.
func tokenFor(t *testing.T, s *enginetest.Server, root, name, rules string) (token, accessor string) {
	t.Helper()
	b, err := json.Marshal(map[string]string{"Name": name, "Rules": rules})
	if err != nil {
		t.Fatal(err)
	}
	ofConsul(t, s, root, http.MethodPut, "/v1/acl/policy", string(b))
	made := ofConsul(t, s, root, http.MethodPut, "/v1/acl/token", fmt.Sprintf(`{"Policies":[{"Name":%q}]}`, name))
	return made["SecretID"].(string), made["AccessorID"].(string)
}

func consulSettings(s *enginetest.Server, token string) []string {
	return append(os.Environ(), "HOST=127.0.0.1", "PORT=0", "BCRYPT_COST=4", "LOG_DIR=", "LOG_LEVEL=warn", "DRAIN_WAIT=0s", "RATE_LIMIT_MAX=0", "GATEWAY_RATE_LIMIT_MAX=0",
		"CONSUL_HTTP_ADDR="+strings.TrimPrefix(s.URL(), "http://"), "CONSUL_HTTP_TOKEN="+token)
}

func TestATokenThatConsulRefusesEndsTheStartWithASentence(t *testing.T) {
	s, root := enginetest.ConsulWithACLs(t)
	const unknown = "11111111-2222-3333-4444-555555555555"
	reads, _ := tokenFor(t, s, root, "reads", `service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }`)
	other, _ := tokenFor(t, s, root, "other", `service "user-service" { policy = "write" } node_prefix "" { policy = "read" }`)
	for _, c := range []struct{ name, target, token string }{
		{"a service's is unknown", "post", unknown},
		{"a gateway's is unknown", "gateway", unknown},
		{"there is none", "post", ""},
		{"a gateway may not look", "gateway", other},
		{"a gateway may not register", "gateway", reads},
		{"a service may not register", "post", reads},
		{"a service may register another one", "user,post", other},
	} {
		t.Run(c.name, func(t *testing.T) {
			cmd := exec.Command(builtOnce(t), "serve", "--target="+c.target)
			cmd.Dir, cmd.Env = t.TempDir(), consulSettings(s, c.token)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			late := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
			defer late.Stop()
			_ = cmd.Wait()
			said := errs.String()
			if cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(said, "错误：CONSUL_HTTP_TOKEN：") || strings.Count(said, "\n") != 1 {
				t.Errorf("exit code %d, told %q\n%s", cmd.ProcessState.ExitCode(), said, out.String())
			}
			if c.token != "" && strings.Contains(said+out.String(), c.token) {
				t.Errorf("the token is shown:\n%s%s", said, out.String())
			}
		})
	}
	if left := ofConsul(t, s, root, http.MethodGet, "/v1/agent/services", ""); len(left) > 0 {
		t.Errorf("still registered: %v", left)
	}
}

func TestATokenThatIsRevokedStopsNobodyWhoRuns(t *testing.T) {
	s, root := enginetest.ConsulWithACLs(t)
	token, accessor := tokenFor(t, s, root, "ours", `service_prefix "" { policy = "write" } node_prefix "" { policy = "read" }`)
	dir := t.TempDir()
	start := func(target string) *server {
		cmd := exec.Command(builtOnce(t), "serve", "--target="+target)
		return startAs(t, cmd, dir, consulSettings(s, token)...)
	}
	service, edge := start("auth,user,post,comment,upload,admin"), start("gateway")
	works := func() bool { return edge.status("/api/posts") == http.StatusOK }
	enginetest.Within(t, patience, "the gateway has found the service", works)
	enginetest.Within(t, patience, "the gateway is registered", func() bool { // a first answer that refuses would end it
		for _, registered := range ofConsul(t, s, root, http.MethodGet, "/v1/agent/services", "") {
			if registered.(map[string]any)["Service"] == "api-gateway" {
				return true
			}
		}
		return false
	})
	ofConsul(t, s, root, http.MethodDelete, "/v1/acl/token/"+accessor, "")
	for _, p := range []*server{service, edge} {
		enginetest.Within(t, patience, "the refusal is logged", func() bool {
			if !works() {
				t.Fatalf("the gateway answers no more:\n%s\n%s", edge.out.String(), service.out.String())
			}
			return strings.Contains(p.out.String(), "Consul refuses the token")
		})
	}
	if health := edge.body("/health"); !strings.Contains(health, `"up":false`) || !strings.Contains(health, `"post-service":1`) {
		t.Errorf("/health: %s", health)
	}
	for _, p := range []*server{edge, service} {
		p.signal(syscall.SIGTERM)
		if code, _ := p.ends(patience); code != 0 {
			t.Errorf("exit code %d:\n%s", code, p.out.String())
		}
		if strings.Contains(p.out.String(), token) {
			t.Error("the token is in the log")
		}
	}
}
