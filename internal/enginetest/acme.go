package enginetest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// ACMEPorts are where an issuer looks on this machine whether a name is somebody's: by http-01
// and by tls-alpn-01. 0: nobody listens.
type ACMEPorts struct{ HTTP, TLS int }

// ACME is a server of this test's own that issues certificates, for which all names are this
// machine's. They count for that long. client believes the server, whose directory is at that URL.
func ACME(t testing.TB, ports ACMEPorts, validity time.Duration) (directory string, client *http.Client) {
	t.Helper()
	bin := filepath.Join(need(t, "ACME", "TEST_PEBBLE_BIN"), "pebble")
	dir, address := folder(t), FreeAddress(t)
	own := NewCertificate(t, time.Now().Add(time.Hour), "127.0.0.1")
	put := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil { // the server may be another user's
			t.Fatal(err)
		}
		return path
	}
	type profile struct{ ValidityPeriod int64 }
	settings, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": address, "certificate": put("cert", own.CertPEM), "privateKey": put("key", own.KeyPEM),
		"httpPort": ports.HTTP, "tlsPort": ports.TLS,
		"profiles": map[string]profile{"default": {int64(validity / time.Second)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	command := []string{"env", "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0", bin, "-config", put("settings", settings), "-dnsserver", names(t)}
	directory, client = "https://"+address+"/dir", clientOf(t, own.Pool())
	begin(&Server{
		t: t, dir: dir, command: command, url: directory, stop: syscall.SIGTERM,
		answers: func(ctx context.Context, url string) error { return fetch(ctx, client, url) },
	})
	return directory, client
}

func clientOf(t testing.TB, believes *x509.CertPool) *http.Client {
	way := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: believes}}
	t.Cleanup(way.CloseIdleConnections)
	return &http.Client{Transport: way, Timeout: time.Minute}
}

func fetch(ctx context.Context, client *http.Client, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// names is the address of a name server, over TCP, for which every name is this machine's.
func names(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() { l.Close(); running.Wait() })
	running.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				answerName(c)
			})
		}
	})
	return l.Addr().String()
}

// answerName answers one question. Before a message stands its length, in two bytes.
func answerName(c net.Conn) {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return
	}
	question := make([]byte, binary.BigEndian.Uint16(size[:]))
	var m dnsmessage.Message
	if _, err := io.ReadFull(c, question); err != nil || m.Unpack(question) != nil || len(m.Questions) != 1 {
		return
	}
	answer := here(&m)
	_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
}

// here answers a question: with this machine's address, if it is for one.
func here(m *dnsmessage.Message) []byte {
	q := m.Questions[0]
	answer := dnsmessage.Message{Header: dnsmessage.Header{ID: m.ID, Response: true}, Questions: m.Questions}
	if q.Type == dnsmessage.TypeA {
		answer.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
			Body:   &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}},
		}}
	}
	packed, _ := answer.Pack() // what was unpacked can be packed
	return packed
}
