package app

import (
	"context"
	"time"

	"inkstone/internal/account"
	"inkstone/internal/limit"
)

// limiter is limit.Memory or limit.Redis.
type limiter interface {
	Take(ctx context.Context, counts ...limit.Count) limit.Result
	Refund(ctx context.Context, counts ...limit.Count)
}

// openLimits counts in Redis where there is one.
func (a *App) openLimits(context.Context) error {
	local := limit.NewMemory(a.cfg.RateWindow, time.Now)
	a.parts.limits = local
	if a.redis != nil {
		a.parts.limits = limit.NewRedis(a.redis, local)
	}
	return nil
}

// loginLimiter counts failed logins.
type loginLimiter struct{ counter limiter }

// Take implements account.Limiter.
func (l loginLimiter) Take(ctx context.Context, counts ...account.Count) time.Duration {
	r := l.counter.Take(ctx, forLimiter(counts)...)
	if r.OK {
		return 0
	}
	return max(r.In, time.Second)
}

// Refund implements account.Limiter.
func (l loginLimiter) Refund(ctx context.Context, counts ...account.Count) {
	l.counter.Refund(ctx, forLimiter(counts)...)
}

func forLimiter(counts []account.Count) []limit.Count {
	all := make([]limit.Count, len(counts))
	for i, c := range counts {
		all[i] = limit.Count(c)
	}
	return all
}
