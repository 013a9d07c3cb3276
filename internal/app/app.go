package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"inkstone/internal/blog"
	"inkstone/internal/cache"
	"inkstone/internal/config"
	"inkstone/internal/discovery"
	"inkstone/internal/gateway"
	"inkstone/internal/redis"
	"inkstone/internal/telemetry"
	"inkstone/internal/upload"
	"inkstone/internal/web"
)

// App is the whole program, put together and listening.
type App struct {
	cfg      *config.Config
	console  io.Writer
	log      *slog.Logger
	logLevel *slog.LevelVar
	metrics  *telemetry.Metrics
	traces   *telemetry.Traces       // nil: there are none
	report   func(telemetry.Failure) // nil: nobody takes reports
	parts    *parts
	redis    *redis.Client // nil: there is none
	store    blog.Store
	mux      *web.Mux
	handler  http.Handler
	listener net.Listener
	secure   *secure // nil: clients speak no TLS
	redirect string  // where http is sent on to https; "": nowhere
	health   *web.Health
	bucket   *upload.S3 // nil: images are kept in a folder, or elsewhere

	source    discovery.Source     // of where other processes are
	static    *discovery.Static    // nil: it is not the settings
	consul    *discovery.Consul    // nil: there is none
	registrar *discovery.Registrar // nil: there is none
	gateway   *gateway.Gateway     // nil: clients do not come here

	generations *cache.Generations // nil: the store is asked each time
	changed     func()             // what the store tells of changes; may be nil

	reached chan struct{} // closed when a database that was away has been reached

	operated              func(operation string, took time.Duration, failed bool) // tells the metrics of an operation of the store
	databaseUp, uploadsUp number                                                  // 1 if it answered when it was last asked
	isReady               number                                                  // 1 if nothing was missing then

	background []func(context.Context) // each runs until its context ends
	closers    []func() error          // called in reverse when all else has stopped
}

// Store returns the opened store.
func (a *App) Store() blog.Store { return a.store }

// Log returns the program's logger.
func (a *App) Log() *slog.Logger { return a.log }

// Reload takes over what may change while the program runs: LOG_LEVEL and STATIC_SERVICES.
func (a *App) Reload(cfg *config.Config) {
	a.SetLogLevel(cfg.LogLevel)
	a.setStatic(cfg)
}

// SetLogLevel changes what is logged: one of the names that LOG_LEVEL has.
func (a *App) SetLogLevel(name string) {
	from := a.logLevel.Level()
	to := level(name)
	a.logLevel.Set(min(from, to)) // for this line
	a.log.Info("LOG_LEVEL is read again", "from", strings.ToLower(from.String()), "to", name)
	a.logLevel.Set(to)
}

// Handler returns all that the program serves, for tests.
func (a *App) Handler() http.Handler { return a.handler }

// Routes returns what is mounted.
func (a *App) Routes() []web.Route { return a.mux.Routes() }

// URL returns where the server is reached from this machine; the port is the real one.
func (a *App) URL() string {
	addr := a.listener.Addr().(*net.TCPAddr)
	host := addr.IP.String()
	if addr.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if a.secure != nil {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, strconv.Itoa(addr.Port))
}

func (a *App) port() int { return a.listener.Addr().(*net.TCPAddr).Port }

func (a *App) listen(ctx context.Context) error {
	var lc net.ListenConfig
	address := net.JoinHostPort(a.cfg.Host, strconv.Itoa(a.cfg.Port))
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("无法监听 %s，可能已被占用，请检查 HOST 与 PORT：%w", address, err)
	}
	a.listener = l
	a.closers = append(a.closers, func() error {
		_ = l.Close() // a server that stopped has closed it
		return nil
	})
	return nil
}

// Run serves until ctx ends, then stops in order: not ready, out of Consul, wait DrainWait, no
// new connections, requests in flight finish (at most ShutdownTimeout), what is
// buffered is written, the database is closed. It returns nil after such an end.
func (a *App) Run(ctx context.Context) error {
	stopBackground := a.startBackground()
	server := web.NewServer(a.handler, a.log, web.DefaultBounds)
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(a.guarded()) }()
	leave := a.register(failed)

	var err error
	select {
	case err = <-failed:
		_ = server.Close() // it may be Consul that has failed us
	case <-ctx.Done():
		a.log.Info("stopping")
		err = a.drain(server, leave)
	}
	leave()
	stopBackground()
	return errors.Join(err, a.Close())
}

// register makes the process known, and says so if it is refused. leave ends that; it may be
// called again.
func (a *App) register(failed chan<- error) (leave func()) {
	if a.registrar == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := a.registrar.Run(ctx); err != nil {
			failed <- refusedByConsul(err)
		}
	})
	return sync.OnceFunc(func() {
		limited, done := context.WithTimeout(context.Background(), leaveLimit)
		defer done()
		a.registrar.Deregister(limited)
		cancel()
		running.Wait()
	})
}

// leaveLimit is how long Consul may take to forget a process that stops.
const leaveLimit = 2 * time.Second

func (a *App) drain(server *http.Server, leave func()) error {
	a.health.Drain()
	leave()
	time.Sleep(a.cfg.DrainWait)
	server.SetKeepAlivesEnabled(false)
	// The context that ended is no measure here: requests in flight get their time.
	ctx, cancel := context.WithTimeout(context.Background(), a.cfg.ShutdownTimeout)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		a.log.Warn("requests were still in flight and have been cut off")
		return server.Close()
	}
	return err
}

func (a *App) startBackground() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, f := range a.background {
		running.Go(func() { f(ctx) })
	}
	return func() {
		cancel()
		running.Wait()
	}
}

// Close ends everything that was opened. Run does so by itself; Close is for an App that never ran.
func (a *App) Close() error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i]())
	}
	a.closers = nil
	return errors.Join(errs...)
}
