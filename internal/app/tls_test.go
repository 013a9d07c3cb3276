package app

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/config"
	"inkstone/internal/enginetest"
)

// newCertificate is one for this machine.
func newCertificate(t *testing.T) *enginetest.Certificate {
	t.Helper()
	return enginetest.NewCertificate(t, time.Now().Add(time.Hour), "127.0.0.1", "localhost")
}

// secureClient speaks one version of HTTP over TLS, and believes c. It is not reused after a renewal.
func secureClient(t *testing.T, c *enginetest.Certificate, version int) *http.Client {
	t.Helper()
	way := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: c.Pool()}, Protocols: new(http.Protocols)}
	way.Protocols.SetHTTP1(version == 1)
	way.Protocols.SetHTTP2(version == 2)
	t.Cleanup(way.CloseIdleConnections)
	return &http.Client{Transport: way, Timeout: time.Minute}
}

func configOf(t *testing.T, settings map[string]string) *config.Config {
	t.Helper()
	dir := t.TempDir()
	all := map[string]string{"DATA_DIR": dir, "LOG_DIR": "", "HOST": "127.0.0.1", "PORT": "0", "LOG_LEVEL": "error", "BCRYPT_COST": "4"}
	for name, value := range settings {
		all[name] = value
	}
	cfg, _, err := config.Load(func(name string) (string, bool) { v, ok := all[name]; return v, ok }, dir)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestTheSiteSpeaksTLSAndTakesNewFilesWhileItRuns(t *testing.T) {
	dir, first := t.TempDir(), newCertificate(t)
	cert, key := first.Write(t, dir)
	base, _, stop := started(t, map[string]string{"TLS_CERT": cert, "TLS_KEY": key})
	if !strings.HasPrefix(base, "https://127.0.0.1:") {
		t.Errorf("the site is at %s", base)
	}
	for version := 1; version <= 2; version++ {
		res, err := secureClient(t, first, version).Get(base + "/api/posts")
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 200 || res.ProtoMajor != version || res.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("HTTP/%d: %s %v", version, res.Proto, res.Header)
		}
	}
	enginetest.Replace(t, cert, []byte("broken"))
	if got := shownSerial(t, base); got.Cmp(first.Leaf.SerialNumber) != 0 {
		t.Error("a broken file takes the place of a certificate")
	}
	second := newCertificate(t)
	second.Write(t, dir)
	for end := time.Now().Add(time.Minute); shownSerial(t, base).Cmp(second.Leaf.SerialNumber) != 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the new certificate is not shown")
		}
	}
	res, err := secureClient(t, second, 1).Get(base + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || !strings.Contains(string(metrics), `tls_certificate_expiry_timestamp_seconds{of="site"} `) || !strings.Contains(string(metrics), "tls_handshake_failures_total 0") {
		t.Errorf("the metrics do not tell: %v", err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func shownSerial(t *testing.T, base string) *big.Int {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(base, "https://"), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber
}

func TestACertificateOfNoUsePreventsTheStart(t *testing.T) {
	dir, good := t.TempDir(), newCertificate(t)
	cert, key := good.Write(t, dir)
	_, otherKey := newCertificate(t).Write(t, t.TempDir())
	old, oldKey := enginetest.NewCertificate(t, time.Now().Add(-time.Hour), "a").Write(t, t.TempDir())
	none := filepath.Join(dir, "none")
	for _, c := range []struct{ cert, key, says string }{
		{none, key, "TLS_CERT：无法从文件 " + none + " 读出"},
		{key, key, "TLS_CERT：无法从文件"},
		{cert, none, "TLS_KEY：无法从文件 " + none + " 读出"},
		{cert, otherKey, "TLS_KEY：无法从文件"},
		{old, oldKey, "TLS_CERT：文件 " + old + " 中的证书已过期"},
	} {
		a, err := New(t.Context(), configOf(t, map[string]string{"TLS_CERT": c.cert, "TLS_KEY": c.key}), io.Discard)
		if err == nil {
			_ = a.Close()
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want %s", err, c.says)
		}
	}
}

// running is an App that runs until the test ends.
func running(t *testing.T, settings map[string]string) *App {
	t.Helper()
	a, err := New(t.Context(), configOf(t, settings), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return a
}

func TestHTTPIsRedirected(t *testing.T) {
	cert, key := newCertificate(t).Write(t, t.TempDir())
	a := running(t, map[string]string{"TLS_CERT": cert, "TLS_KEY": key, "HTTP_REDIRECT_ADDR": "127.0.0.1:0", "HTTP_REDIRECT_PORT": "8443"})
	c := &http.Client{Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer c.CloseIdleConnections()
	for host, want := range map[string]string{"localhost": "https://localhost:8443/api/posts?page=2", "evil.example": ""} {
		r, _ := http.NewRequest("GET", "http://"+a.redirect+"/api/posts?page=2", nil)
		r.Host = host
		res, err := c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		status := http.StatusPermanentRedirect
		if want == "" {
			status = http.StatusBadRequest
		}
		if res.StatusCode != status || res.Header.Get("Location") != want {
			t.Errorf("%s: %d %s", host, res.StatusCode, res.Header.Get("Location"))
		}
	}
}

func TestOnlyTheOwnServerIsTakenForIt(t *testing.T) {
	own, other := newCertificate(t), newCertificate(t)
	cert, key := own.Write(t, t.TempDir())
	cfg := configOf(t, map[string]string{"TLS_CERT": cert, "TLS_KEY": key})
	ask := func(shown *enginetest.Certificate) error {
		l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{shown.Certificate}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		go func() {
			if c, err := l.Accept(); err == nil {
				_ = c.(*tls.Conn).Handshake()
				c.Close()
			}
		}()
		c, err := tls.Dial("tcp", l.Addr().String(), AskTLS(cfg))
		if err == nil {
			c.Close()
		}
		return err
	}
	if err := ask(own); err != nil {
		t.Error(err)
	}
	if err := ask(other); err == nil {
		t.Error("any certificate will do")
	}
	if AskTLS(configOf(t, nil)) != nil {
		t.Error("a server without TLS is asked by it")
	}
}

// gatewayTo runs a gateway that speaks TLS, behind which every service is h.
func gatewayTo(t *testing.T, h http.Handler) (base string, c *http.Client) {
	t.Helper()
	service := httptest.NewServer(h)
	t.Cleanup(service.Close)
	u, err := url.Parse(service.URL)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, row := range config.Rows {
		all = append(all, config.ServiceOf(row)+"="+u.Host)
	}
	own := newCertificate(t)
	cert, key := own.Write(t, t.TempDir())
	a := running(t, map[string]string{"TARGET": "gateway", "STATIC_SERVICES": strings.Join(all, ";"), "TLS_CERT": cert, "TLS_KEY": key,
		"DRAIN_WAIT": "0s", "RATE_LIMIT_MAX": "0", "GATEWAY_RATE_LIMIT_MAX": "0"})
	return a.URL(), secureClient(t, own, 2)
}

func TestOverHTTP2AHundredStreamsGoThroughTheGateway(t *testing.T) {
	var all sync.WaitGroup
	all.Add(100) // each waits for the others
	base, c := gatewayTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			all.Done()
			all.Wait()
		}
		_, _ = io.WriteString(w, r.Header.Get("X-Forwarded-Proto")+" "+r.URL.Query().Get("search"))
	}))
	var asking sync.WaitGroup
	for range 100 {
		asking.Go(func() {
			res, err := c.Get(base + "/api/posts?search=a")
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			if body, err := io.ReadAll(res.Body); err != nil || string(body) != "https a" || res.ProtoMajor != 2 {
				t.Errorf("%s %s %v", res.Proto, body, err)
			}
		})
	}
	asking.Wait()
}

func TestOverHTTP2BodiesAndTrailersStreamThroughTheGateway(t *testing.T) {
	trailers := make(chan string, 1)
	base, c := gatewayTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			return
		}
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Trailer", "X-Sum")
		in := bufio.NewReader(r.Body)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				break
			}
			_, _ = io.WriteString(w, "got "+line)
			_ = http.NewResponseController(w).Flush()
		}
		trailers <- r.Trailer.Get("X-End")
		w.Header().Set("X-Sum", "all")
	}))
	body, write := io.Pipe()
	r, _ := http.NewRequest("POST", base+"/api/upload/single", body)
	r.Trailer = http.Header{"X-End": nil}
	r.Header.Set("Content-Type", "text/plain")
	go func() { _, _ = io.WriteString(write, "one\n") }()
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out := bufio.NewReader(res.Body)
	for _, word := range []string{"one\n", "two\n"} {
		if got, err := out.ReadString('\n'); got != "got "+word {
			t.Fatalf("%q %v", got, err)
		}
		if word == "one\n" { // only now, so that nothing can have been kept back
			_, _ = io.WriteString(write, "two\n")
		}
	}
	r.Trailer.Set("X-End", "mine")
	write.Close()
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("%q %v", rest, err)
	}
	if got := <-trailers; got != "mine" || res.Trailer.Get("X-Sum") != "all" {
		t.Errorf("trailers: %q, %v", got, res.Trailer)
	}
}

func TestOverHTTP2AClientThatLeavesIsForgottenBehindTheGateway(t *testing.T) {
	begun, ended := make(chan struct{}), make(chan struct{})
	base, c := gatewayTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/readyz" {
			return
		}
		close(begun)
		<-r.Context().Done()
		close(ended)
	}))
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-begun; leave() }()
	r, _ := http.NewRequestWithContext(ctx, "GET", base+"/api/posts", nil)
	if _, err := c.Do(r); err == nil {
		t.Error("an answer for who has left")
	}
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("the service goes on")
	}
}
