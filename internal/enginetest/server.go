package enginetest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A Server belongs to one test, which may stop, kill and pause it. It listens on
// loopback, on the same port after each start, and has gone when the test ends.
// What fails here ends the test.
type Server struct {
	t       testing.TB
	url     string
	dir     string
	command []string
	stop    os.Signal
	answers func(context.Context, string) error
	process *process // nil: down
}

// URL is where the server answers, with name and password.
func (s *Server) URL() string { return s.url }

// Start starts the server with the data it had, and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	if s.process != nil {
		s.t.Fatalf("%s runs already", s.command[0])
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		err := s.launch()
		if err == nil {
			return
		}
		// The memory or the port of the one before, just killed, may take a moment.
		if !strings.Contains(err.Error(), "in use") || time.Now().After(deadline) {
			s.t.Fatal(err)
		}
	}
}

// Stop asks the server to end and waits until it has: clients are cut off, what
// it has to write is written.
func (s *Server) Stop() {
	s.t.Helper()
	p := s.running()
	s.process = nil
	p.resume() // a paused one would not hear it
	p.Signal(s.stop)
	select {
	case <-p.gone:
	case <-time.After(30 * time.Second):
		p.kill()
		s.t.Fatalf("%s did not stop in 30 s", s.command[0])
	}
}

// Kill ends the server and its children at once (SIGKILL).
func (s *Server) Kill() {
	s.t.Helper()
	s.running().kill()
	s.process = nil
}

// Pause stops the server without ending it, so that connections stay and nothing
// answers (SIGSTOP). Linux only; elsewhere the test is skipped.
func (s *Server) Pause() {
	s.t.Helper()
	if err := s.running().pause(); errors.Is(err, errors.ErrUnsupported) {
		s.t.Skip(err)
	} else if err != nil {
		s.t.Fatal(err)
	}
}

// Resume ends a pause.
func (s *Server) Resume() {
	s.t.Helper()
	if err := s.running().resume(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) running() *process {
	s.t.Helper()
	if s.process == nil {
		s.t.Fatalf("%s does not run", s.command[0])
	}
	return s.process
}

func (s *Server) launch() error {
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(s.command[0], s.command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, log, log
	p, err := start(cmd)
	if err != nil {
		return err
	}
	if err := s.wait(p); err != nil {
		p.kill()
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%s does not come up: %w; it says:\n%s", s.command[0], err, said)
	}
	s.process = p
	return nil
}

// wait returns when the server answers, or with the reason why it never will.
func (s *Server) wait(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		err := s.answers(ctx, s.url)
		if err == nil {
			return nil
		}
		select {
		case <-p.gone:
			return errors.New("it has ended")
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// begin starts a server for the rest of the test.
func begin(s *Server) *Server {
	s.t.Helper()
	s.t.Cleanup(func() {
		if s.process != nil {
			s.process.kill()
		}
	})
	s.Start()
	return s
}

// folder is a new one that the servers' user can reach, which t.TempDir is not.
func folder(t testing.TB) string {
	t.Helper()
	parent := os.TempDir()
	uid, gid, other := owner()
	if other && !open(parent) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "inkstone-server-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if other {
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// open reports whether everybody can reach what is in a folder.
func open(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return true
		}
		dir = parent
	}
}

// owner is who runs the servers where we are root, for PostgreSQL refuses to be.
func owner() (uid, gid int, ok bool) {
	if os.Geteuid() != 0 {
		return 0, 0, false
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return 0, 0, false
		}
	}
	uid, _ = strconv.Atoi(u.Uid)
	gid, _ = strconv.Atoi(u.Gid)
	return uid, gid, true
}

// FreeAddress is one of this machine that nobody listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", freePort(t))
}

// freePort is below the ports that connections going out are given: while a
// server is down none of them can take its place.
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		port := strconv.Itoa(20000 + rand.IntN(12000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return ""
}
