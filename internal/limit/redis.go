package limit

import (
	"context"
	_ "embed"
	"fmt"
	"math"
	"strconv"
	"time"

	"inkstone/internal/redis"
)

var (
	//go:embed take.lua
	takeText string
	//go:embed refund.lua
	refundText string

	take   = redis.NewScript(takeText)
	refund = redis.NewScript(refundText)
)

// Redis counts for all instances together: windows as those of Memory, by the clock of
// the server. While that is away, Memory counts for this instance. It counts all that
// Redis let pass, too, so that what an instance lets pass in one of its windows is never
// more than the limit once Redis is gone, however often it goes and comes.
type Redis struct {
	server *redis.Client
	local  *Memory
	prefix string
	window string // in ms
}

// NewRedis makes a counter that local stands in for, with windows of the same length.
// Instances with other windows count apart.
func NewRedis(server *redis.Client, local *Memory) *Redis {
	window := strconv.FormatInt(local.window.Milliseconds(), 10)
	return &Redis{server, local, "inkstone:v1:limit:" + window + ":", window}
}

// WithPatience returns a context for a request that asks Redis more than once, be it by a
// limiter or for answers: all of it together waits no longer than one question may.
func WithPatience(ctx context.Context) context.Context { return redis.WithPatience(ctx) }

// Take is Memory's, over all instances.
func (r *Redis) Take(ctx context.Context, counts ...Count) Result {
	got, err := r.take(ctx, counts)
	if err != nil {
		return r.local.Take(ctx, counts...)
	}
	if got.OK {
		for _, c := range counts {
			r.local.take(c.Key, math.MaxInt)
		}
	}
	return got
}

func (r *Redis) take(ctx context.Context, counts []Count) (Result, error) {
	args := append(make([]string, 0, len(counts)+1), r.window)
	for _, c := range counts {
		args = append(args, strconv.Itoa(c.Most))
	}
	got, err := r.server.Eval(ctx, take, r.keys(counts), args)
	if err != nil {
		return Result{}, err
	}
	if len(got) != 4 || got[0] < 0 || got[0] > int64(len(counts)) {
		return Result{}, fmt.Errorf("redis answers %d to a count", got)
	}
	full, left := got[0], time.Duration(got[2])*time.Millisecond
	result := Result{OK: full == 0, Reset: time.UnixMilli(got[3] + got[2]), In: left}
	if full > 0 {
		result.Limit = counts[full-1].Most
		return result, nil
	}
	result.Limit = counts[len(counts)-1].Most
	result.Remaining = result.Limit - int(got[1])
	return result, nil
}

// Refund is Memory's. An event that Redis counted and that is taken back while it is away
// stays counted there until its window ends.
func (r *Redis) Refund(ctx context.Context, counts ...Count) {
	r.local.Refund(ctx, counts...)
	_, _ = r.server.Eval(ctx, refund, r.keys(counts), nil)
}

func (r *Redis) keys(counts []Count) []string {
	keys := make([]string, len(counts))
	for i, c := range counts {
		keys[i] = r.prefix + c.Key
	}
	return keys
}
