package enginetest

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Redis is the URL of a server that other tests use at the same time: make keys
// of your own.
func Redis(t testing.TB) string {
	t.Helper()
	return need(t, "Redis", "TEST_REDIS_URL")
}

// PrivateRedis is a server of this test's own. It keeps nothing when it ends;
// settings are as "maxmemory=1mb", or "appendonly=yes" for one that does.
func PrivateRedis(t testing.TB, settings ...string) *Server {
	t.Helper()
	bin := need(t, "Redis", "TEST_REDIS_BIN")
	dir, password, port := folder(t), rand.Text(), freePort(t)
	command := []string{filepath.Join(bin, "redis-server"), "--bind", "127.0.0.1", "--port", port, "--requirepass", password, "--dir", dir, "--save", ""}
	for _, s := range settings {
		name, value, _ := strings.Cut(s, "=")
		command = append(append(command, "--"+name), strings.Fields(value)...)
	}
	return begin(&Server{
		t: t, dir: dir, command: command, answers: pingRedis, stop: syscall.SIGTERM,
		url: "redis://default:" + password + "@" + net.JoinHostPort("127.0.0.1", port) + "/0",
	})
}

func pingRedis(ctx context.Context, address string) error {
	answer, err := askRedis(ctx, address, "PING")
	if err == nil && answer != "+PONG" {
		err = fmt.Errorf("PING is answered with %s", answer)
	}
	return err
}

// askRedis sends one command, written in a line, and returns the first line of the answer.
func askRedis(ctx context.Context, address, command string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return "", err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	password, _ := u.User.Password()
	if _, err := fmt.Fprintf(c, "AUTH %s\r\n%s\r\n", password, command); err != nil {
		return "", err
	}
	var answer string
	for r, i := bufio.NewReader(c), 0; i < 2 && err == nil; i++ {
		answer, err = r.ReadString('\n')
	}
	return strings.TrimSpace(answer), err
}
