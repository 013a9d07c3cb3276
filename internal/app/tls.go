package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"go/version"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"time"

	"inkstone/internal/certs"
	"inkstone/internal/config"
	"inkstone/internal/web"
)

// secure is how the server speaks TLS.
type secure struct {
	web.TLS
	covers func(host string) bool               // whether a certificate is for it
	look   func(next http.Handler) http.Handler // answers an issuer's look by http-01, and leaves the rest to next
}

// certificateLook is how often it is looked for new files where nobody shakes hands.
const certificateLook = 10 * time.Second

// openTLS gets the certificates where clients speak TLS.
func (a *App) openTLS(context.Context) error {
	var failures, floods atomic.Int64
	a.metrics.Counter("tls_handshake_failures_total", "Connections of clients that did not get through the handshake.", func() float64 { return float64(failures.Load()) })
	a.metrics.Counter("http2_floods_total", "Connections of HTTP/2 that were ended, for much came over them that was of no request.", func() float64 { return float64(floods.Load()) })
	if !a.cfg.TLS.On() {
		return nil
	}
	t := web.TLS{
		NoHTTP2: a.cfg.TLS.NoHTTP2,
		Failed: func(err error) {
			failures.Add(1)
			a.log.Debug("a handshake failed", "error", err)
		},
		Flooded: func(client net.Addr) {
			floods.Add(1)
			a.log.Warn("a connection of HTTP/2 was ended, for much came over it that is of no request", "client", client)
		},
	}
	defer a.warnOfHTTP2()
	if len(a.cfg.TLS.Domains) > 0 {
		a.openACME(t)
		return nil
	}
	return a.openFilesOfTLS(t)
}

// warnOfHTTP2 tells of a Go whose HTTP/2 a client can make crash (GO-2026-6617).
func (a *App) warnOfHTTP2() {
	if a.secure != nil && !a.cfg.TLS.NoHTTP2 && version.Compare(runtime.Version(), "go1.26.10") < 0 {
		a.log.Warn("HTTP/2 of the Go that built this has known faults: build with 1.26.10 or later, or set TLS_HTTP2=false", "go", runtime.Version())
	}
}

func (a *App) openFilesOfTLS(t web.TLS) error {
	ends := a.metrics.Certificate("site")
	files, err := certs.OpenFiles(a.cfg.TLS.Cert, a.cfg.TLS.Key, certs.FilesOptions{
		Log: a.log, Taken: func(leaf *x509.Certificate) { ends(leaf.NotAfter) },
	})
	if err != nil {
		return cannotUse(a.cfg.TLS, err)
	}
	a.every(certificateLook, func(context.Context) { files.Look() })
	t.Certificate = files.GetCertificate
	a.secure = &secure{
		TLS:    t,
		covers: files.Covers, look: func(next http.Handler) http.Handler { return next },
	}
	return nil
}

// cannotUse says what is wrong with the files of a certificate.
func cannotUse(t config.TLS, err error) error {
	switch {
	case errors.Is(err, certs.ErrCertificate):
		return fmt.Errorf("TLS_CERT：无法从文件 %s 读出 PEM 格式的证书，请检查路径、权限与内容：%w", t.Cert, err)
	case errors.Is(err, certs.ErrKey):
		return fmt.Errorf("TLS_KEY：无法从文件 %s 读出与 TLS_CERT 相配的 PEM 私钥（不带密码），请检查路径、权限与内容：%w", t.Key, err)
	}
	return fmt.Errorf("TLS_CERT：文件 %s 中的证书已过期或尚未生效，请换成有效的证书：%w", t.Cert, err)
}

func (a *App) openACME(t web.TLS) {
	set := a.cfg.TLS
	issued := certs.OpenACME(certs.ACMEOptions{
		Domains: set.Domains, Email: set.Email, Directory: set.Directory, Folder: acmeFolder(a.cfg), Log: a.log,
		Taken: func(domain string, leaf *x509.Certificate) { a.metrics.Certificate(domain)(leaf.NotAfter) },
	})
	a.background = append(a.background, issued.Run)
	t.Certificate, t.Protocols = issued.GetCertificate, issued.Protocols()
	a.secure = &secure{
		TLS:    t,
		covers: issued.Covers, look: issued.HTTPHandler,
	}
}

func acmeFolder(cfg *config.Config) string { return filepath.Join(cfg.DataDir, "acme") }

// guarded is the listener as clients may use it.
func (a *App) guarded() net.Listener {
	if a.secure == nil {
		return web.Limit(a.listener, a.cfg.MaxConnections, a.metrics)
	}
	return web.LimitTLS(a.listener, a.cfg.MaxConnections, a.metrics, a.secure.TLS)
}

// openRedirect sends clients who come by http on to https, where HTTP_REDIRECT_ADDR asks for it.
func (a *App) openRedirect(ctx context.Context) error {
	t := a.cfg.TLS
	if t.RedirectAddr == "" {
		return nil
	}
	to := web.Redirect{Covers: a.secure.covers, Port: cmp.Or(t.RedirectPort, a.port())}
	l, err := a.serveAside(ctx, "HTTP_REDIRECT_ADDR", t.RedirectAddr, a.secure.look(to))
	if err == nil {
		a.redirect = l.Addr().String()
	}
	return err
}

// Why the server of some settings is not taken for theirs.
var (
	ErrOtherCertificate = errors.New("the server shows another certificate than the settings name")
	ErrNoCertificate    = errors.New("the certificate that the settings name can't be read")
)

// AskTLS is how the server of these settings is asked from this machine: it is taken for ours if
// it shows the certificate that is in our files. nil: it speaks no TLS. A handshake fails with
// ErrOtherCertificate or ErrNoCertificate.
func AskTLS(cfg *config.Config) *tls.Config {
	t := cfg.TLS
	if !t.On() {
		return nil
	}
	file, name := t.Cert, ""
	if len(t.Domains) > 0 {
		name = t.Domains[0]
		file = certs.File(acmeFolder(cfg), name)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: name,
		InsecureSkipVerify: true, // it is compared instead: the name in it is not that of this machine
		VerifyConnection:   func(s tls.ConnectionState) error { return isOwn(s.PeerCertificates[0], file) },
	}
}

func isOwn(shown *x509.Certificate, file string) error {
	own, err := certs.ReadLeaf(file)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoCertificate, err)
	}
	if !shown.Equal(own) {
		return ErrOtherCertificate
	}
	return nil
}
