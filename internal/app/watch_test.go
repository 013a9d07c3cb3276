package app

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"inkstone/internal/config"
	"inkstone/internal/enginetest"
)

// said is what is logged, while it is logged.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) { s.mu.Lock(); defer s.mu.Unlock(); return s.b.Write(p) }
func (s *said) times(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Count(s.b.String(), text)
}

func TestTheLogSaysOnceThatTheDatabaseIsLostAndThatItIsBack(t *testing.T) {
	server := enginetest.PrivatePostgres(t)
	dir := t.TempDir()
	settings := map[string]string{"DATA_DIR": dir, "LOG_DIR": "", "HOST": "127.0.0.1", "PORT": "0", "BCRYPT_COST": "10", "DATABASE_URL": server.URL(), "NODE_ENV": "production", "JWT_SECRET": "tests-only-3f9c1b7ad2e84c06b5a1d0"}
	cfg, _, err := config.Load(func(name string) (string, bool) { v, ok := settings[name]; return v, ok }, dir)
	if err != nil {
		t.Fatal(err)
	}
	log := &said{}
	ctx, stop := context.WithCancel(context.Background())
	a, err := New(ctx, cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	server.Stop()
	enginetest.Within(t, time.Minute, "the loss is told", func() bool { return log.times("not ready: a dependency is away") == 1 })
	server.Start()
	enginetest.Within(t, time.Minute, "the return is told", func() bool { return log.times("ready again") == 1 })
	if n := log.times("not ready"); n != 1 {
		t.Errorf("the loss is told %d times", n)
	}
	if up := a.databaseUp.get(); up != 1 {
		t.Errorf("dependency_up is %v", up)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestTheFileSaysThatStandardOutputLosesLines(t *testing.T) {
	dir := t.TempDir()
	settings := map[string]string{"DATA_DIR": dir, "LOG_DIR": filepath.Join(dir, "logs"), "HOST": "127.0.0.1", "PORT": "0"}
	cfg, _, err := config.Load(func(name string) (string, bool) { v, ok := settings[name]; return v, ok }, dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	a, err := New(ctx, cfg, closedPipe{})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	a.Log().Info("a line")
	enginetest.Within(t, time.Minute, "the loss is told", func() bool {
		b, err := os.ReadFile(filepath.Join(dir, "logs", "combined.log"))
		return err == nil && strings.Contains(string(b), "log lines are lost")
	})
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
