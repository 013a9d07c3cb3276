package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"inkstone/internal/admin"
	"inkstone/internal/auth"
	"inkstone/internal/blog"
	"inkstone/internal/config"
	"inkstone/internal/store"
	"inkstone/internal/web"
)

func (a *App) newRecorder() *admin.Recorder {
	return admin.NewRecorder(a.cfg.SlowQuery.Threshold, a.cfg.SlowQuery.Window, a.log, time.Now)
}

// isRequest is store.Options.Requested.
func isRequest(ctx context.Context) bool { return web.RouteOf(ctx) != "" }

// openCare begins to look after the database: slow statements are noted, waits are told.
func (a *App) openCare(slow *admin.Recorder) {
	care := a.store.Care()
	a.parts.admin = newAdmin(a.cfg, care, slow, a.instance)
	a.background = append(a.background, slow.Run, func(ctx context.Context) { admin.WatchPool(ctx, care.State, a.log) })
}

func newAdmin(cfg *config.Config, care blog.Care, slow *admin.Recorder, instance func() string) *admin.Service {
	return admin.New(admin.Options{
		Care: care, Recorder: slow, Instance: instance, Window: cfg.SlowQuery.Window, Threshold: cfg.SlowQuery.Threshold, Now: time.Now,
	})
}

// instance names this process among others: its host, the port it listens on, and its number.
func (a *App) instance() string {
	host, err := os.Hostname()
	if err != nil {
		host = a.cfg.Host
	}
	return fmt.Sprintf("%s/%d", net.JoinHostPort(host, strconv.Itoa(a.port())), os.Getpid())
}

// Caretaker looks at a database from the command line, whether a server runs or not. It changes
// nothing.
type Caretaker struct {
	*admin.Service
	store blog.Store
}

// OpenCare opens the database to look at it. The error is a sentence that says what to do.
func OpenCare(ctx context.Context, cfg *config.Config) (*Caretaker, error) {
	s, err := store.Open(ctx, cfg.Database, store.Options{ReadOnly: true, Server: server(cfg)})
	if err != nil {
		return nil, cannotOpen(cfg, err)
	}
	return &Caretaker{newAdmin(cfg, s.Care(), nil, func() string { return "" }), s}, nil
}

// Close closes the database.
func (c *Caretaker) Close() error { return c.store.Close() }

// Alone returns what there is to see of the database while no server answers: its own
// connections are none of a server's.
func (c *Caretaker) Alone(ctx context.Context) (admin.Pool, error) {
	p, err := c.Pool(ctx)
	p.Connections = nil
	return p, err
}

// Proof returns what a command shows the server of these settings in place of an admin's token, at
// one route alone, admin.PoolRoute or gateway.StatusRoute. It is written nowhere, and makes no secret. The error is a sentence that
// says what to do.
func Proof(cfg *config.Config, route string) (string, error) {
	if cfg.Production && cfg.JWTSecret == "" {
		return "", errors.New("JWT_SECRET：缺失、无效或无权读取，须与正在运行的服务相同")
	}
	secret, err := secretOf(cfg, config.ReadSecret)
	if err != nil {
		return "", fmt.Errorf("无法读取服务的令牌密钥，请以服务的用户与设置（JWT_SECRET 或 DATA_DIR）执行：%w", err)
	}
	operator, err := auth.NewOperator([]byte(secret), route, time.Now)
	if err != nil {
		return "", err
	}
	return operator.Prove()
}

// secretOf returns what tokens are signed with; kept gives that of a folder.
func secretOf(cfg *config.Config, kept func(dir string) (string, error)) (string, error) {
	if cfg.JWTSecret != "" {
		return cfg.JWTSecret, nil
	}
	return kept(cfg.DataDir)
}
