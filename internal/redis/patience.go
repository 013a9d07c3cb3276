package redis

import (
	"context"
	"sync/atomic"
	"time"
)

// patience is what a request still waits for Redis.
type patience struct{ left atomic.Int64 }

type patienceKey struct{}

// WithPatience bounds what all calls with the context take together, one after another,
// to what one may take.
func WithPatience(ctx context.Context) context.Context {
	p := &patience{}
	p.left.Store(int64(Bound))
	return context.WithValue(ctx, patienceKey{}, p)
}

// Unhurried returns ctx for a call that no request waits for: it has no patience to spend, and
// does not end.
func Unhurried(ctx context.Context) context.Context {
	return context.WithValue(context.WithoutCancel(ctx), patienceKey{}, nil)
}

// patienceOf is what is left for a call, and what notes the time since its begin.
func patienceOf(ctx context.Context) (left time.Duration, spend func(begun time.Time)) {
	p, ok := ctx.Value(patienceKey{}).(*patience)
	if !ok {
		return Bound, func(time.Time) {}
	}
	return max(time.Duration(p.left.Load()), time.Millisecond), func(begun time.Time) { p.left.Add(-int64(time.Since(begun))) }
}
