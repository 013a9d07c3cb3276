package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// openConsul prepares an agent that keeps nothing when it ends.
func (s *site) openConsul() {
	port := freePort()
	s.consulURL = "http://127.0.0.1:" + port
	s.consul = &process{name: "consul", dir: s.dir, command: []string{
		s.options.consul, "agent", "-dev", "-bind=127.0.0.1", "-client=127.0.0.1", "-node=e2e", "-log-level=warn",
		"-http-port=" + port, "-server-port=" + freePort(), "-serf-lan-port=" + freePort(), "-serf-wan-port=-1", "-dns-port=-1", "-grpc-port=-1",
		"-hcl=disable_update_check = true", "-hcl=connect { enabled = false }",
	}, answers: func(ctx context.Context) error {
		var nodes []struct{}
		err := ask(ctx, "GET", s.consulURL+"/v1/catalog/service/consul", "", nil, &nodes)
		if err == nil && len(nodes) == 0 {
			err = errors.New("its catalog is empty")
		}
		return err
	}}
}

// passing returns the IDs of the instances of a service that Consul has found well.
func (s *site) passing(ctx context.Context, service string) ([]string, error) {
	var entries []struct{ Service struct{ ID string } }
	err := ask(ctx, "GET", s.consulURL+"/v1/health/service/"+service+"?passing", "", nil, &entries)
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.Service.ID
	}
	return ids, err
}

// openRedis prepares a server that keeps nothing when it ends, and returns its URL.
func (s *site) openRedis() string {
	address := "127.0.0.1:" + freePort()
	host, port, _ := net.SplitHostPort(address)
	s.redis = &process{name: "redis", dir: s.dir, command: []string{
		s.options.redis, "--bind", host, "--port", port, "--save", "", "--appendonly", "no", "--dir", s.dir,
	}, answers: func(ctx context.Context) error { return ping(ctx, address) }}
	return "redis://" + address + "/0"
}

func ping(ctx context.Context, address string) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err := c.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && !strings.HasPrefix(answer, "+PONG") {
		err = fmt.Errorf("PING is answered with %q", answer)
	}
	return err
}

// openDatabase makes a database for this run.
func (s *site) openDatabase(ctx context.Context) (string, error) {
	if s.database == "" {
		fmt.Println("no PostgreSQL (-database): on SQLite")
		return "sqlite:" + filepath.Join(s.dir, "inkstone.db"), nil
	}
	name := "e2e_" + strings.ToLower(rand.Text())
	if err := execute(ctx, s.database, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return "", fmt.Errorf("make a database: %w", err)
	}
	s.drop = func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		return until(ctx, 100*time.Millisecond, func() error { // an autovacuum there is waited for
			return execute(ctx, s.database, "DROP DATABASE "+name+" WITH (FORCE)")
		})
	}
	u, err := url.Parse(s.database)
	if err != nil {
		return "", err
	}
	u.Path = name
	return u.String(), nil
}

func execute(ctx context.Context, url, sql string) error {
	c, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, sql)
	return err
}
