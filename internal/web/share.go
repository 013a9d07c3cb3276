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

// An answer is made of texts from the store. One of more than FreeText bytes of them
// shares allTexts from then on, see Reserve. Others that do not leave at once share
// allAnswers: a public one, in memory once for many, while anybody takes it, one for a
// client alone until he has taken it. They must be taken at largeStall for each piece.
const (
	FreeText   = 1 << 20
	allTexts   = 24 << 20
	allAnswers = 24 << 20
	largeStall = 5 * time.Second
)

// The memory is the process's, and so are its bounds.
var (
	largeBodies  = semaphore.NewWeighted(allBodies)
	largeTexts   = semaphore.NewWeighted(allTexts)
	largeAnswers = semaphore.NewWeighted(allAnswers)
)

// Reserve waits for memory to read so many bytes of text from the store and make an
// answer of them, which is as much again, and keeps it until ctx ends: for an answer for
// one client alone that is to be the request's context, and MarkReserved is to be called
// for the answer. FreeText needs none. CodeBusy if there is none for half a second.
func Reserve(ctx context.Context, text int64) error {
	if text <= FreeText {
		return nil
	}
	return takeShare(ctx, largeTexts, min(2*text, allTexts))
}

// takeShare takes so much of what large bodies or texts share until ctx ends, as long
// as the memory is in use.
func takeShare(ctx context.Context, of *semaphore.Weighted, size int64) error {
	wait, cancel := context.WithTimeout(ctx, shareWait)
	defer cancel()
	if err := of.Acquire(wait, size); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return blog.Wrap(blog.CodeBusy, errors.New("too much that is large at once"))
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
