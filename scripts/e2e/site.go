package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"inkstone/internal/config"
	"inkstone/internal/gateway"
)

// member is a process of the site.
type member struct {
	*process
	rows []string // what it serves; nil: it is a gateway
	port string
	down bool // on purpose
}

func (m *member) address() string { return "127.0.0.1:" + m.port }
func (m *member) url() string     { return "http://" + m.address() }

// id is what its instance of a service is called.
func (m *member) id(row string) string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s-%s-%s", config.ServiceOf(row), host, m.port)
}

// site is everything that runs.
type site struct {
	options
	dir           string
	consul, redis *process
	consulURL     string
	env           []string // of every member
	gateways      []*member
	services      []*member
	admin         string // a token
	drop          func() error
}

const (
	adminEmail    = "root@example.com"
	adminPassword = "root-password"
)

// ejectTime is short, that who is left out may be seen to return.
const ejectTime = "5s"

// openSite starts everything. What it returns is to be closed even if there is an error.
func openSite(ctx context.Context, o options, dir string) (*site, error) {
	s := &site{options: o, dir: dir, drop: func() error { return nil }}
	database, err := s.openDatabase(ctx)
	if err != nil {
		return s, err
	}
	s.openConsul()
	redis := s.openRedis()
	for _, p := range []*process{s.consul, s.redis} {
		if err := p.start(ctx); err != nil {
			return s, err
		}
	}
	s.env = append(os.Environ(),
		"CONSUL_HTTP_ADDR="+s.consulURL, "CONSUL_CHECK_INTERVAL=1s", "REDIS_URL="+redis, "DATABASE_URL="+database, "DB_MAX_CONNS=6",
		"UPLOADS="+filepath.Join(dir, "uploads"), "UPLOAD_QUOTA=0", "JWT_SECRET=of-an-end-to-end-test-on-loopback-only", "BCRYPT_COST=4",
		"ADMIN_EMAIL="+adminEmail, "ADMIN_USERNAME=root", "ADMIN_PASSWORD="+adminPassword,
		"HOST=127.0.0.1", "TRUSTED_PROXIES=127.0.0.1", "LOG_DIR=", "GATEWAY_EJECT_TIME="+ejectTime,
		"RATE_LIMIT_MAX=0", "RATE_LIMIT_USER_MAX=0", "GATEWAY_RATE_LIMIT_MAX=0", "LOGIN_LIMIT_MAX=0", "LOGIN_LIMIT_IP_MAX=0")
	s.plan()
	if err := s.startAll(ctx); err != nil {
		return s, err
	}
	return s, s.signIn(ctx)
}

// plan says which processes there are.
func (s *site) plan() {
	for n := range 2 {
		s.gateways = append(s.gateways, s.newMember(fmt.Sprintf("gateway-%d", n+1), nil))
	}
	for group := range strings.SplitSeq(s.rows, ",") {
		rows := strings.Split(group, "+")
		count := 2
		if slices.Contains(rows, "post") {
			count = 3
		}
		for n := range count {
			s.services = append(s.services, s.newMember(fmt.Sprintf("%s-%d", group, n+1), rows))
		}
	}
}

func (s *site) newMember(name string, rows []string) *member {
	m := &member{rows: rows, port: freePort()}
	target := strings.Join(rows, ",")
	if rows == nil {
		target = "gateway"
	}
	env := append(slices.Clip(s.env), "PORT="+m.port, "TARGET="+target, "DATA_DIR="+filepath.Join(s.dir, name))
	m.process = &process{name: name, dir: s.dir, command: []string{s.binary, "serve"}, env: env, answers: func(ctx context.Context) error {
		return ask(ctx, "GET", m.url()+"/readyz", "", nil, nil)
	}}
	return m
}

// startAll starts one process alone, which makes the tables, and then all others at once.
func (s *site) startAll(ctx context.Context) error {
	if err := s.services[0].start(ctx); err != nil {
		return err
	}
	var starting sync.WaitGroup
	rest := slices.Concat(s.services[1:], s.gateways)
	failures := make([]error, len(rest))
	for i, m := range rest {
		starting.Go(func() { failures[i] = m.start(ctx) })
	}
	starting.Wait()
	return errors.Join(failures...)
}

// signIn gets an admin's token, as soon as a gateway has found who gives it.
func (s *site) signIn(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	var got struct{ Token string }
	in := map[string]string{"email": adminEmail, "password": adminPassword}
	err := until(ctx, 100*time.Millisecond, func() error {
		return ask(ctx, "POST", s.gateways[0].url()+"/api/auth/login", "", in, &got)
	})
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	s.admin = got.Token
	return s.steady(ctx)
}

// steady waits until both gateways use every instance that runs.
func (s *site) steady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for _, g := range s.gateways {
		if err := until(ctx, 100*time.Millisecond, func() error { return s.complete(ctx, g) }); err != nil {
			return fmt.Errorf("%s does not use all instances: %w", g.name, err)
		}
	}
	return nil
}

func (s *site) complete(ctx context.Context, g *member) error {
	status, err := s.status(ctx, g)
	if err != nil {
		return err
	}
	for _, m := range s.services {
		for _, row := range m.rows {
			i, known := instanceOf(status, m.id(row))
			if m.down && known {
				return fmt.Errorf("%s (%s) is still known as %s", m.name, row, i.State)
			}
			if !m.down && !used(i) {
				return fmt.Errorf("%s (%s) is %q", m.name, row, i.State)
			}
		}
	}
	return nil
}

// status is what a gateway tells an admin.
func (s *site) status(ctx context.Context, g *member) (gateway.Status, error) {
	var all gateway.Status
	err := ask(ctx, "GET", g.url()+"/api/admin/gateway", s.admin, nil, &all)
	return all, err
}

func instanceOf(all gateway.Status, id string) (gateway.InstanceStatus, bool) {
	for _, s := range all.Services {
		for _, i := range s.Instances {
			if i.ID == id {
				return i, true
			}
		}
	}
	return gateway.InstanceStatus{}, false
}

// used tells whether an instance is one of those that get requests as a matter of course.
func used(i gateway.InstanceStatus) bool { return i.State == "up" || i.State == "slow-start" }

// close ends everything.
func (s *site) close() error {
	for _, m := range slices.Concat(s.gateways, s.services) {
		m.kill()
	}
	for _, p := range []*process{s.consul, s.redis} {
		if p != nil {
			p.kill()
		}
	}
	return s.drop()
}

// asking is for questions beside the load.
var asking = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Second}}

// ask sends in, if it is not nil, and reads out, if that is not nil.
func ask(ctx context.Context, method, url, token string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = strings.NewReader(string(text))
	}
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	got, err := asking.Do(r)
	if err != nil {
		return err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	switch {
	case err != nil:
		return err
	case got.StatusCode >= 300:
		return fmt.Errorf("%s %s is answered with %d: %.200s", method, r.URL.Path, got.StatusCode, text)
	case out == nil:
		return nil
	}
	return json.Unmarshal(text, out)
}
