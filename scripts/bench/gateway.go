package main

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Figures of the gateway's load: a 1 KB answer, and connections that are only held.
const (
	proxiedBytes   = 1024
	gatewayClients = 64
	heldClients    = 1000
)

// relay is httputil.ReverseProxy and nothing else, in turn to each address of RELAY_TO: what the
// gateway is compared with.
func relay() error {
	var targets []*url.URL
	for address := range strings.SplitSeq(os.Getenv("RELAY_TO"), ",") {
		targets = append(targets, &url.URL{Scheme: "http", Host: address})
	}
	var turn atomic.Uint64
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = gatewayClients
	proxy := &httputil.ReverseProxy{Transport: transport, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(targets[turn.Add(1)%uint64(len(targets))])
		r.SetXForwarded()
	}}
	return http.ListenAndServe(os.Getenv("HOST")+":"+os.Getenv("PORT"), proxy)
}

// gateway compares what a proxied GET costs the gateway, with logs, metrics, limits and retries
// on, with a plain ReverseProxy before the same two instances, in turns; then it looks at the
// memory, and at what the split costs a cached list.
func (b *bench) gateway() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var addresses []string
	for range 2 {
		p, err := startProcess(b.ctx, b.log(), b.cpus, []string{fmt.Sprint("BARE_BYTES=", proxiedBytes)}, self, "bare")
		if err != nil {
			return err
		}
		defer p.stop()
		addresses = append(addresses, strings.TrimPrefix(p.base, "http://"))
	}
	plain, err := startProcess(b.ctx, b.log(), b.cpus, []string{"RELAY_TO=" + strings.Join(addresses, ",")}, self, "relay")
	if err != nil {
		return err
	}
	defer plain.stop()
	ours, err := b.edge(func(string) string { return strings.Join(addresses, ",") })
	if err != nil {
		return err
	}
	defer ours.stop()
	if err := b.compareProxies(plain, ours); err != nil {
		return err
	}
	if err := b.hold(ours); err != nil {
		return err
	}
	return b.split()
}

// edge starts a gateway to the addresses of each service, with everything on that it is used with.
func (b *bench) edge(addresses func(service string) string) (*process, error) {
	const counted = "1000000000" // a limit that nobody reaches, but everybody is counted for
	var services []string
	for _, row := range []string{"auth", "user", "post", "comment", "upload", "admin"} {
		services = append(services, row+"-service="+addresses(row))
	}
	logs := filepath.Join(b.data, "gateway-logs")
	return b.server("TARGET=gateway", "STATIC_SERVICES="+strings.Join(services, ";"), "LOG_DIR="+logs,
		"RATE_LIMIT_MAX="+counted, "GATEWAY_RATE_LIMIT_MAX="+counted, "MAX_CONNECTIONS=4096")
}

func (b *bench) compareProxies(plain, ours *process) error {
	request := rawRequest("GET", "/api/posts", "", "")
	var ratios []float64
	var costs, bare results
	for range max(5, b.rounds) {
		p, err := b.hammer(plain, request)
		if err != nil {
			return fmt.Errorf("plain ReverseProxy: %w", err)
		}
		o, err := b.hammer(ours, request)
		if err != nil {
			return fmt.Errorf("gateway: %w", err)
		}
		bare, costs = append(bare, p), append(costs, o)
		ratios = append(ratios, float64(o.cpu)/float64(p.cpu))
	}
	fmt.Printf("\na GET of 1 KB through a proxy, %d connections\n", gatewayClients)
	fmt.Printf("  plain ReverseProxy  %s\n", bare.median())
	fmt.Printf("  gateway             %s\n", costs.median())
	fmt.Printf("  gateway beside it   %s × CPU\n", spread(ratios))
	return nil
}

// hammer sends one request over and over on kept connections.
func (b *bench) hammer(p *process, request []byte) (result, error) {
	var mu sync.Mutex
	var times []time.Duration
	var failed error
	address := strings.TrimPrefix(p.base, "http://")
	before, err := p.cpu()
	if err != nil {
		return result{}, err
	}
	var all sync.WaitGroup
	end := time.Now().Add(b.length)
	for range gatewayClients {
		all.Go(func() {
			c := &rawClient{address: address}
			defer c.close()
			var own []time.Duration
			var err error
			for err == nil && time.Now().Before(end) && b.ctx.Err() == nil {
				var a answer
				if a, err = c.do(request); err == nil && a.status != http.StatusOK {
					err = fmt.Errorf("status %d", a.status)
				}
				own = append(own, a.took)
			}
			mu.Lock()
			defer mu.Unlock()
			times, failed = append(times, own...), cmp.Or(failed, err)
		})
	}
	all.Wait()
	after, err := p.cpu()
	if err := errors.Join(failed, err, b.ctx.Err()); err != nil {
		return result{}, err
	}
	slices.Sort(times)
	return result{requests: len(times), cpu: (after - before) / time.Duration(len(times)), p50: times[len(times)/2], p99: times[len(times)*99/100]}, nil
}

// hold looks at the gateway's memory while many connections are open: each used once, all at work,
// and idle again.
func (b *bench) hold(p *process) error {
	request := rawRequest("GET", "/api/posts", "", "")
	address := strings.TrimPrefix(p.base, "http://")
	clients := make([]*rawClient, heldClients)
	for i := range clients {
		clients[i] = &rawClient{address: address}
		defer clients[i].close()
		if _, err := clients[i].do(request); err != nil {
			return fmt.Errorf("open %d connections: %w", heldClients, err)
		}
	}
	once, _, errOnce := p.rss()

	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	end := time.Now().Add(b.length)
	for _, c := range clients {
		all.Go(func() {
			for failed.Load() == nil && time.Now().Before(end) {
				if _, err := c.do(request); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	all.Wait()
	if e := failed.Load(); e != nil {
		return fmt.Errorf("hold %d connections: %w", heldClients, *e)
	}
	_, peak, errPeak := p.rss()
	time.Sleep(b.length)
	now, _, errNow := p.rss()
	fmt.Printf("  memory of the gateway with %d connections: %d MiB when each has been used once, at most %d MiB while all are at work, %d MiB %s later\n", heldClients, once, peak, now, b.length)
	return errors.Join(errOnce, errPeak, errNow)
}

// split compares the cached list of one process with the same behind a gateway.
func (b *bench) split() error {
	mono, err := b.server("RATE_LIMIT_MAX=1000000000")
	if err != nil {
		return err
	}
	defer mono.stop()
	posts, err := b.server("TARGET=post", "TRUSTED_PROXIES=127.0.0.1", "DRAIN_WAIT=0")
	if err != nil {
		return err
	}
	defer posts.stop()
	address := strings.TrimPrefix(posts.base, "http://")
	front, err := b.edge(func(string) string { return address })
	if err != nil {
		return err
	}
	defer front.stop()
	request := rawRequest("GET", "/api/posts", "", "")
	var alone, together results
	var service []float64
	for range max(3, b.rounds) {
		m, err := b.hammer(mono, request)
		if err != nil {
			return fmt.Errorf("one process: %w", err)
		}
		before, err := posts.cpu()
		if err != nil {
			return err
		}
		g, err := b.hammer(front, request)
		if err != nil {
			return fmt.Errorf("split: %w", err)
		}
		after, err := posts.cpu()
		if err != nil {
			return err
		}
		alone, together = append(alone, m), append(together, g)
		service = append(service, micros(after-before)/float64(g.requests))
	}
	fmt.Printf("\nthe cached list, %d connections\n", gatewayClients)
	fmt.Printf("  one process         %s\n", alone.median())
	fmt.Printf("  the gateway         %s\n", together.median())
	fmt.Printf("  the post service behind it: %s µs CPU\n", spread(service))
	return nil
}
