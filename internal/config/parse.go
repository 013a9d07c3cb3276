package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/bcrypt"

	"inkstone/internal/blog"
)

type parser = func(c *Config, value string) error

func environment(c *Config, v string) error {
	switch v {
	case "", "development", "test":
	case "production":
		c.Production = true
	default:
		return fmt.Errorf("%q 无效，请填写 development、test 或 production", v)
	}
	return nil
}

func host(at func(*Config) *string) parser {
	return func(c *Config, v string) error {
		name := strings.TrimSuffix(strings.TrimPrefix(v, "["), "]")
		if _, err := netip.ParseAddr(name); err != nil && strings.ContainsAny(v, "/ \t:*[]") {
			return fmt.Errorf("%q 无效，请填写 IP 或主机名，不带协议、端口与路径", v)
		}
		*at(c) = name
		return nil
	}
}

func folder(at func(*Config) *string) parser {
	return func(c *Config, v string) error {
		if strings.Contains(v, "://") {
			return fmt.Errorf("%q 无效，请填写本地目录", v)
		}
		*at(c) = filepath.Clean(v)
		return nil
	}
}

// CheckDatabase says what is wrong with a URL of a database. It does not repeat it.
func CheckDatabase(url string) error { return database(new(Config), url) }

func database(c *Config, v string) error {
	scheme, path, _ := strings.Cut(v, ":")
	switch scheme {
	case "postgres", "postgresql":
		return postgres(c, v)
	case "sqlite":
	default:
		return errors.New("本版本支持 SQLite 与 PostgreSQL，请填写 sqlite:路径，例如 sqlite:data/inkstone.db，或 postgres://用户:密码@主机:5432/库名")
	}
	if strings.TrimPrefix(path, "//") == "" {
		return errors.New("缺少文件路径，请填写 sqlite:路径，例如 sqlite:data/inkstone.db")
	}
	if strings.Contains(path, "?") || strings.Contains(path, ":memory:") { // else a file of that name would be made
		return errors.New("应为一个文件的路径，不支持 :memory: 与 ? 之后的参数，例如 sqlite:data/inkstone.db")
	}
	c.Database = v
	return nil
}

// postgres does not repeat the URL, which may hold a password, nor the error about it, which does.
func postgres(c *Config, v string) error {
	u, err := url.Parse(v)
	before, _, _ := strings.Cut(v, "?")
	if err != nil || strings.Count(before, "@") > 1 || u.Opaque != "" || strings.Trim(u.Path, "/") == "" || strings.Contains(strings.Trim(u.Path, "/"), "/") {
		return errors.New("不是有效的地址，请填写 postgres://用户:密码@主机:5432/库名（密码中的特殊字符须写成 %XX）")
	}
	c.Database = v
	return nil
}

func pooler(c *Config, v string) error {
	switch v {
	case "none", "transaction":
		c.DB.Pooled = v == "transaction"
		return nil
	}
	return fmt.Errorf("%q 无效，请填写 none 或 transaction", v)
}

func oneOf(at func(*Config) *string, values ...string) parser {
	return func(c *Config, v string) error {
		if !slices.Contains(values, v) {
			return fmt.Errorf("%q 无效，请填写 %s 之一", v, strings.Join(values, "、"))
		}
		*at(c) = v
		return nil
	}
}

func number(at func(*Config) *int, least, most int) parser {
	return func(c *Config, v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("%q 无效，请填写 %d 到 %d 的整数", v, least, most)
		}
		*at(c) = n
		return nil
	}
}

func bcryptCost(c *Config, v string) error {
	least := bcrypt.MinCost
	if c.Production {
		least = 10
	}
	return number(func(c *Config) *int { return &c.BcryptCost }, least, 15)(c, v)
}

func jwtSecret(c *Config, v string) error {
	const advice = "可用 openssl rand -base64 48 生成"
	switch {
	case v == "" && c.Production:
		return errors.New("生产环境必须设置（或设置 JWT_SECRET_FILE），至少 32 字节，" + advice)
	case c.Production && len(v) < minSecret:
		return errors.New("太短，生产环境至少 32 字节，" + advice)
	case c.Production && wellKnown(v):
		return errors.New("是众所周知的示例值或含有它，任何人都能伪造令牌，请换成随机值，" + advice)
	}
	c.JWTSecret = v
	return nil
}

func origins(c *Config, v string) error {
	for _, o := range list(v) {
		u, err := url.Parse(o)
		switch {
		case strings.Contains(o, "*"):
			return errors.New("不接受 *（允许携带凭据时不安全），请逐个列出来源，例如 https://blog.example.com")
		case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.Scheme+"://"+u.Host != o:
			return fmt.Errorf("%q 无效，每项应为 协议://主机[:端口]，例如 https://blog.example.com", o)
		}
		c.Origins = append(c.Origins, strings.ToLower(o))
	}
	return nil
}

func proxies(c *Config, v string) error {
	for _, p := range list(v) {
		prefix, err := netip.ParsePrefix(p)
		if addr, errAddr := netip.ParseAddr(p); errAddr == nil {
			prefix, err = addr.Unmap().Prefix(addr.Unmap().BitLen())
		}
		if err != nil {
			return fmt.Errorf("%q 无效，每项应为 IP 或 CIDR，例如 10.0.0.0/8", p)
		}
		if a := prefix.Addr(); a.Is4In6() && prefix.Bits() >= 96 { // clients' addresses are never written so
			prefix = netip.PrefixFrom(a.Unmap(), prefix.Bits()-96)
		}
		c.TrustedProxies = append(c.TrustedProxies, prefix.Masked())
	}
	return nil
}

func categories(c *Config, v string) error {
	names := list(strings.ReplaceAll(v, "，", ",")) // what a Chinese keyboard gives
	for i, name := range names {
		if utf8.RuneCountInString(name) > 20 || !blog.CleanText(name) {
			return fmt.Errorf("分类 %q 无效，每个不超过 20 个字符", name)
		}
		if slices.Contains(names[:i], name) {
			return fmt.Errorf("分类 %q 重复", name)
		}
	}
	if len(names) == 0 {
		return errors.New("至少需要一个分类，例如 技术,生活")
	}
	c.Categories = names
	return nil
}

func metricsAddr(c *Config, v string) error {
	if v == "" {
		return nil
	}
	return listener(func(c *Config) *string { return &c.MetricsAddr })(c, v)
}

func listener(at func(*Config) *string) parser {
	return func(c *Config, v string) error {
		_, port, err := net.SplitHostPort(v)
		if n, errPort := strconv.Atoi(port); err != nil || errPort != nil || n < 0 || n > 65535 {
			return fmt.Errorf("%q 无效，应为 地址:端口，例如 127.0.0.1:9100", v)
		}
		*at(c) = v
		return nil
	}
}

func later(_ *Config, v string) error {
	if v != "" {
		return errors.New("本版本不支持，请去掉这项设置")
	}
	return nil
}

func span(at func(*Config) *duration, least, most time.Duration) parser {
	return func(c *Config, v string) error {
		d, ok := parseSpan(v)
		if !ok || d < least || d > most {
			return fmt.Errorf("%q 无效，请填写 15m、12h、7d 这样的时长（不带单位为毫秒），最短 %s，最长 %s", v, writeSpan(least), writeSpan(most))
		}
		*at(c) = d
		return nil
	}
}

func size(at func(*Config) *int64, least, most int64) parser {
	return func(c *Config, v string) error {
		n, ok := parseSize(v)
		if !ok || n < least || n > most {
			return fmt.Errorf("%q 无效，请填写 32MB、1GB 这样的大小（不带单位为字节）", v)
		}
		*at(c) = n
		return nil
	}
}

// list splits at commas and drops blanks and empty items.
func list(v string) []string {
	var items []string
	for item := range strings.SplitSeq(v, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
