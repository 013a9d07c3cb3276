package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// ACMEOptions say who issues certificates for which names.
type ACMEOptions struct {
	Domains   []string // in lower case, in ASCII; at least one
	Email     string   // that the issuer may write to; "": none
	Directory string   // URL
	Folder    string   // keeps account, keys and certificates; it is made, for its owner alone

	Client *http.Client                             // asks the issuer; nil: one of its own
	Log    *slog.Logger                             // nil: silent
	Taken  func(domain string, l *x509.Certificate) // is told of certificates that are used; may be nil
}

// ACME obtains and renews a certificate for each of its names. Of who else uses its folder it
// knows nothing: a name belongs to one process.
type ACME struct {
	o       ACMEOptions
	client  *http.Client
	manager *autocert.Manager
	names   map[string]*name
	pause   func(ctx context.Context, d time.Duration)
}

// name is one that certificates are for.
type name struct {
	once  sync.Once
	ready chan struct{} // closed when there is a certificate
	until time.Time     // of the one that was told last; for Run
}

// OpenACME prepares to obtain certificates, and asks nobody yet.
func OpenACME(o ACMEOptions) *ACME {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Taken == nil {
		o.Taken = func(string, *x509.Certificate) {}
	}
	client := o.Client
	if client == nil {
		client = &http.Client{Timeout: time.Minute, Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	a := &ACME{o: o, client: client, names: map[string]*name{}, pause: pause}
	for _, d := range o.Domains {
		a.names[d] = &name{ready: make(chan struct{})}
	}
	a.manager = &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(o.Folder), HostPolicy: autocert.HostWhitelist(o.Domains...),
		Email: o.Email, Client: &acme.Client{DirectoryURL: o.Directory, HTTPClient: client, UserAgent: "inkstone"},
	}
	return a
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// File is where the certificate of a name is kept, behind its key, in a folder of ACMEOptions.
func File(folder, domain string) string { return filepath.Join(folder, domain) }

// Protocols are what tls.Config.NextProtos must have beside those of HTTP, for an issuer that
// looks whether a name is ours.
func (a *ACME) Protocols() []string { return []string{acme.ALPNProto} }

// Covers reports whether a host is one of the names.
func (a *ACME) Covers(host string) bool { return a.names[strings.ToLower(host)] != nil }

// HTTPHandler answers issuers who look by http-01 whether a name is ours, at whatever port, and
// leaves the rest to next. It is to be called before Run.
func (a *ACME) HTTPHandler(next http.Handler) http.Handler {
	answer := a.manager.HTTPHandler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if host, _, err := net.SplitHostPort(r.Host); err == nil {
			r = r.WithContext(r.Context())
			r.Host = host
		}
		answer.ServeHTTP(w, r)
	})
}

var errOther = errors.New("no certificate for this name")

// GetCertificate is for tls.Config. Who names nobody gets the first name's. While there is no
// certificate yet, it waits as long as the handshake may; it is Run that obtains one, so that
// nobody outside decides how often an issuer is asked.
func (a *ACME) GetCertificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Equal(hello.SupportedProtos, a.Protocols()) {
		return a.manager.GetCertificate(hello)
	}
	domain := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if domain == "" {
		domain = a.o.Domains[0]
	}
	n := a.names[domain]
	if n == nil {
		return nil, errOther
	}
	select {
	case <-n.ready:
		return a.certificate(domain)
	case <-hello.Context().Done():
		return nil, hello.Context().Err()
	}
}

// certificate returns the one of a name, an ECDSA one for everybody: what can't take those is
// older than TLS 1.2. It obtains one if there is none, or none that still counts.
func (a *ACME) certificate(domain string) (*tls.Certificate, error) {
	return a.manager.GetCertificate(&tls.ClientHelloInfo{
		ServerName:       domain,
		SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256},
		SupportedCurves:  []tls.CurveID{tls.CurveP256},
		CipherSuites:     []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
	})
}

const (
	// firstPause and longestPause are between two tries: issuers allow five an hour to fail.
	firstPause   = 5 * time.Minute
	longestPause = time.Hour

	// renewalLook is how often it is looked whether a certificate has been renewed, which
	// happens by itself.
	renewalLook = 10 * time.Minute
)

// Run obtains what is missing, and tells of what is renewed, until ctx ends. What is under way
// with the issuer then may take minutes more, and is not waited for.
func (a *ACME) Run(ctx context.Context) {
	defer a.client.CloseIdleConnections()
	var running sync.WaitGroup
	for domain := range a.names {
		running.Go(func() { a.keep(ctx, domain) })
	}
	running.Wait()
}

func (a *ACME) keep(ctx context.Context, domain string) {
	failures := 0
	for ctx.Err() == nil {
		err := a.obtain(ctx, domain)
		if ctx.Err() != nil {
			return
		}
		wait := renewalLook
		if err != nil {
			wait = min(firstPause<<min(failures, 4), longestPause)
			failures++
			a.o.Log.Error("no certificate could be obtained", "domain", domain, "again", wait, "error", err)
		} else {
			failures = 0
		}
		a.pause(ctx, wait)
	}
}

// obtain returns when there is a certificate for domain, or with ctx.
func (a *ACME) obtain(ctx context.Context, domain string) error {
	type result struct {
		cert *tls.Certificate
		err  error
	}
	got := make(chan result, 1)
	go func() {
		cert, err := a.certificate(domain)
		got <- result{cert, err}
	}()
	select {
	case r := <-got:
		if r.err != nil {
			return fmt.Errorf("obtain certificate: %w", r.err)
		}
		a.note(domain, r.cert.Leaf)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (a *ACME) note(domain string, leaf *x509.Certificate) {
	n := a.names[domain]
	n.once.Do(func() { close(n.ready) })
	if !leaf.NotAfter.Equal(n.until) {
		n.until = leaf.NotAfter
		a.o.Taken(domain, leaf)
		a.o.Log.Info("a new certificate is used", "domain", domain, "until", leaf.NotAfter)
	}
}
