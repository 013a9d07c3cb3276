package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"inkstone/internal/blog"
	"inkstone/internal/enginetest"
)

func TestAnErrorOfTheServerOrTheLineIsNoDefect(t *testing.T) {
	reset := &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	for _, c := range []struct {
		err  error
		want blog.Code
	}{
		{&pgconn.PgError{Code: "57014"}, blog.CodeUnavailable}, // cancelled by a time-out
		{&pgconn.PgError{Code: "57P01"}, blog.CodeUnavailable}, // the server is stopped
		{&pgconn.PgError{Code: "57P02"}, blog.CodeUnavailable}, // it has crashed
		{&pgconn.PgError{Code: "57P03"}, blog.CodeUnavailable}, // it is starting
		{&pgconn.PgError{Code: "53300"}, blog.CodeUnavailable}, // too many connections
		{&pgconn.PgError{Code: "53200"}, blog.CodeUnavailable}, // out of memory
		{&pgconn.PgError{Code: "53100"}, blog.CodeStorageFull},
		{&pgconn.PgError{Code: "25P03"}, blog.CodeUnavailable}, // this process stood still in a transaction
		{&pgconn.PgError{Code: "25006"}, blog.CodeUnavailable}, // a standby
		{&pgconn.PgError{Code: "08P01"}, blog.CodeUnavailable}, // PgBouncer has no server
		{&pgconn.PgError{Code: "28P01"}, blog.CodeUnavailable}, // the password was changed
		{fmt.Errorf("scan: %w", reset), blog.CodeUnavailable},
		{io.ErrUnexpectedEOF, blog.CodeUnavailable},
		{net.ErrClosed, blog.CodeUnavailable},
		{pgconn.ErrConnClosed, blog.CodeUnavailable},
		{context.DeadlineExceeded, blog.CodeUnavailable}, // ours: the caller's has not ended
		{notConnected{errors.New("closed pool")}, blog.CodeUnavailable},
		{notConnected{&pgconn.PgError{Code: "55000"}}, blog.CodeUnavailable}, // the database takes no connections
		{notConnected{errors.New("pgxpool: too many failed attempts")}, blog.CodeUnavailable},
		{errSilent, blog.CodeUnavailable},
		{&pgconn.PgError{Code: "42P01"}, blog.CodeInternal}, // no such table
		{&pgconn.PgError{Code: "23514"}, blog.CodeInternal}, // check_violation
		{errors.New("a scan into the wrong type"), blog.CodeInternal},
	} {
		if got := fault(context.Background(), c.err); blog.CodeOf(got) != c.want || !errors.Is(got, c.err) {
			t.Errorf("%v is %v, want %s", c.err, got, c.want)
		}
	}
}

// TestAServerWithoutMoreConnectionsIsUnavailable has fewer than the pool would take.
func TestAServerWithoutMoreConnectionsIsUnavailable(t *testing.T) {
	server := enginetest.PrivatePostgres(t, "max_connections=4", "superuser_reserved_connections=0", "max_wal_senders=0")
	s := openStore(t, server.URL(), Options{MaxConns: 10})
	l := newLoad(t, s)
	var asking sync.WaitGroup
	var served, refused atomic.Int64
	for range 10 {
		asking.Go(func() {
			switch err := s.read(t.Context(), "test", func(ctx context.Context, q querier) error { _, err := q.Exec(ctx, "SELECT pg_sleep(1)"); return err }); blog.CodeOf(err) {
			case "":
				served.Add(1)
			case blog.CodeUnavailable:
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	asking.Wait()
	if served.Load() == 0 || refused.Load() == 0 {
		t.Errorf("%d served, %d refused", served.Load(), refused.Load())
	}
	l.recovers(t)
}

// TestAKilledBackendIsNotNoticed has a connection ended by an administrator while it is idle.
func TestAKilledBackendIsNotNoticed(t *testing.T) {
	address := newDatabase(t)
	s := openStore(t, address, Options{MaxConns: 4})
	l := newLoad(t, s)
	for what, ask := range l.all() {
		l.warm(t, 4)
		run(t, address, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'inkstone'")
		gone := func() bool {
			n := 0
			err := onConnection(t, address, func(c *pgx.Conn) error {
				return c.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'inkstone'").Scan(&n)
			})
			return err == nil && n == 0
		}
		enginetest.Within(t, recovery, "the backends are gone", gone)
		if err := ask(t.Context()); err != nil && blog.CodeOf(err) != blog.CodeUserNotFound {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func onConnection(t *testing.T, address string, do func(*pgx.Conn) error) error {
	c, err := pgx.Connect(t.Context(), address)
	if err != nil {
		return err
	}
	defer c.Close(t.Context())
	return do(c)
}

// demote has a server only read from now on, as a standby does.
func demote(t *testing.T, server *enginetest.Server) {
	t.Helper()
	var data string
	err := onConnection(t, server.URL(), func(c *pgx.Conn) error { return c.QueryRow(t.Context(), "SHOW data_directory").Scan(&data) })
	if err != nil {
		t.Fatal(err)
	}
	server.Stop()
	if err := os.WriteFile(filepath.Join(data, "standby.signal"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	server.Start()
}

// A failover that is not over yet leads to a server that only reads.
func TestAStandbyReadsAndIsUnavailableForWriters(t *testing.T) {
	t.Parallel()
	server := enginetest.PrivatePostgres(t)
	l := newLoad(t, openStore(t, server.URL(), Options{}))
	demote(t, server)
	s := openStore(t, server.URL(), Options{Report: func(err error) {
		if err != nil {
			t.Error(err)
		}
	}})
	if p, err := s.Posts().Get(t.Context(), l.known.ID); err != nil || p.Title != "known" {
		t.Errorf("get: %v, %v", p, err)
	}
	wantCode(t, "create", s.Posts().Create(t.Context(), newPost(l.author, "new")), blog.CodeUnavailable)
	wantCode(t, "put", s.Copies().Put(t.Context(), []blog.Record{newPost(l.author, "new")}), blog.CodeUnavailable)
}
