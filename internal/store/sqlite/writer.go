package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"inkstone/internal/blog"
)

// busyWait is how long another process's write lock is waited for. Tests raise it.
var busyWait = 5 * time.Second

// Bounds of the writer.
const (
	queueLength    = 256
	queueWait      = 2 * time.Second // for a place in the queue
	turnWait       = 5 * time.Second // in the queue
	batchJobs      = 64
	batchWork      = 20 * time.Millisecond
	writerCacheKiB = 2 << 10
)

// writer owns the one connection that writes, in one goroutine. Jobs that wait
// together share one transaction and so one sync of the disk: each runs in its
// own savepoint, so one that fails takes back its own changes only, and all are
// answered after the commit. If the transaction itself is lost, each runs again alone.
type writer struct {
	open  func() (*conn, error)
	conn  *conn // nil after it broke, until it is opened again
	queue chan *job
	ended chan struct{}
	log   writeAheadLog
	waits waits

	commits atomic.Int64 // transactions that changed the file
	writes  atomic.Int64 // jobs acknowledged by them
}

// job is a unit of work and its answer.
type job struct {
	ctx      context.Context // the caller's
	do       func(*conn) error
	since    time.Time   // when it came into the queue
	taken    atomic.Bool // by the writer, or by a caller who gave up
	err      error
	panicked string // value and stack of a panic in do: the caller, who waits, panics with it
	done     chan struct{}
}

// newWriter begins to write to the database file by c, and by what open opens if c breaks.
func newWriter(database string, c *conn, open func() (*conn, error)) *writer {
	w := &writer{
		open: open, conn: c, queue: make(chan *job, queueLength), ended: make(chan struct{}),
		log: writeAheadLog{path: database + "-wal", limit: logLimit},
	}
	go w.loop()
	return w
}

// write runs do in a transaction and returns when it is on disk. If the caller's
// context ends, or he waits too long (CodeUnavailable), before the job has begun, the
// job is dropped; once it has begun, the caller waits for its end.
func (w *writer) write(ctx context.Context, do func(*conn) error) error {
	j := &job{ctx: ctx, do: do, since: time.Now(), done: make(chan struct{})}
	if err := w.enqueue(ctx, j); err != nil {
		return err
	}
	turn, cancel := context.WithTimeout(ctx, turnWait)
	defer cancel()
	select {
	case <-j.done:
	case <-turn.Done():
		if j.taken.CompareAndSwap(false, true) {
			return cmp.Or(ctx.Err(), blog.Fail(blog.CodeUnavailable))
		}
		<-j.done
	}
	if j.panicked != "" {
		panic(j.panicked)
	}
	return fault(ctx, j.err)
}

func (w *writer) enqueue(ctx context.Context, j *job) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case w.queue <- j:
		return nil
	default:
	}
	full := time.NewTimer(queueWait)
	defer full.Stop()
	select {
	case w.queue <- j:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-full.C:
		return blog.Fail(blog.CodeBusy)
	}
}

// close lets the queue run empty and closes the connection.
func (w *writer) close() error {
	close(w.queue)
	<-w.ended
	if w.conn == nil {
		return nil
	}
	return w.conn.Close()
}

func (w *writer) loop() {
	defer close(w.ended)
	for j := range w.queue {
		if !w.take(j) {
			continue
		}
		jobs, err := w.batch(j, batchJobs)
		if err != nil && len(jobs) > 1 {
			w.oneByOne(jobs)
		} else {
			answer(jobs, err)
		}
		if w.conn != nil {
			w.conn.ctx = nil
			w.log.bound(w.conn)
		}
	}
}

// waitCounts is how long a job is in the queue before it is said to have waited: all go through it.
const waitCounts = time.Millisecond

// take reports whether the writer has the job now; a caller may have given it up.
func (w *writer) take(j *job) bool {
	if !j.taken.CompareAndSwap(false, true) {
		return false
	}
	if time.Since(j.since) > waitCounts {
		w.waits.end(j.since)
	}
	return true
}

// answer tells the jobs of a transaction that they are done; err is the transaction's.
func answer(jobs []*job, err error) {
	for _, j := range jobs {
		if err != nil {
			j.err = err
		}
		close(j.done)
	}
}

// oneByOne runs the jobs of a lost transaction again, each in one of its own: what
// one of them ran into (a disk too full for it) is not the others' failure. Whoever
// panicked has his answer, and who would wait too long gets the error of the job before.
func (w *writer) oneByOne(jobs []*job) {
	start := time.Now()
	var err error
	for _, j := range jobs {
		if j.panicked == "" && (err == nil || time.Since(start) < turnWait) {
			_, err = w.batch(j, 1)
		}
		answer([]*job{j}, err)
	}
}

// batch runs first and what waits behind it, at most so many jobs, in one
// transaction. An error is that of the transaction, and so of each of its jobs.
func (w *writer) batch(first *job, most int) (jobs []*job, err error) {
	jobs = []*job{first}
	if err := w.begin(first.ctx); err != nil {
		return jobs, err
	}
	start := time.Now()
	for j := first; j != nil; j = w.next(most-len(jobs), start) {
		if j != first {
			jobs = append(jobs, j)
		}
		if err := w.run(j); err != nil {
			return jobs, w.abandon(err)
		}
	}
	w.conn.ctx = w.conn.causeOf(jobs)
	if err := w.commit(); err != nil {
		return jobs, w.abandon(err)
	}
	w.count(jobs)
	return jobs, nil
}

// causeOf returns whose the work is said to be that all jobs share: the first request's, which waits for
// it; if there is none, the first one's.
func (c *conn) causeOf(jobs []*job) context.Context {
	if c.requested != nil {
		for _, j := range jobs {
			if c.requested(j.ctx) {
				return j.ctx
			}
		}
	}
	return jobs[0].ctx
}

func (w *writer) commit() error {
	if err := w.conn.writeTexts(); err != nil {
		return err
	}
	return w.conn.exec("COMMIT")
}

func (w *writer) count(jobs []*job) {
	w.commits.Add(1)
	for _, j := range jobs {
		if j.err == nil && j.panicked == "" {
			w.writes.Add(1)
		}
	}
}

// next takes a waiting job into the running transaction, or nil.
func (w *writer) next(room int, start time.Time) *job {
	for room > 0 && time.Since(start) < batchWork {
		select {
		case j, ok := <-w.queue:
			if !ok {
				return nil
			}
			if w.take(j) {
				return j
			}
		default:
			return nil
		}
	}
	return nil
}

func (w *writer) begin(ctx context.Context) error {
	if w.conn == nil {
		c, err := w.open()
		if err != nil {
			return err
		}
		w.conn = c
	}
	w.conn.ctx = ctx
	err := w.conn.exec("BEGIN IMMEDIATE")
	if err != nil && breaksConnection(err) {
		w.drop()
	}
	return err
}

// run does one job in a savepoint. The job's own error is noted in the job; an error
// that is returned means that the whole transaction is lost.
func (w *writer) run(j *job) error {
	w.conn.ctx = j.ctx
	if err := w.conn.exec("SAVEPOINT job"); err != nil {
		return err
	}
	waiting := len(w.conn.texts)
	j.attempt(w.conn)
	if j.err == nil && j.panicked == "" {
		return w.conn.exec("RELEASE job")
	}
	w.conn.texts = w.conn.texts[:waiting]
	if w.conn.AutocommitEnabled() { // SQLite took back everything, as it does on some errors
		if j.err == nil {
			return errors.New("sqlite: transaction lost in a panic")
		}
		return j.err
	}
	return errors.Join(w.conn.exec("ROLLBACK TO job"), w.conn.exec("RELEASE job"))
}

func (j *job) attempt(c *conn) {
	defer func() {
		if p := recover(); p != nil {
			j.panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
		}
	}()
	j.err = j.do(c)
}

// abandon takes the transaction back and returns its error.
func (w *writer) abandon(err error) error {
	w.conn.texts = nil
	if !w.conn.AutocommitEnabled() && w.conn.exec("ROLLBACK") != nil || breaksConnection(err) {
		w.drop()
	}
	return err
}

// drop gives the connection up; closing it rolls back what was open. An error
// of closing adds nothing to the one that led here.
func (w *writer) drop() {
	_ = w.conn.Close()
	w.conn = nil
}
