package limit

import (
	"context"
	"crypto/rand"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"inkstone/internal/enginetest"
	"inkstone/internal/redis"
)

// Gone after six of ten: four more pass, whatever Redis does, and ten of who is new.
func TestWithoutRedisTheLimitIsNeitherOpenNorClosed(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	c := connected(t, server.URL())
	r := NewRedis(c, NewMemory(time.Minute, time.Now))
	known, fresh := Count{rand.Text(), 10}, Count{rand.Text(), 10}
	if n := passed(r, 6, known); n != 6 {
		t.Fatalf("%d passed", n)
	}
	server.Stop()
	if n := passed(r, 30, known); n != 4 {
		t.Errorf("%d more passed, want 4", n)
	}
	if n := passed(r, 30, fresh); n != 10 {
		t.Errorf("%d of who is new passed, want 10", n)
	}
	if c.Up() {
		t.Error("it is still asked")
	}
	server.Start() // empty
	enginetest.Within(t, 2*time.Second, "Redis is used", c.Up)
	if n := passed(r, 30, known); n != 10 {
		t.Errorf("%d passed with the new one, want 10", n)
	}
	server.Kill()
	if n := passed(r, 30, known); n != 0 {
		t.Errorf("%d more passed when it was gone again, want none", n)
	}
}

func TestWhileRedisIsAwayRefundsCount(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	r := shared(t, server.URL(), time.Minute)
	server.Stop()
	c := Count{rand.Text(), 3}
	for range 20 {
		if !r.Take(t.Context(), c).OK {
			t.Fatal("refused, though all was taken back")
		}
		r.Refund(t.Context(), c)
	}
}

// silences are the ways in which Redis takes connections and does not answer in time.
var silences = map[string]func(t *testing.T) (url string, silence, end func()){
	"paused": func(t *testing.T) (string, func(), func()) {
		s := enginetest.PrivateRedis(t)
		return s.URL(), s.Pause, s.Resume
	},
	"slow": func(t *testing.T) (string, func(), func()) {
		p := enginetest.SlowProxy(t, enginetest.Redis(t))
		return p.URL(), func() { p.Delay(time.Second) }, func() { p.Delay(0) }
	},
}

func TestASilentRedisKeepsNobodyWaiting(t *testing.T) {
	for name, silent := range silences {
		t.Run(name, func(t *testing.T) {
			url, silence, end := silent(t)
			r := shared(t, url, time.Minute)
			c := Count{rand.Text(), 1000}
			passed(r, 10, c)
			silence()
			stalls := enginetest.Stalls(t)
			var all sync.WaitGroup
			for range 16 {
				all.Go(func() {
					for range 10 {
						begun := time.Now()
						passed(r, 1, c)
						if took := time.Since(begun); took > redis.Bound+20*time.Millisecond+3*stalls() {
							t.Errorf("one waited %v", took)
						}
					}
				})
			}
			all.Wait()
			begun := time.Now()
			for time.Since(begun) < 1500*time.Millisecond { // while it is looked for, too
				one := time.Now()
				passed(r, 1, Count{rand.Text(), 1})
				if took := time.Since(one); took > 5*time.Millisecond+3*stalls() {
					t.Errorf("one waited %v though it is known to be away", took)
				}
				time.Sleep(time.Millisecond)
			}
			end()
			enginetest.Within(t, 3*time.Second, "Redis is used", r.server.Up)
			if got := r.Take(t.Context(), c); !got.OK {
				t.Errorf("back: %+v", got)
			}
		})
	}
}

func TestAllThatARequestAsksWaitsNoLongerThanOneQuestion(t *testing.T) {
	server := enginetest.PrivateRedis(t)
	r := shared(t, server.URL(), time.Minute)
	server.Pause()
	ctx, c := WithPatience(t.Context()), Count{rand.Text(), 10}
	stalls, begun := enginetest.Stalls(t), time.Now()
	r.Take(ctx, c)
	r.Take(ctx, c)
	r.Refund(ctx, c)
	if took := time.Since(begun); took > redis.Bound+20*time.Millisecond+3*stalls() {
		t.Errorf("waited %v", took)
	}
}

func TestAClientWhoHangsUpIsNoRedisThatFails(t *testing.T) {
	r := shared(t, enginetest.Redis(t), time.Minute)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	c := Count{rand.Text(), 5}
	for range 20 {
		r.Take(gone, c)
	}
	if r.local.take(c.Key, 100).Remaining != 94 || !r.server.Up() {
		t.Error("it was not asked")
	}
}

func TestNothingRunsOnAfterTheEnd(t *testing.T) {
	for name, with := range map[string]func(t *testing.T, s *enginetest.Server){
		"up":      func(*testing.T, *enginetest.Server) {},
		"stopped": func(_ *testing.T, s *enginetest.Server) { s.Stop() },
		"paused":  func(_ *testing.T, s *enginetest.Server) { s.Pause() },
	} {
		server := enginetest.PrivateRedis(t)
		before := goleak.IgnoreCurrent()
		t.Run(name, func(t *testing.T) {
			r := shared(t, server.URL(), time.Minute)
			passed(r, 20, Count{rand.Text(), 10})
			with(t, server)
			var all sync.WaitGroup
			for range 32 {
				all.Go(func() { passed(r, 5, Count{rand.Text(), 10}) })
			}
			all.Wait()
		})
		goleak.VerifyNone(t, before)
	}
}
