package enginetest

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"sync"
	"testing"
)

// BehindTLS is a way to the server at target that goes by TLS with that certificate, until the
// test ends. begin has the word in the clear with which a client's protocol asks for it; nil: it asks for nothing.
func BehindTLS(t testing.TB, target string, c tls.Certificate, begin func(client net.Conn) error) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	t.Cleanup(func() { end(); l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(ctx, func() { client.Close() })
			go func() {
				defer client.Close()
				if begin == nil || begin(client) == nil {
					carry(tls.Server(client, &tls.Config{Certificates: []tls.Certificate{c}}), target)
				}
			}()
		}
	}()
	return l.Addr().String()
}

// carry passes on what a client and the server at target say to each other, until one of
// them has ended.
func carry(client net.Conn, target string) {
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(way[1], way[0])
			_ = way[1].Close()
		})
	}
	both.Wait()
}
