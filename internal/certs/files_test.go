package certs

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"inkstone/internal/enginetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// shelf are two files, what has been taken from them, and a clock.
type shelf struct {
	*Files
	dir   string
	now   time.Time
	taken []*x509.Certificate
	log   strings.Builder
}

func (s *shelf) put(t *testing.T, c *enginetest.Certificate) { t.Helper(); c.Write(t, s.dir) }

// later shakes hands after the files are looked at again, and returns what is shown.
func (s *shelf) later(t *testing.T) *x509.Certificate {
	t.Helper()
	s.now = s.now.Add(lookEvery)
	return s.shown(t)
}

func (s *shelf) shown(t *testing.T) *x509.Certificate {
	t.Helper()
	c, err := s.GetCertificate(&tls.ClientHelloInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf
}

func openShelf(t *testing.T, c *enginetest.Certificate) *shelf {
	t.Helper()
	s := &shelf{dir: t.TempDir(), now: time.Now()}
	cert, key := c.Write(t, s.dir)
	var err error
	s.Files, err = OpenFiles(cert, key, FilesOptions{
		Log: slog.New(slog.NewTextHandler(&s.log, nil)), Now: func() time.Time { return s.now },
		Taken: func(leaf *x509.Certificate) { s.taken = append(s.taken, leaf) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func valid(t *testing.T) *enginetest.Certificate {
	t.Helper()
	return enginetest.NewCertificate(t, time.Now().Add(time.Hour), "blog.example", "*.blog.example", "127.0.0.1")
}

func TestFilesThatAreReplacedAreShownFromThenOn(t *testing.T) {
	first, second := valid(t), valid(t)
	s := openShelf(t, first)
	s.put(t, second)
	if !s.shown(t).Equal(first.Leaf) {
		t.Error("the files are looked at for each handshake")
	}
	if !s.later(t).Equal(second.Leaf) {
		t.Error("the new certificate is not shown")
	}
	if len(s.taken) != 2 || !s.taken[1].Equal(second.Leaf) {
		t.Errorf("told of %d certificates", len(s.taken))
	}
}

func TestAPairThatCannotBeUsedKeepsTheOldOneAndIsToldOnce(t *testing.T) {
	expired := enginetest.NewCertificate(t, time.Now().Add(-time.Hour), "blog.example")
	for name, spoil := range map[string]func(t *testing.T, s *shelf){
		"another's key": func(t *testing.T, s *shelf) { enginetest.Replace(t, s.key, valid(t).KeyPEM) },
		"no PEM":        func(t *testing.T, s *shelf) { enginetest.Replace(t, s.cert, []byte("half a fi")) },
		"no file":       func(t *testing.T, s *shelf) { _ = os.Remove(s.cert) },
		"expired":       func(t *testing.T, s *shelf) { s.put(t, expired) },
	} {
		first := valid(t)
		s := openShelf(t, first)
		spoil(t, s)
		for range 5 {
			if !s.later(t).Equal(first.Leaf) {
				t.Fatalf("%s: the old certificate is gone", name)
			}
		}
		if n := strings.Count(s.log.String(), "can't be used"); n != 1 {
			t.Errorf("%s: told %d times:\n%s", name, n, s.log.String())
		}
		second := valid(t)
		s.put(t, second)
		if !s.later(t).Equal(second.Leaf) {
			t.Errorf("%s: what mends it is not taken", name)
		}
	}
}

func TestAPairThatIsReplacedOneAfterTheOtherIsNoFailure(t *testing.T) {
	s, second := openShelf(t, valid(t)), valid(t)
	enginetest.Replace(t, s.cert, second.CertPEM)
	s.later(t)
	enginetest.Replace(t, s.key, second.KeyPEM)
	if !s.later(t).Equal(second.Leaf) || strings.Contains(s.log.String(), "can't be used") {
		t.Errorf("the pair is not taken, or was told of:\n%s", s.log.String())
	}
}

func TestACertificateIsForItsNamesAlone(t *testing.T) {
	s := openShelf(t, valid(t))
	for host, want := range map[string]bool{
		"blog.example": true, "BLOG.example": true, "a.blog.example": true, "127.0.0.1": true,
		"evil.example": false, "a.b.blog.example": false, "127.0.0.2": false, "": false,
	} {
		if got := s.Covers(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestWhatIsWrongWithAPairIsToldApart(t *testing.T) {
	dir := t.TempDir()
	cert, key := valid(t).Write(t, dir)
	empty := filepath.Join(dir, "empty")
	enginetest.Replace(t, empty, nil)
	_, otherKey := valid(t).Write(t, t.TempDir())
	expired, expiredKey := enginetest.NewCertificate(t, time.Now().Add(-time.Minute), "a").Write(t, t.TempDir())
	later, laterKey := enginetest.NewCertificate(t, time.Now().Add(48*time.Hour), "a").Write(t, t.TempDir())
	for name, c := range map[string]struct {
		cert, key string
		want      error
	}{
		"no certificate":     {filepath.Join(dir, "none"), key, ErrCertificate},
		"an empty one":       {empty, key, ErrCertificate},
		"a key for one":      {key, key, ErrCertificate},
		"no key":             {cert, filepath.Join(dir, "none"), ErrKey},
		"a certificate's":    {cert, cert, ErrKey},
		"another's key":      {cert, otherKey, ErrKey},
		"expired":            {expired, expiredKey, ErrExpired},
		"of the day to come": {later, laterKey, ErrExpired},
	} {
		if _, err := OpenFiles(c.cert, c.key, FilesOptions{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheFirstCertificateOfAFileIsFoundBehindAKey(t *testing.T) {
	first, second := valid(t), valid(t)
	file := filepath.Join(t.TempDir(), "kept")
	enginetest.Replace(t, file, append(append(first.KeyPEM, first.CertPEM...), second.CertPEM...))
	leaf, err := ReadLeaf(file)
	if err != nil || !leaf.Equal(first.Leaf) {
		t.Errorf("%v %v", leaf, err)
	}
	if _, err := ReadLeaf(file + "x"); err == nil {
		t.Error("there is no such file")
	}
}
