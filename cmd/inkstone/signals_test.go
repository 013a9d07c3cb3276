package main

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
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
	for command, path := range map[string]string{"serve": "/api/posts", "alerts": "/livez"} {
		reader, writer, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(builtOnce(t), command)
		cmd.Stderr = writer
		s := startAs(t, cmd, t.TempDir(), "LOG_LEVEL=debug", "ALERTS_ADDR=127.0.0.1:0", "WECOM_WEBHOOK_URL=https://robot.invalid/")
		if err := errors.Join(reader.Close(), writer.Close()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			r, err := http.Post(s.base+"/wecom", "application/json", strings.NewReader("{}")) // the relay refuses it, and logs that
			if err != nil {
				t.Fatal(err)
			}
			r.Body.Close()
			if got := s.status(path); got != http.StatusOK {
				t.Errorf("%s: status %d", command, got)
			}
			time.Sleep(100 * time.Millisecond) // the log is written behind the answer
		}
		s.signal(syscall.SIGTERM)
		if code, _ := s.ends(10 * time.Second); code != 0 {
			t.Errorf("%s: exit code %d", command, code)
		}
	}
}
