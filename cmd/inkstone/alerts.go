package main

import (
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"inkstone/internal/alerts"
	"inkstone/internal/config"
	"inkstone/internal/telemetry"
)

func (p *program) alerts() *cobra.Command {
	return &cobra.Command{
		Use:   "alerts",
		Short: "把 Alertmanager 的告警转发到钉钉、飞书、企业微信群",
		Long: "接收 Alertmanager 的 webhook（/dingtalk、/feishu、/wecom），转成各机器人的格式发到群里。\n" +
			"默认只监听本机。时间以 TZ 所指时区显示，缺省为北京时间。",
		Example: "  DINGTALK_WEBHOOK_URL_FILE=/run/secrets/dingtalk-url DINGTALK_SECRET_FILE=/run/secrets/dingtalk-secret inkstone alerts",
		Args:    arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := p.config()
			if err != nil {
				return err
			}
			defer outliveReaders()()
			return p.relay(c, cfg)
		},
	}
}

func (p *program) relay(c *cobra.Command, cfg *config.Config) (err error) {
	robots := robotsOf(cfg.Alerts)
	if len(robots) == 0 {
		return errors.New("没有机器人，请设置 DINGTALK_WEBHOOK_URL、FEISHU_WEBHOOK_URL 或 WECOM_WEBHOOK_URL")
	}
	logs, err := telemetry.OpenLogs(telemetry.LogOptions{Console: c.OutOrStdout(), Readable: !cfg.Production}) // LOG_DIR is the server's
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, logs.Close()) }()
	var lc net.ListenConfig
	l, err := lc.Listen(c.Context(), "tcp", cfg.Alerts.Addr)
	if err != nil {
		return fmt.Errorf("无法监听 %s，可能已被占用，请检查 ALERTS_ADDR：%w", cfg.Alerts.Addr, err)
	}
	if cfg.Production { // standard output has lines of the log only
		logs.Logger.Info("relaying", "robots", len(robots), "url", "http://"+l.Addr().String())
	} else {
		fmt.Fprintf(c.OutOrStdout(), "告警转发已启动，%d 个机器人，地址 http://%s\n", len(robots), l.Addr())
	}
	return alerts.Serve(c.Context(), l, alerts.Handler(alerts.Options{
		Robots: robots, Runbook: cfg.Alerts.RunbookURL, Zone: p.zone(), Log: logs.Logger,
	}))
}

// zone is that of TZ, which Go reads itself, and else that of the readers: containers
// often have none.
func (p *program) zone() *time.Location {
	if tz, ok := p.lookup("TZ"); ok && tz != "" {
		return time.Local
	}
	return time.FixedZone("", 8*60*60)
}

func robotsOf(c config.Alerts) (robots []alerts.Robot) {
	if c.DingTalk.Webhook != "" {
		robots = append(robots, alerts.DingTalk(c.DingTalk.Webhook, c.DingTalk.Secret))
	}
	if c.Feishu.Webhook != "" {
		robots = append(robots, alerts.Feishu(c.Feishu.Webhook, c.Feishu.Secret))
	}
	if c.WeCom.Webhook != "" {
		robots = append(robots, alerts.WeCom(c.WeCom.Webhook))
	}
	return robots
}
