package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/consul/api"
)

// ErrRefused is Consul's answer to a token that it doesn't know or that may not do what
// was asked. To try again is of no use before somebody has changed one or the other.
var ErrRefused = errors.New("Consul refuses the token")

// ConsulOptions are how to reach Consul. Nothing else is read: neither the library's
// variables of the environment nor a proxy's.
type ConsulOptions struct {
	Addr  string // host:port, http://, https:// or unix:///path of an agent
	HTTPS bool   // also where Addr names no scheme
	Token string // "": none

	CACert, CAPath        string // files with the authorities that are believed; "": the system's
	ClientCert, ClientKey string // files
	ServerName            string // that the agent's certificate must have; "": the host of Addr
	SkipVerify            bool   // believe any certificate

	Namespace string // "": the token's, or none

	// Snapshot is the file that keeps the lists for a start without Consul; "": none.
	// It belongs to one process.
	Snapshot string

	Wait    time.Duration // how long Consul holds a query until there is news; 0: 55 s
	Timeout time.Duration // the most that an answer takes, beyond Wait where it is held; 0: 5 s

	Log *slog.Logger // nil: silent
}

// Consul is a Source, and where to register.
type Consul struct {
	api       *api.Client
	transport *http.Transport
	options   ConsulOptions
	health    *health
	known     atomic.Bool // each service that is watched has its list
	hidden    sync.Once   // told that the token sees not all
}

// OpenConsul makes a client, and asks nothing yet. An error is one of the options: an
// address or a certificate that is of no use.
func OpenConsul(o ConsulOptions) (*Consul, error) {
	o.Wait, o.Timeout = cmp.Or(o.Wait, 55*time.Second), cmp.Or(o.Timeout, 5*time.Second)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	to, err := parseTarget(o.Addr)
	if err != nil {
		return nil, err
	}
	transport, err := newTransport(o, to)
	if err != nil {
		return nil, err
	}
	scheme := cmp.Or(to.scheme, "http")
	if o.HTTPS {
		scheme = "https"
	}
	client, err := api.NewClient(&api.Config{
		Address: to.host, Scheme: scheme, PathPrefix: to.prefix,
		HttpClient: &http.Client{Transport: asked{transport, o.Token, o.Namespace}},
		Token:      unused, // or the library looks for one, and for a file with one
	})
	if err != nil {
		return nil, fmt.Errorf("open client of Consul: %w", err)
	}
	return &Consul{api: client, transport: transport, options: o, health: newHealth(o.Log)}, nil
}

func newTransport(o ConsulOptions, to target) (*http.Transport, error) {
	certificates, err := api.SetupTLSConfig(&api.TLSConfig{
		Address: o.ServerName, CAFile: o.CACert, CAPath: o.CAPath,
		CertFile: o.ClientCert, KeyFile: o.ClientKey, InsecureSkipVerify: o.SkipVerify,
	})
	if err != nil {
		return nil, fmt.Errorf("load certificates for Consul: %w", err)
	}
	dialer := &net.Dialer{Timeout: o.Timeout}
	dial := dialer.DialContext
	if to.socket != "" {
		dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", to.socket)
		}
	}
	return &http.Transport{
		DialContext: dial, TLSClientConfig: certificates, TLSHandshakeTimeout: o.Timeout,
		MaxIdleConnsPerHost: 16, // a query of each service, and registration
		IdleConnTimeout:     90 * time.Second,
	}, nil
}

const unused = "set by asked"

// asked sends requests with what our options say, where the library falls back on
// variables of the environment.
type asked struct {
	to               http.RoundTripper
	token, namespace string
}

func (a asked) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	query := r.URL.Query()
	query.Del("partition")
	query.Del("ns")
	if a.namespace != "" {
		query.Set("ns", a.namespace)
	}
	r.URL.RawQuery = query.Encode()
	r.Header.Del("X-Consul-Token")
	if a.token != "" {
		r.Header.Set("X-Consul-Token", a.token)
	}
	answer, err := a.to.RoundTrip(r)
	if err == nil && answer.StatusCode == http.StatusForbidden {
		// Here, for not every method of the library lets its caller see the status.
		defer answer.Body.Close()
		why, _ := io.ReadAll(io.LimitReader(answer.Body, 200))
		return nil, fmt.Errorf("%w: %s", ErrRefused, strings.TrimSpace(string(why)))
	}
	return answer, err
}

// Check asks the agent once, within Timeout, whether it knows our token and lets it read
// those services: ErrRefused if not, another error if no answer comes. Whether it may
// register can't be seen without doing so.
func (c *Consul) Check(ctx context.Context, services ...string) error {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	q := (&api.QueryOptions{}).WithContext(ctx)
	if _, err := c.api.Agent().ServicesWithFilterOpts("", q); err != nil {
		return fmt.Errorf("ask Consul: %w", plain(err))
	}
	for _, s := range services {
		// Not the catalog: that leaves out what may not be read, and says nothing.
		if _, _, err := c.api.Agent().AgentHealthServiceByNameOpts(s, q); err != nil {
			return fmt.Errorf("ask Consul for %s: %w", s, plain(err))
		}
	}
	return nil
}

// bounded is a context for what Consul answers at once.
func (c *Consul) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.options.Timeout)
}

// State tells how Consul is. It is up if the last of each kind of call was answered.
func (c *Consul) State() State {
	up, err := c.health.state()
	return State{Source: "consul", Up: up, Error: err, Known: c.known.Load()}
}

// Close lets connections go that are not in use. Watch and Run must have returned.
func (c *Consul) Close() { c.transport.CloseIdleConnections() }

// plain is an error without the request that it belongs to, which log lines need not hold.
func plain(err error) error {
	if of := (*url.Error)(nil); errors.As(err, &of) {
		return of.Err
	}
	return err
}

// health is whether Consul answers, told once when that changes.
type health struct {
	log *slog.Logger

	mu          sync.Mutex
	answered    bool
	failing     map[string]error // what the last call for it was answered with
	toldRefused bool             // since it failed
}

func newHealth(log *slog.Logger) *health { return &health{log: log, failing: map[string]error{}} }

// note takes the outcome of a call for something, a service or "registration".
func (h *health) note(of string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	failed := len(h.failing) > 0
	if err == nil {
		h.answered = true
		delete(h.failing, of)
		if failed && len(h.failing) == 0 {
			h.toldRefused = false
			h.log.Info("Consul answers again")
		}
		return
	}
	h.failing[of] = err
	refused := errors.Is(err, ErrRefused) // worth a line though others fail: it will not pass by itself
	if !failed || refused && !h.toldRefused {
		h.toldRefused = refused
		h.log.Warn("Consul fails; what it said last goes on to be used", "for", of, "error", err)
	}
}

// forget is for what is asked no more.
func (h *health) forget(of string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.failing, of)
}

func (h *health) state() (up bool, err string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := ""
	for of := range h.failing {
		if first == "" || of < first {
			first = of
		}
	}
	if first != "" {
		return false, first + ": " + h.failing[first].Error()
	}
	return h.answered, ""
}
