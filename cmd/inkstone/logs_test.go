package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// production is what a process needs to start as in production.
var production = []string{"NODE_ENV=production", "JWT_SECRET=tests-only-3f9c1b7ad2e84c06b5a1d0", "BCRYPT_COST=10"}

// logLine is a line of a log.
type logLine map[string]any

func logLines(t *testing.T, text string) (all []logLine) {
	t.Helper()
	for line := range strings.Lines(text) {
		var l logLine
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		for _, name := range []string{"timestamp", "level", "msg", "service"} {
			if s, ok := l[name].(string); !ok || s == "" {
				t.Errorf("no %s: %s", name, line)
			}
		}
		all = append(all, l)
	}
	return all
}

// requests returns the lines of requests with that route.
func requestLines(all []logLine, route string) (found []logLine) {
	for _, l := range all {
		if l["msg"] == "request" && l["route"] == route {
			found = append(found, l)
		}
	}
	return found
}

func TestALogOfARunHasEveryRequestAndNoSecret(t *testing.T) {
	dir := t.TempDir()
	var stderr bytes.Buffer
	cmd := exec.Command(builtOnce(t), "serve")
	cmd.Stderr = &stderr
	s := startAs(t, cmd, dir, append(production, "LOG_DIR="+filepath.Join(dir, "logs"))...)
	token := s.register("somebody")
	s.post("/api/auth/login", "", object{"email": "somebody@example.com", "password": "wr0ng-passw0rd"})
	s.post("/api/auth/login?password=1n-the-query", "", object{"email": "somebody@example.com", "password": "a password", "extra": "b0dy-secret"})
	s.post("/api/posts", token, object{"title": "一", "content": "二", "category": "技术"})
	send := func(method, target, more string) {
		c, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target, more)
		resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	send("GET", "/api/posts?token=qu3ry-token&reset_TOKEN=qu3ry-token2&search=%0a%7B%22forged%22", "Authorization: Bearer "+token+"\r\nCookie: session=c00kie\r\nUser-Agent: x\u0085\u202e {\"forged\":1}\r\n")
	send("GET", "/api/posts", "Authorization: Bearer "+token+"x\r\nX-Request-Id: mine.1\r\n")
	send("GET", "/nothing%0a%0d{\"forged\":1}", "Authorization: Basic cGFzc3dvcmQ=\r\n")
	send("BREW", "/api/posts", "")
	s.status("/readyz")
	s.signal(syscall.SIGTERM)
	if code, _ := s.ends(20 * time.Second); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d, standard error: %s", code, stderr.String())
	}

	out := s.out.String()
	combined, errors := readFile(t, filepath.Join(dir, "logs", "combined.log")), readFile(t, filepath.Join(dir, "logs", "error.log"))
	if out != combined {
		t.Errorf("standard output and combined.log differ:\n%s\n%s", out, combined)
	}
	logLines(t, errors)
	for _, secret := range []string{token, strings.Split(token, ".")[2], "a password", "wr0ng", "1n-the-query", "b0dy", "qu3ry", "c00kie", "cGFzc3dvcmQ", "tests-only", "somebody@example.com"} {
		if strings.Contains(out+errors, secret) {
			t.Errorf("the log has %q", secret)
		}
	}
	all := logLines(t, out)
	if n := len(requestLines(all, "/api/auth/login")); n != 2 {
		t.Errorf("%d logins", n)
	}
	if n := len(requestLines(all, "/readyz")); n != 0 {
		t.Errorf("%d probes at info", n)
	}
	lists := requestLines(all, "/api/posts")
	if len(lists) != 3 {
		t.Fatalf("%d requests of posts: %v", len(lists), lists)
	}
	which := func(of func(logLine) bool) logLine { // a line comes after its answer, and so perhaps after the next one's
		at := slices.IndexFunc(lists, of)
		if at < 0 {
			t.Fatalf("a request is missing: %v", lists)
		}
		return lists[at]
	}
	created := which(func(l logLine) bool { return l["method"] == "POST" })
	listed := which(func(l logLine) bool { return strings.Contains(l["url"].(string), "?") })
	refused := which(func(l logLine) bool { return l["requestId"] == "mine.1" })
	if created["userId"] == nil || created["status"] != 201.0 || created["level"] != "info" || created["bytes"].(float64) < 300 {
		t.Errorf("created: %v", created)
	}
	if listed["url"] != "/api/posts?token=***&reset_TOKEN=***&search=%0a%7B%22forged%22" || listed["userAgent"] != "x\u0085\u202e {\"forged\":1}" || listed["method"] != "GET" || listed["ip"] != "127.0.0.1" {
		t.Errorf("listed: %v", listed)
	}
	if refused["status"] != 401.0 || refused["level"] != "warn" || refused["userId"] != nil {
		t.Errorf("with a bad token: %v", refused)
	}
	if unknown := requestLines(all, "unmatched"); len(unknown) != 2 || unknown[0]["level"] != "warn" {
		t.Errorf("unknown: %v", unknown)
	}
}

type object = map[string]any

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHangupReadsTheLogLevelAgain(t *testing.T) {
	dir := t.TempDir()
	s := startAs(t, exec.Command(builtOnce(t), "serve"), dir, append(production, "LOG_DIR=")...)
	level := func(settings string) {
		t.Helper()
		before := strings.Count(s.out.String(), "\n")
		if err := os.WriteFile(filepath.Join(dir, ".env"), []byte(settings), 0o600); err != nil {
			t.Fatal(err)
		}
		s.signal(syscall.SIGHUP)
		for end := time.Now().Add(20 * time.Second); strings.Count(s.out.String(), "\n") == before; time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("nothing is said of %q:\n%s", settings, s.out.String())
			}
		}
	}
	probes := func() int {
		s.status("/livez")
		s.status("/api/nothing") // a warning at any of the levels below, behind the probe
		wanted := len(requestLines(logLines(t, whole(s.out.String())), "unmatched")) + 1
		for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
			all := logLines(t, whole(s.out.String()))
			if len(requestLines(all, "unmatched")) >= wanted {
				return len(requestLines(all, "/livez"))
			}
			if time.Now().After(end) {
				t.Fatal("no line")
			}
		}
	}
	if n := probes(); n != 0 {
		t.Errorf("%d probes at info", n)
	}
	level("LOG_LEVEL=debug")
	if n := probes(); n != 1 {
		t.Errorf("%d probes at debug", n)
	}
	level("LOG_LEVEL=loud")
	if n := probes(); n != 2 || !strings.Contains(s.out.String(), "they stay as they are") {
		t.Errorf("a wrong level counts: %d probes\n%s", n, s.out.String())
	}
	level("LOG_LEVEL=warn")
	if n := probes(); n != 2 {
		t.Errorf("%d probes at warn", n)
	}
}

// whole is text up to its last whole line.
func whole(text string) string { return text[:strings.LastIndex(text, "\n")+1] }

func TestInProductionThePortIsToldWhateverTheLevel(t *testing.T) {
	s := startServer(t, t.TempDir(), append(production, "LOG_LEVEL=error")...)
	if !strings.Contains(s.out.String(), "地址      "+s.base) {
		t.Errorf("printed: %s", s.out.String())
	}
}
