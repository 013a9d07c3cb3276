package enginetest

import (
	"os"
	"os/exec"
	"runtime"
)

// A process is a server that runs, or has run.
type process struct {
	*os.Process
	gone chan struct{} // closed when it has ended
}

func start(cmd *exec.Cmd) (*process, error) {
	detach(cmd)
	p := &process{gone: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The system ends the server with the thread that started it, see detach.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
		}
		close(p.gone)
	}()
	err := <-started
	p.Process = cmd.Process
	return p, err
}
