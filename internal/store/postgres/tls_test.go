package postgres

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

func TestItIsToldWhichCertificateADatabaseShows(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ends := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	shown := make(chan tls.ConnectionState, 100)
	s, err := Open(t.Context(), withTLS(t, newDatabase(t), tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}),
		Options{Handshake: func(s tls.ConnectionState) { shown <- s }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if got := (<-shown).PeerCertificates[0].NotAfter; !got.Equal(ends) {
		t.Errorf("it ends %v, want %v", got, ends)
	}
}

// withTLS is the address of a database through TLS with that certificate.
func withTLS(t *testing.T, address string, c tls.Certificate) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Host, u.RawQuery = enginetest.BehindTLS(t, u.Host, c, agree), "sslmode=require"
	return u.String()
}

// agree answers the question for TLS that a client of PostgreSQL begins with (protocol,
// section SSL Session Encryption).
func agree(client net.Conn) error {
	if _, err := io.CopyN(io.Discard, client, 8); err != nil {
		return err
	}
	_, err := client.Write([]byte("S"))
	return err
}
