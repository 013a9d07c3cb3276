package cache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
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

func TestWhatIsKeptIsKnownToBe(t *testing.T) {
	var generation, asked uint64
	var failure error
	of := func(context.Context) (uint64, error) { asked++; return generation, failure }
	kept := newCache(t, of)
	none, err := New(Options[text]{TTL: time.Minute, Generation: of})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(none.Close)
	get := func(c *Cache[text], key string) { _, _ = c.Get(t.Context(), key, loading("x", nil)) }
	for _, c := range []*Cache[text]{kept, none} {
		if c.Has("k") {
			t.Error("before it was loaded")
		}
		get(c, "k")
		if got := c.Has("k"); got != (c == kept) {
			t.Errorf("after it was loaded: %v", got)
		}
	}
	failure = errors.New("away")
	get(kept, "k")
	if !kept.Has("k") {
		t.Error("forgotten while nobody knows whether it still counts")
	}
	generation, failure, asked = 1, nil, 0
	if !kept.Has("k") || asked > 0 {
		t.Errorf("known before anybody asked, or asked %d times", asked)
	}
	get(kept, "other")
	if kept.Has("k") || !kept.Has("other") {
		t.Error("after a change")
	}
}

func TestOneClientLeavingDoesNotFailTheRest(t *testing.T) {
	c := newCache(t, never)
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
	c := newCache(t, never)
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
	c, err := New(Options[text]{Bytes: 1 << 20, TTL: time.Minute, Generation: generation})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestACacheOfNothingLoadsEveryTime(t *testing.T) {
	c, err := New(Options[text]{TTL: time.Minute, Generation: never})
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

func TestWhatIsKeptIsBoundedByTheBytesOfKeysAndValues(t *testing.T) {
	const bytes, each = 100_000, 1000
	for what, shape := range map[string]struct{ key, value string }{
		"values": {"", strings.Repeat("v", each)},
		"keys":   {strings.Repeat("k", each), ""},
	} {
		c, err := New(Options[text]{Bytes: bytes, TTL: time.Minute, Generation: never})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		for i := range 5 * bytes / each {
			if _, err := c.Get(t.Context(), fmt.Sprint(shape.key, i), loading(text(shape.value), nil)); err != nil {
				t.Fatal(err)
			}
		}
		c.entries.CleanUp() // what is over the bound goes in the background
		kept := 0
		for key, v := range c.entries.All() {
			kept += len(key) + len(v)
		}
		if kept > bytes || kept < bytes/2 {
			t.Errorf("%s: %d bytes are kept, want at most %d and not much less", what, kept, bytes)
		}
	}
}

func TestAnEntryEndsWithItsTime(t *testing.T) {
	c, err := New(Options[text]{Bytes: 1 << 20, TTL: 20 * time.Millisecond, Generation: never})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, want := range []text{"first", "second"} {
		if v, err := c.Get(t.Context(), "k", loading(want, nil)); v != want || err != nil {
			t.Errorf("%q, %v, want %q", v, err, want)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestAnErrorIsNotKept(t *testing.T) {
	c := newCache(t, never)
	broken := errors.New("broken")
	if _, err := c.Get(t.Context(), "k", loading("half", broken)); !errors.Is(err, broken) {
		t.Errorf("told %v", err)
	}
	if v, err := c.Get(t.Context(), "k", loading("whole", nil)); v != "whole" || err != nil {
		t.Errorf("%q, %v", v, err)
	}
}

func TestAGenerationThatCannotBeReadIsAnError(t *testing.T) {
	away := errors.New("away")
	c := newCache(t, func(context.Context) (uint64, error) { return 0, away })
	if v, err := c.Get(t.Context(), "k", loading("x", nil)); v != "" || !errors.Is(err, away) {
		t.Errorf("%q, %v", v, err)
	}
}

func TestOneLoadServesAllWhoAskAtOnceAndHasAnEnd(t *testing.T) {
	c := newCache(t, never)
	var loads atomic.Int64
	release := make(chan struct{})
	var asking sync.WaitGroup
	for range 20 {
		asking.Go(func() {
			v, err := c.Get(context.Background(), "k", func(ctx context.Context) (text, error) {
				loads.Add(1)
				if end, bounded := ctx.Deadline(); !bounded || time.Until(end) > loadTimeout {
					t.Error("a load may last for ever")
				}
				<-release
				return "x", nil
			})
			if v != "x" || err != nil {
				t.Errorf("%q, %v", v, err)
			}
		})
	}
	time.AfterFunc(20*time.Millisecond, func() { close(release) })
	asking.Wait()
	if n := loads.Load(); n != 1 {
		t.Errorf("%d loads, want 1", n)
	}
}

func TestHitsAndMissesAreCounted(t *testing.T) {
	var hits, misses int
	c, err := New(Options[text]{Bytes: 1 << 20, TTL: time.Minute, Generation: never, Looked: func(_ context.Context, level Level, _ time.Duration, hit bool) {
		switch {
		case level != InMemory:
			t.Errorf("looked into %s", level)
		case hit:
			hits++
		default:
			misses++
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	for _, key := range []string{"a", "b", "a", "a"} {
		if _, err := c.Get(t.Context(), key, loading("x", nil)); err != nil {
			t.Fatal(err)
		}
	}
	if hits != 2 || misses != 2 {
		t.Errorf("%d hits and %d misses, want 2 and 2", hits, misses)
	}
}

// never is the generation of data that never change.
func never(context.Context) (uint64, error) { return 1, nil }

func loading(v text, err error) func(context.Context) (text, error) {
	return func(context.Context) (text, error) { return v, err }
}
