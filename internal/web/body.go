package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"time"

	"golang.org/x/sync/semaphore"

	"inkstone/internal/blog"
)

// Bodies are read into memory, and what is made of one is several times its size.
// Small ones are bounded by the number of requests in flight; those beyond
// freeBody share allBodies, and wait for their share no longer than bodyWait.
const (
	freeBody  = 64 << 10
	allBodies = 12 << 20
	bodyWait  = 500 * time.Millisecond

	muchGarbage = 1 << 20
)

// An answer for one client alone stays in memory until he has taken it. Those that
// do not leave at once share allAnswers, and must be taken at largeStall for each
// piece.
const (
	allAnswers = 24 << 20
	largeStall = 5 * time.Second
)

// The memory is the process's, and so are its bounds.
var (
	largeBodies  = semaphore.NewWeighted(allBodies)
	largeAnswers = semaphore.NewWeighted(allAnswers)
)

// readBody reads a body of at most that size. Errors: CodeBodyTooLarge,
// CodeBadRequest, CodeBusy.
func readBody(r *http.Request, most int64) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	head, err := io.ReadAll(io.LimitReader(r.Body, min(most, freeBody)+1))
	switch {
	case err != nil:
		return nil, bodyError(err)
	case int64(len(head)) > most:
		return nil, blog.Fail(blog.CodeBodyTooLarge)
	case len(head) <= freeBody:
		return head, nil
	}
	return readLarge(r, head, most)
}

// readLarge reads the rest of a body that goes on after head.
func readLarge(r *http.Request, head []byte, most int64) ([]byte, error) {
	size := r.ContentLength
	if size < 0 {
		size = most
	}
	if err := takeShare(r.Context(), largeBodies, size); err != nil {
		return nil, err
	}
	if paced, ok := r.Body.(*pacedBody); ok {
		paced.rate = largeRate
	}
	body := bytes.NewBuffer(make([]byte, 0, size+bytes.MinRead))
	body.Write(head)
	if _, err := body.ReadFrom(io.LimitReader(r.Body, most+1-int64(len(head)))); err != nil {
		return nil, bodyError(err)
	}
	if int64(body.Len()) > most {
		return nil, blog.Fail(blog.CodeBodyTooLarge)
	}
	return body.Bytes(), nil
}

// takeShare takes so much of what large bodies or answers share until the request
// has ended, as long as the memory is in use.
func takeShare(ctx context.Context, of *semaphore.Weighted, size int64) error {
	wait, cancel := context.WithTimeout(ctx, bodyWait)
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

// bodyError says why a body could not be read: too large, or cut off or too slow,
// which is the client's doing.
func bodyError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return blog.Wrap(blog.CodeBodyTooLarge, err)
	}
	return blog.Wrap(blog.CodeBadRequest, err)
}
