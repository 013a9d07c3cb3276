package config

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// TLS is how clients reach the site by https; the zero value: they do not.
type TLS struct {
	Cert, Key string // files; "": none

	Domains   []string // of certificates that an ACME server issues
	Email     string   // that it may write to; "": none
	Directory string   // URL

	NoHTTP2 bool // HTTP/1.1 alone

	RedirectAddr string // where http is sent on to https; "": nowhere
	RedirectPort int    // of https, as clients see it; 0: that of the server
}

// On reports whether clients speak TLS.
func (t TLS) On() bool { return t.Cert != "" || len(t.Domains) > 0 }

func tlsRows() []setting {
	text := func(at func(*Config) *string) parser {
		return func(c *Config, v string) error { *at(c) = v; return nil }
	}
	return []setting{
		{Setting: Setting{Name: "TLS_CERT",
			ZH: "证书链文件（PEM），与 TLS_KEY 一起使主端口使用 HTTPS；文件更换后几秒内生效", EN: "file of the certificate and its chain (PEM): with TLS_KEY it makes the main port speak HTTPS; new files count within seconds"},
			parse: text(func(c *Config) *string { return &c.TLS.Cert })},
		{Setting: Setting{Name: "TLS_KEY",
			ZH: "该证书的私钥文件（PEM，不带密码）", EN: "file of its key (PEM, without a password)"},
			parse: text(func(c *Config) *string { return &c.TLS.Key })},
		{Setting: Setting{Name: "ACME_DOMAINS",
			ZH: "代替证书文件：由 ACME（如 Let's Encrypt）签发证书的域名，逗号分隔；证书与账户存于 `<DATA_DIR>/acme`",
			EN: "instead of files: names for which certificates are issued by ACME (such as Let's Encrypt), comma separated; they and the account are in `<DATA_DIR>/acme`"},
			parse: acmeDomains},
		{Setting: Setting{Name: "ACME_EMAIL",
			ZH: "证书出问题时的联系邮箱", EN: "address that the issuer may write to"},
			parse: acmeEmail},
		{Setting: Setting{Name: "ACME_DIRECTORY_URL", Default: "https://acme-v02.api.letsencrypt.org/directory",
			ZH: "ACME 服务的目录地址", EN: "directory of the ACME server"},
			parse: acmeDirectory},
		{Setting: Setting{Name: "TLS_HTTP2", Default: "true",
			ZH: "HTTPS 是否提供 HTTP/2；由 1.26.10 之前的 Go 编译时有已知缺陷，日志会提醒", EN: "whether HTTPS offers HTTP/2; built by a Go before 1.26.10 it has known faults, of which the log warns"},
			parse: func(c *Config, v string) error {
				offered := true
				err := boolean(&offered, v)
				c.TLS.NoHTTP2 = !offered
				return err
			}},
		{Setting: Setting{Name: "HTTP_REDIRECT_ADDR",
			ZH: "使用 HTTPS 时另外监听的地址，如 `0.0.0.0:80`：把 HTTP 请求重定向到 HTTPS，并应答 ACME 的 http-01 验证；缺省为不监听",
			EN: "with HTTPS, a second listener, e.g. `0.0.0.0:80`: it sends HTTP requests on to HTTPS and answers ACME's http-01; else there is none"},
			parse: func(c *Config, v string) error {
				if v == "" {
					return nil
				}
				return listener(func(c *Config) *string { return &c.TLS.RedirectAddr })(c, v)
			}},
		{Setting: Setting{Name: "HTTP_REDIRECT_PORT",
			ZH: "重定向到的端口，即客户端所见的 HTTPS 端口；缺省为 PORT", EN: "the port it sends them to, which is that of HTTPS as clients see it; else PORT"},
			parse: redirectPort},
	}
}

func redirectPort(c *Config, v string) error {
	if v == "" {
		return nil
	}
	if !isPort(v) {
		return fmt.Errorf("%q 无效，请填写 1 到 65535 的整数", v)
	}
	c.TLS.RedirectPort, _ = strconv.Atoi(v)
	return nil
}

func acmeDomains(c *Config, v string) error {
	for _, name := range list(strings.ToLower(v)) {
		_, errIP := netip.ParseAddr(name)
		switch {
		case strings.Contains(name, "*"):
			return fmt.Errorf("%q 无效：通配符证书需要 DNS 验证，请逐个列出域名，或使用 TLS_CERT", name)
		case errIP == nil || !strings.Contains(strings.Trim(name, "."), ".") || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" || strings.Trim(name, ".-") != name:
			return fmt.Errorf("%q 无效，每项应为域名（中文域名请写成 xn-- 形式），例如 blog.example.com", name)
		case slices.Contains(c.TLS.Domains, name):
			return fmt.Errorf("%q 重复", name)
		}
		c.TLS.Domains = append(c.TLS.Domains, name)
	}
	return nil
}

func acmeEmail(c *Config, v string) error {
	if name, host, ok := strings.Cut(v, "@"); v != "" && (!ok || name == "" || host == "" || strings.ContainsAny(v, " \t:,")) {
		return fmt.Errorf("%q 无效，请填写形如 me@example.com 的地址", v)
	}
	c.TLS.Email = v
	return nil
}

func acmeDirectory(c *Config, v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" || u.Host == "" {
		return errors.New("应为 https:// 开头的地址，例如 https://acme-v02.api.letsencrypt.org/directory")
	}
	c.TLS.Directory = v
	return nil
}

// checkTLS says what does not go together.
func (l *loader) checkTLS() {
	t := l.config.TLS
	switch {
	case t.Cert != "" && t.Key == "":
		l.wrong("TLS_KEY", "设置了 TLS_CERT，还须设置它的私钥文件")
	case t.Cert == "" && t.Key != "":
		l.wrong("TLS_CERT", "设置了 TLS_KEY，还须设置它的证书文件")
	case t.Cert != "" && len(t.Domains) > 0:
		l.wrong("ACME_DOMAINS", "不能与 TLS_CERT 同时设置，请只保留一种证书")
	case t.On() && !l.config.Target.Gateway && len(l.config.Target.Rows) > 0: // one that can't be read is told already
		l.wrong("TARGET", "只有面向客户端的进程（all 或含 gateway）使用 HTTPS：网关以 HTTP 访问其他服务，请在此去掉 TLS_CERT 与 ACME_DOMAINS")
	case !t.On() && t.RedirectAddr != "":
		l.wrong("HTTP_REDIRECT_ADDR", "只能与 TLS_CERT 或 ACME_DOMAINS 一起使用")
	}
}
