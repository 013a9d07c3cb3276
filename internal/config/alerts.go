package config

import (
	"errors"
	"net/url"
	"strings"
)

// Alerts is about the relay of alerts, "inkstone alerts", alone.
type Alerts struct {
	Addr       string
	RunbookURL string // "": messages name the section without a link
	DingTalk   Robot
	Feishu     Robot
	WeCom      Robot // has no secret
}

// Robot is a chat's robot. Its address holds a token: whoever knows it can write there.
type Robot struct {
	Webhook string // "": there is none
	Secret  string // "": it wants no signature
}

func alertRows() []setting {
	robot := func(name, zh, en string, at func(*Config) *string) setting {
		return setting{Setting: Setting{Name: name, Secret: true,
			ZH: "`inkstone alerts`：" + zh, EN: "`inkstone alerts`: " + en}, parse: webhook(at)}
	}
	secret := func(name, zh, en string, at func(*Config) *Robot) setting {
		return setting{Setting: Setting{Name: name, Secret: true,
			ZH: "`inkstone alerts`：" + zh, EN: "`inkstone alerts`: " + en}, parse: robotSecret(at)}
	}
	return []setting{
		{Setting: Setting{Name: "ALERTS_ADDR", Default: "127.0.0.1:9095",
			ZH: "`inkstone alerts` 的监听地址，Alertmanager 向它发送告警", EN: "address of `inkstone alerts`, for Alertmanager"},
			parse: listener(func(c *Config) *string { return &c.Alerts.Addr })},
		{Setting: Setting{Name: "RUNBOOK_URL",
			ZH: "`inkstone alerts`：在何处能读到 `docs/runbook.md`，消息中的链接由此而来", EN: "`inkstone alerts`: where `docs/runbook.md` can be read; messages link to it"},
			parse: runbookURL},
		robot("DINGTALK_WEBHOOK_URL", "钉钉自定义机器人的地址", "address of a custom robot of DingTalk", func(c *Config) *string { return &c.Alerts.DingTalk.Webhook }),
		secret("DINGTALK_SECRET", "钉钉机器人的加签密钥（SEC 开头）", "what that robot's signatures are made with (`SEC…`)", func(c *Config) *Robot { return &c.Alerts.DingTalk }),
		robot("FEISHU_WEBHOOK_URL", "飞书自定义机器人的地址", "address of a custom robot of Feishu", func(c *Config) *string { return &c.Alerts.Feishu.Webhook }),
		secret("FEISHU_SECRET", "飞书机器人的签名校验密钥", "what that robot's signatures are made with", func(c *Config) *Robot { return &c.Alerts.Feishu }),
		robot("WECOM_WEBHOOK_URL", "企业微信群机器人的地址", "address of a group's robot of WeCom", func(c *Config) *string { return &c.Alerts.WeCom.Webhook }),
	}
}

// webhook does not repeat the address, which holds a token, nor the error about it, which does.
func webhook(at func(*Config) *string) parser {
	return func(c *Config, v string) error {
		if v == "" {
			return nil
		}
		u, err := url.Parse(v)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
			return errors.New("应为机器人的 https 地址，请从群设置中原样复制")
		}
		*at(c) = v
		return nil
	}
}

// robotSecret stands below its robot's address.
func robotSecret(at func(*Config) *Robot) parser {
	return func(c *Config, v string) error {
		if v != "" && at(c).Webhook == "" {
			return errors.New("没有（有效的）机器人地址，请同时设置相应的 _WEBHOOK_URL，或去掉这项设置")
		}
		at(c).Secret = v
		return nil
	}
}

func runbookURL(c *Config, v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(v, "()<> ") {
		return errors.New("应为 http 或 https 地址，不带密钥、括号与 #，例如 https://git.example.com/inkstone/docs/runbook.md")
	}
	c.Alerts.RunbookURL = v
	return nil
}
