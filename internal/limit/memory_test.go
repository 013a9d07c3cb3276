package limit

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"inkstone/internal/enginetest"
)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func TestCountsUpToTheLimitAndStartsAgainAfterTheWindow(t *testing.T) {
	c := &clock{time.Now()}
	m := NewMemory(time.Minute, c.Now)
	for i := range 3 {
		if r := m.take("a", 3); !r.OK || r.Remaining != 2-i || r.Limit != 3 || !r.Reset.Equal(c.now.Add(time.Minute)) {
			t.Fatalf("event %d: %+v", i, r)
		}
	}
	start := c.now
	c.now = c.now.Add(time.Minute - 1)
	if r := m.take("a", 3); r.OK || r.Remaining != 0 || !r.Reset.Equal(start.Add(time.Minute)) {
		t.Fatalf("one too many: %+v", r)
	}
	if r := m.take("b", 3); !r.OK {
		t.Fatalf("another key: %+v", r)
	}
	c.now = c.now.Add(1)
	if r := m.take("a", 3); !r.OK || r.Remaining != 2 {
		t.Fatalf("next window: %+v", r)
	}
}

func TestARefundedEventWasNeverCounted(t *testing.T) {
	m := NewMemory(time.Minute, time.Now)
	m.take("a", 1)
	m.refund("a")
	m.refund("a") // there is nothing left to give back
	if r := m.take("a", 1); !r.OK {
		t.Fatal("refused after a refund")
	}
	if r := m.take("a", 1); r.OK {
		t.Fatal("a double refund raised the limit")
	}
}

func TestExactUnderConcurrency(t *testing.T) {
	m := NewMemory(time.Hour, time.Now)
	var passed atomic.Int64
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			for range 20 {
				if m.take("a", 100).OK {
					passed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if passed.Load() != 100 {
		t.Fatalf("%d passed, want 100", passed.Load())
	}
}

func TestAFloodOfKeysIsBounded(t *testing.T) {
	c := &clock{time.Now()}
	m := NewMemory(time.Minute, c.Now)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 400_000 {
		m.take(fmt.Sprintf("login 2001:db8:%x:%x::/64 %0254d", i>>16, i&0xffff, i), 10) // the longest address of an account
	}
	n := 0
	for i := range m.shards {
		n += len(m.shards[i].entries)
	}
	if n > shards*maxPerShard {
		t.Errorf("%d keys are kept, want at most %d", n, shards*maxPerShard)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("the flood left %d MiB", grown>>20)
	}
	runtime.KeepAlive(m)
}

// One shard may be unlucky with its samples, so several are taken together.
func TestOfTooManyKeysThoseThatEndSoonestAreForgotten(t *testing.T) {
	const several = 8
	c := &clock{time.Now()}
	m := NewMemory(time.Minute, c.Now)
	fill := func(name string, n int) { // each of the shards
		var filled [several]int
		for i, left := 0, several*n; left > 0; i++ {
			key := fmt.Sprint(name, i)
			if _, hash := m.shard(key); hash%shards < several && filled[hash%shards] < n {
				m.take(key, 10)
				filled[hash%shards]++
				left--
			}
		}
	}
	fill("old", maxPerShard/2)
	oldEnds := c.now.Add(time.Minute)
	c.now = c.now.Add(30 * time.Second)
	fill("new", maxPerShard/2)
	fill("newer", maxPerShard/4)
	forgotten := several * maxPerShard / 2
	for i := range several {
		if n := len(m.shards[i].entries); n != maxPerShard {
			t.Errorf("%d keys are kept, want %d", n, maxPerShard)
		}
		for _, e := range m.shards[i].entries {
			if e.ends.Equal(oldEnds) {
				forgotten--
			}
		}
	}
	// A sample now and then holds new ones only.
	if want := several * maxPerShard / 4; forgotten < want*9/10 {
		t.Errorf("%d old keys are forgotten, want nearly %d", forgotten, want)
	}
}

func BenchmarkTake(b *testing.B) {
	m := NewMemory(time.Minute, time.Now)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			m.take("192.0.2.1", 1<<30)
		}
	})
}

func TestTheTimeLeftIsNeverMoreThanTheWindow(t *testing.T) {
	m := NewMemory(time.Minute, time.Now)
	for range 3 {
		if got := m.take("a", 2); got.In > time.Minute || got.In < 50*time.Second {
			t.Errorf("%v left", got.In)
		}
	}
}

func TestAWindowHasItsLengthThoughTheClockIsSet(t *testing.T) {
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		c := enginetest.NewClock(t)
		m := NewMemory(time.Minute, c.Now)
		m.take("a", 1)
		c.Set(by)
		c.Pass(20 * time.Second)
		if r := m.take("a", 1); r.OK || r.In != 40*time.Second {
			t.Errorf("set by %v, within the window: %+v", by, r)
		}
		c.Set(-by)
		c.Pass(40 * time.Second)
		if r := m.take("a", 1); !r.OK || r.In != time.Minute {
			t.Errorf("set by %v, after the window: %+v", by, r)
		}
	}
}
