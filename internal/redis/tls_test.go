package redis

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

// certificate is one of localhost that signs itself, and how a file holds it.
func certificate(t *testing.T) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// kept is the same for each run of the test: what the system trusts is read once.
var kept struct {
	sync.Once
	certificate tls.Certificate
	file        []byte
}

// behindTLS is the address of a Redis through TLS with that certificate.
func behindTLS(t *testing.T, redis string, c tls.Certificate) string {
	t.Helper()
	u, err := url.Parse(redis)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(enginetest.BehindTLS(t, u.Host, c, nil))
	u.Scheme, u.Host = "rediss", "localhost:"+port
	return u.String()
}

func TestARedisWithoutTLSIsToldToBeOne(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	w := watch(t, strings.Replace(server.URL(), "redis://", "rediss://", 1))
	w.wantRefusal(t, "TLS with")
}

func TestTLSIsSpokenToWhomTheSystemTrustsOnly(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("what the system trusts is told by a variable on Linux only")
	}
	server := enginetest.PrivateRedis(t)
	kept.Do(func() { kept.certificate, kept.file = certificate(t) })
	other, _ := certificate(t)
	path := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(path, kept.file, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", path)
	w := watch(t, behindTLS(t, server.URL(), kept.certificate))
	enginetest.Within(t, 3*time.Second, "Redis is used", w.Up)
	if err := w.ask(t); err != nil {
		t.Error(err)
	}
	w.mu.Lock()
	if len(w.shown) == 0 || string(w.shown[0].PeerCertificates[0].Raw) != string(kept.certificate.Certificate[0]) {
		t.Errorf("of %d handshakes it is told which certificate was shown", len(w.shown))
	}
	before := len(w.shown)
	w.mu.Unlock()
	if err := w.Redial(t.Context()); err != nil {
		t.Error(err)
	}
	w.mu.Lock()
	if len(w.shown) != before+1 {
		t.Errorf("%d handshakes, after a redial %d", before, len(w.shown))
	}
	w.mu.Unlock()
	w = watch(t, behindTLS(t, server.URL(), other))
	if news, _ := w.told(); w.Up() || len(news) != 1 || !strings.Contains(news[0].Error(), "certificate") {
		t.Errorf("told %v", news)
	}
}
