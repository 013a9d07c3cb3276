package observability

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"inkstone/internal/config"
	"inkstone/internal/enginetest"
)

// scrape is what the program exposes after it has done a little of everything, with all
// on that makes metrics appear. It is read once for all tests.
func scrape(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	scraped.Do(func() {
		scraped.by = t
		scraped.families = newSite(t).use()
	})
	switch {
	case scraped.families == nil && scraped.by.Skipped():
		t.Skip("left out, for what " + scraped.by.Name() + " misses")
	case scraped.families == nil:
		t.Fatal("the program could not be scraped: see " + scraped.by.Name())
	}
	return scraped.families
}

var scraped struct {
	sync.Once
	by       *testing.T // who tried
	families map[string]*dto.MetricFamily
}

// site is the program, serving, and a gateway in front of it.
type site struct {
	t        *testing.T
	base     string
	gateway  string // its address
	token    string
	database *enginetest.Proxy
}

func newSite(t *testing.T) *site {
	t.Helper()
	redis, authority := redisBehindTLS(t)
	database := enginetest.SlowProxy(t, enginetest.Postgres(t)) // for only with a server the news of changes come from Redis
	dir, address := t.TempDir(), enginetest.FreeAddress(t)
	binary := filepath.Join(dir, "inkstone")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "inkstone/cmd/inkstone").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	start(t, binary, dir, address, "REDIS_URL="+redis, "SSL_CERT_FILE="+authority, "DATABASE_URL="+database.URL(), "DB_STATEMENT_TIMEOUT=1s")
	s := &site{t: t, base: "http://" + address, gateway: "http://" + enginetest.FreeAddress(t), database: database}
	s.becomesReady()
	s.startGateway(binary, address)
	return s
}

// start runs the program until the test ends.
func start(t *testing.T, binary, dir, address string, env ...string) {
	t.Helper()
	host, port, _ := net.SplitHostPort(address)
	var said bytes.Buffer
	cmd := exec.Command(binary, "serve")
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &said, &said
	cmd.Env = append(append(os.Environ(), "HOST="+host, "PORT="+port, "BCRYPT_COST=4"), env...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed
		if t.Failed() {
			t.Logf("the program said\n%s", &said)
		}
	})
}

// startGateway runs a gateway for which the program is every service.
func (s *site) startGateway(binary, services string) {
	s.t.Helper()
	var static []string
	for _, row := range config.Rows {
		static = append(static, config.ServiceOf(row)+"="+services)
	}
	start(s.t, binary, s.t.TempDir(), strings.TrimPrefix(s.gateway, "http://"), "TARGET=gateway", "STATIC_SERVICES="+strings.Join(static, ";"))
	enginetest.Within(s.t, time.Minute, "the gateway answers", func() bool {
		r, err := http.Get(s.gateway + "/api/posts")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

func (s *site) becomesReady() {
	s.t.Helper()
	enginetest.Within(s.t, time.Minute, "the program is ready", func() bool {
		r, err := http.Get(s.base + "/readyz")
		if err != nil {
			return false
		}
		r.Body.Close()
		return r.StatusCode == http.StatusOK
	})
}

// suffer lets an operation of the store fail: only then its errors are counted.
func (s *site) suffer() {
	s.t.Helper()
	s.database.Delay(3 * time.Second)
	r, err := http.Get(s.base + "/api/posts?search=never-seen")
	if err != nil {
		s.t.Fatal(err)
	}
	s.body(r, http.StatusServiceUnavailable)
	s.database.Delay(0)
	s.becomesReady()
}

// use does a little of everything and returns the metrics once Redis is reached.
func (s *site) use() map[string]*dto.MetricFamily {
	s.t.Helper()
	who := map[string]string{"username": "reader", "email": "reader@example.com", "password": "a password"}
	var signedIn struct{ Token string }
	s.post("/api/auth/register", who, http.StatusCreated, &signedIn)
	s.token = signedIn.Token
	s.post("/api/auth/login", map[string]string{"email": who["email"], "password": who["password"]}, http.StatusOK, nil)
	s.post("/api/auth/login", map[string]string{"email": who["email"], "password": "wrong"}, http.StatusUnauthorized, nil)
	s.post("/api/posts", map[string]string{"title": "砚", "content": "磨墨", "category": "技术", "status": "published"}, http.StatusCreated, nil)
	s.upload()
	for range 2 {
		s.get(s.base + "/api/posts")
	}
	s.suffer()
	var families map[string]*dto.MetricFamily
	enginetest.Within(s.t, time.Minute, "Redis is reached", func() bool {
		s.get(s.base + "/api/posts?page=2") // which asks it
		families = s.metrics(s.base)
		up := families["redis_up"].GetMetric()
		return len(up) == 1 && up[0].GetGauge().GetValue() == 1
	})
	for name, family := range s.metrics(s.gateway) {
		if families[name] == nil {
			families[name] = family
		}
	}
	return families
}

func (s *site) metrics(base string) map[string]*dto.MetricFamily {
	s.t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(s.get(base + "/metrics")))
	if err != nil {
		s.t.Fatal(err)
	}
	return families
}

func (s *site) get(url string) string {
	s.t.Helper()
	r, err := http.Get(url)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.body(r, http.StatusOK)
}

func (s *site) post(path string, body any, want int, into any) {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	answer := s.body(s.send(path, "application/json", bytes.NewReader(b)), want)
	if into == nil {
		return
	}
	if err := json.Unmarshal([]byte(answer), into); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) upload() {
	s.t.Helper()
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, err := m.CreateFormFile("image", "ink.png")
	if err == nil {
		err = png.Encode(part, image.NewGray(image.Rect(0, 0, 4, 4)))
	}
	if err != nil || m.Close() != nil {
		s.t.Fatal(err)
	}
	s.body(s.send("/api/upload/single", m.FormDataContentType(), &form), http.StatusOK)
}

func (s *site) send(path, mediaType string, body io.Reader) *http.Response {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.base+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", mediaType)
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp
}

func (s *site) body(r *http.Response, want int) string {
	s.t.Helper()
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != want {
		s.t.Fatalf("%s: %d, want %d: %s (%v)", r.Request.URL, r.StatusCode, want, b, err)
	}
	return string(b)
}

// redisBehindTLS is the shared Redis through TLS, and a file of who signed its
// certificate: of connections in the clear no certificate is told.
func redisBehindTLS(t *testing.T) (address, authority string) {
	t.Helper()
	u, err := url.Parse(enginetest.Redis(t))
	if err != nil {
		t.Fatal(err)
	}
	lender := httptest.NewTLSServer(nil) // of a certificate for 127.0.0.1
	t.Cleanup(lender.Close)
	authority = filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: lender.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	u.Scheme, u.Host = "rediss", enginetest.BehindTLS(t, u.Host, lender.TLS.Certificates[0], nil)
	return u.String(), authority
}
