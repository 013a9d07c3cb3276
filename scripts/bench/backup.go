package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// backups has writers write alone and beside backups, in turns, each backup beginning as
// the last has ended.
func (b *bench) backups() error {
	p, err := b.server("BCRYPT_COST=10")
	if err != nil {
		return err
	}
	defer p.stop()
	token, err := signIn(p)
	if err != nil {
		return err
	}
	var alone, beside results
	var ratios []float64
	for range b.rounds {
		quiet, err := b.creating(p, token, clients).run(b.ctx, p)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(b.ctx)
		took := make(chan []time.Duration, 1)
		go func() { took <- b.backUp(ctx) }()
		busy, err := b.creating(p, token, clients).run(b.ctx, p)
		cancel()
		all := <-took
		if err != nil {
			return err
		}
		fmt.Printf("%-28s %s\n%-28s %s  backups took %v\n", "create, 8 writers", quiet, "  beside backups", busy, all)
		alone, beside = append(alone, quiet), append(beside, busy)
		ratios = append(ratios, float64(busy.p99)/float64(quiet.p99))
	}
	fmt.Printf("alone %s\nbeside backups %s\nwriters' p99 %s x alone\n", alone.median(), beside.median(), spread(ratios))
	return nil
}

// creating is so many writers who create drafts.
func (b *bench) creating(p *process, token string, writers int) load {
	return load{clients: writers, length: b.length, database: b.database, expect: http.StatusCreated, request: func(n int) (*http.Request, error) {
		return b.createRequest(p, token, n)
	}}
}

// backUp makes backups until ctx ends, and returns how long each took; -1 for one that
// was not finished.
func (b *bench) backUp(ctx context.Context) (took []time.Duration) {
	file := filepath.Join(b.data, "bench.tar")
	for ctx.Err() == nil {
		start := time.Now()
		cmd := exec.CommandContext(ctx, b.binary, "backup", file)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.Env = append(os.Environ(), "DATA_DIR="+b.data, "DATABASE_URL="+b.database)
		out, err := cmd.CombinedOutput()
		if err != nil && ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "%v: %s", cmp.Or(err, ctx.Err()), out)
			return took
		}
		if err != nil {
			return append(took, -1)
		}
		took = append(took, time.Since(start).Round(time.Millisecond))
		_ = os.Remove(file)
	}
	return took
}
