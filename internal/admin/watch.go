package admin

import (
	"context"
	"log/slog"
	"time"

	"inkstone/internal/blog"
)

const (
	lookEvery = 30 * time.Second
	// A tenth of an operation waits at any moment, on average: that many seconds in lookEvery.
	muchWaiting = lookEvery / 10
)

// WatchPool warns in the log when operations begin to wait for connections, until ctx ends.
func WatchPool(ctx context.Context, state func(context.Context) (blog.PoolState, error), log *slog.Logger) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	before, err := state(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, failed := state(ctx)
		if failed == nil && err == nil && now.Waited-before.Waited >= muchWaiting {
			log.Warn("operations wait for connections to the database",
				"waits", now.Waits-before.Waits, "waitedMs", milliseconds(now.Waited-before.Waited), "withinMs", milliseconds(lookEvery),
				"waiting", now.Waiting, "inUse", now.InUse, "limit", now.Limit, "state", now.State)
		}
		if failed == nil {
			before, err = now, nil
		}
	}
}
