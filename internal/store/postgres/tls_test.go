package postgres

import (
	"context"
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
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	t.Cleanup(func() { end(); l.Close() })
	go func(target string) {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go encrypt(ctx, client, target, &tls.Config{Certificates: []tls.Certificate{c}})
		}
	}(u.Host)
	u.Host, u.RawQuery = l.Addr().String(), "sslmode=require"
	return u.String()
}

// encrypt answers the question for TLS that a client of PostgreSQL begins with (protocol,
// section SSL Session Encryption), and hands on what it says then.
func encrypt(ctx context.Context, client net.Conn, target string, config *tls.Config) {
	defer client.Close()
	context.AfterFunc(ctx, func() { client.Close() })
	if _, err := io.CopyN(io.Discard, client, 8); err != nil {
		return
	}
	if _, err := client.Write([]byte("S")); err != nil {
		return
	}
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	plain := tls.Server(client, config)
	go func() { _, _ = io.Copy(server, plain); server.Close() }()
	_, _ = io.Copy(plain, server)
}
