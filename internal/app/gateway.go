package app

import (
	"context"
	"net/http"

	"inkstone/internal/gateway"
	"inkstone/internal/web"
)

// openGateway prepares to send on what is answered elsewhere.
func (a *App) openGateway(context.Context) error {
	t := a.cfg.Target
	if !t.Gateway {
		return nil
	}
	g := a.cfg.Gateway
	o := gateway.Options{
		Services: serviceNames(t.Elsewhere()), Local: serviceNames(t.Rows), Balancer: g.Balancer,
		Timeout: g.Timeout, DialTimeout: g.DialTimeout, Retries: g.Retries, MaxInFlight: g.MaxInFlight,
		EjectTime: g.EjectTime, SlowCall: g.SlowCall, SlowStart: g.SlowStart,
		Name: a.instance, State: a.source.State, Hop: a.hopTo, Log: a.log,
	}
	if a.consul == nil {
		o.ProbeEvery = g.ProbeEvery // else Consul does
	}
	a.gateway = gateway.New(o)
	for _, l := range staticLists(a.cfg) { // beside Consul they count until its lists are known
		l.Firm = a.consul == nil
		a.gateway.Update(l)
	}
	a.closers = append(a.closers, a.gateway.Close)
	if len(t.Elsewhere()) > 0 {
		a.background = append(a.background, a.gateway.Run, a.watchServices)
	}
	return nil
}

// hopTo makes a request that is sent on a part of the trace that it belongs to.
func (a *App) hopTo(ctx context.Context, method, service string, header http.Header) (end func(status int)) {
	return a.traces.Ask(ctx, web.TraceOf(ctx), method, service, header)
}

// cluster is what /health of a gateway tells of those behind it.
func (a *App) cluster() web.Cluster {
	return web.Cluster{Services: a.gateway.Instances(), Discovery: a.source.State()}
}
