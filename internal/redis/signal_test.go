package redis

import (
	"context"
	"crypto/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"inkstone/internal/enginetest"
)

// listener counts what it hears of a key until the test ends.
type listener struct {
	*Signal
	heard atomic.Int64
}

func listen(t *testing.T, c *Client, key string) *listener {
	t.Helper()
	l := &listener{}
	l.Signal = c.NewSignal(key, func() { l.heard.Add(1) })
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { l.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return l
}

// next has the signal sent, and waits until it is heard.
func (l *listener) next(t *testing.T, send func()) {
	t.Helper()
	before := l.heard.Load()
	send()
	enginetest.Within(t, 2*time.Second, "it is heard", func() bool { return l.heard.Load() > before })
}

func TestASignalIsHeardByAll(t *testing.T) {
	url, key := enginetest.Redis(t), "test:"+rand.Text()
	one, two := listen(t, watch(t, url).Client, key), listen(t, watch(t, url).Client, key)
	enginetest.Within(t, 2*time.Second, "both hear", func() bool { return one.Hears() && two.Hears() })
	if one.heard.Load() == 0 {
		t.Error("it began to hear, and was not told that it knows nothing of what was before")
	}
	for range 100 {
		two.next(t, one.Send)
		one.next(t, two.Send)
	}
	other := listen(t, watch(t, url).Client, "test:"+rand.Text())
	enginetest.Within(t, 2*time.Second, "it hears", other.Hears)
	before := other.heard.Load()
	two.next(t, one.Send)
	if other.heard.Load() != before {
		t.Error("heard by who listens for another one")
	}
}

func TestASignalSurvivesARestart(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	one, two := listen(t, watch(t, server.URL()).Client, "k"), listen(t, watch(t, server.URL()).Client, "k")
	enginetest.Within(t, 2*time.Second, "both hear", func() bool { return one.Hears() && two.Hears() })
	for _, stop := range []func(){server.Stop, server.Kill} {
		before := two.heard.Load()
		stop()
		enginetest.Within(t, 2*time.Second, "neither hears", func() bool { return !one.Hears() && !two.Hears() })
		one.Send() // nobody can hear it
		server.Start()
		enginetest.Within(t, 5*time.Second, "both hear", func() bool { return one.Hears() && two.Hears() })
		if two.heard.Load() == before {
			t.Error("it hears again, and was not told that it may have missed something")
		}
		two.next(t, one.Send)
	}
}

// A server that says nothing any more keeps the connection open.
func TestASilentServerIsNotHeard(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	one := listen(t, watch(t, server.URL()).Client, "k")
	enginetest.Within(t, 2*time.Second, "it hears", one.Hears)
	server.Pause()
	enginetest.Within(t, 5*time.Second, "it hears nothing", func() bool { return !one.Hears() })
	server.Resume()
	enginetest.Within(t, 10*time.Second, "it hears", one.Hears)
	one.next(t, one.Send)
}

// The line stays open, but no news come: what others send is not written.
func TestAServerThatTakesNoWritesIsNotHeard(t *testing.T) {
	w := watch(t, enginetest.PrivateRedis(t).URL())
	one := listen(t, w.Client, "k")
	enginetest.Within(t, 2*time.Second, "it hears", one.Hears)
	full := func(bytes string) {
		if err := w.conn.Do(t.Context(), w.conn.B().Arbitrary("CONFIG", "SET", "maxmemory", bytes).Build()).Error(); err != nil {
			t.Fatal(err)
		}
	}
	full("1")
	enginetest.Within(t, 5*time.Second, "Redis is not used", func() bool { _ = one.client.Set(t.Context(), "k", nil, time.Second); return !w.Up() })
	if one.Hears() {
		t.Error("it believes that it hears")
	}
	full("0")
	enginetest.Within(t, 5*time.Second, "it hears", one.Hears)
	one.next(t, one.Send)
}

func TestWhoMayNotListenHearsNothing(t *testing.T) {
	w := watch(t, enginetest.PrivateRedis(t).URL())
	enginetest.Within(t, 2*time.Second, "Redis is used", w.Up)
	if err := w.conn.Do(t.Context(), w.conn.B().Arbitrary("ACL", "SETUSER", "default", "-client|tracking").Build()).Error(); err != nil {
		t.Fatal(err)
	}
	one := listen(t, w.Client, "k")
	time.Sleep(3 * listenEvery)
	if one.Hears() {
		t.Error("it believes that it hears")
	}
}

// Redis agrees to track for a client that speaks its old protocol, and sends it nothing.
func TestWhoCannotBeToldHearsNothing(t *testing.T) {
	w := watch(t, enginetest.PrivateRedis(t, `rename-command=HELLO ""`).URL())
	enginetest.Within(t, 2*time.Second, "Redis is used", w.Up)
	one := listen(t, w.Client, "k")
	for range 20 {
		if one.Hears() {
			t.Fatal("it believes that it hears")
		}
		time.Sleep(listenEvery / 2)
	}
}

func TestNothingIsLeftOfASignalThatEnds(t *testing.T) {
	url := enginetest.Redis(t)
	before := goleak.IgnoreCurrent()
	c, err := Open(Options{URL: url, Report: func(error) {}, Failed: func(string) {}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := c.NewSignal("test:"+rand.Text(), func() {})
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	enginetest.Within(t, 2*time.Second, "it hears", s.Hears)
	s.Send()
	cancel()
	running.Wait()
	c.Close()
	goleak.VerifyNone(t, before)
}
