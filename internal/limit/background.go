package limit

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
)

// Background does work that takes a processor for long on threads of its own, which the
// system lets wait when others have something to do, where it can (Linux). Else what
// takes a tenth of a millisecond waits for what takes ten: Go takes a processor away
// from a goroutine after ten milliseconds only, and the system shares it in turns of three.
type Background struct {
	work   chan func()
	closed chan struct{}
	ended  sync.WaitGroup
}

// NewBackground starts so many threads. Each that works takes one of GOMAXPROCS
// from the others, also while the system lets it wait.
func NewBackground(threads int) *Background {
	b := &Background{work: make(chan func()), closed: make(chan struct{})}
	for range threads {
		b.ended.Go(b.serve)
	}
	return b
}

func (b *Background) serve() {
	runtime.LockOSThread() // until the end: nothing else is to run on it
	lowerPriority()
	for {
		select {
		case do := <-b.work:
			do()
		case <-b.closed:
			return
		}
	}
}

// Do does the work and returns when it is done; it waits for a thread if all are
// taken, and does it in the foreground once b is closed. A panic of the work is the
// caller's, as a text with its stack.
func (b *Background) Do(work func()) {
	var panicked string
	done := make(chan struct{})
	do := func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
			}
		}()
		work()
	}
	select {
	case b.work <- do:
	case <-b.closed:
		do()
	}
	<-done
	if panicked != "" {
		panic(panicked)
	}
}

// Close ends the threads when they have done what they are doing.
func (b *Background) Close() {
	close(b.closed)
	b.ended.Wait()
}
