package app

import (
	"context"
	"fmt"

	"inkstone/internal/redis"
)

// openRedis begins to use Redis where there is one. One that is away is no reason not to
// start: until it is found, this instance does alone what it would do with others.
func (a *App) openRedis(context.Context) error {
	if a.cfg.Redis.URL == "" {
		return nil
	}
	r, err := redis.Open(redis.Options{
		URL: a.cfg.Redis.URL, Report: a.reportRedis, Failed: a.metrics.Redis(redis.Kinds...), Observe: a.observeRedis(), Handshake: a.certificate("redis"),
	})
	if err != nil {
		return fmt.Errorf("无法使用 Redis，请检查 REDIS_URL：%w", err)
	}
	a.metrics.Gauge("redis_up", "Whether Redis is used; while it is not, each instance counts its own limits and keeps its own answers.", func() float64 { return oneIf(r.Up()) })
	a.redis = r
	a.background = append(a.background, r.Run)
	a.closers = append(a.closers, func() error { r.Close(); return nil })
	return nil
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// reportRedis is told when Redis goes away and when it is back.
func (a *App) reportRedis(err error) {
	if err != nil {
		a.log.Warn("redis is away: each instance counts its own limits and keeps its own answers", "error", err)
		return
	}
	a.log.Info("redis is back: all instances share their limits and answers")
}
