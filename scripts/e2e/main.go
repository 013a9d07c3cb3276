// E2e runs the site as many processes, with a Consul, a Redis and a PostgreSQL of its own, under
// steady load, and does to it what happens to sites: every process is restarted, one is killed,
// one hangs, Consul goes away and comes back empty, and so does Redis. It ends with a table of what the
// clients saw, or says which promise was broken and shows the lines of the logs about it.
//
//	scripts/services up && eval "$(scripts/services env)" && go run ./scripts/e2e
//	go run ./scripts/e2e -consul-away 10s -only rolling,killed
//
// Everything listens on loopback and ends with this program, which takes a bounded time.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

type options struct {
	binary, consul, redis, database string
	rows                            string
	clients                         int
	rate                            float64 // requests per second
	kills                           int
	consulAway, hang                time.Duration
	bound                           time.Duration
	only                            string
	keep                            bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "", "the program under test (default: it is built)")
	flag.StringVar(&o.consul, "consul", programIn("TEST_CONSUL_BIN", "consul"), "the program consul")
	flag.StringVar(&o.redis, "redis", programIn("TEST_REDIS_BIN", "redis-server"), "the program redis-server")
	flag.StringVar(&o.database, "database", os.Getenv("TEST_POSTGRES_URL"), "a PostgreSQL where a database is made for the run: postgres://… (default: SQLite)")
	flag.StringVar(&o.rows, "rows", "auth,user,post,comment,upload,admin", "what runs in a process of its own; + puts services into one: auth+user+admin,post,comment+upload")
	flag.IntVar(&o.clients, "clients", 50, "clients, each with a connection to each gateway")
	flag.Float64Var(&o.rate, "rate", 300, "requests per second of all clients together, at most")
	flag.IntVar(&o.kills, "kills", 3, "how often an instance is killed")
	flag.DurationVar(&o.consulAway, "consul-away", time.Minute, "how long Consul is away")
	flag.DurationVar(&o.hang, "hang", 12*time.Second, "how long an instance hangs; less than 11 s shows less: who waits for it gets an answer in the end")
	flag.DurationVar(&o.bound, "bound", 9*time.Minute, "the most that all may take; what hangs then is printed")
	flag.StringVar(&o.only, "only", "", "only these scenarios, of rolling, killed, consul, hung and fronts")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder with the logs though nothing failed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	time.AfterFunc(o.bound, func() { giveUp(o.bound) })
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}

// programIn is a program in the folder that a variable names, else in bin or PATH.
func programIn(variable, name string) string {
	if folder := os.Getenv(variable); folder != "" {
		return filepath.Join(folder, name)
	}
	path, err := filepath.Abs(filepath.Join("bin", name)) // it is started in folders of its own
	if err == nil && exec.Command(path, "--version").Run() == nil {
		return path
	}
	return name
}

// giveUp ends the program, and with it all that it has started.
func giveUp(after time.Duration) {
	all := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "%s\ne2e: not done after %v, see above for what hangs\n", all[:runtime.Stack(all, true)], after)
	os.Exit(1)
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "inkstone-e2e-")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil && !o.keep {
			err = os.RemoveAll(dir)
			return
		}
		fmt.Fprintln(os.Stderr, "the logs are in", dir)
	}()
	if o.binary == "" {
		o.binary = filepath.Join(dir, "inkstone")
		if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", o.binary, "./cmd/inkstone").CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	s, err := openSite(ctx, o, dir)
	defer func() { err = errors.Join(err, s.close()) }()
	if err != nil {
		return err
	}
	return play(ctx, s)
}

// play starts the load, has each scenario happen to the site, and holds what is there at the end
// against what the clients were told.
func play(ctx context.Context, s *site) error {
	t := &trial{site: s, record: newRecord(), front: newFront(s.gateways)}
	loading, stop := context.WithCancel(ctx)
	defer stop()
	go t.front.watch(loading)
	l, err := newLoad(ctx, s.options, t.front, t.record)
	if err != nil {
		return err
	}
	ended := l.start(loading)
	err = t.all(ctx)
	stop()
	<-ended
	t.judge()
	if err == nil {
		err = l.ledger.verify(ctx, s, t)
	}
	fmt.Print(t.report())
	return errors.Join(err, t.verdict(s.dir))
}

// wanted are the scenarios of -only.
func (o options) wanted(name string) bool {
	return o.only == "" || strings.Contains(","+o.only+",", ","+name+",")
}
