package apitest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

// built is the folder of the program, "" until a test needs it.
var built string

// binary builds the real program once.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "inkstone-apitest")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "inkstone")
	if out, err := exec.Command("go", "build", "-o", path, "inkstone/cmd/inkstone").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// process is the real program, running.
type process struct {
	url string
	cmd *exec.Cmd
	end sync.Once
}

// launch starts the program on a data folder and waits until it is ready. The race
// detector would only watch who asks it, so with it such a test is skipped.
func launch(t testing.TB, dir string, s settings) *process {
	t.Helper()
	if enginetest.Raced {
		t.Skip("another process is the same with the race detector: go test without -race runs this")
	}
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	p := &process{url: "http://127.0.0.1:" + port, cmd: exec.Command(path, "serve")}
	p.cmd.Dir = dir
	p.cmd.Env = append(os.Environ(), "DATA_DIR="+dir)
	for name, value := range s {
		p.cmd.Env = append(p.cmd.Env, name+"="+value)
	}
	p.cmd.Env = append(p.cmd.Env, "PORT="+port)
	out := &lastLines{}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if err := p.ready(20 * time.Second); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return p
}

func (p *process) ready(wait time.Duration) error {
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if resp, err := http.Get(p.url + "/readyz"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
	}
	return fmt.Errorf("not ready after %v", wait)
}

// Kill ends the process at once, as kill -9 does.
func (p *process) Kill() { _ = p.stop(syscall.SIGKILL) }

// Stop asks the process to end and returns what its end was.
func (p *process) Stop() error { return p.stop(syscall.SIGTERM) }

func (p *process) stop(sig syscall.Signal) (err error) {
	p.end.Do(func() {
		_ = p.cmd.Process.Signal(sig)
		err = p.cmd.Wait()
	})
	return err
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// lastLines keeps what a process printed, for a test that fails.
type lastLines struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (l *lastLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *lastLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
