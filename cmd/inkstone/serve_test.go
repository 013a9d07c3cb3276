package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is the real program, serving in a folder of its own.
type server struct {
	t    *testing.T
	dir  string
	base string
	cmd  *exec.Cmd
	out  *firstURL
}

func startServer(t *testing.T, dir string, env ...string) *server {
	t.Helper()
	return startAs(t, exec.Command(builtOnce(t), "serve"), dir, env...)
}

// startAs is startServer with a command that starts the program in its own way.
func startAs(t *testing.T, cmd *exec.Cmd, dir string, env ...string) *server {
	t.Helper()
	s := &server{t: t, dir: dir, cmd: cmd, out: &firstURL{found: make(chan string, 1)}}
	s.cmd.Dir = dir
	s.cmd.Env = append(append(os.Environ(), "HOST=127.0.0.1", "PORT=0", "BCRYPT_COST=4", "LOG_DIR="), env...)
	s.cmd.Stdout = s.out
	if s.cmd.Stderr == nil {
		s.cmd.Stderr = s.out
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	select {
	case s.base = <-s.out.found:
	case <-time.After(20 * time.Second):
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		t.Fatalf("the server printed no address:\n%s", s.out.String())
	}
	return s
}

func (s *server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the end and returns the exit code and what it took.
func (s *server) ends(most time.Duration) (code int, took time.Duration) {
	s.t.Helper()
	start := time.Now()
	late := time.AfterFunc(most, func() { _ = s.cmd.Process.Kill() })
	err := s.cmd.Wait()
	if !late.Stop() {
		s.t.Fatalf("still running after %v:\n%s", most, s.out.String())
	}
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		s.t.Fatal(err)
	}
	return s.cmd.ProcessState.ExitCode(), time.Since(start)
}

func (s *server) status(path string) int {
	s.t.Helper()
	r, err := http.Get(s.base + path)
	if err != nil {
		s.t.Fatalf("%v\n%s", err, s.out.String())
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

func (s *server) post(path, token string, body any) (status int, answer map[string]any) {
	s.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, s.base+path, bytes.NewReader(b))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, answer
}

func (s *server) register(name string) (token string) {
	s.t.Helper()
	status, answer := s.post("/api/auth/register", "", map[string]string{"username": name, "email": name + "@example.com", "password": "a password"})
	if status != http.StatusCreated {
		s.t.Fatalf("register: %d %v", status, answer)
	}
	return answer["token"].(string)
}

func TestServeStartsOnACleanFolderAndStopsWithZero(t *testing.T) {
	for _, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGINT} {
		s := startServer(t, t.TempDir())
		for _, path := range []string{"/health", "/livez", "/readyz", "/metrics", "/openapi.json", "/openapi.yaml", "/docs", "/api/posts"} {
			if got := s.status(path); got != http.StatusOK {
				t.Errorf("GET %s: %d", path, got)
			}
		}
		for _, said := range []string{s.base + "/docs", filepath.Join(s.dir, "data"), "user create --admin"} {
			if !strings.Contains(s.out.String(), said) {
				t.Errorf("%q is not printed:\n%s", said, s.out.String())
			}
		}
		if info, err := os.Stat(filepath.Join(s.dir, "data", "jwt-secret")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
		s.signal(sig)
		if code, took := s.ends(10 * time.Second); code != 0 || took > 2*time.Second {
			t.Errorf("%v: exit code %d after %v\n%s", sig, code, took, s.out.String())
		}
	}
}

func TestAStrictStartNeedsASecret(t *testing.T) {
	cmd := exec.Command(builtOnce(t), "serve")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "APP_ENV=production", "JWT_SECRET=", "PORT=x")
	out, err := cmd.CombinedOutput()
	if err == nil || cmd.ProcessState.ExitCode() != 1 || strings.Count(string(out), "错误：") != 2 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestATakenPortStopsTheStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	cmd := exec.Command(builtOnce(t), "serve")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOST=127.0.0.1", "PORT="+port)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "PORT") || strings.Contains(string(out), "goroutine") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTheFirstAdminIsMadeAtStartOnce(t *testing.T) {
	dir := t.TempDir()
	admin := []string{"ADMIN_EMAIL=Admin@example.com", "ADMIN_USERNAME=admin", "ADMIN_PASSWORD=first password"}
	for _, password := range []string{"first password", "second password"} {
		admin[2] = "ADMIN_PASSWORD=" + password
		s := startServer(t, dir, admin...)
		status, answer := s.post("/api/auth/login", "", map[string]string{"email": "admin@example.com", "password": "first password"})
		if status != http.StatusOK || answer["user"].(map[string]any)["role"] != "admin" {
			t.Errorf("login: %d %v", status, answer)
		}
		if strings.Contains(s.out.String(), "password") {
			t.Error("the password is printed")
		}
		s.signal(syscall.SIGTERM)
		s.ends(10 * time.Second)
	}
}

// slowUpload sends an image over about two seconds and returns the status.
func slowUpload(base, token string, begun chan<- struct{}) (int, error) {
	var form bytes.Buffer
	m := multipart.NewWriter(&form)
	part, err := m.CreateFormFile("image", "a.png")
	if err != nil {
		return 0, err
	}
	if err := errors.Join(png.Encode(part, image.NewGray(image.Rect(0, 0, 64, 64))), m.Close()); err != nil {
		return 0, err
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /api/upload/single HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n",
		token, m.FormDataContentType(), form.Len())
	body := form.Bytes()
	for i := range 20 {
		if _, err := conn.Write(body[i*len(body)/20 : (i+1)*len(body)/20]); err != nil {
			return 0, err
		}
		if i == 2 {
			close(begun)
		}
		time.Sleep(100 * time.Millisecond)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	return resp.StatusCode, resp.Body.Close()
}

func TestAnUploadInFlightSurvivesTheStop(t *testing.T) {
	s := startServer(t, t.TempDir())
	token := s.register("slow")
	begun, done := make(chan struct{}), make(chan error, 1)
	go func() {
		status, err := slowUpload(s.base, token, begun)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		done <- err
	}()
	<-begun
	s.signal(syscall.SIGTERM)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if code, _ := s.ends(10 * time.Second); code != 0 {
		t.Errorf("exit code %d\n%s", code, s.out.String())
	}
}

func TestReadinessIsOffWhileDraining(t *testing.T) {
	s := startServer(t, t.TempDir(), "DRAIN_WAIT=1s")
	s.signal(syscall.SIGTERM)
	time.Sleep(300 * time.Millisecond)
	if got := s.status("/readyz"); got != http.StatusServiceUnavailable {
		t.Errorf("GET /readyz: %d", got)
	}
	if got := s.status("/livez"); got != http.StatusOK {
		t.Errorf("GET /livez: %d", got)
	}
	if code, _ := s.ends(10 * time.Second); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	s := startServer(t, t.TempDir(), "DRAIN_WAIT=30s")
	s.signal(syscall.SIGTERM)
	time.Sleep(300 * time.Millisecond)
	s.signal(syscall.SIGTERM)
	if code, took := s.ends(10 * time.Second); code == 0 || took > time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
}

func TestViewsAreWrittenWhenTheServerStops(t *testing.T) {
	dir := t.TempDir()
	s := startServer(t, dir)
	token := s.register("viewed")
	_, answer := s.post("/api/posts", token, map[string]string{"title": "砚", "content": "磨墨", "category": "生活", "status": "published"})
	path := "/api/posts/" + answer["post"].(map[string]any)["id"].(string)
	for range 3 {
		s.status(path)
	}
	s.signal(syscall.SIGTERM)
	s.ends(10 * time.Second)
	s = startServer(t, dir)
	r, err := http.Get(s.base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	var got struct{ Post struct{ ViewCount int } }
	if err := json.NewDecoder(r.Body).Decode(&got); err != nil || got.Post.ViewCount != 3 {
		t.Errorf("%d views, want 3 (%v)", got.Post.ViewCount, err)
	}
}

func TestTwoServersShareOneDatabase(t *testing.T) {
	dir := t.TempDir()
	one := startServer(t, dir)
	two := startServer(t, dir)
	token := one.register("shared")
	for i := range 20 {
		writer, reader := one, two
		if i%2 == 1 {
			writer, reader = two, one
		}
		status, answer := writer.post("/api/posts", token, map[string]string{"title": fmt.Sprint("第", i), "content": "共享", "category": "生活", "status": "published"})
		if status != http.StatusCreated {
			t.Fatalf("create: %d %v", status, answer)
		}
		r, err := http.Get(reader.base + "/api/posts")
		if err != nil {
			t.Fatal(err)
		}
		var list struct{ Pagination struct{ Total int } }
		err = json.NewDecoder(r.Body).Decode(&list)
		r.Body.Close()
		if err != nil || list.Pagination.Total != i+1 {
			t.Fatalf("the other server lists %d posts, want %d (%v)", list.Pagination.Total, i+1, err)
		}
	}
}

func TestCommandsWorkBesideARunningServer(t *testing.T) {
	s := startServer(t, t.TempDir())
	s.register("worker")
	command := func(args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, builtOnce(t), args...)
		cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "BCRYPT_COST=4")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	command("healthcheck", "--url", s.base+"/readyz")
	if out := command("user", "promote", "worker@example.com"); !strings.Contains(out, "管理员") {
		t.Errorf("printed %q", out)
	}
	status, answer := s.post("/api/auth/login", "", map[string]string{"email": "worker@example.com", "password": "a password"})
	if status != http.StatusOK || answer["user"].(map[string]any)["role"] != "admin" {
		t.Errorf("login: %d %v", status, answer)
	}
}
