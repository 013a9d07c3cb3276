package background

import (
	"runtime"
	"sync"
)

// Pool is a number of threads that stay for the next work.
type Pool struct {
	nice   int
	work   chan func()
	closed chan struct{}
	ended  sync.WaitGroup
}

// NewPool starts so many threads, nicer than the process by nice (0..19). Each that works
// takes one of GOMAXPROCS from the others, also while the system lets it wait.
func NewPool(threads, nice int) *Pool {
	p := &Pool{nice: nice, work: make(chan func()), closed: make(chan struct{})}
	for range threads {
		p.ended.Go(p.serve)
	}
	return p
}

func (p *Pool) serve() {
	runtime.LockOSThread() // until the end: nothing else is to run on it
	lowerPriority(p.nice)
	for {
		select {
		case do := <-p.work:
			do()
		case <-p.closed:
			return
		}
	}
}

// Do is as the function Do, on one of the threads; it waits for one if all are taken, and
// works in the foreground once p is closed.
func (p *Pool) Do(work func()) {
	run(work, func(do func()) {
		select {
		case p.work <- do:
		case <-p.closed:
			do()
		}
	})
}

// Close ends the threads when they have done what they are doing.
func (p *Pool) Close() {
	close(p.closed)
	p.ended.Wait()
}
