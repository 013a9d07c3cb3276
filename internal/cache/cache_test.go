package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

type text string

func (t text) Size() int { return len(t) }

func TestAChangeMakesWhatWasKeptUnreachable(t *testing.T) {
	var generation, loads atomic.Uint64
	c := newCache(t, func(context.Context) (uint64, error) { return generation.Load(), nil })
	load := func(context.Context) (text, error) { loads.Add(1); return "x", nil }
	for _, want := range []uint64{1, 1, 2} {
		if want == 2 {
			generation.Add(1)
		}
		if _, err := c.Get(t.Context(), "k", load); err != nil || loads.Load() != want {
			t.Fatalf("%d loads, want %d, %v", loads.Load(), want, err)
		}
	}
}

func TestOneClientLeavingDoesNotFailTheRest(t *testing.T) {
	c := newCache(t, func(context.Context) (uint64, error) { return 1, nil })
	started, release := make(chan struct{}), make(chan struct{})
	load := func(ctx context.Context) (text, error) { close(started); <-release; return "x", ctx.Err() }
	first, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { _, err := c.Get(first, "k", load); left <- err }()
	<-started
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	time.AfterFunc(10*time.Millisecond, func() { close(release) })
	if v, err := c.Get(t.Context(), "k", load); v != "x" || err != nil {
		t.Error(v, err)
	}
}

// As it would without a cache, so that it is logged and counted where all are.
func TestAPanicInALoadGoesOnInThoseWhoWait(t *testing.T) {
	c := newCache(t, func(context.Context) (uint64, error) { return 1, nil })
	defer func() {
		if told := fmt.Sprint(recover()); !strings.Contains(told, "boom") || !strings.Contains(told, "cache_test.go") {
			t.Errorf("told %q", told)
		}
	}()
	_, err := c.Get(t.Context(), "k", func(context.Context) (text, error) { panic("boom") })
	t.Errorf("no panic, %v", err)
}

func newCache(t *testing.T, generation func(context.Context) (uint64, error)) *Cache[text] {
	t.Helper()
	c, err := New[text](Options{Bytes: 1 << 20, TTL: time.Minute, Generation: generation})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestACacheOfNothingLoadsEveryTime(t *testing.T) {
	c, err := New[text](Options{TTL: time.Minute, Generation: func(context.Context) (uint64, error) { return 1, nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	loads := 0
	for range 3 {
		if _, err := c.Get(t.Context(), "k", func(context.Context) (text, error) { loads++; return "x", nil }); err != nil {
			t.Fatal(err)
		}
	}
	if loads != 3 {
		t.Errorf("%d loads, want 3", loads)
	}
}
