package app

import (
	"bytes"
	"context"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/config"
	"inkstone/internal/enginetest"
)

// console is a log that is read while it is written.
type console struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.b.Write(p)
}

func (c *console) lines(of string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for line := range strings.Lines(c.b.String()) {
		if strings.Contains(line, of) {
			n++
		}
	}
	return n
}

func TestAProgramWhoseRedisIsAwayStartsAtOnceAndFindsItLater(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	server.Stop()
	var log console
	settings := map[string]string{"DATA_DIR": t.TempDir(), "LOG_DIR": "", "HOST": "127.0.0.1", "PORT": "0", "BCRYPT_COST": "4", "REDIS_URL": server.URL()}
	cfg, _, err := config.Load(func(name string) (string, bool) { v, ok := settings[name]; return v, ok }, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	ctx, stop := context.WithCancel(context.Background())
	a, err := New(ctx, cfg, &log)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("the start took %v", took)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for range 20 {
		fetch(t, a.URL()+"/api/posts")
	}
	time.Sleep(1500 * time.Millisecond) // it is looked for again, and nothing more is said
	if n := log.lines("redis is away"); n != 1 {
		t.Errorf("%d lines say that redis is away", n)
	}
	u, _ := url.Parse(server.URL())
	if password, _ := u.User.Password(); log.lines(password) > 0 {
		t.Error("the password is told")
	}
	server.Start()
	for begun := time.Now(); !strings.Contains(string(fetch(t, a.URL()+"/metrics")), "\nredis_up 1\n"); time.Sleep(20 * time.Millisecond) {
		if time.Since(begun) > 2*time.Second {
			t.Fatal("redis is not used within 2 s")
		}
	}
	for begun := time.Now(); log.lines("redis is back") == 0; time.Sleep(50 * time.Millisecond) {
		if time.Since(begun) > 12*time.Second {
			t.Fatal("no line says that redis is back")
		}
	}
}
