package apitest

import (
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// clinger opens a connection, sends something, and goes on as slowly as it likes.
type clinger struct {
	send  string
	drip  string        // sent each second
	large bool          // the answer is 5 MB, and he does not take it
	ends  time.Duration // when the server must have had enough
}

// Clients that only hold on are ended in time, a hundred of each kind cost little
// memory, and the rest is served meanwhile. It takes the time that real clients
// are given, so it is run by hand: INKSTONE_HOLD_ON=1.
func TestHundredsThatHoldOnAreEndedInTime(t *testing.T) {
	if os.Getenv("INKSTONE_HOLD_ON") == "" {
		t.Skip("takes over a minute: set INKSTONE_HOLD_ON")
	}
	t.Run("one process", func(t *testing.T) { newLoad(t, nil).holdOn() })
	t.Run("a gateway", func(t *testing.T) {
		all := usual()
		all["TARGET"], all["DRAIN_WAIT"] = "auth,user,post,comment,upload,admin", "0s"
		behind := hostOf(t, launch(t, t.TempDir(), all).url)
		all["TARGET"], all["STATIC_SERVICES"], all["GATEWAY_RATE_LIMIT_MAX"] = "gateway", everyServiceAt(behind), "0"
		loadOf(t, launch(t, t.TempDir(), all)).holdOn()
	})
}

// holdOn has a hundred clients of each kind hold on.
func (l *load) holdOn() {
	t := l.t
	form, kind := formOf(t, file{"image", "a.png", "image/png", sized(5 << 20)})
	picture := l.user.With("Content-Type", kind).Post("/api/upload/single", form).Expect(200).Str("file.url")
	head := " HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " + l.user.Token + "\r\n"
	body := "POST /api/posts" + head + "Content-Type: application/json\r\nContent-Length: 10000000\r\n\r\n"
	before := l.slowest()
	kinds := map[string]clinger{
		"slow header":   {"GET /health HTTP/1.1\r\nHost: a\r\n", "X-A: b\r\n", false, 15 * time.Second},
		"slow body":     {body, " ", false, 40 * time.Second},
		"stalled body":  {body + strings.Repeat(" ", 60000), "", false, 40 * time.Second},
		"stalled large": {body + strings.Repeat(" ", 300000), "", false, 40 * time.Second},
		"slow reader":   {"GET " + picture + head + "\r\n", "", true, 75 * time.Second},
		"silent":        {"", "", false, 15 * time.Second},
	}
	var wg sync.WaitGroup
	for name, kind := range kinds {
		wg.Go(func() { l.hold(name, kind) })
	}
	time.Sleep(8 * time.Second)
	during, grown := l.slowest(), (l.status("VmRSS")-l.idle)>>10
	wg.Wait()
	if grown > most {
		t.Errorf("the process grew by %d MB", grown)
	}
	t.Logf("p99 of reads: %v before, %v meanwhile; %d MB more than idle meanwhile, %d MB at most", before, during, grown, (l.status("VmHWM")-l.idle)>>10)
	l.settles()
}

// hold has a hundred of a kind hold on and waits for their end.
func (l *load) hold(name string, kind clinger) {
	start := time.Now()
	var mu sync.Mutex
	var last time.Duration
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			l.cling(name, kind)
			mu.Lock()
			defer mu.Unlock()
			last = max(last, time.Since(start))
		})
	}
	wg.Wait()
	l.t.Logf("%-13s: the last was ended after %v", name, last.Round(time.Second))
	if last > kind.ends+kind.ends/10 {
		l.t.Errorf("%s: ended after %v, want %v", name, last, kind.ends)
	}
}

// cling returns when the server has ended the connection, or far too late.
func (l *load) cling(name string, kind clinger) {
	c, err := net.Dial("tcp", strings.TrimPrefix(l.p.url, "http://"))
	if err != nil {
		l.t.Errorf("%s: %v", name, err)
		return
	}
	l.t.Cleanup(func() { c.Close() })
	_ = c.(*net.TCPConn).SetReadBuffer(4096)
	go func() { _, _ = io.WriteString(c, kind.send) }()
	if kind.large { // what is on its way hides the end from him: the server's files tell, see settles
		time.Sleep(kind.ends)
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, c)
	}()
	for end := time.Now().Add(2 * kind.ends); time.Now().Before(end); {
		select {
		case <-ended:
			return
		case <-time.After(time.Second):
			_, _ = io.WriteString(c, kind.drip)
		}
	}
}

// slowest returns the 99th of a hundred reads, by their time.
func (l *load) slowest() time.Duration {
	var took []time.Duration
	for range 100 {
		start := time.Now()
		(&client{t: l.t, url: l.p.url}).Get("/api/posts/tags").Expect(200)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[98]
}
