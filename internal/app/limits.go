package app

import (
	"context"
	"fmt"
	"time"

	"inkstone/internal/account"
	"inkstone/internal/limit"
	"inkstone/internal/redis"
)

// limiter is limit.Memory or limit.Redis.
type limiter interface {
	Take(ctx context.Context, counts ...limit.Count) limit.Result
	Refund(ctx context.Context, counts ...limit.Count)
}

// openLimits counts in Redis where there is one. One that is away is no reason not to
// start: limits are counted here until it is found.
func (a *App) openLimits(context.Context) error {
	local := limit.NewMemory(a.cfg.RateWindow, time.Now)
	a.parts.limits = local
	if a.cfg.Redis.URL == "" {
		return nil
	}
	server, err := redis.Open(redis.Options{URL: a.cfg.Redis.URL, Report: a.reportRedis, Failed: a.metrics.Redis(redis.Kinds...)})
	if err != nil {
		return fmt.Errorf("无法使用 Redis，请检查 REDIS_URL：%w", err)
	}
	a.metrics.Gauge("redis_up", "Whether Redis is used; while it is not, each instance counts its own limits.", func() float64 {
		if server.Up() {
			return 1
		}
		return 0
	})
	a.parts.limits = limit.NewRedis(server, local)
	a.background = append(a.background, server.Run)
	a.closers = append(a.closers, func() error { server.Close(); return nil })
	return nil
}

// reportRedis is told when Redis goes away and when it is back.
func (a *App) reportRedis(err error) {
	if err != nil {
		a.log.Warn("redis is away: each instance counts its own limits", "error", err)
		return
	}
	a.log.Info("redis is back: all instances share their limits")
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
