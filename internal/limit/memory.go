// Package limit keeps what is too much from getting in: Memory counts events in fixed
// windows, so that a caller can refuse what comes too often, and Redis does it for all
// instances together; Admission lets a bounded
// number work at once; Background lets what takes long make room for the rest. What is
// counted, and what a refusal looks like, is up to those who use it.
package limit

import (
	"context"
	"hash/maphash"
	"sync"
	"time"
)

const (
	shards = 64
	// maxPerShard bounds the memory: the whole counter stays below 16 MiB, however
	// many addresses a flood comes from.
	maxPerShard = 1500
	evictSample = 8
)

// Count is what is counted: events of Key, up to Most in a window.
type Count struct {
	Key  string
	Most int
}

// Result says how a key stands after Take: the one that has its most, else the last.
type Result struct {
	OK        bool // the event is within the limits
	Limit     int
	Remaining int
	Reset     time.Time     // end of the window
	In        time.Duration // until Reset, by the clock that opened the window
}

// Memory counts in this process. Keys, which may be long, are kept as their hashes
// by a seed that nobody knows: that two of them share one is less likely than one
// in a billion. A window begins with a key's first event and
// ends after the window's length; it is exact under concurrency. When more keys
// are alive than it keeps, those whose windows end soonest are forgotten, which
// lets their owners begin again.
type Memory struct {
	window time.Duration
	now    func() time.Time
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu      sync.Mutex
	entries map[uint64]*entry
}

type entry struct {
	count int
	ends  time.Time
}

// NewMemory makes a counter with windows of one length. now is the clock; it
// must carry a monotonic reading, as time.Now does.
func NewMemory(window time.Duration, now func() time.Time) *Memory {
	m := &Memory{window: window, now: now, seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].entries = map[uint64]*entry{}
	}
	return m
}

// Take counts one event of each key if fewer than its most were counted in its window;
// if one of them has its most, then of none. It needs a key at least.
func (m *Memory) Take(ctx context.Context, counts ...Count) (r Result) {
	for i, c := range counts {
		if r = m.take(c.Key, c.Most); !r.OK {
			m.Refund(ctx, counts[:i]...)
			return r
		}
	}
	return r
}

func (m *Memory) take(key string, most int) Result {
	now := m.now()
	s, hash := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entries[hash]
	if e == nil || !now.Before(e.ends) {
		s.makeRoom()
		e = &entry{ends: now.Add(m.window)}
		s.entries[hash] = e
	}
	if e.count >= most {
		return Result{Limit: most, Reset: e.ends, In: e.ends.Sub(now)}
	}
	e.count++
	return Result{OK: true, Limit: most, Remaining: most - e.count, Reset: e.ends, In: e.ends.Sub(now)}
}

// Refund takes one event of each key back; one whose window has ended is gone anyway.
func (m *Memory) Refund(_ context.Context, counts ...Count) {
	for _, c := range counts {
		m.refund(c.Key)
	}
}

func (m *Memory) refund(key string) {
	s, hash := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[hash]; e != nil && e.count > 0 {
		e.count--
	}
}

func (m *Memory) shard(key string) (s *shard, hash uint64) {
	hash = maphash.String(m.seed, key)
	return &m.shards[hash%shards], hash
}

// makeRoom keeps the shard within its bound: of a few windows it forgets the one that
// ends soonest, which has ended already if any of them has.
func (s *shard) makeRoom() {
	if len(s.entries) < maxPerShard {
		return
	}
	var soonest uint64
	var ends time.Time
	seen := 0
	for hash, e := range s.entries { // Go ranges over a map from a random place
		if seen == 0 || e.ends.Before(ends) {
			soonest, ends = hash, e.ends
		}
		if seen++; seen == evictSample {
			break
		}
	}
	delete(s.entries, soonest)
}
