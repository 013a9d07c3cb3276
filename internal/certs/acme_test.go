package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

// site is a server whose certificates are issued while it runs.
type site struct {
	*ACME
	address string
	folder  string
	taken   chan *x509.Certificate
	stop    func()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func portOf(l net.Listener) int { return l.Addr().(*net.TCPAddr).Port }

// openSite serves over l with certificates for those names.
func openSite(t *testing.T, l net.Listener, o ACMEOptions) *site {
	t.Helper()
	s := &site{address: l.Addr().String(), folder: o.Folder, taken: make(chan *x509.Certificate, 100)}
	o.Taken = func(_ string, leaf *x509.Certificate) { s.taken <- leaf }
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s.ACME = OpenACME(o)
	s.pause = func(ctx context.Context, _ time.Duration) { pause(ctx, 50*time.Millisecond) }
	secured := tls.NewListener(l, &tls.Config{GetCertificate: s.GetCertificate, NextProtos: append([]string{"http/1.1"}, s.Protocols()...)})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := secured.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				limited, done := context.WithTimeout(ctx, 20*time.Second)
				defer done()
				_ = c.(*tls.Conn).HandshakeContext(limited)
			})
		}
	})
	s.stop = sync.OnceFunc(func() { cancel(); l.Close(); running.Wait() })
	t.Cleanup(s.stop)
	return s
}

// run obtains certificates until the site stops.
func (s *site) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended, stop := make(chan struct{}), s.stop
	go func() { defer close(ended); s.Run(ctx) }()
	s.stop = func() { cancel(); <-ended; stop() }
	t.Cleanup(s.stop)
}

// next is the certificate that is told of next.
func (s *site) next(t *testing.T) *x509.Certificate {
	t.Helper()
	select {
	case leaf := <-s.taken:
		return leaf
	case <-time.After(20 * time.Second):
		t.Fatal("no certificate is issued")
		return nil
	}
}

// shake returns what is shown to who asks for name. Whose it is, is not checked.
func (s *site) shake(name string) (*x509.Certificate, error) {
	d := &tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Minute}, Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	c, err := d.Dial("tcp", s.address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
}

func TestACertificateIsIssuedKeptAndShown(t *testing.T) {
	for _, way := range []string{"tls-alpn-01", "http-01"} {
		t.Run(way, func(t *testing.T) {
			l, plain := listen(t), httptest.NewUnstartedServer(nil)
			ports := enginetest.ACMEPorts{TLS: portOf(l)}
			if way == "http-01" {
				ports = enginetest.ACMEPorts{HTTP: portOf(plain.Listener), TLS: 1} // where nobody listens
			}
			o := ACMEOptions{Domains: []string{"blog.example", "www.blog.example"}, Email: "me@blog.example", Folder: t.TempDir() + "/acme"}
			o.Directory, o.Client = enginetest.ACME(t, ports, 24*time.Hour)
			s := openSite(t, l, o)
			plain.Config.Handler = http.NotFoundHandler()
			if way == "http-01" {
				plain.Config.Handler = s.HTTPHandler(plain.Config.Handler)
			}
			plain.Start()
			t.Cleanup(plain.Close)
			shaken := make(chan error, 1)
			go func() { // before there is one
				leaf, err := s.shake("blog.example")
				if err == nil {
					err = leaf.VerifyHostname("blog.example")
				}
				shaken <- err
			}()
			s.run(t)
			s.next(t)
			s.next(t)
			if err := <-shaken; err != nil {
				t.Error("who came early:", err)
			}
			shown := map[string]*x509.Certificate{}
			for asked, name := range map[string]string{"blog.example": "blog.example", "WWW.blog.example": "www.blog.example", "": "blog.example"} {
				leaf, err := s.shake(asked)
				if err != nil {
					t.Fatalf("%q: %v", asked, err)
				}
				if err := leaf.VerifyHostname(name); err != nil || !strings.Contains(leaf.Issuer.CommonName, "Pebble") {
					t.Errorf("%q: %v, by %s", asked, err, leaf.Issuer)
				}
				shown[name] = leaf
			}
			if _, err := s.shake("evil.example"); err == nil {
				t.Error("a certificate for another's name")
			}
			for name, leaf := range shown {
				if kept, err := ReadLeaf(File(s.folder, name)); err != nil || !kept.Equal(leaf) {
					t.Errorf("%s is not what is kept: %v", name, err)
				}
			}
			if info, err := os.Stat(s.folder); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("%v %v", info.Mode(), err)
			}
			s.stop()
			o.Directory = "https://127.0.0.1:1/dir" // the next one need not ask
			again := openSite(t, listen(t), o)
			again.run(t)
			if leaf, err := again.shake("blog.example"); err != nil || !leaf.Equal(shown["blog.example"]) {
				t.Errorf("after a restart: %v", err)
			}
		})
	}
}

func TestACertificateIsRenewedWhileTheSiteRuns(t *testing.T) {
	l := listen(t)
	o := ACMEOptions{Domains: []string{"blog.example"}, Folder: t.TempDir()}
	o.Directory, o.Client = enginetest.ACME(t, enginetest.ACMEPorts{TLS: portOf(l)}, 15*time.Second)
	s := openSite(t, l, o)
	s.run(t)
	first := s.next(t)
	second := s.next(t)
	if first.Equal(second) {
		t.Error("told of the same twice")
	}
	shown, err := s.shake("blog.example")
	if err != nil || shown.Equal(first) {
		t.Errorf("the old one is shown: %v", err)
	}
}

func TestAnIssuerThatIsAwayIsAskedAgainAndHandshakesDoNotAskIt(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	issuer := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked++
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(issuer.Close)
	var log strings.Builder
	s := openSite(t, listen(t), ACMEOptions{
		Domains: []string{"blog.example"}, Directory: issuer.URL, Client: issuer.Client(), Folder: t.TempDir(), Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	var pauses []time.Duration
	waits := make(chan struct{})
	s.pause = func(ctx context.Context, d time.Duration) {
		if pauses = append(pauses, d); len(pauses) == 6 {
			close(waits)
			<-ctx.Done()
		}
	}
	s.run(t)
	<-waits
	before := asked
	for range 3 {
		c, err := net.Dial("tcp", s.address)
		if err != nil {
			t.Fatal(err)
		}
		shaking := tls.Client(c, &tls.Config{ServerName: "blog.example", InsecureSkipVerify: true})
		_ = c.SetDeadline(time.Now().Add(100 * time.Millisecond))
		if err := shaking.Handshake(); err == nil {
			t.Error("there is no certificate")
		}
		c.Close()
	}
	s.stop()
	if asked != before {
		t.Errorf("handshakes have asked the issuer %d times", asked-before)
	}
	if got := fmt.Sprint(pauses); got != "[5m0s 10m0s 20m0s 40m0s 1h0m0s 1h0m0s]" {
		t.Error(got)
	}
	if n := strings.Count(log.String(), "no certificate could be obtained"); n != 6 {
		t.Errorf("told %d times", n)
	}
}
