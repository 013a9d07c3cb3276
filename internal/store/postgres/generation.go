package postgres

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
)

// generations asks for the generation on behalf of all who want it: every answer from the
// cache does. Whoever comes while a statement is under way waits for the next one, since
// that one may have begun before a change that he must see. If it fails he waits no longer:
// the next one would be as long in failing.
type generations struct {
	ask func() (uint64, error)

	mu      sync.Mutex
	next    *reply // for those who wait; nil: nobody does
	running bool
}

type reply struct {
	done       chan struct{} // closed when the rest is there
	generation uint64
	err        error
}

func (g *generations) read(ctx context.Context) (uint64, error) {
	r := g.wait()
	select {
	case <-r.done:
		return r.generation, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (g *generations) wait() *reply {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next == nil {
		g.next = &reply{done: make(chan struct{})}
	}
	if !g.running {
		g.running = true
		go g.run()
	}
	return g.next
}

// run asks as long as somebody waits.
func (g *generations) run() {
	for {
		g.mu.Lock()
		r := g.next
		g.next, g.running = nil, r != nil
		g.mu.Unlock()
		if r == nil {
			return
		}
		r.generation, r.err = g.ask()
		close(r.done)
		if r.err != nil {
			g.fail(r.err)
		}
	}
}

// fail answers who waits at the moment.
func (g *generations) fail(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next != nil {
		g.next.err = err
		close(g.next.done)
		g.next = nil
	}
}

// Generation implements blog.Store. Its time counts from here: where nothing answers, the
// statement under way has its own, and the next one as much again.
func (s *Store) Generation(ctx context.Context) (generation uint64, err error) {
	err = s.ask(ctx, func(ctx context.Context) error {
		generation, err = s.generations.read(ctx)
		return err
	})
	return generation, err
}

// askGeneration is bounded by itself, as those who wait for it have contexts of their own.
func (s *Store) askGeneration() (generation uint64, err error) {
	err = s.ask(context.Background(), func(ctx context.Context) error {
		return s.again(func() error {
			return s.onConn(ctx, func(c *pgx.Conn) error {
				var sum int64
				err := c.QueryRow(ctx, "SELECT sum(value)::bigint FROM generation").Scan(&sum)
				generation = uint64(sum)
				return err
			})
		})
	})
	return generation, err
}
