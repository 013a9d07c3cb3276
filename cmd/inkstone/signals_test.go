package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

func TestASecondSignalEndsAtOnceAlsoWhereItWasIgnoredAtTheStart(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		// What a shell that is not interactive does for "inkstone serve &".
		s := startAs(t, exec.Command("sh", "-c", `trap "" INT TERM; exec "$0" serve`, builtOnce(t)), t.TempDir(), "DRAIN_WAIT=30s")
		s.signal(sig)
		time.Sleep(300 * time.Millisecond)
		s.signal(sig)
		if code, took := s.ends(10 * time.Second); code == 0 || took > time.Second {
			t.Errorf("%v: exit code %d after %v", sig, code, took)
		}
	}
}

func TestASecondSignalIsWhatTheProcessEndedBy(t *testing.T) {
	s := startServer(t, t.TempDir(), "DRAIN_WAIT=30s")
	s.signal(syscall.SIGTERM)
	time.Sleep(300 * time.Millisecond)
	s.signal(syscall.SIGINT)
	s.ends(10 * time.Second)
	if status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGINT {
		t.Errorf("ended otherwise: %v", s.cmd.ProcessState)
	}
}

func TestALostLogDoesNotEndTheServer(t *testing.T) {
	for _, command := range []string{"serve", "alerts"} {
		s, log := startIntoPipe(t, command)
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			r, err := http.Post(s.base+"/wecom", "application/json", strings.NewReader("{}")) // a route of neither, or a notice that is none
			if err != nil {
				t.Fatalf("%s: %v", command, err)
			}
			r.Body.Close()
			time.Sleep(100 * time.Millisecond) // the log is written behind the answer
		}
		s.signal(syscall.SIGTERM)
		if code, _ := s.ends(20 * time.Second); code != 0 {
			t.Errorf("%s: exit code %d", command, code)
		}
	}
}

// startIntoPipe starts a server whose whole output goes into the pipe that is returned.
func startIntoPipe(t *testing.T, command string) (*server, io.Closer) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	address := enginetest.FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(builtOnce(t), command)
	cmd.Dir, cmd.Stdout, cmd.Stderr = t.TempDir(), writer, writer
	cmd.Env = append(os.Environ(), "HOST=127.0.0.1", "PORT="+port, "ALERTS_ADDR="+address, "LOG_DIR=", "LOG_LEVEL=debug", "WECOM_WEBHOOK_URL=https://robot.invalid/")
	if err := errors.Join(cmd.Start(), writer.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("%s does not listen: %v", command, err)
		}
	}
	return &server{t: t, base: "http://" + address, cmd: cmd, out: &firstURL{}}, reader
}
