package config

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Rows are the names of the services that a process may run, in the order of their table.
var Rows = []string{"auth", "user", "post", "comment", "upload", "admin"}

// ServiceOf returns the name that a row has for other processes, such as "post-service".
func ServiceOf(row string) string { return row + "-service" }

// Target is which part of the site a process is.
type Target struct {
	Gateway bool     // clients come here
	Rows    []string // what is answered here, as Rows has them
}

// Has reports whether a row is answered here.
func (t Target) Has(row string) bool { return slices.Contains(t.Rows, row) }

// Split reports whether other processes are needed to make the whole.
func (t Target) Split() bool { return !t.Gateway || len(t.Rows) < len(Rows) }

// String is the target as it is set.
func (t Target) String() string {
	switch {
	case !t.Split():
		return "all"
	case t.Gateway:
		return strings.Join(append([]string{"gateway"}, t.Rows...), ",")
	}
	return strings.Join(t.Rows, ",")
}

// Elsewhere returns the rows that a gateway has answered by others; nil for who is none.
func (t Target) Elsewhere() []string {
	if !t.Gateway {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(Rows), t.Has)
}

// Consul is how to get at Consul; the names of the settings are those of its own programs.
type Consul struct {
	Addr          string // "": there is none
	Token         string
	TLS           bool
	Insecure      bool // its certificate is not checked
	CAFile        string
	CAPath        string
	CertFile      string
	KeyFile       string
	ServerName    string
	Namespace     string
	CheckInterval duration
	CheckTimeout  duration
}

// Service is how others find this process.
type Service struct {
	Host   string // "": HOST if that is one address, else that of the route to Consul
	Port   int    // 0: the one that is listened on
	Weight int
}

func clusterRows() []setting {
	text := func(at func(*Config) *string) parser {
		return func(c *Config, v string) error { *at(c) = v; return nil }
	}
	consul := func(name, zh, en string, parse parser) setting {
		return setting{Setting: Setting{Name: name, ZH: zh, EN: en}, parse: parse}
	}
	token := consul("CONSUL_HTTP_TOKEN", "Consul 的 ACL 令牌", "ACL token for Consul", text(func(c *Config) *string { return &c.Consul.Token }))
	token.Secret = true
	verify := consul("CONSUL_HTTP_SSL_VERIFY", "是否检查 Consul 的证书", "whether Consul's certificate is checked", func(c *Config, v string) error {
		checked := true
		err := boolean(&checked, v)
		c.Consul.Insecure = !checked
		return err
	})
	verify.Default = "true"
	ssl := consul("CONSUL_HTTP_SSL", "以 TLS 连接 Consul", "whether Consul is reached by TLS", func(c *Config, v string) error { return boolean(&c.Consul.TLS, v) })
	ssl.Default = "false"
	return []setting{
		consul("CONSUL_HTTP_ADDR", "Consul 的地址，如 `127.0.0.1:8500`：在那里注册本进程的服务，网关从那里得知各服务的实例",
			"address of Consul, e.g. `127.0.0.1:8500`: this process's services are registered there, and a gateway finds those of others", consulAddr),
		token, ssl, verify,
		consul("CONSUL_CACERT", "Consul 证书的 CA 文件", "file with the authority of Consul's certificate", text(func(c *Config) *string { return &c.Consul.CAFile })),
		consul("CONSUL_CAPATH", "Consul 证书的 CA 目录", "folder of such files", text(func(c *Config) *string { return &c.Consul.CAPath })),
		consul("CONSUL_CLIENT_CERT", "给 Consul 出示的证书文件", "file of the certificate that Consul is shown", text(func(c *Config) *string { return &c.Consul.CertFile })),
		consul("CONSUL_CLIENT_KEY", "该证书的私钥文件", "file of its key", text(func(c *Config) *string { return &c.Consul.KeyFile })),
		consul("CONSUL_TLS_SERVER_NAME", "Consul 证书上的名称", "name in Consul's certificate", text(func(c *Config) *string { return &c.Consul.ServerName })),
		consul("CONSUL_NAMESPACE", "Consul 的命名空间（企业版）", "namespace in Consul (Enterprise)", text(func(c *Config) *string { return &c.Consul.Namespace })),
		{Setting: Setting{Name: "CONSUL_CHECK_INTERVAL", Default: "10s",
			ZH: "Consul 多久检查一次 `/readyz`", EN: "how often Consul asks `/readyz`"},
			parse: span(func(c *Config) *duration { return &c.Consul.CheckInterval }, second, hour)},
		{Setting: Setting{Name: "CONSUL_CHECK_TIMEOUT", Default: "5s",
			ZH: "该检查的时限", EN: "bound of such a check"},
			parse: span(func(c *Config) *duration { return &c.Consul.CheckTimeout }, second, minute)},
		{Setting: Setting{Name: "ADVERTISE_ADDR",
			ZH: "其他进程访问本进程的地址：`主机` 或 `主机:端口`；缺省为 HOST（若它是具体地址），否则为通往 Consul 的本机地址",
			EN: "where other processes reach this one: `host` or `host:port`; else HOST if that is one address, else this machine's address on the way to Consul"},
			parse: advertise},
		{Setting: Setting{Name: "SERVICE_WEIGHT", Default: "1",
			ZH: "本进程分得的请求份额，相对于其他实例", EN: "share of the requests that this process gets, beside others"},
			parse: number(func(c *Config) *int { return &c.Service.Weight }, 1, 100)},
		{Setting: Setting{Name: "STATIC_SERVICES",
			ZH: "不用 Consul 时各服务的地址：`post-service=127.0.0.1:4001,127.0.0.1:4002;user-service=…`；SIGHUP 使其重新读取。与 Consul 并用时，只在得知 Consul 的列表之前有效",
			EN: "addresses of services without Consul: `post-service=127.0.0.1:4001,127.0.0.1:4002;user-service=…`, read again on SIGHUP; beside Consul they count until its lists are known"},
			parse: staticServices},
	}
}

func target(c *Config, v string) error {
	if v == "all" {
		c.Target = Target{Gateway: true, Rows: Rows}
		return nil
	}
	known := "all、gateway、" + strings.Join(Rows, "、")
	var t Target
	for _, name := range list(v) {
		switch {
		case name == "all":
			return errors.New("all 已包含一切，请单独使用")
		case name == "gateway" && t.Gateway || t.Has(name):
			return fmt.Errorf("%q 重复，每个服务只写一次", name)
		case name == "gateway":
			t.Gateway = true
		case slices.Contains(Rows, name):
			t.Rows = append(t.Rows, name)
		default:
			return fmt.Errorf("没有服务 %q，可选 %s，以逗号分隔", name, known)
		}
	}
	if !t.Gateway && len(t.Rows) == 0 {
		return fmt.Errorf("没有写服务，可选 %s，以逗号分隔", known)
	}
	c.Target = t
	return nil
}

func boolean(at *bool, v string) error {
	switch strings.ToLower(v) {
	case "true", "1", "yes":
		*at = true
	case "false", "0", "no", "":
		*at = false
	default:
		return fmt.Errorf("%q 无效，请填写 true 或 false", v)
	}
	return nil
}

func consulAddr(c *Config, v string) error {
	scheme, rest, ok := strings.Cut(v, "://")
	switch {
	case v == "":
		return nil
	case ok && scheme != "http" && scheme != "https" && scheme != "unix",
		ok && rest == "", strings.ContainsAny(v, " \t@?#"):
		return fmt.Errorf("%q 无效，请填写 主机:端口 或 http(s)://主机:端口，例如 127.0.0.1:8500", v)
	}
	c.Consul.Addr = v
	return nil
}

func advertise(c *Config, v string) error {
	if v == "" {
		return nil
	}
	name, port, err := splitAddress(v)
	if err != nil || name == "" || port != "" && !isPort(port) {
		return fmt.Errorf("%q 无效，请填写 主机 或 主机:端口，例如 10.0.0.5 或 10.0.0.5:4001", v)
	}
	if ip, err := netip.ParseAddr(name); err == nil && ip.IsUnspecified() {
		return fmt.Errorf("%q 不是别的进程能访问的地址，请填写具体的地址", v)
	}
	c.Service.Host = name
	c.Service.Port, _ = strconv.Atoi(port)
	return nil
}
