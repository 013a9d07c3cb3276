package background

import (
	"runtime"
	"sync"
	"time"
)

// spareProcessor lets Go run on one processor more than before while it is used, and for
// spareCalm after that. Go looks for what has come only when nothing can run, or every
// 10 ms, and so a request would wait behind all that takes long, also one that asks for
// little. It is not kept for always, because the system shares a processor between two
// threads in turns of milliseconds. (Go does not follow the limits of its container any
// more once it has been used: they are those of the start.)
type spareProcessor struct {
	mu    sync.Mutex
	users int
	had   bool
	calm  *time.Timer // gives it back
}

// spareCalm is long, as each change stops everybody for some 50 µs.
const spareCalm = 2 * time.Second

// spare is the only one: GOMAXPROCS is the process's.
var spare spareProcessor

func (s *spareProcessor) use() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users++
	if !s.had {
		s.had = true
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	}
}

func (s *spareProcessor) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users > 0 {
		return
	}
	if s.calm == nil {
		s.calm = time.AfterFunc(spareCalm, s.release)
		return
	}
	s.calm.Reset(spareCalm)
}

// release gives it back, unless it is used again.
func (s *spareProcessor) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users == 0 && s.had {
		s.had = false
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - 1)
	}
}
