package auth

import (
	"context"
	"sync"
	"time"

	"inkstone/internal/blog"
)

const (
	maxQueue = 16              // who may wait for a worker
	maxWait  = 2 * time.Second // and for how long
)

// Asker says for whom a password is hashed, which is what the requests of a flood
// have in common. The zero value has nothing in common with anybody.
type Asker struct {
	Account string // the name or address of the account that is tried
	Address string // of the client
}

// queue lets as many work at once as it has workers, and a bounded number wait, in
// the order in which they came. When it is full, one of the many who share an account
// or an address makes room for one of the few: a flood crowds out itself.
type queue struct {
	workers int

	mu      sync.Mutex
	working int
	waiting []*waiter
	average time.Duration // of recent work
	refused int64
}

type waiter struct {
	Asker
	turn chan bool // true: it is his turn; false: he made room
}

// do runs work when its turn has come. CodeBusy if too many wait already, or if the
// turn does not come within maxWait; the context's error.
func (q *queue) do(ctx context.Context, who Asker, work func() error) error {
	w, err := q.enter(who)
	if err == nil {
		err = q.wait(ctx, w)
	}
	if err != nil {
		q.count(err)
		return err
	}
	start := time.Now()
	defer func() { q.leave(time.Since(start)) }()
	return work()
}

// count notes a refusal; who goes away by himself is none.
func (q *queue) count(err error) {
	if blog.CodeOf(err) != blog.CodeBusy {
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.refused++
}

func (q *queue) stats() PasswordStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return PasswordStats{Workers: q.workers, Busy: q.working, Waiting: len(q.waiting), Refused: q.refused}
}

// enter begins to wait, unless that would be in vain: whoever cannot be served in time
// is told so at once. CodeBusy.
func (q *queue) enter(who Asker) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := &waiter{who, make(chan bool, 1)}
	ahead := q.working + len(q.waiting) - q.workers + 1 // pieces of work that must end before a worker is free
	switch {
	case q.working < q.workers:
		q.working++
		w.turn <- true
	case ahead <= maxQueue && time.Duration(ahead)*q.average/time.Duration(q.workers) <= maxWait:
		q.waiting = append(q.waiting, w)
	case !q.makeRoom(w):
		return nil, blog.Fail(blog.CodeBusy)
	}
	return w, nil
}

// makeRoom gives w the place of the last one in the largest group that shares an
// account or an address, if that is larger than w's own would be with w in it.
func (q *queue) makeRoom(w *waiter) bool {
	most, place := q.share(w.Asker)+sharesOfOne, -1
	for i, o := range q.waiting {
		if n := q.share(o.Asker); n > most || n == most && place >= 0 {
			most, place = n, i
		}
	}
	if place < 0 {
		return false
	}
	q.waiting[place].turn <- false
	q.waiting[place] = w
	return true
}

// sharesOfOne is what one more waiter adds to the share of an account and an address.
const sharesOfOne = 2

// share is how many wait for the same account, and how many for the same address, in sum.
func (q *queue) share(who Asker) (n int) {
	for _, w := range q.waiting {
		if who.Account != "" && w.Account == who.Account {
			n++
		}
		if who.Address != "" && w.Address == who.Address {
			n++
		}
	}
	return n
}

// wait returns nil when it is w's turn. CodeBusy after maxWait, or if w has made room;
// the context's error.
func (q *queue) wait(ctx context.Context, w *waiter) error {
	late := time.NewTimer(maxWait)
	defer late.Stop()
	var err error
	select {
	case turn := <-w.turn:
		if !turn {
			return blog.Fail(blog.CodeBusy)
		}
		if err = ctx.Err(); err == nil {
			return nil
		}
		q.next() // the turn and the end came together
		return err
	case <-late.C:
		err = blog.Fail(blog.CodeBusy)
	case <-ctx.Done():
		err = ctx.Err()
	}
	q.quit(w)
	return err
}

// quit takes w out of the queue; if its turn has come meanwhile, the next one gets it.
func (q *queue) quit(w *waiter) {
	q.mu.Lock()
	for i, o := range q.waiting {
		if o == w {
			q.waiting = append(q.waiting[:i], q.waiting[i+1:]...)
			q.mu.Unlock()
			return
		}
	}
	q.mu.Unlock()
	if <-w.turn {
		q.next()
	}
}

// leave ends a piece of work and notes how long it took.
func (q *queue) leave(took time.Duration) {
	q.mu.Lock()
	q.average += (took - q.average) / 8
	q.mu.Unlock()
	q.next()
}

// next gives a free worker to whoever has waited longest.
func (q *queue) next() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.working--
		return
	}
	q.waiting[0].turn <- true
	q.waiting = q.waiting[1:]
}
