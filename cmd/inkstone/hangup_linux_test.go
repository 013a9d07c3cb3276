package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal opens a terminal: who has ours, and what a process in it has. Closing ours hangs up.
func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { ours.Close() })
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { theirs.Close() })
	return ours, theirs
}

// A server ends with its terminal, but not one that nohup has started.
func TestAServerWhoseTerminalIsClosedEndsUnlessItIgnoresThat(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // else what we start ignores it where we do
	defer signal.Reset(syscall.SIGHUP)
	for name, first := range map[string]string{"plain": "", "nohup": `trap "" HUP; `} {
		t.Run(name, func(t *testing.T) {
			ours, theirs := openTerminal(t)
			cmd := exec.Command("sh", "-c", first+`exec "$0" serve`, builtOnce(t))
			cmd.Stdin = theirs
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // of standard input
			s := startAs(t, cmd, t.TempDir())
			s.status("/livez") // from then on it heeds what comes
			theirs.Close()
			ours.Close()
			if name == "plain" {
				if code, _ := s.ends(20 * time.Second); code != 0 {
					t.Errorf("exit code %d:\n%s", code, s.out.String())
				}
				return
			}
			for end := time.Now().Add(20 * time.Second); !strings.Contains(s.out.String(), "LOG_LEVEL is read again"); time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("no SIGHUP came:\n%s", s.out.String())
				}
			}
			if got := s.status("/livez"); got != 200 {
				t.Errorf("status %d", got)
			}
			s.signal(syscall.SIGTERM)
			if code, _ := s.ends(20 * time.Second); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

func TestHangupDoesNotWaitForADotenvThatIsAPipe(t *testing.T) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // else what we start ignores it where we do
	defer signal.Reset(syscall.SIGHUP)
	dir := t.TempDir()
	s := startAs(t, exec.Command(builtOnce(t), "serve"), dir, append(production, "LOG_DIR=")...)
	says := func(text string) {
		t.Helper()
		s.signal(syscall.SIGHUP)
		for end := time.Now().Add(20 * time.Second); !strings.Contains(s.out.String(), text); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s is not said:\n%s", text, s.out.String())
			}
		}
	}
	dotenv := filepath.Join(dir, ".env")
	if err := unix.Mkfifo(dotenv, 0o600); err != nil {
		t.Fatal(err)
	}
	says("不是普通文件")
	if err := os.Remove(dotenv); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dotenv, []byte("LOG_LEVEL=debug"), 0o600); err != nil {
		t.Fatal(err)
	}
	says("LOG_LEVEL is read again")
}
