package cache

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"inkstone/internal/redis"
)

const (
	// sharedLife is short: what is kept under a generation that has passed is of no use any
	// more, and nobody looks for it to remove it.
	sharedLife = time.Minute
	// sharedBytes is the most that one value may have.
	sharedBytes = 256 << 10
	// sharedSaves is how many values may be on their way to Redis; more are not kept there.
	sharedSaves = 8

	sumBytes = 8
)

// Codec turns values into bytes and back. Decode may be given anything.
type Codec[V any] struct {
	Encode func(V) []byte
	Decode func([]byte) (V, error)
}

// Shared keeps values in Redis for several caches, at most a minute and 256 KiB each. What
// it finds there is used only if it was kept under the same key: each has a checksum of
// both. Who can write to that Redis can forge one.
type Shared[V any] struct {
	server *redis.Client
	prefix string
	codec  Codec[V]
	saves  chan struct{} // holds a token for each value on its way
}

// NewShared makes a Shared. Only those with the same version find each other's values: it
// is to differ wherever the values of one key do.
func NewShared[V any](server *redis.Client, version string, codec Codec[V]) *Shared[V] {
	return &Shared[V]{server: server, prefix: "inkstone:v1:answer:" + version + ":", codec: codec, saves: make(chan struct{}, sharedSaves)}
}

// get returns what is kept under key; Redis that is away, slow or full of rubbish has nothing.
func (s *Shared[V]) get(ctx context.Context, key string) (v V, ok bool) {
	data, err := s.server.Get(ctx, s.name(key), sumBytes+sharedBytes)
	if err != nil || len(data) < sumBytes {
		return v, false
	}
	sum, data := binary.BigEndian.Uint64(data), data[sumBytes:]
	if sum != sumOf(key, data) {
		return v, false
	}
	v, err = s.codec.Decode(data)
	return v, err == nil
}

// set keeps v, for which nobody waits. It goes on when ctx has ended.
func (s *Shared[V]) set(ctx context.Context, key string, v V) {
	if !s.server.Up() {
		return
	}
	select {
	case s.saves <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() { <-s.saves }()
		data := s.codec.Encode(v)
		if len(data) > sharedBytes {
			return
		}
		value := append(binary.BigEndian.AppendUint64(make([]byte, 0, sumBytes+len(data)), sumOf(key, data)), data...)
		_ = s.server.Set(redis.Unhurried(ctx), s.name(key), value, jitter(sharedLife)) // a miss for others
	}()
}

// name is short. Two keys of one name would have different checksums.
func (s *Shared[V]) name(key string) string {
	return s.prefix + strconv.FormatUint(xxhash.Sum64String(key), 36)
}

// close waits for what is on its way, and lets nothing follow.
func (s *Shared[V]) close() {
	for range sharedSaves {
		s.saves <- struct{}{}
	}
}

func sumOf(key string, data []byte) uint64 {
	d := xxhash.NewWithSeed(uint64(len(key)))
	_, _ = d.WriteString(key) // never fails
	_, _ = d.Write(data)
	return d.Sum64()
}

// jitter is a duration give or take 10%, so that what began together does not end together.
func jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}
