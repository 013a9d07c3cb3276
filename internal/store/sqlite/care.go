package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"inkstone/internal/blog"
	"zombiezen.com/go/sqlite"
)

// care implements blog.Care. It goes past store.Options.Read and Observe: whoever looks after an
// overloaded server must see something.
type care struct{ *Store }

// Note implements blog.Care.
func (r care) Note(ctx context.Context, slow []blog.SlowStatement, forget time.Time) error {
	var ran counted
	var old int64
	if err := r.learn(ctx); err != nil {
		return err
	}
	err := r.look(ctx, func(c *conn) (err error) {
		if ran, err = r.uses.take(c); err != nil {
			return err
		}
		old, err = c.number("SELECT EXISTS (SELECT 1 FROM care_slow WHERE hour < ?)", forget.Add(-time.Hour))
		return err
	})
	if err == nil && (len(slow)+len(ran.uses) > 0 || old > 0) {
		err = r.writer.write(ctx, func(c *conn) error {
			return c.uncountedly(func(c *conn) error { return note(c, slow, ran.uses, forget) })
		})
	}
	if err != nil {
		r.uses.giveBack(ran)
		return err
	}
	r.uses.makeRoom(ran)
	return nil
}

// learn asks for the plans of all that has run, in as many reads as that takes.
func (r care) learn(ctx context.Context) error {
	for all := false; !all; {
		err := r.look(ctx, func(c *conn) (err error) { all, err = r.uses.learn(c); return err })
		if err != nil {
			return err
		}
	}
	return nil
}

func note(c *conn, slow []blog.SlowStatement, uses map[used]int64, forget time.Time) error {
	for _, s := range slow {
		if err := addSlow(c, s); err != nil {
			return err
		}
	}
	now := time.Now()
	for u, n := range uses {
		err := c.exec("INSERT INTO care_uses (kind, name, n, last) VALUES (?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET n = n + excluded.n, last = excluded.last",
			u.kind, u.name, n, now)
		if err != nil {
			return err
		}
	}
	return c.exec("DELETE FROM care_slow WHERE hour < ?", forget.Add(-time.Hour))
}

const slowColumns = "hour, statement, route, n, rows, total, longest, last, spread, sample"

func addSlow(c *conn, s blog.SlowStatement) error {
	found, err := c.one("SELECT "+slowColumns+" FROM care_slow WHERE hour = ? AND statement = ? AND route = ?", func(row *sqlite.Stmt) error {
		there, err := scanSlow(row)
		there.Add(s)
		s = there
		return err
	}, s.Hour, s.Statement, s.Route)
	if err != nil {
		return err
	}
	spread, err := json.Marshal(s.Spread)
	if err != nil {
		return err
	}
	values := []any{s.Count, s.Rows, s.Total.Microseconds(), s.Max.Microseconds(), s.Last, string(spread), s.Sample, s.Hour, s.Statement, s.Route}
	if found {
		return c.exec("UPDATE care_slow SET n = ?, rows = ?, total = ?, longest = ?, last = ?, spread = ?, sample = ? WHERE hour = ? AND statement = ? AND route = ?", values...)
	}
	return c.exec("INSERT INTO care_slow (n, rows, total, longest, last, spread, sample, hour, statement, route) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values...)
}

func scanSlow(row *sqlite.Stmt) (s blog.SlowStatement, err error) {
	s = blog.SlowStatement{
		Hour: columnTime(row, 0), Statement: row.ColumnText(1), Route: row.ColumnText(2), Count: row.ColumnInt64(3), Rows: row.ColumnInt64(4),
		Total: time.Duration(row.ColumnInt64(5)) * time.Microsecond, Max: time.Duration(row.ColumnInt64(6)) * time.Microsecond,
		Last: columnTime(row, 7), Sample: row.ColumnText(9),
	}
	if err = json.Unmarshal([]byte(row.ColumnText(8)), &s.Spread); err != nil {
		err = fmt.Errorf("spread of a slow statement: %w", err)
	}
	return s, err
}

// Slow implements blog.Care.
func (r care) Slow(ctx context.Context, since time.Time) (all []blog.SlowStatement, err error) {
	err = r.look(ctx, func(c *conn) error {
		return c.each("SELECT "+slowColumns+" FROM care_slow WHERE hour > ?", func(row *sqlite.Stmt) error {
			s, err := scanSlow(row)
			all = append(all, s)
			return err
		}, since.Add(-time.Hour))
	})
	return all, err
}

// Plan implements blog.Care.
func (r care) Plan(ctx context.Context, sample string) (p blog.Plan, err error) {
	err = r.look(ctx, func(c *conn) (err error) {
		if p, err = c.plan(sample); err != nil || len(p.Scans) == 0 {
			return err
		}
		return c.spare(sample, p.Scans)
	})
	return p, err
}

// Server implements blog.Care: SQLite counts nothing.
func (care) Server(ctx context.Context, _ []string) (map[string]blog.ServerCount, error) {
	return nil, ctx.Err()
}

// stateWait is how long State waits for a connection.
const stateWait = time.Second

// State implements blog.Care. Connections are those that read.
func (r care) State(ctx context.Context) (blog.PoolState, error) {
	s := blog.PoolState{Engine: "sqlite", State: "ok", Bytes: -1}
	short, cancel := context.WithTimeout(ctx, stateWait)
	defer cancel()
	begun := false
	err := r.look(short, func(c *conn) error {
		begun = true
		_, err := c.one("SELECT sqlite_version(), page_count * page_size FROM pragma_page_count, pragma_page_size", func(row *sqlite.Stmt) error {
			s.Version, s.Bytes = row.ColumnText(0), row.ColumnInt64(1)
			return nil
		})
		return err
	})
	switch {
	case ctx.Err() != nil:
		return s, ctx.Err()
	case err != nil && !begun && short.Err() != nil:
		s.State = "busy"
	case err != nil:
		s.State = "away"
	}
	st := r.Stats()
	s.Limit, s.Open, s.InUse, s.Idle = st.ReadersMax, st.ReadersOpen, st.ReadersBusy, st.ReadersOpen-st.ReadersBusy
	s.Waiting, s.Waits, s.Waited = int(st.ReadersWaiting)+st.Queue, st.Waits, st.Waited
	return s, nil
}

// look is readNow for as long as a read may take.
func (r care) look(ctx context.Context, do func(*conn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.readNow(ctx, readLimit, func(c *conn) error { return c.uncountedly(do) })
}
