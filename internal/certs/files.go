package certs

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// What is wrong with a pair of files. Such an error names the file.
var (
	ErrCertificate = errors.New("no certificate in PEM can be read")
	ErrKey         = errors.New("no key in PEM that belongs to the certificate can be read")
	ErrExpired     = errors.New("the certificate does not count now")
)

// FilesOptions are what goes with Files; each may be left out.
type FilesOptions struct {
	Log   *slog.Logger                 // of pairs that can't be used, and of those that are taken
	Taken func(leaf *x509.Certificate) // is told of each certificate that is used from then on
	Now   func() time.Time
}

// Files is a certificate with its chain and its key in two files. What replaces them is used
// for the handshakes that begin then, at most lookEvery later; what replaces them and can't be
// used is told once, and the old pair stays.
type Files struct {
	cert, key string
	o         FilesOptions
	pair      atomic.Pointer[tls.Certificate]

	mu     sync.Mutex
	looked time.Time
	seen   stamps // of the files when they were last read
	broken bool   // what was read then is of no use
	told   bool   // that it is not
}

// lookEvery is how often it is looked at most whether the files have changed.
const lookEvery = 2 * time.Second

// OpenFiles reads a pair: ErrCertificate, ErrKey, ErrExpired.
func OpenFiles(cert, key string, o FilesOptions) (*Files, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Taken == nil {
		o.Taken = func(*x509.Certificate) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &Files{cert: cert, key: key, o: o, looked: o.Now(), seen: stampsOf(cert, key)}
	pair, err := load(cert, key, o.Now())
	if err != nil {
		return nil, err
	}
	f.take(pair)
	return f, nil
}

func (f *Files) take(pair *tls.Certificate) {
	f.pair.Store(pair)
	f.o.Taken(pair.Leaf)
}

// GetCertificate is for tls.Config.
func (f *Files) GetCertificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.Look()
	return f.pair.Load(), nil
}

// Covers reports whether the certificate is for a host, a name or an address without a port.
func (f *Files) Covers(host string) bool { return f.pair.Load().Leaf.VerifyHostname(host) == nil }

// Look takes the pair that has replaced the one that is used, if there is one. Handshakes do so;
// it is also to be called now and then where there are none. Who comes while another looks does
// not wait.
func (f *Files) Look() {
	now := f.o.Now()
	if !f.mu.TryLock() {
		return
	}
	defer f.mu.Unlock()
	if now.Sub(f.looked) < lookEvery {
		return
	}
	f.looked = now
	seen := stampsOf(f.cert, f.key)
	again := seen.same(f.seen)
	if again && !f.broken {
		return
	}
	pair, err := load(f.cert, f.key, now)
	f.seen, f.broken = seen, err != nil
	switch {
	case err == nil:
		f.told = false
		f.take(pair)
		f.o.Log.Info("a new certificate is used", "file", f.cert, "until", pair.Leaf.NotAfter)
	case !again:
		f.told = false // one of the two may be on its way
	case !f.told:
		f.told = true
		f.o.Log.Error("the new certificate can't be used; the old one is still shown", "error", err, "until", f.pair.Load().Leaf.NotAfter)
	}
}

// stamps tell whether files are still the same; nil: there is none.
type stamps [2]os.FileInfo

func stampsOf(files ...string) (s stamps) {
	for i, file := range files {
		s[i], _ = os.Stat(file)
	}
	return s
}

func (s stamps) same(other stamps) bool {
	for i, a := range s {
		b := other[i]
		if (a == nil) != (b == nil) {
			return false
		}
		if a != nil && (!os.SameFile(a, b) || a.Size() != b.Size() || !a.ModTime().Equal(b.ModTime())) {
			return false
		}
	}
	return true
}

func load(cert, key string, now time.Time) (*tls.Certificate, error) {
	chain, err := os.ReadFile(cert)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if _, err := parseLeaf(chain); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCertificate, cert, err)
	}
	secret, err := os.ReadFile(key)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKey, err)
	}
	pair, err := tls.X509KeyPair(chain, secret)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrKey, key, err)
	}
	if now.Before(pair.Leaf.NotBefore) || now.After(pair.Leaf.NotAfter) {
		return nil, fmt.Errorf("%w: %s: from %v to %v", ErrExpired, cert, pair.Leaf.NotBefore, pair.Leaf.NotAfter)
	}
	return &pair, nil
}

// ReadLeaf returns the first certificate of a file, which may hold other things in PEM, too.
func ReadLeaf(file string) (*x509.Certificate, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read certificate: %w", err)
	}
	leaf, err := parseLeaf(text)
	if err != nil {
		return nil, fmt.Errorf("read certificate in %s: %w", file, err)
	}
	return leaf, nil
}

func parseLeaf(text []byte) (*x509.Certificate, error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
	return nil, errors.New("there is none")
}
