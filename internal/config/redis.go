package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Redis is where Redis is. The other fields are another way to give the URL, which Load
// makes of them.
type Redis struct {
	URL string // "": there is none

	Host, Port, Password string
}

func redisRows() []setting {
	return []setting{
		{Setting: Setting{Name: "REDIS_URL", Secret: true,
			ZH: "`redis://用户:密码@主机:端口/库号`，TLS 用 `rediss://`：各实例共享限流、登录失败计数与应答缓存，并互告变更；连不上时与缺省时各实例自行其是",
			EN: "`redis://user:password@host:port/number`, `rediss://` with TLS: all instances share limits, counts of failed logins and cached answers, and tell each other of changes; while it is away, and without it, each goes on alone"},
			parse: redisURL},
		{Setting: Setting{Name: "REDIS_HOST",
			ZH: "代替 REDIS_URL：主机；只设端口或密码时为 `localhost`", EN: "instead of REDIS_URL: the host; `localhost` where only port or password are given"},
			parse: redisHost},
		{Setting: Setting{Name: "REDIS_PORT",
			ZH: "代替 REDIS_URL：端口，缺省 6379", EN: "instead of REDIS_URL: the port, else 6379"},
			parse: redisPort},
		{Setting: Setting{Name: "REDIS_PASSWORD", Secret: true,
			ZH: "代替 REDIS_URL：密码", EN: "instead of REDIS_URL: the password"},
			parse: func(c *Config, v string) error { c.Redis.Password = v; return nil }},
	}
}

const redisDefaultPort = "6379"

// redisURL does not repeat the URL, which may hold a password, nor the error about it, which does.
func redisURL(c *Config, v string) error {
	if v == "" {
		return nil
	}
	const form = "请填写 redis://用户:密码@主机:6379/0，使用 TLS 时为 rediss://"
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Opaque != "" || u.Hostname() == "" || u.Port() != "" && !isPort(u.Port()):
		return errors.New("不是有效的地址，" + form + "（密码中的特殊字符须写成 %XX）")
	case u.Scheme != "redis" && u.Scheme != "rediss":
		return errors.New("应以 redis:// 或 rediss:// 开头，" + form)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return errors.New("不支持 ? 与 # 之后的内容，" + form + "（密码中的特殊字符须写成 %XX）")
	}
	if number := strings.TrimPrefix(u.Path, "/"); number != "" {
		if n, err := strconv.ParseUint(number, 10, 16); err != nil || strconv.FormatUint(n, 10) != number {
			return errors.New("主机之后应为库号，" + form)
		}
	}
	c.Redis.URL = strings.TrimSuffix(v, "/")
	return nil
}

func redisHost(c *Config, v string) error {
	if v == "" {
		return nil
	}
	return host(func(c *Config) *string { return &c.Redis.Host })(c, v)
}

func redisPort(c *Config, v string) error {
	if v != "" && !isPort(v) {
		return fmt.Errorf("%q 无效，请填写 1 到 65535 的整数", v)
	}
	c.Redis.Port = v
	return nil
}

func isPort(v string) bool {
	n, err := strconv.ParseUint(v, 10, 16)
	return err == nil && n > 0
}

// joinRedis makes the URL of its parts. Where both are given they must agree.
func (l *loader) joinRedis() {
	r := &l.config.Redis
	if r.URL != "" {
		l.compareRedis()
		return
	}
	if r.Host == "" && r.Port == "" && r.Password == "" {
		return
	}
	u := url.URL{Scheme: "redis", Host: net.JoinHostPort(cmp.Or(r.Host, "localhost"), cmp.Or(r.Port, redisDefaultPort))}
	if r.Password != "" {
		u.User = url.UserPassword("", r.Password)
	}
	r.URL = u.String()
}

func (l *loader) compareRedis() {
	r := l.config.Redis
	u, _ := url.Parse(r.URL) // redisURL has read it
	password, _ := u.User.Password()
	for _, part := range []struct{ name, given, of string }{
		{"REDIS_HOST", strings.ToLower(r.Host), strings.ToLower(u.Hostname())},
		{"REDIS_PORT", r.Port, cmp.Or(u.Port(), redisDefaultPort)},
		{"REDIS_PASSWORD", r.Password, password},
	} {
		if part.given != "" && part.given != part.of {
			l.wrong("REDIS_URL", fmt.Sprintf("与 %s 同时设置且不一致，请只保留一个", part.name))
		}
	}
}
