package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"inkstone/internal/config"
	"inkstone/internal/discovery"
	"inkstone/internal/store"
)

// gatewayService is what a gateway is registered as; the original's is called so.
const gatewayService = "api-gateway"

// openSource begins to know where other processes are. A registry that is away is no reason not
// to start, one that refuses is.
func (a *App) openSource(ctx context.Context) error {
	a.warnOfSplit()
	if a.cfg.Consul.Addr == "" {
		a.static = discovery.NewStatic(staticLists(a.cfg))
		a.source = a.static
		return nil
	}
	c := a.cfg.Consul
	consul, err := discovery.OpenConsul(discovery.ConsulOptions{
		Addr: c.Addr, Token: c.Token, HTTPS: c.TLS, SkipVerify: c.Insecure, CACert: c.CAFile, CAPath: c.CAPath,
		ClientCert: c.CertFile, ClientKey: c.KeyFile, ServerName: c.ServerName, Namespace: c.Namespace,
		Snapshot: filepath.Join(a.cfg.DataDir, "gateway", "instances.json"), Log: a.log,
	})
	if err != nil {
		return fmt.Errorf("无法使用 Consul，请检查 CONSUL_HTTP_ADDR 与以 CONSUL_ 开头的证书设置：%w", err)
	}
	a.consul, a.source = consul, consul
	a.closers = append(a.closers, func() error { consul.Close(); return nil })
	if err := consul.Check(ctx, serviceNames(a.cfg.Target.Elsewhere())...); errors.Is(err, discovery.ErrRefused) {
		return refusedByConsul(err)
	}
	return nil
}

func refusedByConsul(err error) error {
	return fmt.Errorf("CONSUL_HTTP_TOKEN：Consul 不接受它，或它的权限不足，请检查：%w", err)
}

// warnOfSplit tells what is easily overlooked where the site is made of several processes.
func (a *App) warnOfSplit() {
	t := a.cfg.Target
	if !t.Split() {
		return
	}
	if file, ok := store.File(a.cfg.Database); ok {
		a.log.Warn("several processes on SQLite must be on one host, on one file; for several hosts there is PostgreSQL", "file", file)
	}
	if !t.Gateway && len(a.cfg.TrustedProxies) == 0 {
		a.log.Warn("TRUSTED_PROXIES is empty: all clients of a gateway count as one, and their request ids are lost")
	}
}

// serviceNames returns what rows are called elsewhere.
func serviceNames(rows []string) []string {
	names := make([]string, len(rows))
	for i, row := range rows {
		names[i] = config.ServiceOf(row)
	}
	return names
}

func staticLists(cfg *config.Config) []discovery.List {
	var lists []discovery.List
	for _, service := range slices.Sorted(maps.Keys(cfg.Static)) {
		lists = append(lists, discovery.StaticList(service, cfg.Static[service]))
	}
	return lists
}

// setStatic takes over the addresses of services, where they are those of the settings.
func (a *App) setStatic(cfg *config.Config) {
	if a.static != nil {
		a.static.Set(staticLists(cfg))
	}
}

// watchServices keeps the gateway up to date.
func (a *App) watchServices(ctx context.Context) {
	a.source.Watch(ctx, serviceNames(a.cfg.Target.Elsewhere()), a.gateway.Update)
}

// openRegistration prepares to be found in Consul, by the port that is listened on now.
func (a *App) openRegistration(context.Context) error {
	if a.consul == nil {
		return nil
	}
	host, port, err := a.advertised()
	if err != nil {
		return err
	}
	var names []string
	if a.secure == nil { // other gateways send on in plain HTTP, and would not be understood here
		names = serviceNames(a.cfg.Target.Rows)
	}
	if a.cfg.Target.Gateway {
		names = append(names, gatewayService)
	}
	machine, err := os.Hostname()
	if err != nil {
		machine = host
	}
	var services []discovery.Registration
	for _, name := range names {
		services = append(services, discovery.Registration{
			Service: name, ID: fmt.Sprintf("%s-%s-%d", name, machine, port), Address: host, Port: port, Weight: a.cfg.Service.Weight, Version: Version(),
		})
	}
	a.registrar = a.consul.Registrar(discovery.RegistrarOptions{
		Services: services, Ready: a.wouldPass, CheckTLS: a.secure != nil, CheckInterval: a.cfg.Consul.CheckInterval, CheckTimeout: a.cfg.Consul.CheckTimeout,
	})
	return nil
}

// wouldPass tells what /readyz would answer.
func (a *App) wouldPass() bool {
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	return !a.health.Draining() && a.ready(ctx) == nil
}

// advertised is where others reach this process.
func (a *App) advertised() (host string, port int, err error) {
	port = cmp.Or(a.cfg.Service.Port, a.port())
	if given := a.cfg.Service.Host; given != "" {
		return given, port, nil
	}
	if ip, err := netip.ParseAddr(a.cfg.Host); err == nil && !ip.IsUnspecified() {
		return ip.String(), port, nil
	}
	ip, err := discovery.RouteTo(a.cfg.Consul.Addr)
	if err != nil {
		return "", 0, fmt.Errorf("无法得知别的进程访问本进程的地址，请设置 ADVERTISE_ADDR：%w", err)
	}
	if ip.IsLoopback() {
		a.log.Warn("Consul is told a loopback address, for that is where its agent is: for gateways on other hosts set ADVERTISE_ADDR", "address", ip)
	}
	return ip.String(), port, nil
}
