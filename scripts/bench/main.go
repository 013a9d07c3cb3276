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
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "bare" {
		exit(bare())
	}
	posts := flag.Int("posts", 10000, "how many posts of 3 KB the database holds")
	dir := flag.String("dir", "", "folder to keep databases in between runs (default: a temporary one)")
	length := flag.Duration("length", 5*time.Second, "how long each load lasts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	exit(run(ctx, *posts, *dir, *length))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(ctx context.Context, posts int, dir string, length time.Duration) error {
	temp, err := os.MkdirTemp("", "inkstone-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if dir == "" {
		dir = temp
	}
	binary := filepath.Join(temp, "inkstone")
	if out, err := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/inkstone").CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w\n%s", err, out)
	}
	data := filepath.Join(dir, strconv.Itoa(posts))
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	if err := fill(ctx, "sqlite:"+filepath.Join(data, "inkstone.db"), posts); err != nil {
		return fmt.Errorf("filling: %w", err)
	}
	fmt.Printf("%s/%s, %d cores, %s, %d posts of 3 KB\n", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), posts)
	b := &bench{ctx: ctx, binary: binary, data: data, posts: posts, length: length}
	return b.all()
}
