package apitest

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// TestFilesUsedUpDoNotEndTheProgram holds more connections open than the program
// may have files, and then finds it as it was.
func TestFilesUsedUpDoNotEndTheProgram(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("needs /proc")
	}
	s := usual()
	p := launch(t, t.TempDir(), s)
	pid := p.cmd.Process.Pid
	files := fmt.Sprintf("/proc/%d/fd", pid)
	before := count(t, files)
	limitFiles(t, pid, before+40)

	var held []net.Conn
	for range 120 {
		c, err := net.DialTimeout("tcp", strings.TrimPrefix(p.url, "http://"), 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		held = append(held, c)
	}
	for end := time.Now().Add(10 * time.Second); count(t, files) < before+35; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("only %d files are open", count(t, files))
		}
	}
	time.Sleep(time.Second) // of failing to accept
	for _, c := range held {
		c.Close()
	}
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(p.url + "/health")
	if err != nil {
		t.Fatalf("not well again: %v", err)
	}
	resp.Body.Close()
	for end := time.Now().Add(10 * time.Second); count(t, files) > before+5; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d files are open, %d were before", count(t, files), before)
		}
	}
	if err := p.Stop(); err != nil {
		t.Errorf("end: %v", err)
	}
}

func count(t *testing.T, folder string) int {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// limitFiles bounds what a running process may have open.
func limitFiles(t *testing.T, pid, most int) {
	t.Helper()
	tool, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip(err)
	}
	if out, err := exec.Command(tool, fmt.Sprintf("--pid=%d", pid), fmt.Sprintf("--nofile=%d:%d", most, most)).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}
