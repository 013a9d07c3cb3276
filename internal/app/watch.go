package app

import (
	"context"
	"crypto/tls"
	"errors"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"inkstone/internal/blog"
)

// How often it is looked for what /metrics shows but should not wait for.
const (
	readyEvery  = 5 * time.Second
	lossesEvery = 5 * time.Second
	usageEvery  = 10 * time.Second

	// Connections to Redis have no end: the certificate that was shown is not that of today.
	certificateEvery = time.Hour

	lookLimit = 2 * time.Second
)

// openWatch shows what is not shown where it is made.
func (a *App) openWatch(context.Context) error {
	a.watchBuild()
	a.watchAnswers()
	a.watchPasswords()
	a.watchDisks()
	a.watchReady()
	a.watchGateway()
	return nil
}

// every has look called now and then as long as the program runs.
func (a *App) every(pause time.Duration, look func(context.Context)) {
	a.background = append(a.background, func(ctx context.Context) {
		tick := time.NewTicker(pause)
		defer tick.Stop()
		for {
			limited, cancel := context.WithTimeout(ctx, lookLimit)
			look(limited)
			cancel()
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
}

// watchBuild shows which version this is.
func (a *App) watchBuild() {
	a.metrics.Gauge("inkstone_build_info", "Always 1; its labels tell which version runs.", func() float64 { return 1 },
		"version", Version(), "revision", revision(), "goversion", runtime.Version())
}

// watchAnswers shows what is kept of answers, here and in Redis, which others may use, too.
func (a *App) watchAnswers() {
	answers, m := a.parts.answers, a.metrics
	const entries, bytes, evictions = "cache_entries", "cache_bytes", "cache_evictions_total"
	const bytesHelp, evictionsHelp = "Size of what is kept; in Redis, of all that is there.", "Entries that had to make room; in Redis, of whomever."
	m.Gauge(entries, "Answers that are kept.", func() float64 { return float64(answers.Stats().Entries) }, "level", "memory")
	m.Gauge(bytes, bytesHelp, func() float64 { return float64(answers.Stats().Bytes) }, "level", "memory")
	m.Counter(evictions, evictionsHelp, func() float64 { return float64(answers.Stats().Evictions) }, "level", "memory")
	if a.redis == nil {
		return
	}
	var size, evicted number
	m.Gauge(bytes, bytesHelp, size.get, "level", "redis")
	m.Counter(evictions, evictionsHelp, evicted.get, "level", "redis")
	a.every(certificateEvery, func(ctx context.Context) { _ = a.redis.Redial(ctx) }) // that it is away, others tell
	a.every(usageEvery, func(ctx context.Context) {
		usage, err := a.redis.Usage(ctx)
		if err != nil { // redis_up and redis_errors_total tell
			size.set(math.NaN())
			return
		}
		size.set(float64(usage.Bytes))
		evicted.set(float64(usage.Evicted))
	})
}

// watchPasswords shows how busy those are who make hashes.
func (a *App) watchPasswords() {
	p, m := a.parts.passwords, a.metrics
	m.Gauge("bcrypt_workers", "Most password hashes that are made at once.", func() float64 { return float64(p.Stats().Workers) })
	m.Gauge("bcrypt_workers_busy", "Password hashes that are made.", func() float64 { return float64(p.Stats().Busy) })
	m.Gauge("bcrypt_queue_waiting", "Password hashes that wait for a worker.", func() float64 { return float64(p.Stats().Waiting) })
	m.Counter("bcrypt_refused_total", "Password hashes that were refused because too many waited.", func() float64 { return float64(p.Stats().Refused) })
}

// watchDisks shows how much room there is where something is written.
func (a *App) watchDisks() {
	places := []struct{ name, folder string }{{"data", a.cfg.DataDir}, {"logs", a.cfg.LogDir}, {"uploads", a.cfg.UploadDir}}
	for _, p := range places {
		if p.folder == "" {
			continue
		}
		look := a.metrics.Disk(p.name, p.folder)
		a.every(usageEvery, aside(look))
	}
}

// aside does what heeds no context, as a look at the disk of another machine: nobody waits
// for it longer than ctx, and it is not begun again before it has ended.
func aside(look func()) func(context.Context) {
	var busy atomic.Bool
	return func(ctx context.Context) {
		if !busy.CompareAndSwap(false, true) {
			return
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer busy.Store(false)
			look()
		}()
		select {
		case <-done:
		case <-ctx.Done():
		}
	}
}

// watchReady shows what /readyz would answer, also where nobody asks it, and why.
func (a *App) watchReady() {
	a.metrics.Gauge("ready", "Whether requests are welcome: 0 while a dependency is away, and when stopping.", func() float64 {
		return oneIf(!a.health.Draining() && a.isReady.get() == 1)
	})
	const name, help = "dependency_up", "Whether what the site can't do without answers."
	a.metrics.Gauge(name, help, a.databaseUp.get, "name", "database")
	if a.bucket != nil {
		a.metrics.Gauge(name, help, a.uploadsUp.get, "name", "uploads")
	}
	away, first := false, true
	a.every(readyEvery, func(ctx context.Context) {
		fresh := first
		first = false
		switch err := a.ready(ctx); {
		case errors.Is(err, context.Canceled): // the program ends
		case fresh && errors.Is(err, errUnknown): // nobody has had the time to tell
		case err != nil && !away:
			away = true
			a.log.Error("not ready: a dependency is away", "error", err)
		case err == nil && away:
			away = false
			a.log.Info("ready again")
		}
	})
}

// certificate shows until when the certificate counts that a dependency has shown.
func (a *App) certificate(of string) func(tls.ConnectionState) {
	ends := a.metrics.Certificate(of)
	return func(s tls.ConnectionState) {
		if len(s.PeerCertificates) > 0 {
			ends(s.PeerCertificates[0].NotAfter)
		}
	}
}

// countSaved counts uploads by how they ended.
func (a *App) countSaved(images []blog.Upload, err error) {
	var bytes int64
	switch {
	case err == nil:
		for _, u := range images {
			bytes += u.Size
		}
		a.metrics.Uploads("stored", len(images), bytes)
	case isFailure(err):
		a.metrics.Uploads("failed", 1, 0)
	default:
		a.metrics.Uploads("refused", 1, 0)
	}
}

// isFailure tells whether something is wrong here, and not with what a client wants.
func isFailure(err error) bool {
	switch blog.CodeOf(err) {
	case blog.CodeInternal:
		return !errors.Is(err, context.Canceled)
	case blog.CodeUnavailable, blog.CodeStorageFull:
		return true
	}
	return false
}

// number is safe for concurrent use.
type number struct{ bits atomic.Uint64 }

func (n *number) get() float64  { return math.Float64frombits(n.bits.Load()) }
func (n *number) set(f float64) { n.bits.Store(math.Float64bits(f)) }

// note is 1 if what was asked has answered. A client who goes away meanwhile shows nothing.
func (n *number) note(err error) {
	if err == nil || !errors.Is(err, context.Canceled) {
		n.set(oneIf(err == nil))
	}
}
