package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"runtime"
	"sync/atomic"

	"github.com/spf13/cobra"

	"inkstone/internal/app"
	"inkstone/internal/blog"
	"inkstone/internal/config"
)

func (p *program) serve() *cobra.Command {
	var target string
	c := &cobra.Command{
		Use:   "serve",
		Short: "启动服务",
		Long: "启动服务：准备数据目录，升级数据库，监听端口。--target 选择本进程运行哪些服务，其余由别的进程运行，见 docs/gateway.md。\n" +
			"SIGTERM 或 Ctrl-C 使它有序退出，再来一次则立即退出；SIGHUP 使它重新读取 LOG_LEVEL 与 STATIC_SERVICES。",
		Example: "  inkstone serve\n" +
			"  PORT=8080 inkstone serve\n" +
			"  PORT=4001 inkstone serve --target=post,comment\n" +
			"  ADMIN_EMAIL=me@example.com ADMIN_USERNAME=me ADMIN_PASSWORD_FILE=/run/secrets/admin inkstone serve",
		Args: arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			if c.Flags().Changed("target") {
				p.override("TARGET", target)
			}
			cfg, err := p.served()
			if err != nil {
				return err
			}
			defer runtime.KeepAlive(p.collect(cfg.Target))
			defer outliveReaders()()
			ctx, end := context.WithCancel(c.Context())
			defer end()
			c.SetContext(ctx)
			var running atomic.Pointer[app.App]
			defer onHangup(func() { p.reload(running.Load()) }, end)()
			a, err := start(c, cfg)
			if errors.Is(err, context.Canceled) {
				return nil // told to stop before all was open: that is an end in order, too
			}
			if err != nil {
				return err
			}
			running.Store(a)
			dropStart(cfg.Target, a.Log())
			return a.Run(ctx)
		},
	}
	c.Flags().StringVar(&target, "target", "all", "本进程运行的`服务`，同 TARGET：all，或 gateway、auth、user、post、comment、upload、admin 中的若干，逗号分隔")
	return c
}

func start(c *cobra.Command, cfg *config.Config) (*app.App, error) {
	a, err := app.New(c.Context(), cfg, c.OutOrStdout())
	if err != nil {
		return nil, err
	}
	if err := greet(c, cfg, a); err != nil {
		return nil, closeWith(a, err)
	}
	return a, nil
}

// reload reads all settings once more, and takes over those that may change. In a process that
// runs only .env can have changed. One that still starts, nil, has just read them.
func (p *program) reload(a *app.App) {
	if a == nil {
		return
	}
	cfg, err := p.served()
	if err != nil {
		a.Log().Error("the settings could not be read again; they stay as they are", "error", err)
		return
	}
	a.Reload(cfg)
}

// greet tells where everything is, and how to make the first admin if there is none. A
// database that is away is no reason to end: the server tries to reach it. In production
// standard output has lines of the log only.
func greet(c *cobra.Command, cfg *config.Config, a *app.App) error {
	data, err := filepath.Abs(cfg.DataDir)
	if err != nil {
		return err
	}
	has, err := app.HasAdmin(c.Context(), a.Store())
	away := blog.CodeOf(err) == blog.CodeUnavailable
	if err != nil && !away {
		return err
	}
	out := c.OutOrStdout()
	if cfg.Production {
		log := a.Log()
		log.Info("serving", "version", app.Version(), "url", a.URL(), "target", cfg.Target.String(), "dataDir", data)
		if !has && !away {
			log.Warn("there is no admin yet: inkstone user create --admin --email you@example.com --username you")
		}
		if log.Enabled(c.Context(), slog.LevelInfo) {
			return nil
		}
		out = c.ErrOrStderr() // for who has to know the port
	}
	fmt.Fprintf(out, "砚台 %s 已启动\n  地址      %s\n", app.Version(), a.URL())
	if cfg.Target.Gateway {
		fmt.Fprintf(out, "  接口文档  %s/docs\n", a.URL())
	}
	fmt.Fprintf(out, "  数据目录  %s\n", data)
	if cfg.Target.Split() {
		fmt.Fprintf(out, "  运行服务  %s\n", cfg.Target)
	}
	switch {
	case away:
		fmt.Fprintln(out, "  数据库暂时无法使用，正在反复尝试，原因见日志；在此之前接口回答 503")
	case !has:
		fmt.Fprintln(out, "  还没有管理员，创建一位：inkstone user create --admin --email you@example.com --username you")
	}
	return nil
}
