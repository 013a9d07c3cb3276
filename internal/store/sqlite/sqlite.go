package sqlite

import (
	"context"
	"errors"
	"runtime"
	"time"

	"inkstone/internal/blog"
)

// Bounds of one reading operation; whoever passes it gets CodeUnavailable.
const (
	readLimit   = 5 * time.Second
	searchLimit = 2 * time.Second
)

// Options are what Open may be told; the zero value is fine.
type Options struct {
	// NoMigrate refuses an older schema (ErrOldSchema), or none (ErrEmpty), instead of bringing
	// it up to date. A file that is not there is not made then.
	NoMigrate bool
	// ReadOnly is NoMigrate, and nothing is written: neither does it wait for who writes, nor
	// does it end up in the way. What would write is CodeUnavailable.
	ReadOnly bool
	// Copying opens also what a copy has not finished (ErrUnfinished).
	Copying bool
	// Readers is the number of connections that read; 0: twice the processors, at least 4.
	Readers int
	// Observe and Read are those of store.Options.
	Observe func(ctx context.Context, operation string, took time.Duration, err error)
	Read    func(ctx context.Context, operation string, work func() error) error

	// Statement and Requested are those of store.Options.
	Statement func(ctx context.Context, query string, took time.Duration, rows int64)
	Requested func(ctx context.Context) bool

	prepared func(query string) // tests: told of each statement that runs
}

// Store implements blog.Store on a SQLite file.
type Store struct {
	writer     *writer
	readers    *readers
	generation *generation
	uses       *uses
	observe    func(context.Context, string, time.Duration, error)
	reading    func(ctx context.Context, operation string, work func() error) error
}

// Stats says how busy the store is.
type Stats struct {
	ReadersOpen    int           // connections that read
	ReadersBusy    int           // of them, at work
	ReadersWaiting int64         // callers without a connection
	Queue          int           // writes that wait
	ReadersMax     int           // most connections that read
	Waits          int64         // operations that had to wait for a connection, or for the one that writes
	Waited         time.Duration // and how long in all
	Commits        int64         // transactions since Open, each synced once
	Writes         int64         // writes acknowledged by them
}

// Open opens the database at path, made if missing. ErrNewerSchema, ErrOldSchema,
// ErrEmpty, ErrForeign, ErrUnfinished, ErrDamaged, ErrLocked; fs.ErrNotExist; CodeUnavailable, CodeStorageFull.
func Open(ctx context.Context, path string, opt Options) (*Store, error) {
	opt.NoMigrate = opt.NoMigrate || opt.ReadOnly
	if err := expectFile(path, !opt.NoMigrate); err != nil {
		return nil, faultOfSystem(err)
	}
	h := hooks{prepared: opt.prepared, ran: opt.Statement, requested: opt.Requested, uses: newUses()}
	open := func() (*conn, error) {
		c, err := openConn(path, busyWait, writerCacheKiB)
		if err == nil {
			c.hooks = h
		}
		return c, err
	}
	openReader := func() (*conn, error) { return openReader(path, h) }
	if opt.ReadOnly {
		open = openReader
	}
	first, err := open()
	if err != nil {
		return nil, fault(ctx, err)
	}
	if err := prepareSchema(ctx, first, opt); err != nil {
		return nil, fault(ctx, errors.Join(err, first.Close()))
	}
	database, err := first.path()
	if err != nil {
		return nil, fault(ctx, errors.Join(err, first.Close()))
	}
	gen, err := newGeneration(database, first, openReader, !opt.ReadOnly)
	if err != nil {
		return nil, fault(ctx, errors.Join(err, first.Close()))
	}
	if opt.Readers <= 0 {
		opt.Readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	if opt.Read == nil {
		opt.Read = func(_ context.Context, _ string, work func() error) error { return work() }
	}
	return &Store{
		writer:     newWriter(database, first, open),
		readers:    newReaders(opt.Readers, openReader),
		generation: gen,
		uses:       h.uses,
		observe:    opt.Observe,
		reading:    opt.Read,
	}, nil
}

func prepareSchema(ctx context.Context, c *conn, opt Options) (err error) {
	if opt.NoMigrate {
		err = checkSchema(c)
	} else {
		_, _, err = migrate(ctx, c)
	}
	if err != nil || opt.Copying {
		return err
	}
	return checkWhole(c)
}

// Users returns the accounts.
func (s *Store) Users() blog.Users { return users{s} }

// Posts returns the articles.
func (s *Store) Posts() blog.Posts { return posts{s} }

// Comments returns the comments.
func (s *Store) Comments() blog.Comments { return comments{s} }

// Uploads returns what is known of the images.
func (s *Store) Uploads() blog.Uploads { return uploads{s} }

// Sources returns the notes of imports.
func (s *Store) Sources() blog.Sources { return sources{s} }

// Copies carries everything to other stores, and from them.
func (s *Store) Copies() blog.Copies { return copies{s} }

// Care tells of the store's own work.
func (s *Store) Care() blog.Care { return care{s} }

// Generation implements blog.Store.
func (s *Store) Generation(ctx context.Context) (uint64, error) {
	n, err := s.generation.read()
	return n, fault(ctx, err)
}

// Ping implements blog.Store. It reads, so it holds while the disk is full.
func (s *Store) Ping(ctx context.Context) error {
	return s.read(ctx, "ping", readLimit, func(c *conn) error {
		_, err := c.number("SELECT value FROM generation WHERE one = 1")
		return err
	})
}

// Stats returns how busy the store is at the moment.
func (s *Store) Stats() Stats {
	open, busy := s.readers.stats()
	r, w := &s.readers.waits, &s.writer.waits
	return Stats{
		ReadersOpen: open, ReadersBusy: busy, ReadersMax: cap(s.readers.taken), ReadersWaiting: s.readers.waiting.Load(),
		Queue: len(s.writer.queue), Commits: s.writer.commits.Load(), Writes: s.writer.writes.Load(),
		Waits: r.n.Load() + w.n.Load(), Waited: time.Duration(r.took.Load() + w.took.Load()),
	}
}

// Close implements blog.Store.
func (s *Store) Close() error {
	return errors.Join(s.readers.close(), s.writer.close(), s.generation.close())
}

// read runs do on a reading connection, for at most limit.
func (s *Store) read(ctx context.Context, operation string, limit time.Duration, do func(*conn) error) (err error) {
	defer s.watch(ctx, operation, time.Now(), &err)
	if err := ctx.Err(); err != nil {
		return err
	}
	return s.reading(ctx, operation, func() error { return s.readNow(ctx, limit, do) })
}

func (s *Store) readNow(ctx context.Context, limit time.Duration, do func(*conn) error) error {
	c, err := s.readers.take(ctx)
	if err != nil {
		return fault(ctx, err)
	}
	c.ctx = ctx
	disarm := c.interruptAfter(ctx, limit)
	broken := true // if do panics
	defer func() {
		disarm()
		c.ctx = nil
		s.readers.put(c, broken)
	}()
	err = c.interrupted(do(c))
	broken = err != nil && breaksConnection(err)
	return fault(ctx, err)
}

// view is read where several queries must see the same state.
func (s *Store) view(ctx context.Context, operation string, limit time.Duration, do func(*conn) error) error {
	return s.read(ctx, operation, limit, func(c *conn) (err error) {
		if err := c.exec("BEGIN"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.rollback()) }()
		return do(c)
	})
}

// write runs do in a transaction of the writer.
func (s *Store) write(ctx context.Context, operation string, do func(*conn) error) (err error) {
	defer s.watch(ctx, operation, time.Now(), &err)
	return s.writer.write(ctx, do)
}

func (s *Store) watch(ctx context.Context, operation string, start time.Time, err *error) {
	if s.observe != nil {
		s.observe(ctx, operation, time.Since(start), *err)
	}
}
