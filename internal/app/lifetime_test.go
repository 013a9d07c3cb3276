package app

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/config"
	"inkstone/internal/web"
)

// started runs an App with a route that answers when it is released.
func started(t *testing.T, more map[string]string) (url string, release chan struct{}, stop func() error) {
	t.Helper()
	dir := t.TempDir()
	settings := map[string]string{"DATA_DIR": dir, "LOG_DIR": "", "HOST": "127.0.0.1", "PORT": "0", "LOG_LEVEL": "error", "BCRYPT_COST": "4"}
	for name, value := range more {
		settings[name] = value
	}
	cfg, _, err := config.Load(func(name string) (string, bool) { v, ok := settings[name]; return v, ok }, dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	a, err := New(ctx, cfg, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	release = make(chan struct{})
	a.mux.Handle("GET /api/slow", web.Anyone, func(w http.ResponseWriter, r *http.Request, _ blog.Actor) error {
		<-release
		return web.JSON(w, r, http.StatusOK, web.Message{Message: "done"})
	})
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(cancel)
	return a.URL(), release, func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(20 * time.Second):
			t.Error("the program does not end")
			return nil
		}
	}
}

// send opens a connection and sends a GET over it.
func send(t *testing.T, url, path string) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return c, bufio.NewReader(c)
}

func TestIdleConnectionsDoNotHoldUpTheEnd(t *testing.T) {
	url, _, stop := started(t, nil)
	for range 5 {
		_, in := send(t, url, "/health")
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	begun := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestARequestInFlightIsAnsweredBeforeTheEnd(t *testing.T) {
	url, release, stop := started(t, nil)
	_, in := send(t, url, "/api/slow")
	waitFor(t, url)
	time.AfterFunc(300*time.Millisecond, func() { close(release) })
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(string(body), "done") {
		t.Errorf("%d %s %v", resp.StatusCode, body, err)
	}
	if !resp.Close {
		t.Error("the client may send more over a connection that ends")
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestWhileDrainingTheProgramServesAndSaysThatItIsNotReady(t *testing.T) {
	url, _, stop := started(t, map[string]string{"DRAIN_WAIT": "1s"})
	ended := make(chan error, 1)
	go func() { ended <- stop() }()
	time.Sleep(200 * time.Millisecond)
	for path, want := range map[string]int{"/readyz": http.StatusServiceUnavailable, "/health": http.StatusOK, "/api/posts": http.StatusOK} {
		_, in := send(t, url, path)
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != want || (want == http.StatusServiceUnavailable) != (resp.Header.Get("Retry-After") != "") {
			t.Errorf("%s: %v %v", path, resp, err)
		}
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// waitFor returns when the program has answered a later request: an earlier one is at work then.
func waitFor(t *testing.T, url string) {
	t.Helper()
	time.Sleep(50 * time.Millisecond)
	fetch(t, url+"/health")
}
