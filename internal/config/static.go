package config

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// staticServices reads "post-service=127.0.0.1:4001,127.0.0.1:4002;user-service=…".
func staticServices(c *Config, v string) error {
	for part := range strings.FieldsFuncSeq(v, func(r rune) bool { return r == ';' || r == '\n' }) {
		if strings.TrimSpace(part) == "" {
			continue
		}
		service, addresses, err := staticService(part)
		if err != nil {
			return err
		}
		if _, twice := c.Static[service]; twice {
			return fmt.Errorf("%s 重复，请写在一处，地址以逗号分隔", service)
		}
		if c.Static == nil {
			c.Static = map[string][]string{}
		}
		c.Static[service] = addresses
	}
	return nil
}

func staticService(part string) (service string, addresses []string, err error) {
	service, text, ok := strings.Cut(part, "=")
	service = strings.TrimSpace(service)
	if !ok {
		return "", nil, fmt.Errorf("%q 无效，每项应为 服务=地址,地址，例如 post-service=127.0.0.1:4001,127.0.0.1:4002", strings.TrimSpace(part))
	}
	if row, ok := strings.CutSuffix(service, "-service"); !ok || !slices.Contains(Rows, row) {
		return "", nil, fmt.Errorf("没有服务 %q，可写 %s-service", service, strings.Join(Rows, "-service、"))
	}
	for _, a := range list(text) {
		name, port, err := splitAddress(a)
		if err != nil || name == "" || !isPort(port) {
			return "", nil, fmt.Errorf("%s 的地址 %q 无效，应为 主机:端口，例如 127.0.0.1:4001", service, a)
		}
		if a = net.JoinHostPort(name, port); slices.Contains(addresses, a) {
			return "", nil, fmt.Errorf("%s 的地址 %s 重复", service, a)
		}
		addresses = append(addresses, a)
	}
	if len(addresses) == 0 {
		return "", nil, fmt.Errorf("%s 没有地址，至少写一个 主机:端口", service)
	}
	return service, addresses, nil
}

// splitAddress is net.SplitHostPort for a host that may stand alone.
func splitAddress(v string) (host, port string, err error) {
	if ip, err := netip.ParseAddr(strings.Trim(v, "[]")); err == nil {
		return ip.String(), "", nil
	}
	if !strings.Contains(v, ":") {
		host = v
	} else if host, port, err = net.SplitHostPort(v); err != nil {
		return "", "", err
	}
	if strings.ContainsAny(host, "/@?#*= \t") {
		return "", "", errors.New("not a host")
	}
	return host, port, nil
}

// checkServices holds what a gateway has to reach against what it is told of where that is.
func (l *loader) checkServices() {
	c := l.config
	unreadable := slices.ContainsFunc(l.mistakes, func(m string) bool { return strings.HasPrefix(m, "STATIC_SERVICES：") })
	if c.Consul.Addr != "" || unreadable {
		return
	}
	var missing []string
	for _, row := range c.Target.Elsewhere() {
		if len(c.Static[ServiceOf(row)]) == 0 {
			missing = append(missing, ServiceOf(row))
		}
	}
	if len(missing) > 0 {
		l.wrong("STATIC_SERVICES", fmt.Sprintf("网关不知道 %s 的地址，请在此写出，或设置 CONSUL_HTTP_ADDR", strings.Join(missing, "、")))
	}
	for _, service := range slices.Sorted(maps.Keys(c.Static)) {
		if row := strings.TrimSuffix(service, "-service"); c.Target.Gateway && c.Target.Has(row) {
			l.wrong("STATIC_SERVICES", fmt.Sprintf("%s 由本进程自己运行（TARGET），不必写地址", service))
		}
	}
}
