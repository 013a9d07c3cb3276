package main

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// backends tells what each process of a PostgreSQL server on this machine that works for
// the database at url has used so far; none if url is SQLite's. Processes that a statement
// is shared out to end with it, and are missing.
func backends(ctx context.Context, url string) (map[int]time.Duration, error) {
	if strings.HasPrefix(url, "sqlite:") {
		return nil, nil
	}
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	found, err := conn.Query(ctx, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	if err != nil {
		return nil, err
	}
	pids, err := pgx.CollectRows(found, pgx.RowTo[int])
	used := map[int]time.Duration{}
	for _, pid := range pids {
		if cpu, err := cpuOf(pid); err == nil { // else it has ended, or is on another machine
			used[pid] = cpu
		}
	}
	return used, err
}

// since is what they have used from one time to another.
func since(before, after map[int]time.Duration) (used time.Duration) {
	for pid, cpu := range after {
		used += cpu - before[pid]
	}
	return used
}
