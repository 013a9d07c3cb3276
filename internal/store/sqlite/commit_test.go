package sqlite

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"inkstone/internal/admin"
	"inkstone/internal/blog"
)

// route marks the context of a request.
type route struct{}

func routeOf(ctx context.Context) string {
	name, _ := ctx.Value(route{}).(string)
	return name
}

func requested(ctx context.Context) bool { return routeOf(ctx) != "" }

// commits are as whose the commits of a store were told.
type commits struct {
	mu  sync.Mutex
	all []string
}

func (c *commits) statement(ctx context.Context, query string, _ time.Duration, _ int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if query == "COMMIT" {
		c.all = append(c.all, routeOf(ctx))
	}
}

// sharing has writes of these routes share a transaction, in their order, and returns as whose its commit was told.
func sharing(t *testing.T, routes ...string) string {
	t.Helper()
	told := &commits{}
	s := open(t, Options{Statement: told.statement, Requested: requested})
	for range 100 { // for on a slow day the writer does not wait for them all
		told.all = nil
		var all sync.WaitGroup
		begun, release := make(chan struct{}), make(chan struct{})
		write := func(ctx context.Context, do func()) {
			all.Go(func() {
				if err := s.writer.write(ctx, func(*conn) error { do(); return nil }); err != nil {
					t.Error(err)
				}
			})
		}
		write(t.Context(), func() { close(begun); <-release; time.Sleep(2 * batchWork) }) // so that none joins this one
		<-begun
		for i, name := range routes {
			write(context.WithValue(t.Context(), route{}, name), func() {})
			queued(t, s, i+1)
		}
		close(release)
		all.Wait()
		if len(told.all) == 2 {
			return told.all[1]
		}
	}
	t.Fatal("they never shared a transaction")
	return ""
}

func TestASharedCommitIsToldAsTheFirstRequests(t *testing.T) {
	for _, c := range []struct {
		routes []string
		want   string
	}{
		{[]string{"", "", "POST /a", "POST /b"}, "POST /a"},
		{[]string{"POST /b", "POST /a"}, "POST /b"},
		{[]string{"", ""}, ""},
	} {
		if got := sharing(t, c.routes...); got != c.want {
			t.Errorf("%q: told as %q", c.routes, got)
		}
	}
}

func TestACommitOfWhoNotesSlowStatementsIsNobodys(t *testing.T) {
	slow := admin.NewRecorder(0, time.Hour, slog.New(slog.DiscardHandler), time.Now)
	s := open(t, Options{Statement: slow.Statement, Requested: requested})
	slow.Keep(s.Care())
	must(t, slow.Flush(t.Context())) // what opening has sent
	slow.Statement(t.Context(), "SELECT a", time.Second, 1)
	for range 3 {
		must(t, slow.Flush(t.Context()))
	}
	all, err := s.Care().Slow(t.Context(), time.Now().Add(-time.Hour))
	must(t, err)
	var commits int64
	for _, n := range all {
		if n.Statement == "COMMIT" {
			commits += n.Count
		}
	}
	if i := slices.IndexFunc(all, func(s blog.SlowStatement) bool { return s.Statement == "SELECT a" }); i < 0 || commits != 0 {
		t.Errorf("%d commits among %+v", commits, all)
	}
}
