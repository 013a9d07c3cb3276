package app

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"inkstone/internal/cache"
	"inkstone/internal/store"
	"inkstone/internal/telemetry"
	"inkstone/internal/web"
)

// openTraces begins to export spans where there is a collector for them.
func (a *App) openTraces(ctx context.Context) (err error) {
	exported, lost := a.metrics.Spans()
	c := a.cfg.Tracing
	if c.URL == "" || c.Off {
		return nil
	}
	a.traces, err = telemetry.OpenTraces(ctx, telemetry.TraceOptions{
		URL: c.URL, Headers: c.Headers, Timeout: c.Timeout, Compress: c.Compress, Authority: c.Authority, Cert: c.Cert, Key: c.Key,
		Service: c.Service, Version: Version(), Attributes: c.Attributes, Sampler: c.Sampler, Ratio: c.Ratio,
		Queue: c.Queue, Batch: c.Batch, Delay: c.Delay, Patience: c.Patience,
		Log: a.log, Exported: exported, Lost: lost,
	})
	if err != nil {
		return fmt.Errorf("无法准备追踪，请检查以 OTEL_EXPORTER_OTLP_ 开头的设置与其中的证书文件：%w", err)
	}
	a.closers = append(a.closers, a.traces.Close)
	return nil
}

// openReports begins to report failures where somebody takes reports.
func (a *App) openReports(context.Context) error {
	sent, lost := a.metrics.Reports()
	c := a.cfg.Reports
	if c.DSN == "" {
		return nil
	}
	if c.Release == "" {
		c.Release = "inkstone@" + Version()
	}
	reports, err := telemetry.OpenReports(telemetry.ReportOptions{DSN: c.DSN, Environment: c.Environment, Release: c.Release, Log: a.log, Sent: sent, Lost: lost})
	if err != nil {
		return fmt.Errorf("无法准备错误报告，请检查 SENTRY_DSN：%w", err)
	}
	a.report = reports.Report
	a.closers = append(a.closers, reports.Close)
	return nil
}

// engine is what semantic conventions call the engine of the store.
func (a *App) engine() string {
	if name := store.Engine(a.cfg.Database); name != "postgres" {
		return name
	}
	return "postgresql"
}

// looked notes a look into a level of the answers. What is asked of Redis, observeRedis notes.
func (a *App) looked(counts map[cache.Level]func(hit bool)) func(context.Context, cache.Level, time.Duration, bool) {
	return func(ctx context.Context, level cache.Level, took time.Duration, hit bool) {
		counts[level](hit)
		if level == cache.InMemory {
			a.traces.Cache(ctx, took, hit)
		}
	}
}

// observeRedis returns what notes a call of Redis.
func (a *App) observeRedis() func(ctx context.Context, command string, took time.Duration, err error) {
	called := a.metrics.RedisCalls()
	return func(ctx context.Context, command string, took time.Duration, err error) {
		called(took)
		a.traces.Redis(ctx, command, took, err != nil)
	}
}

// hop lets a service upstream know which trace a request is a part of.
func (a *App) hop(peer string) func(http.RoundTripper) http.RoundTripper {
	return func(next http.RoundTripper) http.RoundTripper {
		return &telemetry.Transport{Next: next, Traces: a.traces, Peer: peer, Of: web.TraceOf}
	}
}
