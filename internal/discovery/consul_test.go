package discovery

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/consul/api"

	"inkstone/internal/enginetest"
)

func TestATokenThatIsRefusedIsToldFromAConsulThatIsAway(t *testing.T) {
	s, root := enginetest.ConsulWithACLs(t)
	ours := policyToken(t, client(t, s, root), `service "post-service" { policy = "write" } node_prefix "" { policy = "read" }`)
	for what, test := range map[string]struct {
		token   string
		service string
		refused bool
	}{
		"may do everything":           {root, "post-service", false},
		"may do what is needed":       {ours, "post-service", false},
		"may do it to another":        {ours, "user-service", true},
		"is unknown":                  {"11111111-2222-3333-4444-555555555555", "post-service", true},
		"there is none, where needed": {"", "post-service", true},
	} {
		err := open(t, ConsulOptions{Addr: s.URL(), Token: test.token}).Check(t.Context(), test.service)
		if errors.Is(err, ErrRefused) != test.refused || !test.refused && err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && test.token != "" && strings.Contains(err.Error(), test.token) {
			t.Errorf("%s: the token is shown: %v", what, err)
		}
	}
	s.Kill()
	if err := open(t, ConsulOptions{Addr: s.URL(), Token: root}).Check(t.Context(), "post-service"); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("away: %v", err)
	}
}

func policyToken(t testing.TB, root *api.Client, rules string) string {
	t.Helper()
	p, _, err := root.ACL().PolicyCreate(&api.ACLPolicy{Name: "ours", Rules: rules}, nil)
	if err != nil {
		t.Fatal(err)
	}
	made, _, err := root.ACL().TokenCreate(&api.ACLToken{Policies: []*api.ACLLink{{ID: p.ID}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return made.SecretID
}

func TestATokenOfOurServicesIsEnoughToRegisterAndToWatch(t *testing.T) {
	s, root := enginetest.ConsulWithACLs(t)
	token := policyToken(t, client(t, s, root), `service "post-service" { policy = "write" } node_prefix "" { policy = "read" }`)
	c, all := open(t, ConsulOptions{Addr: s.URL(), Token: token}), process(t, "post-service")
	r := c.Registrar(RegistrarOptions{Services: all})
	run(t, r)
	w := watch(t, c, "post-service")
	w.until(t, has(all[0].ID))
	deregister(t, r)
	w.until(t, has())
}

func TestATokenThatIsRefusedChangesNoListAndEndsTheRegistration(t *testing.T) {
	s, _ := enginetest.ConsulWithACLs(t)
	var said lines
	c := open(t, ConsulOptions{Addr: s.URL(), Token: "11111111-2222-3333-4444-555555555555", Log: said.log()})
	w := watch(t, c, "post-service")
	if err := c.Registrar(RegistrarOptions{Services: process(t, "post-service")}).Run(t.Context()); !errors.Is(err, ErrRefused) {
		t.Errorf("the registration ends with %v", err)
	}
	eventually(t, "watching has failed", func() bool { return failing(c) == 1 })
	if state := c.State(); state.Up || state.Known || !strings.Contains(state.Error, "ACL not found") {
		t.Errorf("%+v", state)
	}
	w.nothing(t, "to a token that is refused")
	if n := said.count("Consul refuses the token"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestATokenThatIsRefusedAfterAnOutageIsLogged(t *testing.T) {
	var said lines
	h := newHealth(said.log())
	for _, err := range []error{io.EOF, io.EOF, ErrRefused, ErrRefused, io.EOF, nil, ErrRefused} {
		h.note("post-service", err)
	}
	if all, refused := said.count("Consul fails"), said.count(ErrRefused.Error()); all != 3 || refused != 2 {
		t.Errorf("%d lines, %d of a refusal:\n%s", all, refused, said.text.String())
	}
}

func TestATokenThatSeesNotAllIsWarnedOfOnce(t *testing.T) {
	var said lines
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Consul-LastContact", "0") // as from every agent; without it the library reads no further
		w.Header().Set("X-Consul-Results-Filtered-By-ACLs", "true")
		answer(w, 7)
	})
	c := open(t, ConsulOptions{Addr: s.URL, Log: said.log()})
	watch(t, c, "post-service", "user-service")
	eventually(t, "both are known", func() bool { return c.State().Known })
	if n := said.count("Consul hides instances"); n != 1 {
		t.Errorf("warned %d times", n)
	}
}

func TestOnlyTheOptionsSayWhatIsAsked(t *testing.T) {
	for name, value := range map[string]string{
		"CONSUL_HTTP_ADDR": "192.0.2.1:1", "CONSUL_HTTP_TOKEN": "of-the-environment", "CONSUL_HTTP_TOKEN_FILE": filepath.Join(t.TempDir(), "missing"), "CONSUL_HTTP_SSL": "true",
		"CONSUL_HTTP_AUTH": "of:environment", "CONSUL_NAMESPACE": "of-the-environment", "CONSUL_PARTITION": "of-the-environment",
		"CONSUL_CACERT": "/missing", "CONSUL_CLIENT_CERT": "/missing", "HTTP_PROXY": "http://192.0.2.1:1",
	} {
		t.Setenv(name, value)
	}
	asked := make(chan *http.Request, 100)
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- r
		if r.URL.Path == "/v1/health/service/post-service" {
			answer(w, 7)
		} else {
			w.Write([]byte("{}"))
		}
	})
	for _, o := range []ConsulOptions{{Addr: s.URL}, {Addr: s.URL, Token: "mine", Namespace: "team-a"}} {
		c := open(t, o)
		w := watch(t, c, "post-service")
		w.until(t, has())
		w.end()
		if err := c.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
		for len(asked) > 0 {
			r := <-asked
			q := r.URL.Query()
			if q.Get("ns") != o.Namespace || q.Has("dc") || q.Has("partition") || r.Header.Get("X-Consul-Token") != o.Token || r.Header.Get("Authorization") != "" {
				t.Errorf("%+v asks %s with %v", o, r.URL, r.Header)
			}
		}
	}
}

func TestRegistrationsAreInTheNamespace(t *testing.T) {
	asked := make(chan url.Values, 100)
	s := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut {
			asked <- r.URL.Query()
		}
		w.Write([]byte("{}"))
	})
	r := open(t, ConsulOptions{Addr: s.URL, Namespace: "team-a"}).Registrar(RegistrarOptions{Services: process(t, "post-service")})
	run(t, r)
	if q := <-asked; q.Get("ns") != "team-a" || q.Get("replace-existing-checks") != "true" {
		t.Errorf("registered with %v", q)
	}
	deregister(t, r)
	if q := <-asked; q.Get("ns") != "team-a" {
		t.Errorf("deregistered with %v", q)
	}
}

func TestWhatIsOfNoUseIsAnErrorAtOpening(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "not.pem")
	if err := os.WriteFile(notPEM, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for what, o := range map[string]ConsulOptions{
		"no address":           {},
		"an unknown scheme":    {Addr: "ftp://127.0.0.1:8500"},
		"a missing authority":  {Addr: "127.0.0.1:8500", CACert: filepath.Join(t.TempDir(), "missing.pem")},
		"a bad authority":      {Addr: "127.0.0.1:8500", CACert: notPEM},
		"a missing folder":     {Addr: "127.0.0.1:8500", CAPath: filepath.Join(t.TempDir(), "missing")},
		"a bad certificate":    {Addr: "127.0.0.1:8500", ClientCert: notPEM, ClientKey: notPEM},
		"a cert. without key":  {Addr: "127.0.0.1:8500", ClientCert: notPEM},
		"a password in it":     {Addr: "http://me:example-secret@127.0.0.1:8500"},
		"nothing but a scheme": {Addr: "http://"},
	} {
		if _, err := OpenConsul(o); err == nil || strings.Contains(err.Error(), "example-secret") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestCertificatesAreCheckedUnlessToldNotTo(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 {
			t.Errorf("asked by %s", r.Proto) // of HTTP/2 we say that no client of ours speaks it
		}
		w.Write([]byte("{}"))
	}))
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	bare := strings.TrimPrefix(s.URL, "https://")
	for what, test := range map[string]struct {
		o  ConsulOptions
		ok bool
	}{
		"known":                   {ConsulOptions{Addr: s.URL, CACert: authority}, true},
		"known, and no scheme":    {ConsulOptions{Addr: bare, HTTPS: true, CACert: authority}, true},
		"known by that name":      {ConsulOptions{Addr: s.URL, CACert: authority, ServerName: "example.com"}, true},
		"known by another name":   {ConsulOptions{Addr: s.URL, CACert: authority, ServerName: "example.net"}, false},
		"unknown":                 {ConsulOptions{Addr: s.URL}, false},
		"unknown, and all right":  {ConsulOptions{Addr: s.URL, SkipVerify: true}, true},
		"asked without TLS at it": {ConsulOptions{Addr: bare}, false},
	} {
		if err := open(t, test.o).Check(t.Context()); (err == nil) != test.ok {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAnAgentIsReachedByASocketAndBelowAPath(t *testing.T) {
	dir, err := os.MkdirTemp("", "socket") // short: a socket's path has 108 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	paths := make(chan string, 10)
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.Path
		w.Write([]byte("{}"))
	})}}
	s.Start()
	t.Cleanup(s.Close)
	if err := open(t, ConsulOptions{Addr: "unix://" + l.Addr().String()}).Check(t.Context()); err != nil {
		t.Error(err)
	}
	if p := <-paths; p != "/v1/agent/services" {
		t.Error(p)
	}
	below := fake(t, s.Config.Handler.ServeHTTP)
	if err := open(t, ConsulOptions{Addr: below.URL + "/consul/"}).Check(t.Context()); err != nil {
		t.Error(err)
	}
	if p := <-paths; p != "/consul/v1/agent/services" {
		t.Error(p)
	}
}

func TestACheckEndsWithItsContext(t *testing.T) {
	s := fake(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := open(t, ConsulOptions{Addr: s.URL}).Check(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
