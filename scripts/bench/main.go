// Bench fills a database with articles, loads a real server over HTTP, and
// prints what a request costs: the server's CPU by its own accounting (the
// steadiest figure on a shared machine), latencies, memory. Beside them stands a
// bare net/http handler that writes the same bytes, measured in the same run.
//
//	go run ./scripts/bench -posts 10000
//	go run ./scripts/bench -posts 1000000 -dir /var/tmp/inkstone-bench
//
// Everything listens on loopback and ends after a bounded time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		exit(bare())
	}
	if len(os.Args) > 1 && os.Args[1] == "relay" {
		exit(relay())
	}
	var f filling
	flag.IntVar(&f.posts, "posts", 10000, "how many posts the database holds")
	flag.IntVar(&f.bytes, "bytes", 3<<10, "how many bytes each has")
	flag.BoolVar(&f.bulk, "bulk", false, "copy them into a PostgreSQL database, as its owner; other figures are of filling by the store")
	dir := flag.String("dir", "", "folder to keep databases in between runs (default: a temporary one)")
	database := flag.String("database", "", "an empty PostgreSQL database, or one that a run with as many posts has filled: postgres://… (default: SQLite in dir)")
	redis := flag.String("redis", "", "a Redis for the instances that share one: redis://…")
	length := flag.Duration("length", 5*time.Second, "how long each load lasts")
	only := flag.String("only", "", "run only this: cached, uncached, writes, logins, overload, backups, gateway, or instances (with -redis, on PostgreSQL)")
	crowd := flag.Int("crowd", 400, "clients of an overload")
	hasty := flag.Float64("hasty", 0.2, "share of them who take no notice of Retry-After")
	haste := flag.Duration("haste", 10*time.Millisecond, "how soon these come back")
	rounds := flag.Int("rounds", 1, "how often an overload or backups are repeated, with what they are compared with")
	mix := flag.String("mix", "", "what they ask for, only this: cached, mixed, searches, members, lists or bare")
	cpus := flag.String("server-cpus", "", "processors for the servers alone, if the bench itself runs on others: taskset -c 1 go run ./scripts/bench -server-cpus 0")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM) // else the server would go on
	defer stop()
	exit(run(&bench{ctx: ctx, filling: f, database: *database, redis: *redis, length: *length, only: *only, crowd: *crowd, hasty: *hasty, haste: *haste, rounds: *rounds, mix: *mix, cpus: *cpus}, *dir))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(b *bench, dir string) error {
	temp, err := os.MkdirTemp("", "inkstone-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if dir == "" {
		dir = temp
	}
	b.binary = filepath.Join(temp, "inkstone")
	if out, err := exec.CommandContext(b.ctx, "go", "build", "-trimpath", "-o", b.binary, "./cmd/inkstone").CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w\n%s", err, out)
	}
	b.data = filepath.Join(dir, strconv.Itoa(b.filling.posts))
	if err := os.MkdirAll(b.data, 0o755); err != nil {
		return err
	}
	if b.database == "" {
		b.database = "sqlite:" + filepath.Join(b.data, "inkstone.db")
	}
	if err := fill(b.ctx, b.database, b.filling); err != nil {
		return fmt.Errorf("filling: %w", err)
	}
	fmt.Printf("%s/%s, %d cores, %s, %d posts of %d bytes\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), b.filling.posts, b.filling.bytes)
	return b.all()
}
