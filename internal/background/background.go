// Package background does work that takes a processor for long on threads of its own,
// which the system lets wait when others have something to do, where it can (Linux),
// and lets Go run on one processor more meanwhile. Else what takes a tenth of a
// millisecond waits for what takes ten or three hundred: Go takes a processor away from
// a goroutine after ten milliseconds only, and the system shares it in turns of three.
package background

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// Do does the work on a new thread that is nicer than the process by nice (0..19), and
// returns when it is done. To start and end a thread takes some 50 µs; for short work
// there is Pool. A panic of the work is the caller's, as a text with its stack.
func Do(nice int, work func()) {
	run(work, func(do func()) {
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			lowerPriority(nice)
			do()
		}()
	})
}

// run gives the work to start, and waits for its end.
func run(work func(), start func(do func())) {
	spare.use()
	defer spare.leave()
	var panicked string
	done := make(chan struct{})
	start(func() {
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
			}
		}()
		work()
	})
	<-done
	if panicked != "" {
		panic(panicked)
	}
}
