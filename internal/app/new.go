package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"inkstone/internal/account"
	"inkstone/internal/admin"
	"inkstone/internal/auth"
	"inkstone/internal/blog"
	"inkstone/internal/cache"
	"inkstone/internal/comment"
	"inkstone/internal/config"
	"inkstone/internal/gateway"
	"inkstone/internal/post"
	"inkstone/internal/store"
	"inkstone/internal/telemetry"
	"inkstone/internal/upload"
	"inkstone/internal/web"
)

// flushLimit is for the views that are written at the end.
const flushLimit = 5 * time.Second

// parts are what the services are made of.
type parts struct {
	passwords *auth.Passwords
	tokens    *auth.Tokens
	operators []*auth.Operator
	limits    limiter
	answers   *cache.Cache[*web.Answer]
	admission admission

	accounts *account.Service
	posts    *post.Service
	comments *comment.Service
	uploads  *upload.Service
	admin    *admin.Service
}

// New opens everything and listens; nothing is answered before Run. console gets
// the log. The error is a sentence that says what to do, and nothing is left open then.
func New(ctx context.Context, cfg *config.Config, console io.Writer) (*App, error) {
	a := &App{cfg: cfg, console: console, metrics: telemetry.NewMetrics(), parts: &parts{}}
	steps := []func(context.Context) error{
		a.openLogs, a.openTraces, a.openReports, a.openSource, a.openRedis, a.openNews, a.openStore, a.openAuth, a.openLimits, a.openAnswers, a.openServices, a.openUploads,
		a.openGateway, a.openRoutes, a.openWatch, a.openTLS, a.listen, a.openRegistration, a.openMetrics, a.openRedirect,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, a.Close())
		}
	}
	return a, nil
}

// openLogs makes the program's logger the default one too, for packages that have no other.
func (a *App) openLogs(context.Context) error {
	logs, err := telemetry.OpenLogs(telemetry.LogOptions{
		Console: a.console, Dir: a.cfg.LogDir, Level: level(a.cfg.LogLevel), Readable: !a.cfg.Production, Lost: a.metrics.LogLineLost,
	})
	if err != nil {
		return fmt.Errorf("无法使用日志目录 %s，请检查 LOG_DIR 与权限：%w", a.cfg.LogDir, err)
	}
	a.log, a.logLevel = telemetry.WithIDs(logs.Logger, web.IDs), logs.Level
	slog.SetDefault(a.log)
	a.closers = append(a.closers, logs.Close)
	a.every(lossesEvery, func(context.Context) { logs.TellLosses(time.Now()) })
	return nil
}

func (a *App) openStore(ctx context.Context) error {
	a.parts.admission = newAdmission(store.Connections(a.cfg.Database, server(a.cfg)))
	a.closers = append(a.closers, a.parts.admission.close)
	a.reached = make(chan struct{})
	a.operated = a.metrics.Store(store.Engine(a.cfg.Database))
	slow := a.newRecorder()
	s, err := openStore(ctx, a.cfg, store.Options{
		Observe: a.observe, Statement: slow.Statement, StatementOver: a.cfg.SlowQuery.Threshold, Requested: isRequest, Read: a.parts.admission.read, Changed: a.changed, Report: a.reportStore, Handshake: a.certificate("database"),
	})
	if err != nil {
		return err
	}
	slow.Keep(s.Care())
	a.store = s
	a.watchStore()
	a.openCare(slow)
	a.closers = append(a.closers, s.Close)
	return nil
}

// reportStore is told how it goes to reach a database that is a server.
func (a *App) reportStore(err error) {
	if err != nil {
		a.log.Error("the database is away; trying again", "error", cannotOpen(a.cfg, err))
		return
	}
	a.log.Info("the database is reached")
	close(a.reached)
}

// observe notes a store operation; it has failed if the fault is not the input's.
func (a *App) observe(ctx context.Context, operation string, took time.Duration, err error) {
	failed := isFailure(err)
	a.operated(operation, took, failed)
	a.traces.Store(ctx, a.engine(), operation, took, failed)
}

func (a *App) openAuth(ctx context.Context) error {
	secret, err := secretOf(a.cfg, config.KeptSecret)
	if err != nil {
		return fmt.Errorf("无法使用数据目录中的令牌密钥，请检查权限或设置 JWT_SECRET：%w", err)
	}
	p := a.parts
	p.tokens = auth.NewTokens([]byte(secret), a.cfg.JWTExpire, time.Now)
	for _, route := range []string{admin.PoolRoute, gateway.StatusRoute} {
		operator, err := auth.NewOperator([]byte(secret), route, time.Now)
		if err != nil {
			return err
		}
		p.operators = append(p.operators, operator)
	}
	if p.passwords, err = auth.NewPasswords(a.cfg.BcryptCost); err != nil {
		return err
	}
	p.passwords.OnHash(a.metrics.Hash)
	err = firstAdmin(ctx, a.cfg, a.store, p.passwords)
	if blog.CodeOf(err) != blog.CodeUnavailable || store.Connections(a.cfg.Database, server(a.cfg)) == 0 {
		return err // a file is not waited for
	}
	a.background = append(a.background, a.laterAdmin)
	return nil
}

// laterAdmin makes the first admin once the database is reached. Then it can't end the
// start any more, so what prevents it is only told.
func (a *App) laterAdmin(ctx context.Context) {
	select {
	case <-a.reached:
	case <-ctx.Done():
		return
	}
	for told := false; ; {
		err := firstAdmin(ctx, a.cfg, a.store, a.parts.passwords)
		if err == nil || ctx.Err() != nil {
			return
		}
		if !told {
			a.log.Error("the first admin could not be made", "error", err)
			told = true
		}
		if blog.CodeOf(err) != blog.CodeUnavailable {
			return
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return
		}
	}
}

func (a *App) openServices(context.Context) error {
	p, s := a.parts, a.store
	p.accounts = account.New(account.Options{
		Users: s.Users(), Tokens: p.tokens, Passwords: p.passwords, Limiter: loginLimiter{p.limits}, Now: time.Now,
		Login:    account.LoginLimits{PerAccount: a.cfg.LoginMax, PerIP: a.cfg.LoginIPMax},
		LoggedIn: func(r account.LoginResult) { a.metrics.Login(string(r)) },
	})
	views := post.NewViews(s.Posts().AddViews, func(err error) { a.log.Error("views could not be written", "error", err) })
	a.metrics.Gauge("views_waiting", "Views of posts that are not written to the database yet.", func() float64 { return float64(views.Waiting()) })
	a.closers = append(a.closers, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), flushLimit)
		defer cancel()
		return views.Close(ctx)
	})
	p.posts = post.New(post.Options{
		Posts: s.Posts(), Comments: s.Comments(), Answers: p.answers, Views: views, Categories: a.cfg.Categories, Now: time.Now,
	})
	p.comments = comment.New(comment.Options{Posts: s.Posts(), Comments: s.Comments(), Answers: p.answers, Now: time.Now})
	return nil
}

func (a *App) openRoutes(context.Context) error {
	a.mux, a.health = web.NewMux(), web.NewHealth(a.ready)
	if len(a.cfg.Target.Elsewhere()) > 0 {
		a.health.ShowCluster(a.cluster)
	}
	a.mountOps(a.mux)
	a.mountServices()
	probe, err := web.OpenPipe()
	if err != nil {
		return err
	}
	a.closers = append(a.closers, probe.Close)
	chain := web.Inner
	if a.cfg.Target.Gateway {
		chain = web.Edge
	}
	a.handler = chain(a.mux, a.edge(probe.Probe))
	return nil
}

// mountServices mounts the rows that are answered here, and sends on what is answered elsewhere.
func (a *App) mountServices() {
	for _, s := range services() {
		if a.cfg.Target.Has(s.name) {
			s.mount(a.parts, a.mux)
		}
		if s.files != "" {
			a.mux.Missing(s.files, blog.CodeFileNotFound)
		}
	}
	if a.gateway == nil {
		return
	}
	a.gateway.Mount(a.mux)
	for _, s := range services() {
		if a.cfg.Target.Has(s.name) {
			continue
		}
		for _, pattern := range s.patterns {
			a.mux.Forward(pattern, a.gateway.Handler(config.ServiceOf(s.name)))
		}
	}
}

func (a *App) edge(probe web.Probe) web.EdgeOptions {
	allMax := 0
	if len(a.cfg.Target.Elsewhere()) > 0 {
		allMax = a.cfg.Gateway.RateMax
	}
	return web.EdgeOptions{
		Verifier: auth.NewVerifier(a.parts.tokens, a.store.Users(), a.parts.operators...), Log: a.log, Metrics: a.metrics,
		Origins: a.cfg.Origins, Trusted: a.cfg.TrustedProxies,
		Limiter: a.parts.limits, Max: a.cfg.RateMax, UserMax: a.cfg.RateUserMax, AllMax: allMax,
		Shedder: web.NewShedder(probe, time.Now), Full: a.parts.admission.full(a.parts.posts.NeedsSearch),
		Traces: a.traces, Report: a.report,
	}
}

// level reads a LOG_LEVEL that the settings have checked.
func level(name string) slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(name))
	return l
}
