package config

import (
	"errors"
	"net/url"
	"strings"
)

// Reports says where errors are reported.
type Reports struct {
	DSN         string // of a project of Sentry, or what speaks as it does; "": nowhere
	Environment string
	Release     string // "": the program's version
}

func reportRows() []setting {
	return []setting{
		{Setting: Setting{Name: "SENTRY_DSN", Secret: true,
			ZH: "错误报告的去处：Sentry 项目的 DSN，`https://公钥@主机/项目号`；缺省则不报告", EN: "where errors are reported: the DSN of a project of Sentry, `https://key@host/project`; else nowhere"},
			parse: sentryDSN},
		{Setting: Setting{Name: "SENTRY_ENVIRONMENT", Default: "development", Strict: "production",
			ZH: "错误报告中的环境名", EN: "name of the environment in error reports"},
			parse: func(c *Config, v string) error { c.Reports.Environment = v; return nil }},
		{Setting: Setting{Name: "SENTRY_RELEASE",
			ZH: "错误报告中的版本；缺省为程序的版本", EN: "name of the release in error reports; else the program's version"},
			parse: func(c *Config, v string) error { c.Reports.Release = v; return nil }},
	}
}

// sentryDSN does not repeat the DSN, whose key lets anybody send reports.
func sentryDSN(c *Config, v string) error {
	if v == "" {
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User.Username() == "" || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("不是有效的 DSN，应为 https://公钥@主机/项目号，请从 Sentry 项目的 Client Keys 页面复制")
	}
	if project := u.Path[strings.LastIndex(u.Path, "/")+1:]; project == "" {
		return errors.New("缺少项目号，应为 https://公钥@主机/项目号，请从 Sentry 项目的 Client Keys 页面复制")
	}
	c.Reports.DSN = v
	return nil
}
