package app

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"inkstone/internal/store"
	"inkstone/internal/web"
)

// openMetrics gives /metrics its listener, where METRICS_ADDR asks for one of its own.
func (a *App) openMetrics(ctx context.Context) error {
	if a.cfg.MetricsAddr == "" {
		return nil
	}
	mux := web.NewMux()
	a.mountMetrics(mux)
	_, err := a.serveAside(ctx, "METRICS_ADDR", a.cfg.MetricsAddr, mux)
	return err
}

// serveAside serves h at an address of its own, which a setting names. There are no limits: who looks at
// metrics must see also in overload.
func (a *App) serveAside(ctx context.Context, setting, address string, h http.Handler) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("无法监听 %s，可能已被占用，或权限不足，请检查 %s（不能与 HOST 和 PORT 相同）：%w", address, setting, err)
	}
	edge := web.Edge(h, web.EdgeOptions{Log: a.log, Metrics: a.metrics, Trusted: a.cfg.TrustedProxies})
	server := web.NewServer(edge, a.log, web.DefaultBounds)
	a.closers = append(a.closers, func() error {
		_ = l.Close() // a server that stopped has closed it
		return nil
	})
	a.background = append(a.background, func(ctx context.Context) {
		context.AfterFunc(ctx, func() { _ = server.Close() })
		_ = server.Serve(web.Limit(l, a.cfg.MaxConnections, a.metrics)) // ends with the context
	})
	return l, nil
}

func (a *App) mountMetrics(m *web.Mux) {
	m.Handle("GET /metrics", web.Anyone, plain(a.metrics.Handler()))
}

// watchStore shows how busy the connections to the database are.
func (a *App) watchStore() {
	if _, told := store.StatsOf(a.store); !told {
		return
	}
	gauge := func(name, help string, number func(store.Stats) int) {
		a.metrics.Gauge(name, help, func() float64 {
			st, _ := store.StatsOf(a.store)
			return float64(number(st))
		})
	}
	counter := func(name, help string, number func(store.Stats) float64) {
		a.metrics.Counter(name, help, func() float64 {
			st, _ := store.StatsOf(a.store)
			return number(st)
		})
	}
	gauge("db_pool_max", "Most connections to the database; with SQLite, those that read.", func(st store.Stats) int { return st.Max })
	gauge("db_pool_open", "Connections to the database; with SQLite, those that read.", func(st store.Stats) int { return st.Open })
	gauge("db_pool_in_use", "Connections at work.", func(st store.Stats) int { return st.InUse })
	gauge("db_pool_idle", "Connections that are free.", func(st store.Stats) int { return st.Idle })
	gauge("db_pool_waiting", "Operations that wait for a connection.", func(st store.Stats) int { return st.Waiting })
	gauge("db_write_queue", "Writes that wait for their turn.", func(st store.Stats) int { return st.Queue })
	counter("db_pool_waits_total", "Operations that had to wait for a connection.", func(st store.Stats) float64 { return float64(st.Waits) })
	counter("db_pool_wait_seconds_total", "Time that operations waited for a connection.", func(st store.Stats) float64 { return st.Waited.Seconds() })
}
