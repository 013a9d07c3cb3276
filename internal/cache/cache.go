// Package cache keeps public answers in memory, and in Redis for other instances. It knows
// neither what they are nor who may see them: private ones must not be given to it.
package cache

import (
	"context"
	"fmt"
	"runtime/debug"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/maypok86/otter/v2/stats"
	"golang.org/x/sync/singleflight"
)

// loadTimeout bounds a load, which belongs to no single client.
const loadTimeout = 5 * time.Second

// Sized is what can be kept.
type Sized interface {
	Size() int // in bytes, with all that it will come to hold
}

// Options say how much is kept, and under which number.
type Options[V Sized] struct {
	Bytes int64         // upper bound of keys and values; 0 loads every time
	TTL   time.Duration // give or take 10%, so that entries do not end together
	// Generation returns the number of the state of the data. It is read before
	// a load and is part of the key, so a change makes what was kept unreachable.
	Generation func(context.Context) (uint64, error)
	Shared     *Shared[V] // looked into before a load, and filled after it; may be nil
	// Looked is told of each look into a level for ctx, how long it took, and whether it had
	// what was wanted; may be nil.
	Looked func(ctx context.Context, level Level, took time.Duration, hit bool)
}

// Level is where values are kept.
type Level string

// The levels.
const (
	InMemory Level = "memory"
	InRedis  Level = "redis"
)

// Cache keeps values by key and generation.
type Cache[V Sized] struct {
	opt        Options[V]
	entries    *otter.Cache[string, V]
	loads      singleflight.Group
	generation atomic.Uint64 // when it was last asked for
	evictions  *evictions
}

// New makes a Cache.
func New[V Sized](opt Options[V]) (*Cache[V], error) {
	if opt.Looked == nil {
		opt.Looked = func(context.Context, Level, time.Duration, bool) {}
	}
	evicted := &evictions{}
	entries, err := otter.New(&otter.Options[string, V]{
		StatsRecorder: evicted,
		MaximumWeight: uint64(max(opt.Bytes, 1)),
		Weigher:       func(key string, v V) uint32 { return uint32(len(key) + v.Size()) },
		ExpiryCalculator: otter.ExpiryCreatingFunc(func(otter.Entry[string, V]) time.Duration {
			return jitter(opt.TTL)
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	return &Cache[V]{opt: opt, entries: entries, evictions: evicted}, nil
}

// evictions counts what had to make room.
type evictions struct {
	stats.NoopRecorder
	n atomic.Int64
}

// RecordEviction implements stats.Recorder.
func (e *evictions) RecordEviction(uint32) { e.n.Add(1) }

// Stats says what is kept in memory.
type Stats struct {
	Entries   int
	Bytes     int64
	Evictions int64 // of entries that had to make room, since the start
}

// Stats returns what is kept in memory at the moment, about.
func (c *Cache[V]) Stats() Stats {
	return Stats{c.entries.EstimatedSize(), int64(c.entries.WeightedSize()), c.evictions.n.Load()}
}

// Get returns what is kept under key, or loads it: once for all who ask at the
// same time, with a context that outlives the first of them, at most 5 s. Each
// waits no longer than his own context. Errors and panics are load's and are not kept.
func (c *Cache[V]) Get(ctx context.Context, key string, load func(context.Context) (V, error)) (V, error) {
	if c.opt.Bytes <= 0 {
		return load(ctx)
	}
	var none V
	key, err := c.current(ctx, key)
	if err != nil {
		return none, err
	}
	begun := time.Now()
	v, ok := c.entries.GetIfPresent(key)
	c.opt.Looked(ctx, InMemory, time.Since(begun), ok)
	if ok {
		return v, nil
	}
	loaded := c.loads.DoChan(key, func() (any, error) { return c.load(ctx, key, load) })
	select {
	case <-ctx.Done():
		return none, ctx.Err()
	case r := <-loaded:
		if p, ok := r.Err.(*panicked); ok {
			panic(p)
		}
		if r.Err != nil {
			return none, r.Err
		}
		return r.Val.(V), nil
	}
}

// Has reports whether the last Get, of whatever key, would have returned what is kept
// under this one: it asks nobody for the generation, and may be behind by a change.
func (c *Cache[V]) Has(key string) bool {
	_, ok := c.entries.GetEntryQuietly(under(c.generation.Load(), key))
	return ok
}

// current is what key stands under as long as the data are as they are.
func (c *Cache[V]) current(ctx context.Context, key string) (string, error) {
	generation, err := c.opt.Generation(ctx)
	if err != nil {
		return "", err
	}
	c.generation.Store(generation)
	return under(generation, key), nil
}

func under(generation uint64, key string) string {
	return strconv.FormatUint(generation, 36) + " " + key
}

func (c *Cache[V]) load(ctx context.Context, key string, load func(context.Context) (V, error)) (v V, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
	defer cancel()
	// Nobody else recovers in this goroutine: a panic would end the process. Whoever
	// waits for the load panics with it instead.
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p, debug.Stack()}
		}
	}()
	v, ok := c.shared(ctx, key)
	if !ok {
		if v, err = load(ctx); err != nil {
			return v, err
		}
	}
	c.entries.Set(key, v)
	if !ok && c.opt.Shared != nil {
		c.opt.Shared.set(ctx, key, v)
	}
	return v, nil
}

// shared looks for what another instance has loaded.
func (c *Cache[V]) shared(ctx context.Context, key string) (v V, ok bool) {
	if c.opt.Shared == nil {
		return v, false
	}
	begun := time.Now()
	v, ok = c.opt.Shared.get(ctx, key)
	c.opt.Looked(ctx, InRedis, time.Since(begun), ok)
	return v, ok
}

// panicked is a panic in a load, with its stack.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("%v\n%s", p.value, p.stack) }

// Close ends the cache's goroutines. No Get may be under way.
func (c *Cache[V]) Close() {
	if c.opt.Shared != nil {
		c.opt.Shared.close()
	}
	c.entries.StopAllGoroutines()
}
