package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"inkstone/internal/admin"
	"inkstone/internal/enginetest"
)

// withServer runs a server with settings in the folder of the commands.
func withServer(t *testing.T, env ...string) (*inkstone, *server) {
	t.Helper()
	builtOnce(t) // before the commands have a folder of their own
	i := withAdmin(t)
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	return i, startServer(t, dir, env...)
}

// listens answers each connection to a port of its own, and sets PORT to that.
func (i *inkstone) listens(answer func(net.Conn)) {
	i.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				answer(c)
			}()
		}
	}()
	i.env["PORT"] = strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// says reads a request, then writes a text and closes.
func says(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, text)
	}
}

func TestWhoAnswersInPlaceOfTheServerIsTold(t *testing.T) {
	for saying, answer := range map[string]func(net.Conn){
		"无法识别":         says("HTTP/1.1 200 OK\r\n\r\n<html>"),
		"回答了状态 404":    says("HTTP/1.1 404 Not Found\r\n\r\n"),
		"回答了状态 302":    says("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n"),
		"正忙（状态 503）":   says("HTTP/1.1 503 Service Unavailable\r\n\r\n"),
		"关闭了连接，没有应答":   func(net.Conn) {},
		"没有应答或应答不完整":   says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
		"或应答不完整，请检查":   says("HTTP/1.1 200 OK\r\n"),
		"的应答不是 HTTP":   says("\x1b[2JSSH-2.0-a\r\n"),
		"应答不是 HTTP，那里": says("\x1b[2J"),
		"没有在 5 秒内应答":   func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
	} {
		i := newInkstone(t, "JWT_SECRET=long enough for anybody: 0123456789")
		i.listens(answer)
		code, out, errs := i.run("", "db", "pool")
		if code != 1 || out != "" || !strings.Contains(errs, saying) || strings.ContainsAny(errs, "\x1b") || strings.Count(errs, "\n") != 1 {
			t.Errorf("exit code %d, want 1 and %q\n%q%q", code, saying, out, errs)
		}
	}
}

// Whoever took the port has what he is sent, and what can he do with it?
func TestWhatAStrangerOnThePortGetsIsGoodForThePoolAloneAndNotForLong(t *testing.T) {
	i, s := withServer(t)
	var sent []string
	stranger := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization"))
	}))
	i.env["PORT"] = portOf(t, stranger.URL)
	i.fails("无法识别", "", "db", "pool")
	stranger.Close()
	if len(sent) != 1 {
		t.Fatalf("he was sent %q", sent)
	}
	_, proof, _ := strings.Cut(sent[0], " ")
	for _, c := range []struct {
		method, path, authorization string
		want                        int
	}{
		{"GET", "/api/admin/database/pool", sent[0], 200},
		{"GET", "/api/admin/database/pool", "Bearer " + proof, 401},
		{"HEAD", "/api/admin/database/pool", sent[0], 401},
		{"GET", "/api/admin/database/slow-queries", sent[0], 401},
		{"GET", "/api/admin/database/indexes", sent[0], 401},
		{"GET", "/api/users", sent[0], 401},
		{"GET", "/api/users", "Bearer " + proof, 401},
		{"GET", "/api/auth/me", sent[0], 401},
		{"POST", "/api/auth/refresh", sent[0], 401},
		{"GET", "/api/posts", sent[0], 401},
	} {
		if status := s.statusAs(c.authorization, c.method, c.path); status != c.want {
			t.Errorf("%s %s as %s: %d, want %d", c.method, c.path, c.authorization, status, c.want)
		}
	}
	var claims jwt.RegisteredClaims
	if payload, err := base64.RawURLEncoding.DecodeString(strings.Split(proof, ".")[1]); err != nil || json.Unmarshal(payload, &claims) != nil {
		t.Fatalf("%q: %v", proof, err)
	}
	if left := time.Until(claims.ExpiresAt.Time); left > 10*time.Second || claims.Subject != "" {
		t.Errorf("%v after it was sent it is good for %v", claims, left)
	}
	time.Sleep(time.Until(claims.ExpiresAt.Time) + 100*time.Millisecond)
	if status := s.statusAs(sent[0], "GET", "/api/admin/database/pool"); status != 401 {
		t.Errorf("when it is over: %d", status)
	}
}

func (s *server) statusAs(authorization, method, path string) int {
	s.t.Helper()
	r, err := http.NewRequest(method, s.base+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestWithoutASecretNothingIsSentAndNoneIsMade(t *testing.T) {
	i := newInkstone(t)
	sent := make(chan int, 1)
	i.listens(func(c net.Conn) {
		n, _ := io.Copy(io.Discard, c)
		sent <- int(n)
	})
	i.fails("无法读取服务的令牌密钥，请以服务的用户与设置（JWT_SECRET 或 DATA_DIR）执行", "", "db", "pool")
	if n := <-sent; n > 0 {
		t.Errorf("%d bytes are sent", n)
	}
	if entries, err := os.ReadDir("."); err != nil || len(entries) > 0 {
		t.Errorf("%v was made, %v", entries, err)
	}
}

func TestThePoolOfAServerWhoseDatabaseIsAwayIsShown(t *testing.T) {
	builtOnce(t)
	database := enginetest.PrivatePostgres(t)
	i := newInkstone(t, "DATABASE_URL="+database.URL())
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	s := startServer(t, dir, "DATABASE_URL="+database.URL())
	i.env["PORT"] = portOf(t, s.base)
	enginetest.Within(t, time.Minute, "it is ready", func() bool { return s.status("/readyz") == http.StatusOK })
	if pool := decoded[admin.Pool](t, i.succeeds("", "db", "pool", "--json")); pool.State != "ok" {
		t.Errorf("%+v", pool)
	}
	database.Stop()
	pool := decoded[admin.Pool](t, i.succeeds("", "db", "pool", "--json"))
	if pool.State != "away" || pool.Engine != "postgres" || pool.Connections == nil || pool.Connections.Limit < 1 || !strings.HasSuffix(pool.Instance, "/"+strconv.Itoa(s.cmd.Process.Pid)) {
		t.Errorf("%+v", pool)
	}
	if out := i.succeeds("", "db", "pool"); !strings.Contains(out, "无法访问") || !strings.Contains(out, "上限") {
		t.Errorf("%s", out)
	}
}

// The other process is this one, which is not the server's.
func TestThePoolIsShownWhileAnotherProcessHoldsTheWriteLock(t *testing.T) {
	i, s := withServer(t)
	other, err := sqlite.OpenConn(filepath.Join("data", "inkstone.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := sqlitex.ExecuteTransient(other, "BEGIN EXCLUSIVE", nil); err != nil {
		t.Fatal(err)
	}
	i.env["PORT"] = portOf(t, s.base)
	i.env["DATABASE_URL"] = "sqlite:none.db" // so the command fails if it opens the database, and it waits for five seconds at most
	pool := decoded[admin.Pool](t, i.succeeds("", "db", "pool", "--json"))
	if pool.Connections == nil || pool.State != "ok" {
		t.Errorf("%+v", pool)
	}
}

func TestWhatTheServerAnswersMovesNoCursor(t *testing.T) {
	hostile := "\x1b[2J\x7f\u009b31m\u202e\u2066\u2028\r\na"
	const shown = `\u001b[2J\u007f\u009b31m\u202e\u2066\u2028\u000d\u000aa`
	pool := admin.Pool{Instance: hostile, Engine: hostile, Version: hostile, State: hostile, Connections: &admin.Connections{}}
	body, err := json.Marshal(pool)
	if err != nil {
		t.Fatal(err)
	}
	i := newInkstone(t, "JWT_SECRET=long enough for anybody: 0123456789")
	i.listens(says("HTTP/1.1 200 OK\r\n\r\n" + string(body)))
	if out := i.succeeds("", "db", "pool"); strings.Count(out, shown) != 3 || strings.Count(out, "\n") != 7 || strings.ContainsAny(out, "\x1b\x7f\u009b\u202e\u2066\u2028\r") {
		t.Errorf("%q", out)
	}
	out := i.succeeds("", "db", "pool", "--json")
	if strings.ContainsAny(out, "\x1b\x7f\u009b\u202e\u2066\u2028\r") {
		t.Errorf("%q", out)
	}
	if got := decoded[admin.Pool](t, out); got.Instance != hostile || got.State != hostile {
		t.Errorf("%+v", got)
	}
}

func TestTheServerIsAskedByANameOfThisMachine(t *testing.T) {
	names := []string{"localhost"}
	if name, err := os.Hostname(); err == nil {
		if addresses, err := net.DefaultResolver.LookupIPAddr(t.Context(), name); err == nil && allOurs(addresses) {
			names = append(names, name)
		} else {
			t.Logf("%s is no name that this machine knows for itself: %v, %v", name, addresses, err)
		}
	}
	for _, name := range names {
		i, s := withServer(t, "HOST="+name)
		i.env["HOST"], i.env["PORT"] = name, portOf(t, s.base)
		if pool := decoded[admin.Pool](t, i.succeeds("", "db", "pool", "--json")); pool.Connections == nil {
			t.Errorf("HOST=%s: %+v", name, pool)
		}
	}
}

func TestAProofStaysOnThisMachine(t *testing.T) {
	for _, host := range []string{"192.0.2.10", "no-such-host.invalid", "0.0.0.1", "ff02::1"} {
		i := newInkstone(t, "HOST="+host, "JWT_SECRET=long enough for anybody: 0123456789")
		i.fails("凭证不会送到别处", "", "db", "pool")
	}
	ours := []net.IPAddr{{IP: net.IPv4(127, 0, 0, 1)}, {IP: net.IPv6loopback}, {IP: net.IPv4(127, 0, 1, 1).To4()}}
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok {
			ours = append(ours, net.IPAddr{IP: n.IP})
		}
	}
	if !allOurs(ours) {
		t.Errorf("%v are not ours", ours)
	}
	if allOurs(append(ours, net.IPAddr{IP: net.IPv4(192, 0, 2, 10)})) {
		t.Error("a name of this machine and another is taken for this machine's")
	}
}
