package web

import (
	"context"
	"errors"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"inkstone/internal/blog"
)

// Bodies are read into memory, and what is made of one is several times its size.
// Small ones are bounded by the number of requests in flight; those beyond
// freeBody share allBodies, and wait for their share no longer than shareWait.
const (
	freeBody  = 64 << 10
	allBodies = 12 << 20
	shareWait = 500 * time.Millisecond

	muchGarbage = 1 << 20
)

// An answer for one client alone stays in memory until he has taken it. Those that
// do not leave at once share allAnswers, and must be taken at largeStall for each
// piece.
const (
	allAnswers = 24 << 20
	maxPublic  = 1 << 20 // of a public one, which is in memory once for many
	largeStall = 5 * time.Second
)

// The memory is the process's, and so are its bounds.
var (
	largeBodies  = semaphore.NewWeighted(allBodies)
	largeAnswers = semaphore.NewWeighted(allAnswers)
)

// takeShare takes so much of what large bodies or answers share until the request
// has ended, as long as the memory is in use.
func takeShare(ctx context.Context, of *semaphore.Weighted, size int64) error {
	wait, cancel := context.WithTimeout(ctx, shareWait)
	defer cancel()
	if err := of.Acquire(wait, size); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return blog.Wrap(blog.CodeBusy, errors.New("too many large bodies at once"))
	}
	context.AfterFunc(ctx, func() {
		if size >= muchGarbage {
			debug.FreeOSMemory() // else that of several adds up before it is collected
		}
		of.Release(size)
	})
	return nil
}

// hurry has a client take a large answer within largeStall for each piece.
func hurry(w http.ResponseWriter) {
	if rec, ok := w.(*recorder); ok {
		rec.stall = min(rec.stall, largeStall)
	}
}

// readers are those who take the same answer, which has one share for all of them.
type readers struct {
	mu sync.Mutex
	n  int
}

// enter adds one until ctx ends. CodeBusy if there is no share left.
func (r *readers) enter(ctx context.Context, size int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == 0 && !largeAnswers.TryAcquire(size) {
		return blog.Wrap(blog.CodeBusy, errors.New("too many large answers at once"))
	}
	r.n++
	context.AfterFunc(ctx, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.n--; r.n == 0 {
			largeAnswers.Release(size)
		}
	})
	return nil
}
